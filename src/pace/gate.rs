//! May a worker begin a batch? The one place where workers wait: pause, signals, window, share of time and rate all
//! close this gate. Knows the reasons only as what to show.

use super::law::{Speed, Verdict};
use super::rate::Rate;
use super::time_ledger::Stopwatch;
use crate::event::{Bucket, Reason, SignalName};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// The gate of a run. A batch is in hand from [`Gate::pass`] until its [`InHand`] is dropped.
pub struct Gate {
    state: watch::Sender<State>,
    rate: Rate,
    /// The share of the time that workers may be busy, whatever the signals say.
    duty: f64,
}

struct State {
    stopped: bool,
    paused: Option<Reason>,
    held: Vec<Reason>,
    speed: Speed,
    slowed_by: Option<SignalName>,
    /// One for each worker. A slower run uses fewer of them, each for a part of the time, whoever comes: so a worker with
    /// the last slice is never the one that is kept out.
    places: Vec<Place>,
    /// Rows that were changed and not yet paid to the rate.
    owed: u64,
}

/// Room for one batch at a time.
#[derive(Clone, Copy)]
enum Place {
    Taken,
    /// Since when, and how long the batch took that was there; the rest after it follows from the share of time.
    Free(Option<(Instant, Duration)>),
}

/// What a worker at the gate does next.
#[derive(Debug, PartialEq)]
enum Next {
    Enter(usize),
    Leave,
    Wait { bucket: Bucket, until: Option<Instant> },
}

/// One batch in hand.
pub struct InHand<'a> {
    gate: &'a Gate,
    place: usize,
    since: Instant,
}

impl Gate {
    /// A gate for so many workers, as the first verdict leaves it.
    pub fn new(workers: u32, duty: f64, rate: Rate, verdict: &Verdict) -> Self {
        let state = State {
            stopped: false,
            paused: None,
            held: verdict.held.clone(),
            speed: verdict.speed,
            slowed_by: verdict.slowed_by.clone(),
            places: vec![Place::Free(None); workers.max(1) as usize],
            owed: 0,
        };
        Self { state: watch::Sender::new(state), rate, duty }
    }

    /// Waits until a batch may begin, and has it in hand. `None`: none may any more. What the worker waits for is told to
    /// its stopwatch.
    ///
    /// Looking and taking are one step, so that a gate that was closed and found empty stays empty.
    pub async fn pass(&self, time: &Stopwatch) -> Option<InHand<'_>> {
        let mut changes = self.state.subscribe();
        loop {
            changes.mark_unchanged();
            let now = Instant::now();
            match self.try_enter(now) {
                Next::Enter(place) => return Some(InHand { gate: self, place, since: now }),
                Next::Leave => return None,
                Next::Wait { bucket, until } => {
                    time.turn_to(bucket, now);
                    let due = tokio::time::sleep_until(until.unwrap_or(now).into());
                    // The sender lives in `self`, so waiting for a change cannot fail.
                    tokio::select! {
                        _ = changes.changed() => {}
                        () = due, if until.is_some() => {}
                    }
                }
            }
        }
    }

    /// Waits until the run is not paused. `false`: it is stopped. For what is no batch.
    pub async fn unpaused(&self) -> bool {
        let mut changes = self.state.subscribe();
        let open = changes.wait_for(|state| state.stopped || state.paused.is_none()).await;
        open.is_ok_and(|state| !state.stopped)
    }

    /// No batch begins any more.
    pub fn stop(&self) {
        self.state.send_if_modified(|state| !std::mem::replace(&mut state.stopped, true));
    }

    /// Whether no batch begins any more.
    pub fn is_stopped(&self) -> bool {
        self.state.borrow().stopped
    }

    /// No batch begins while an operator's pause lasts.
    pub fn set_paused(&self, paused: Option<Reason>) {
        self.state.send_if_modified(|state| {
            let changes = state.paused != paused;
            state.paused = paused;
            changes
        });
    }

    /// Whether an operator's pause lasts.
    pub fn is_paused(&self) -> bool {
        self.state.borrow().paused.is_some()
    }

    /// What the signals, the window and the hold file allow.
    pub fn set_pace(&self, verdict: &Verdict) {
        self.state.send_if_modified(|state| {
            // Reasons carry readings, which differ from moment to moment; who waits hears only what concerns it.
            let first = |held: &[Reason]| held.first().map(Reason::signal);
            let changes = state.speed != verdict.speed || first(&state.held) != first(&verdict.held);
            state.speed = verdict.speed;
            state.slowed_by.clone_from(&verdict.slowed_by);
            state.held.clone_from(&verdict.held);
            changes
        });
    }

    /// Holds until the pace is set again.
    pub fn hold(&self, reason: Reason) {
        self.state.send_if_modified(|state| {
            if !state.held.contains(&reason) {
                state.held.insert(0, reason);
            }
            // Whoever waits goes on waiting.
            false
        });
    }

    /// How many batches are in hand.
    pub fn in_hand(&self) -> usize {
        self.state.borrow().in_hand()
    }

    /// Waits until no batch is in hand.
    pub async fn emptied(&self) {
        drop(self.state.subscribe().wait_for(|state| state.in_hand() == 0).await);
    }

    /// Waits until the gate is stopped.
    pub async fn stopped(&self) {
        drop(self.state.subscribe().wait_for(|state| state.stopped).await);
    }

    fn try_enter(&self, now: Instant) -> Next {
        let mut next = Next::Leave;
        self.state.send_if_modified(|state| {
            let rate = self.rate.pay(&mut state.owed);
            next = state.next(self.duty, rate.map(|wait| now + wait), now);
            if let Next::Enter(place) = next {
                state.places[place] = Place::Taken;
            }
            // Nobody waits for a place to be taken.
            false
        });
        next
    }
}

