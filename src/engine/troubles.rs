//! What keeps the workers from their batches? Each tells of its own trouble; the run is held when all of them are.

use crate::event::Reason;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The workers that walk now, each with its trouble.
#[derive(Default)]
pub(super) struct Troubles {
    workers: Mutex<BTreeMap<u32, Option<Reason>>>,
}

impl Troubles {
    /// A worker walks, with this trouble or without.
    pub(super) fn set(&self, worker: u32, trouble: Option<Reason>) {
        self.workers().insert(worker, trouble);
    }

    /// A worker walks no more.
    pub(super) fn leave(&self, worker: u32) {
        self.workers().remove(&worker);
    }

    /// Why no worker can go on, each reason once; nothing while one of them can.
    pub(super) fn of_all(&self) -> Vec<Reason> {
        let mut all = Vec::new();
        for trouble in self.workers().values() {
            match trouble {
                None => return Vec::new(),
                Some(trouble) if all.contains(trouble) => {}
                Some(trouble) => all.push(trouble.clone()),
            }
        }
        all
    }

    fn workers(&self) -> MutexGuard<'_, BTreeMap<u32, Option<Reason>>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_run_is_held_when_every_worker_is() {
        let troubles = Troubles::default();
        let trouble = |what: &str| Some(Reason::Trouble { what: what.into() });
        assert!(troubles.of_all().is_empty(), "nobody walks");
        troubles.set(0, trouble("disk full"));
        assert_eq!(troubles.of_all().len(), 1);
        troubles.set(1, None);
        assert!(troubles.of_all().is_empty(), "one goes on");
        troubles.set(1, trouble("disk full"));
        assert_eq!(troubles.of_all().len(), 1, "the same reason once");
        troubles.leave(1);
        troubles.set(0, None);
        assert!(troubles.of_all().is_empty());
    }
}
