//! Which walked ranges are read once more, soon after their batches? Those of rows that an index of the scope finds. Knows no
//! statement and no clock.
//!
//! A row that left the scope leaves an entry in that index, which leads to a row that is dead. Whoever meets the entry first
//! reads the row's page, and marks the entry for all who come later; but not before the commit is on disk, for which a batch
//! does not wait. That would be the proof of the end, when the pages have long left the server's memory: it took as long as a
//! third of the walk. So the entries behind a walk are read while their pages are still there.

use crate::key::KeyRange;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// By then a commit is on disk, as a rule, that nobody waited for: twice the `wal_writer_delay` that servers have by default
/// (PostgreSQL, "Asynchronous Commit"). The server keeps one place in the log for 32 neighbouring transactions (`clog.c`,
/// `CLOG_XACTS_PER_LSN_GROUP`), so where batches write little, some entries stay unmarked, and the proof reads their pages.
const DURABLE: Duration = Duration::from_millis(400);

/// So much of the walk is read at once: its pages must still be in memory, and a statement for each batch would be too many.
const OFTEN: Duration = Duration::from_millis(200);

/// The ranges behind a walk that were not read again yet.
#[derive(Debug, Default)]
pub(super) struct Wake {
    in_hand: Option<KeyRange>,
    /// The oldest first.
    behind: VecDeque<(Instant, KeyRange)>,
}

impl Wake {
    /// A batch has this range in hand; `None`: one that is not to be read again.
    pub(super) fn begins(&mut self, range: Option<KeyRange>) {
        self.in_hand = range;
    }

    /// The batch in hand was committed.
    pub(super) fn committed(&mut self, now: Instant) {
        self.behind.extend(self.in_hand.take().map(|range| (now, range)));
    }

    /// Another part of the table is walked.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// What is to be read now, each range once, neighbours as one.
    pub(super) fn due(&mut self, now: Instant) -> Vec<KeyRange> {
        let age = |at: &Instant| now.saturating_duration_since(*at);
        if self.behind.front().is_none_or(|(at, _)| age(at) < DURABLE + OFTEN) {
            return Vec::new();
        }
        let durable = self.behind.iter().take_while(|(at, _)| age(at) >= DURABLE).count();
        let mut due: Vec<KeyRange> = Vec::new();
        for (_, range) in self.behind.drain(..durable) {
            match due.last_mut() {
                Some(last) if range.after.as_ref() == Some(&last.through) => last.through = range.through,
                _ => due.push(range),
            }
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Key;

    fn range(after: u32, through: u32) -> KeyRange {
        let key = |number: u32| Key::new(vec![number.to_string()]);
        KeyRange { after: Some(key(after)), through: key(through) }
    }

    #[test]
    fn what_is_durable_is_read_once_and_neighbours_as_one() {
        let begun = Instant::now();
        let at = |millis| begun + Duration::from_millis(millis);
        let mut wake = Wake::default();
        for (millis, range) in [(0, range(0, 10)), (100, range(10, 20)), (150, range(50, 60)), (300, range(60, 70))] {
            wake.begins(Some(range));
            wake.committed(at(millis));
        }
        assert_eq!(wake.due(at(599)), [], "not so often");
        assert_eq!(wake.due(at(600)), [range(0, 20), range(50, 60)]);
        assert_eq!(wake.due(at(800)), [], "each once");
        assert_eq!(wake.due(at(9_000)), [range(60, 70)]);
    }

    #[test]
    fn a_batch_that_was_rolled_back_is_not_behind() {
        let begun = Instant::now();
        let mut wake = Wake::default();
        wake.begins(Some(range(0, 10)));
        wake.begins(Some(range(0, 5)));
        wake.committed(begun);
        wake.begins(None);
        wake.committed(begun);
        assert_eq!(wake.due(begun + DURABLE + OFTEN), [range(0, 5)]);
    }
}