impl State {
    fn in_hand(&self) -> usize {
        self.places.iter().filter(|place| matches!(place, Place::Taken)).count()
    }

    /// What a worker that comes now does; `paid_at`: when the rows that are owed will be paid. Pure.
    fn next(&self, duty: f64, paid_at: Option<Instant>, now: Instant) -> Next {
        if self.stopped {
            return Next::Leave;
        }
        let wait = |bucket, until| Next::Wait { bucket, until };
        if self.paused.is_some() {
            return wait(Bucket::Paused, None);
        }
        if let Some(strictest) = self.held.first() {
            return wait(Bucket::Held(strictest.signal()), None);
        }
        if paid_at.is_some() {
            return wait(Bucket::Rate, paid_at);
        }
        let places = self.places.iter().take(self.speed.workers.max(1) as usize).enumerate();
        let free = places.filter_map(|(number, place)| Some((rested(*place, self.speed.share * duty, now)?, number)));
        match free.min() {
            Some((at, number)) if at <= now => Next::Enter(number),
            rested => wait(self.slowed(), rested.map(|(at, _)| at)),
        }
    }

    /// Why workers rest.
    fn slowed(&self) -> Bucket {
        let full = self.speed.share >= 1.0 && self.speed.workers as usize >= self.places.len();
        match &self.slowed_by {
            _ if full => Bucket::Duty,
            Some(signal) => Bucket::Slowed(signal.clone()),
            // Nothing is near its limit: the run is still on its way up.
            None => Bucket::Slowed("start".into()),
        }
    }
}

/// When a free place has rested, so that it is busy for `share` of the time.
fn rested(place: Place, share: f64, now: Instant) -> Option<Instant> {
    match place {
        Place::Taken => None,
        Place::Free(None) => Some(now),
        Place::Free(Some((since, took))) => Some(since + took.mul_f64((1.0 / share.clamp(0.001, 1.0)) - 1.0)),
    }
}

impl InHand<'_> {
    /// The batch changed so many rows, which are to be paid to the rate.
    pub fn charge(&self, rows: u64) {
        // Nobody waits for a debt.
        self.gate.state.send_if_modified(|state| {
            state.owed = state.owed.saturating_add(rows);
            false
        });
    }
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        let now = Instant::now();
        let took = now.saturating_duration_since(self.since);
        self.gate.state.send_modify(|state| state.places[self.place] = Place::Free(Some((now, took))));
    }
}

#[cfg(test)]
mod tests {
    use super::super::time_ledger::TimeLedger;
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    fn poll<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Poll<T> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    fn pause() -> Option<Reason> {
        Some(Reason::OperatorPause { actor: "anna@db1".into(), reason: None })
    }

    fn verdict(workers: u32, share: f64, held: &[Reason]) -> Verdict {
        let speed = Speed { workers, share };
        Verdict { speed, slowed_by: Some("probe".into()), held: held.to_vec(), held_too_long: Vec::new() }
    }

