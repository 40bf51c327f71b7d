//! May a worker begin a batch? The one place where workers wait: pause, signals, window, share of time, number of workers
//! and rate all close this gate. What is done `beside` the batches asks here too. Knows the reasons only as what to show.

mod beside;
mod in_hand;

use super::law::{Speed, Verdict};
use super::rate::Rate;
use super::time_ledger::Stopwatch;
use crate::event::{Bucket, Reason, SignalName};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};
use tokio::sync::watch;

pub use beside::Beside;
pub use in_hand::InHand;

/// What slows a run that has only a part of what its signals allow.
const BUDGET: &str = "budget";

/// The gate of a run. A batch is in hand from [`Gate::pass`] until its [`InHand`] is dropped.
pub struct Gate {
    state: watch::Sender<State>,
    rate: Rate,
}

struct State {
    stopped: bool,
    paused: Option<Reason>,
    held: Vec<Reason>,
    /// Whether something is done beside the batches.
    beside: bool,
    speed: Speed,
    slowed_by: Option<SignalName>,
    /// The share of the time that workers may be busy, whatever the signals say.
    duty: f64,
    /// How many batches may be in hand, whatever the signals say.
    workers: usize,
    /// How many runs share the limits of the server, this one included; an equal part of what is allowed is its own.
    sharers: u32,
    /// One for each worker, and one for each that there was once. A slower run uses fewer of them, each for a part of the time, whoever comes: so a worker with
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
    Dismissed,
    Wait { bucket: Bucket, until: Option<Instant> },
}

/// What became of a worker at the gate.
pub enum Passed<'a> {
    /// It has a batch in hand.
    InHand(InHand<'a>),
    /// There are to be fewer workers, and this one is too many.
    Dismissed,
    /// No batch begins any more.
    Stopped,
}

impl Gate {
    /// A gate for so many workers, as the first verdict leaves it.
    pub fn new(workers: u32, duty: f64, rate: Rate, verdict: &Verdict) -> Self {
        let state = State {
            stopped: false,
            paused: None,
            held: verdict.held.clone(),
            beside: false,
            speed: verdict.speed,
            slowed_by: verdict.slowed_by.clone(),
            duty,
            workers: workers.max(1) as usize,
            sharers: 1,
            places: vec![Place::Free(None); workers.max(1) as usize],
            owed: 0,
        };
        Self { state: watch::Sender::new(state), rate }
    }

    /// Waits until a batch may begin, and has it in hand. What the worker waits for is told to its stopwatch. `worker` is
    /// its number, counted from 0, where it may be dismissed; `None`: it has something to finish first.
    ///
    /// Looking and taking are one step, so that a gate that was closed and found empty stays empty.
    pub async fn pass(&self, worker: Option<u32>, time: &Stopwatch) -> Passed<'_> {
        let mut changes = self.state.subscribe();
        loop {
            changes.mark_unchanged();
            let now = Instant::now();
            match self.try_enter(worker, now) {
                Next::Enter(place) => return Passed::InHand(InHand::new(self, place, now)),
                Next::Leave => return Passed::Stopped,
                Next::Dismissed => return Passed::Dismissed,
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

    /// So many workers from now on. What more batches than that are in hand are finished, and none begins beside them.
    pub fn set_workers(&self, workers: u32) {
        self.state.send_if_modified(|state| {
            let workers = workers.max(1) as usize;
            let places = state.places.len().max(workers);
            state.places.resize(places, Place::Free(None));
            std::mem::replace(&mut state.workers, workers) != workers
        });
    }

    /// How many workers there may be.
    pub fn workers(&self) -> u32 {
        u32::try_from(self.state.borrow().workers).unwrap_or(u32::MAX)
    }

    /// From now on workers may be busy for this share of the time. Who rests hears of it.
    pub fn set_duty(&self, duty: f64) {
        self.state.send_if_modified(|state| std::mem::replace(&mut state.duty, duty) != duty);
    }

    /// From now on so many rows a second.
    pub fn set_rate(&self, limit: Option<NonZeroU32>) {
        self.rate.set(limit);
        // Who waits to pay comes back to find another price.
        self.state.send_modify(|_| {});
    }

    /// So many runs share the limits of the server, this one among them; each has an equal part of what its own signals
    /// allow.
    pub fn share_among(&self, runs: u32) {
        self.state.send_if_modified(|state| std::mem::replace(&mut state.sharers, runs.max(1)) != runs);
    }

    /// How many runs share the limits of the server, this one included.
    pub fn sharers(&self) -> u32 {
        self.state.borrow().sharers
    }

    /// Holds until the pace is set again.
    pub fn hold(&self, reason: Reason) {
        self.state.send_if_modified(|state| {
            let is_new = !state.held.contains(&reason);
            if is_new {
                state.held.insert(0, reason);
            }
            is_new
        });
    }

    /// How many batches are in hand.
    pub fn in_hand(&self) -> usize {
        self.state.borrow().in_hand()
    }

    /// Waits until no batch is in hand, and nothing is done beside them.
    pub async fn emptied(&self) {
        drop(self.state.subscribe().wait_for(|state| state.in_hand() == 0 && !state.beside).await);
    }

    /// Waits until the gate is stopped.
    pub async fn stopped(&self) {
        drop(self.state.subscribe().wait_for(|state| state.stopped).await);
    }

    fn try_enter(&self, worker: Option<u32>, now: Instant) -> Next {
        let mut next = Next::Leave;
        self.state.send_if_modified(|state| {
            let rate = self.rate.pay(&mut state.owed);
            next = state.next(worker, rate.map(|wait| now + wait), now);
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
    fn next(&self, worker: Option<u32>, paid_at: Option<Instant>, now: Instant) -> Next {
        if self.stopped {
            return Next::Leave;
        }
        if worker.is_some_and(|number| number as usize >= self.workers) {
            return Next::Dismissed;
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
        // Those of workers that were dismissed in the middle of a batch count too.
        if self.in_hand() >= self.workers {
            return wait(self.slowed(), None);
        }
        let most = self.workers.min(self.speed.workers.max(1) as usize);
        let places = self.places.iter().take(most).enumerate();
        let alone = self.speed.share * self.duty;
        let part = 1.0 / f64::from(self.sharers);
        let free = places.filter_map(|(number, place)| Some((rested(*place, alone * part, now)?, number)));
        let Some((at, number)) = free.min() else { return wait(self.slowed(), None) };
        match rested(self.places[number], alone, now) {
            _ if at <= now => Next::Enter(number),
            // It could begin, if the run were alone.
            Some(own) if own <= now => wait(Bucket::Slowed(BUDGET.into()), Some(at)),
            own => wait(self.slowed(), own),
        }
    }

    /// Whether nothing keeps a worker from one batch after the other, so that nobody else waits for its place either.
    fn lets_go_on(&self, worker: u32) -> bool {
        let lets_in = !self.stopped && self.paused.is_none() && self.held.is_empty();
        let has_room = (worker as usize) < self.workers && self.in_hand() <= self.workers;
        let full = self.speed.workers as usize >= self.workers && self.speed.share >= 1.0 && self.duty >= 1.0;
        lets_in && has_room && full && self.sharers == 1
    }

    /// Why workers rest.
    fn slowed(&self) -> Bucket {
        let full = self.speed.share >= 1.0 && self.speed.workers as usize >= self.workers;
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

#[cfg(test)]
mod tests;
