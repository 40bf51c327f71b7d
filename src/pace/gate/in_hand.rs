//! What does a worker have that passed the gate? Room for one batch, until it is dropped; or for the next one too, where
//! nothing is in its way. Knows no reason why something is.

use super::{Gate, Next, Place};
use std::time::Instant;

/// One batch in hand.
pub struct InHand<'a> {
    gate: &'a Gate,
    place: usize,
    since: Instant,
}

impl<'a> InHand<'a> {
    pub(super) fn new(gate: &'a Gate, place: usize, since: Instant) -> Self {
        Self { gate, place, since }
    }

    /// The batch changed so many rows, which are to be paid to the rate.
    pub fn charge(&self, rows: u64) {
        // Nobody waits for a debt.
        self.gate.state.send_if_modified(|state| {
            state.owed = state.owed.saturating_add(rows);
            false
        });
    }

    /// Whether the worker may begin the next batch before this one is off its hands: nothing asks it to wait, and nobody
    /// waits for it. What comes then, [`InHand::again`] tells.
    pub fn may_go_on(&self, worker: u32) -> bool {
        !self.gate.rate.is_limited() && self.gate.state.borrow().lets_go_on(worker)
    }

    /// The next batch in hand, as if the worker had come to the gate anew. `Err`: it has to wait there, with this one still in
    /// hand until it is dropped.
    ///
    /// # Errors
    /// With itself.
    pub fn again(mut self, worker: u32) -> Result<Self, Self> {
        let now = Instant::now();
        let took = now.saturating_duration_since(self.since);
        let mut entered = None;
        self.gate.state.send_if_modified(|state| {
            let rate = self.gate.rate.pay(&mut state.owed);
            state.places[self.place] = Place::Free(Some((now, took)));
            match state.next(Some(worker), rate.map(|wait| now + wait), now) {
                Next::Enter(place) => {
                    state.places[place] = Place::Taken;
                    entered = Some(place);
                }
                Next::Leave | Next::Dismissed | Next::Wait { .. } => state.places[self.place] = Place::Taken,
            }
            // Somebody may wait for the place that was left for another.
            entered.is_some_and(|place| place != self.place)
        });
        let Some(place) = entered else { return Err(self) };
        (self.place, self.since) = (place, now);
        Ok(self)
    }
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        let now = Instant::now();
        let took = now.saturating_duration_since(self.since);
        self.gate.state.send_modify(|state| state.places[self.place] = Place::Free(Some((now, took))));
    }
}