    fn gate(workers: u32) -> Gate {
        Gate::new(workers, 1.0, Rate::new(None), &verdict(workers, 1.0, &[]))
    }

    fn time() -> Stopwatch {
        TimeLedger::new(1, Instant::now()).stopwatch(0)
    }

    #[tokio::test]
    async fn a_paused_gate_lets_nothing_begin_and_opens_again() {
        let (gate, time) = (gate(1), time());
        gate.set_paused(pause());
        let mut waiting = pin!(gate.pass(&time));
        assert!(poll(waiting.as_mut()).is_pending());
        gate.set_paused(None);
        assert!(matches!(poll(waiting.as_mut()), Poll::Ready(Some(_))));
    }

    #[tokio::test]
    async fn what_holds_the_run_is_told_to_the_ledger_and_passes_by_itself() {
        let gate = gate(1);
        let ledger = TimeLedger::new(1, Instant::now());
        let time = ledger.stopwatch(0);
        gate.set_pace(&verdict(1, 1.0, &[Reason::Unknown { signal: "probe".into(), why: "gone".into() }]));
        let mut waiting = pin!(gate.pass(&time));
        assert!(poll(waiting.as_mut()).is_pending());
        let later = Instant::now() + Duration::from_secs(5);
        assert!(ledger.spent(later)[&Bucket::Held("probe".into())] > Duration::from_secs(4));
        gate.set_pace(&verdict(1, 1.0, &[]));
        assert!(matches!(poll(waiting.as_mut()), Poll::Ready(Some(_))));
    }

    #[tokio::test]
    async fn a_closed_gate_is_empty_only_when_the_last_batch_is_out_of_hand() {
        let (gate, time) = (gate(1), time());
        let in_hand = gate.pass(&time).await.unwrap();
        gate.set_paused(pause());
        let mut emptied = pin!(gate.emptied());
        assert!(poll(emptied.as_mut()).is_pending());
        drop(in_hand);
        assert!(poll(emptied.as_mut()).is_ready());
    }

    #[tokio::test]
    async fn a_stopped_gate_stays_stopped() {
        let (gate, time) = (gate(1), time());
        gate.stop();
        gate.set_paused(pause());
        gate.set_paused(None);
        assert!(gate.pass(&time).await.is_none());
        assert!(!gate.unpaused().await);
    }

    #[tokio::test]
    async fn a_slower_run_has_fewer_places_and_any_worker_may_take_them() {
        let (gate, first, last) = (gate(2), time(), time());
        gate.set_pace(&verdict(1, 1.0, &[]));
        let in_hand = gate.pass(&first).await.unwrap();
        let mut waiting = pin!(gate.pass(&last));
        assert!(poll(waiting.as_mut()).is_pending());
        drop(in_hand);
        assert!(matches!(poll(waiting.as_mut()), Poll::Ready(Some(_))));
    }

    #[test]
    fn a_place_rests_after_a_batch_so_that_it_is_busy_for_its_share() {
        let now = Instant::now();
        let second = Duration::from_secs(1);
        let mut state = State {
            stopped: false,
            paused: None,
            held: Vec::new(),
            speed: Speed { workers: 1, share: 0.5 },
            slowed_by: Some("probe".into()),
            places: vec![Place::Free(Some((now, second)))],
            owed: 0,
        };
        let slowed = Bucket::Slowed("probe".into());
        let rest =
            |duty: f64| Next::Wait { bucket: slowed.clone(), until: Some(now + second.mul_f64(1.0 / duty - 1.0)) };
        assert_eq!(state.next(1.0, None, now), rest(0.5));
        assert_eq!(state.next(0.5, None, now), rest(0.25), "duty comes on top");
        assert_eq!(state.next(1.0, None, now + second), Next::Enter(0));

        state.speed.share = 1.0;
        let rest = Next::Wait { bucket: Bucket::Duty, until: Some(now + second) };
        assert_eq!(state.next(0.5, None, now), rest);
        let owed = Next::Wait { bucket: Bucket::Rate, until: Some(now + second) };
        assert_eq!(state.next(1.0, Some(now + second), now), owed);
        state.paused = pause();
        assert_eq!(state.next(1.0, None, now), Next::Wait { bucket: Bucket::Paused, until: None });
    }
}
