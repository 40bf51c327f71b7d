//! Which walked ranges are read once more, soon after their batches? Those of rows that an index of the scope finds. Knows no
//! statement and no connection.
//!
//! A row that left the scope leaves an entry in that index, which leads to a row that is dead. Whoever meets the entry first
//! reads the row's page, and marks the entry for all who come later; but not before the commit is on disk, for which a batch
//! does not wait. That would be the proof of the end, when the pages have long left the server's memory: it took as long as a
//! third of the walk. So the entries behind a walk are read while their pages are still there.
//!
//! The server keeps one place in the log for 32 neighbouring transactions (`clog.c`, `CLOG_XACTS_PER_LSN_GROUP`), so the last commit
//! must be on disk before entries of those before it can be marked.

use crate::key::KeyRange;
use std::time::{Duration, Instant};

/// So much of the walk is read at once: its pages must still be in memory, and statements for each batch would be too many.
const OFTEN: Duration = Duration::from_millis(50);

/// The ranges behind a walk that nobody was told of yet.
#[derive(Debug, Default)]
pub(super) struct Wake {
    in_hand: Option<KeyRange>,
    committed: Vec<KeyRange>,
    told: Option<Instant>,
}

impl Wake {
    /// A batch has this range in hand; `None`: one that is not to be read again.
    pub(super) fn begins(&mut self, range: Option<KeyRange>) {
        self.in_hand = range;
    }

    /// The batch in hand was committed.
    pub(super) fn committed(&mut self) {
        let Some(range) = self.in_hand.take() else { return };
        match self.committed.last_mut() {
            Some(last) if range.after.as_ref() == Some(&last.through) => last.through = range.through,
            _ => self.committed.push(range),
        }
    }

    /// Nobody will read what was committed so far.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// What was committed since this was asked last; nothing where that is too short ago.
    pub(super) fn tell(&mut self, now: Instant) -> Vec<KeyRange> {
        if self.committed.is_empty() || self.told.is_some_and(|told| now.saturating_duration_since(told) < OFTEN) {
            return Vec::new();
        }
        self.told = Some(now);
        std::mem::take(&mut self.committed)
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

    fn commit(wake: &mut Wake, ranges: &[(u32, u32)]) {
        for (after, through) in ranges {
            wake.begins(Some(range(*after, *through)));
            wake.committed();
        }
    }

    #[test]
    fn what_is_committed_is_told_once_and_neighbours_as_one() {
        let begun = Instant::now();
        let mut wake = Wake::default();
        assert_eq!(wake.tell(begun), []);
        commit(&mut wake, &[(0, 10), (10, 20), (50, 60)]);
        assert_eq!(wake.tell(begun), [range(0, 20), range(50, 60)]);
        commit(&mut wake, &[(60, 70)]);
        assert_eq!(wake.tell(begun + OFTEN / 2), [], "not so often");
        assert_eq!(wake.tell(begun + OFTEN), [range(60, 70)]);
        assert_eq!(wake.tell(begun + OFTEN * 9), [], "each once");
    }

    #[test]
    fn a_batch_that_was_rolled_back_is_not_behind() {
        let mut wake = Wake::default();
        wake.begins(Some(range(0, 10)));
        wake.begins(Some(range(0, 5)));
        wake.committed();
        wake.begins(None);
        wake.committed();
        assert_eq!(wake.tell(Instant::now()), [range(0, 5)]);
    }
}
