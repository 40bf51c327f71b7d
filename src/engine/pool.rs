//! Which slices of a pass wait for a worker, and which does a worker have? Knows no database and no rows.

use crate::db::SliceRecord;
use std::collections::{BTreeMap, VecDeque};

/// The slices of the pass that is walked.
#[derive(Debug, Default)]
pub(super) struct Pool {
    waiting: VecDeque<SliceRecord>,
    /// By the workers' numbers.
    walked: BTreeMap<u32, SliceRecord>,
}

impl Pool {
    /// The slices of a pass that begins.
    pub(super) fn of(slices: impl Iterator<Item = SliceRecord>) -> Self {
        Self { waiting: slices.collect(), walked: BTreeMap::new() }
    }

    /// The next one that waits; the worker has it from now on.
    pub(super) fn next(&mut self, worker: u32) -> Option<SliceRecord> {
        let slice = self.waiting.pop_front()?;
        self.has(worker, slice.clone());
        Some(slice)
    }

    /// The worker has this one, which nobody else knows of.
    pub(super) fn has(&mut self, worker: u32, slice: SliceRecord) {
        self.walked.insert(worker, slice);
    }

    /// The worker has none any more.
    pub(super) fn leave(&mut self, worker: u32) {
        self.walked.remove(&worker);
    }

    /// Somebody else is to walk the rest of what the worker has, before any other.
    pub(super) fn give_back(&mut self, worker: u32) {
        if let Some(slice) = self.walked.remove(&worker) {
            self.waiting.push_front(slice);
        }
    }

    /// Whether one waits.
    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// What workers other than this one have, in no order that means anything.
    pub(super) fn of_others(&self, worker: u32) -> impl Iterator<Item = &SliceRecord> {
        self.walked.iter().filter(move |(other, _)| **other != worker).map(|(_, slice)| slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Key, KeyRange};

    fn slice(number: i64) -> SliceRecord {
        SliceRecord {
            pass: 0,
            number,
            route: crate::plan::Route::default(),
            range: KeyRange { after: None, through: Key::new(vec!["9".into()]) },
            cursor: None,
            circuit: crate::db::SliceCircuit::default(),
            seq: 0,
            rows_changed: 0,
            rows_scanned: 0,
            rows_still_in_scope: 0,
            done: false,
            token: 1,
            set_aside: false,
            split_from: None,
        }
    }

    #[test]
    fn a_slice_waits_or_has_one_worker() {
        let mut pool = Pool::of([0, 1].map(slice).into_iter());
        assert_eq!(pool.next(7).unwrap().number, 0);
        assert_eq!(pool.of_others(8).map(|slice| slice.number).collect::<Vec<_>>(), [0]);
        assert_eq!(pool.of_others(7).count(), 0, "nobody takes from itself");
        pool.give_back(7);
        assert_eq!((pool.of_others(8).count(), pool.next(8).unwrap().number), (0, 0), "before any other");
        pool.next(7);
        assert!(!pool.has_waiting() && pool.next(9).is_none());
        pool.leave(8);
        assert_eq!(pool.of_others(9).map(|slice| slice.number).collect::<Vec<_>>(), [1]);
    }
}
