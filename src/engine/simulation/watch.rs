//! What is asked of the run, and does this process still hold it? As `engine/watch.rs`.

use super::control::Control;
use super::guard::Guard;
use super::process::{Ground, lease};
use super::world::Watched;
use crate::db::{Asked, Beat, Failure, Report};
use crate::run::{Intent, RunState};

const LOOK_EVERY: i64 = 500;

impl Ground {
    /// Runs until the run is cancelled or lost.
    pub(super) async fn watch(&self, mut state: RunState) -> Result<Watched, Failure> {
        let mut control = Control::new(self.clone(), None);
        let mut beaten: Option<i64> = None;
        loop {
            self.wait_for_a_look(state).await;
            let now = self.here.world().now;
            let keep = beaten.is_none_or(|beaten| now - beaten >= super::LEASE / 3);
            if keep {
                beaten = Some(now);
            }
            if self.change_if(|process| std::mem::take(&mut process.pause_wanted).then_some(())).is_some() {
                control.call(async |ledger| ledger.ask(1, Intent::Pause, &Asked::by("runner", None)).await).await?;
            }
            let holder = self.process.to_string();
            let beat = control.call(async |ledger| match keep {
                true => ledger.beat(1, &holder, lease(), &Report::default()).await,
                false => ledger.look(1, &holder).await,
            });
            let Some(beat) = beat.await? else {
                self.change(|process| (process.stopped, process.looks) = (true, process.looks + 1));
                return Ok(Watched::LeaseLost);
            };
            let cancelled = self.obey(&mut control, &mut state, &beat).await?;
            self.change(|process| process.looks += 1);
            if cancelled {
                return Ok(Watched::Cancelled);
            }
        }
    }

    async fn wait_for_a_look(&self, state: RunState) {
        let due = {
            let mut world = self.here.world();
            world.now + LOOK_EVERY * world.process(self.process).clock / 100
        };
        let emptied = state == RunState::Pausing;
        self.here.until_or(self.process, |process| process.look_wanted || (emptied && process.in_hand == 0), due).await;
        self.change_if(|process| std::mem::take(&mut process.look_wanted).then_some(()));
    }

    /// Sets the gate by the state that was read. `true`: the run is cancelled.
    async fn obey(&self, control: &mut Control, state: &mut RunState, beat: &Beat) -> Result<bool, Failure> {
        *state = beat.state;
        let pauses = match beat.state {
            RunState::Running | RunState::Sweeping => false,
            RunState::Pausing | RunState::Paused => self.has(Guard::GateObeysPause),
            RunState::Cancelling | RunState::Cancelled | RunState::Queued | RunState::Succeeded | RunState::Failed => {
                self.change(|process| process.stopped = true);
                return Ok(true);
            }
        };
        self.change_if(|process| (std::mem::replace(&mut process.paused, pauses) != pauses).then_some(()));
        let empty = self.here.of(self.process, |process| process.in_hand == 0);
        if beat.state == RunState::Pausing
            && empty
            && self.reach(control, &[RunState::Pausing], RunState::Paused).await?
        {
            *state = RunState::Paused;
        }
        Ok(false)
    }

    /// Waits until the run was looked at, and the gate set accordingly.
    pub(super) async fn look_again(&self) {
        let seen = self.here.of(self.process, |process| process.looks);
        for look in 1..=2 {
            self.change(|process| process.look_wanted = true);
            self.here.until(self.process, |process| process.stopped || process.looks >= seen + look).await;
        }
    }
}
