//! How does the run's vacuum get the table for itself? It closes the gate, waits for the batches in hand, and opens the
//! gate again when it is dropped, however it ended. Knows no vacuum but the name of its time.

use super::{Gate, State, Wish};
use crate::event::Reason;

/// No batch is in hand, and none begins, for as long as this lives.
pub struct Alone<'a> {
    gate: &'a Gate,
}

impl Gate {
    /// Waits until the run is neither paused nor held, lets no batch begin any more, and waits for those in hand. `None`:
    /// the gate is stopped.
    pub async fn pass_alone(&self) -> Option<Alone<'_>> {
        let mut changes = self.state.subscribe();
        loop {
            // The sender lives in `self`, so waiting for a change cannot fail.
            drop(changes.wait_for(|state| state.stopped || !state.is_closed()).await);
            // From here on it is taken back by being dropped.
            let alone = Alone { gate: self };
            self.wish(Wish::Waits);
            let is_settled = |state: &State| state.stopped || state.is_closed() || state.in_hand() == 0;
            drop(changes.wait_for(is_settled).await);
            if self.grant() {
                return Some(alone);
            }
            if self.is_stopped() {
                return None;
            }
        }
    }

    /// Why no batch begins, where that is somebody's work on the table.
    pub fn held_by_work(&self) -> Option<Reason> {
        (self.state.borrow().alone != Wish::Nothing).then_some(Reason::Vacuum)
    }

    fn wish(&self, wish: Wish) {
        self.state.send_if_modified(|state| std::mem::replace(&mut state.alone, wish) != wish);
    }

    /// Looking and taking are one step: a pause that was reached finds nobody at work.
    fn grant(&self) -> bool {
        self.state.send_if_modified(|state| {
            let grants = !state.stopped && !state.is_closed() && state.in_hand() == 0;
            if grants {
                state.alone = Wish::Granted;
            }
            grants
        })
    }
}

impl State {
    /// Whether no batch may begin, whoever comes.
    fn is_closed(&self) -> bool {
        self.paused.is_some() || !self.held.is_empty()
    }
}

impl Alone<'_> {
    /// Waits until what is done alone must end: the run is stopped or paused, or no work at all may be done now. A signal
    /// over its limit does not end it: begun anew each time, it would never come to its end.
    pub async fn must_end(&self) {
        let must_end =
            |state: &State| state.stopped || state.paused.is_some() || state.held.iter().any(Reason::forbids_all_work);
        drop(self.gate.state.subscribe().wait_for(must_end).await);
    }
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        self.gate.wish(Wish::Nothing);
    }
}
