//! What is asked of the run, and do we still hold it? Keeps the lease, reads the run's state, sets the gate. Knows no
//! batch.

use super::board::Board;
use super::control::Control;
use super::crew::Crew;
use super::kill_point;
use super::live::Live;
use super::tally::Tally;
use crate::db::{Asked, Beat, Failure, Move};
use crate::event::{Event, Reason};
use crate::pace::Gate;
use crate::plan::Forecast;
use crate::run::{Intent, RunState};
use crate::runner::Runner;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc::UnboundedSender, watch};

/// How often the run's state is read: an operator who pauses sees it taken up within a breath.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Why the watch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WatchEnd {
    /// Somebody cancelled the run.
    Cancelled,
    /// Somebody paused the run, nothing is in hand, and this runner does not wait.
    Paused,
    /// Another runner has the run.
    LeaseLost,
}

/// Where workers ask for a look at the run.
#[derive(Default)]
pub(super) struct WatchRequests {
    wanted: Notify,
    looks: watch::Sender<u64>,
    /// Why the run is to be paused.
    pause: Mutex<Option<String>>,
}

impl WatchRequests {
    /// Asks for a pause, for this reason; in force with the next look.
    pub(super) fn ask_for_pause(&self, reason: String) {
        *self.pause() = Some(reason);
        self.wanted.notify_one();
    }

    fn pause(&self) -> MutexGuard<'_, Option<String>> {
        self.pause.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the run was looked at after this call, and the gate set accordingly.
    pub(super) async fn look_again(&self) {
        let mut looks = self.looks.subscribe();
        let seen = *looks.borrow_and_update();
        // One look may have begun before this call; the one after it did not.
        for look in 1..=2 {
            self.wanted.notify_one();
            drop(looks.wait_for(|looks| *looks >= seen + look).await);
        }
    }
}

/// Watches a run until it is cancelled or lost, or paused where that ends it.
pub(super) struct Watch<'a> {
    pub(super) control: Control,
    pub(super) crew: &'a Crew,
    /// What operators set over the job.
    pub(super) live: &'a mut Live,
    pub(super) requests: &'a WatchRequests,
    pub(super) gate: &'a Gate,
    pub(super) tally: &'a Tally,
    pub(super) board: &'a Board,
    pub(super) run: i64,
    pub(super) runner: &'a Runner,
    pub(super) lease: Duration,
    /// A pause that is reached ends the watch.
    pub(super) leave_when_paused: bool,
    /// The run has limits, which it shares with the other runs of its database.
    pub(super) has_limits: bool,
    pub(super) events: UnboundedSender<Event>,
}

