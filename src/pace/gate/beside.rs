//! What may be done beside the batches? The run's vacuum is no batch and needs no place of a worker's; but nothing is begun
//! while the run is paused or held, and a pause is reached only when this is over too. Knows no vacuum.

use super::{Gate, State};
use crate::event::Reason;

/// Something is done beside the batches for as long as this lives.
pub struct Beside<'a> {
    gate: &'a Gate,
}

impl Gate {
    /// Waits until the run is neither paused nor held. `None`: the gate is stopped.
    pub async fn pass_beside(&self) -> Option<Beside<'_>> {
        let mut changes = self.state.subscribe();
        while !self.is_stopped() {
            // Looking and taking are one step: a pause that was reached finds nobody at work.
            let begins = self.state.send_if_modified(|state| {
                let begins = !state.stopped && !state.is_closed();
                state.beside |= begins;
                begins
            });
            if begins {
                return Some(Beside { gate: self });
            }
            // The sender lives in `self`, so waiting for a change cannot fail.
            drop(changes.wait_for(|state| state.stopped || !state.is_closed()).await);
        }
        None
    }
}

impl State {
    /// Whether no batch may begin, whoever comes.
    fn is_closed(&self) -> bool {
        self.paused.is_some() || !self.held.is_empty()
    }
}

impl Beside<'_> {
    /// Waits until it must end: the run is stopped or paused, or no work at all may be done now. A signal over its limit
    /// does not end it: begun anew each time, it would never come to its end.
    pub async fn must_end(&self) {
        let must_end =
            |state: &State| state.stopped || state.paused.is_some() || state.held.iter().any(Reason::forbids_all_work);
        drop(self.gate.state.subscribe().wait_for(must_end).await);
    }
}

impl Drop for Beside<'_> {
    fn drop(&mut self) {
        self.gate.state.send_modify(|state| state.beside = false);
    }
}