impl Watch<'_> {
    /// Runs until the run is cancelled or lost, or paused where that ends it.
    pub(super) async fn run(mut self, mut state: RunState) -> Result<WatchEnd, Failure> {
        // A third: two beats may be lost before the lease is.
        let beat_every = self.lease / 3;
        // The first look is a beat, so that there is something to see of a run that has just begun.
        let mut beaten: Option<Instant> = None;
        // Whether the run was among those that share when it last kept its lease.
        let mut told = false;
        let mut forecast = Forecast::new(Instant::now(), self.tally.progress().share);
        loop {
            let urgent = self.wait(state).await;
            let keep = urgent || beaten.is_none_or(|beaten| beaten.elapsed() >= beat_every);
            if keep {
                kill_point("heartbeat");
                beaten = Some(Instant::now());
            }
            self.pause_where_asked().await?;
            let (run, holder, lease) = (self.run, self.runner.holder.as_str(), self.lease);
            let expected = forecast.note(Instant::now(), self.tally.progress().share);
            let report = self.board.report(expected.map(|span| (span.low, span.high)));
            let beat = self
                .control
                .call(async |ledger| match keep {
                    true => ledger.beat(run, holder, lease, &report).await,
                    false => ledger.look(run, holder).await,
                })
                .await?;
            told = if keep { report.sharing } else { told };
            let Some(beat) = beat else {
                self.gate.stop();
                self.looked();
                return Ok(WatchEnd::LeaseLost);
            };
            if keep {
                super::kill_point("heartbeat");
            }
            for happening in self.board.happenings() {
                self.control.call(async |ledger| ledger.note(run, holder, &happening).await).await?;
            }
            if self.has_limits {
                self.gate.share_among(sharers(beat.sharing, told));
            }
            // First of all the gate: a pause must not wait for what else there is to hear.
            let cancelled = self.apply(&mut state, &beat).await?;
            let left = state == RunState::Paused && self.leave_when_paused;
            if left {
                self.gate.stop();
            }
            self.looked();
            match (cancelled, left) {
                (true, _) => return Ok(WatchEnd::Cancelled),
                (_, true) => return Ok(WatchEnd::Paused),
                _ => {}
            }
            self.hear_what_is_set(&beat).await?;
            if beat.pause_is_over {
                self.control.call(async |ledger| ledger.end_pause(run).await).await?;
                self.requests.wanted.notify_one();
            }
        }
    }

    async fn pause_where_asked(&mut self) -> Result<(), Failure> {
        let Some(reason) = self.requests.pause().take() else { return Ok(()) };
        let (run, asked) = (self.run, Asked::by(&self.runner.actor, Some(&reason)));
        self.control.call(async |ledger| ledger.ask(run, Intent::Pause, &asked).await).await.map(drop)
    }

    /// Brings into force what operators set, where something was done to the run since the last look.
    async fn hear_what_is_set(&mut self, beat: &Beat) -> Result<(), Failure> {
        if self.live.is_behind(beat) {
            let run = self.run;
            let overrides = self.control.call(async |ledger| ledger.overrides_in_force(run).await).await?;
            self.live.apply(overrides, beat, self.crew, self.board);
        }
        Ok(())
    }

    /// Until the next look is due or wanted, or until a pause that was asked for is reached. `true`: there is something
    /// to tell at once.
    async fn wait(&self, state: RunState) -> bool {
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY.min(self.lease / 3)) => false,
            () = self.requests.wanted.notified() => false,
            () = self.gate.emptied(), if state == RunState::Pausing => false,
            () = self.board.urgent() => true,
        }
    }

    /// Sets the gate by the state that was read. `true`: the run is cancelled.
    async fn apply(&mut self, state: &mut RunState, beat: &Beat) -> Result<bool, Failure> {
        let by = beat.actor.clone();
        let reason = by.map(|actor| Reason::OperatorPause { actor, reason: beat.reason.clone() });
        if *state != beat.state {
            let reason = reason.clone().filter(|_| matches!(beat.state, RunState::Pausing | RunState::Paused));
            let _ = self.events.send(Event::Moved { to: beat.state, reason });
        }
        *state = beat.state;
        match beat.state {
            RunState::Running | RunState::Sweeping => self.gate.set_paused(None),
            RunState::Pausing | RunState::Paused => {
                let nobody = || Reason::OperatorPause { actor: "somebody".to_owned(), reason: None };
                self.gate.set_paused(Some(reason.clone().unwrap_or_else(nobody)));
            }
            RunState::Queued => self.take_up_again(state).await?,
            RunState::Cancelling | RunState::Cancelled | RunState::Succeeded | RunState::Failed => {
                self.gate.stop();
                return Ok(true);
            }
        }
        if beat.state == RunState::Pausing {
            self.reach_pause(state, reason).await?;
        }
        Ok(false)
    }

    /// Somebody resumed the run while our lease was out, and took us for dead; nobody has taken it since, so it goes on.
    async fn take_up_again(&mut self, state: &mut RunState) -> Result<(), Failure> {
        let by = Move::new(RunState::Running, &self.runner.actor);
        let (run, holder) = (self.run, self.runner.holder.as_str());
        if self.control.call(async |ledger| ledger.move_held(run, holder, &[RunState::Queued], &by).await).await? {
            *state = RunState::Running;
            self.gate.set_paused(None);
            let _ = self.events.send(Event::Moved { to: RunState::Running, reason: None });
        }
        Ok(())
    }

    /// Pausing is over when no batch is in hand.
    async fn reach_pause(&mut self, state: &mut RunState, reason: Option<Reason>) -> Result<(), Failure> {
        if tokio::time::timeout(Duration::ZERO, self.gate.emptied()).await.is_err() {
            return Ok(());
        }
        let mut by = Move::new(RunState::Paused, &self.runner.actor);
        if let Some(Reason::OperatorPause { actor, reason }) = &reason {
            (by.actor, by.reason) = (actor.clone(), reason.clone());
        }
        let (run, holder) = (self.run, self.runner.holder.as_str());
        if self.control.call(async |ledger| ledger.move_held(run, holder, &[RunState::Pausing], &by).await).await? {
            super::kill_point("pause-reached");
            *state = RunState::Paused;
            let _ = self.events.send(Event::Moved { to: RunState::Paused, reason });
        }
        Ok(())
    }

    fn looked(&self) {
        self.requests.looks.send_modify(|looks| *looks += 1);
    }
}

/// How many runs share, this one included, whether or not it was among those that were counted.
fn sharers(counted: i64, told: bool) -> u32 {
    let others = counted - i64::from(told);
    u32::try_from(others).unwrap_or_default().saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_counts_itself_once_among_those_that_share() {
        for (counted, told, shared) in [(0, false, 1), (1, true, 1), (1, false, 2), (2, true, 2), (0, true, 1)] {
            assert_eq!(sharers(counted, told), shared, "{counted} counted, told: {told}");
        }
    }
}
