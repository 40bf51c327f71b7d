//! When was the primary where a replica is now? Remembers positions of the primary's log with the moments they were
//! seen at; reads no clock and knows no database.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// At two readings a second, the last four minutes are kept in full. Older ones are thinned out: a lag of hours need
/// not be told to the second.
const MOST_ENTRIES: usize = 512;

/// How far a replica is behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behind {
    /// So long.
    By(Duration),
    /// At least so long: it has not replayed what was there when the watch began.
    AtLeast(Duration),
}

/// The positions a primary was seen at.
#[derive(Clone, Debug, Default)]
pub struct LagHistory {
    /// Ascending in position and in time.
    entries: VecDeque<Entry>,
}

/// One position, and the first and the last moment the primary was seen there: what follows it was written later than
/// the last, and it was written before the first.
#[derive(Clone, Copy, Debug)]
struct Entry {
    position: u64,
    first: Instant,
    last: Instant,
}

impl LagHistory {
    /// The primary was seen at that position, not earlier than `at`. A position below the newest one is another
    /// server's, or one that fell back in time: what is known of the old one says nothing about it.
    pub fn note(&mut self, at: Instant, position: u64) {
        match self.entries.back_mut() {
            Some(newest) if newest.position == position => newest.last = newest.last.max(at),
            Some(newest) if newest.position > position => {
                self.entries.clear();
                self.entries.push_back(Entry { position, first: at, last: at });
            }
            newest => {
                let at = newest.map_or(at, |newest| newest.last.max(at));
                self.entries.push_back(Entry { position, first: at, last: at });
            }
        }
        if self.entries.len() > MOST_ENTRIES {
            self.thin_out();
        }
    }

    /// The newest position; `None` before the first was noted.
    pub fn newest(&self) -> Option<u64> {
        self.entries.back().map(|entry| entry.position)
    }

    /// How old the position is that a replica has replayed.
    pub fn behind(&self, now: Instant, replayed: u64) -> Behind {
        let above = self.entries.partition_point(|entry| entry.position <= replayed);
        let Some(next) = self.entries.get(above) else { return Behind::By(Duration::ZERO) };
        let Some(before) = above.checked_sub(1).and_then(|place| self.entries.get(place)) else {
            return Behind::AtLeast(now.saturating_duration_since(next.first));
        };
        let share = (replayed - before.position) as f64 / (next.position - before.position) as f64;
        // Both seen at one moment leave nothing to interpolate.
        let between = next.first.saturating_duration_since(before.last).mul_f64(share);
        Behind::By(now.saturating_duration_since(before.last + between))
    }

    /// Of the older half every second entry goes; the oldest stays, because it says from when on anything is known.
    fn thin_out(&mut self) {
        let old = self.entries.len() / 2;
        let mut place = 0;
        self.entries.retain(|_| {
            place += 1;
            place > old || place % 2 == 1
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn moments(at: &[(u64, u64)]) -> (Instant, LagHistory) {
        let start = Instant::now();
        let mut history = LagHistory::default();
        for (ms, position) in at {
            history.note(start + Duration::from_millis(*ms), *position);
        }
        (start, history)
    }

    fn ms(number: u64) -> Duration {
        Duration::from_millis(number)
    }

    #[test]
    fn a_replica_is_as_far_behind_as_its_position_is_old() {
        let (start, history) = moments(&[(0, 100), (1000, 200), (2000, 200), (3000, 300)]);
        for (replayed, behind) in [
            (300, Behind::By(ms(0))),
            (999, Behind::By(ms(0))),
            (150, Behind::By(ms(3500))),
            (100, Behind::By(ms(4000))),
            // What is missing was written after the primary was last seen at 200, not after it came there.
            (200, Behind::By(ms(2000))),
            (250, Behind::By(ms(1500))),
            (99, Behind::AtLeast(ms(4000))),
        ] {
            assert_eq!(history.behind(start + ms(4000), replayed), behind, "{replayed}");
        }
    }

    #[test]
    fn nothing_noted_is_nothing_missing() {
        let history = LagHistory::default();
        assert_eq!((history.newest(), history.behind(Instant::now(), 5)), (None, Behind::By(ms(0))));
    }

    #[test]
    fn a_primary_that_fell_back_is_watched_anew() {
        let (start, history) = moments(&[(0, 100), (1000, 200), (2000, 50)]);
        assert_eq!(history.behind(start + ms(3000), 40), Behind::AtLeast(ms(1000)));
        assert_eq!(history.behind(start + ms(3000), 50), Behind::By(ms(0)));
    }

    #[test]
    fn a_replica_that_stands_still_for_a_day_is_told_to_the_minutes_and_memory_stays_bounded() {
        let start = Instant::now();
        let mut history = LagHistory::default();
        let day = 24 * 3600 * 2;
        for turn in 0..=day {
            history.note(start + ms(500) * turn, u64::from(turn) * 100);
            assert!(history.entries.len() <= MOST_ENTRIES);
        }
        let Behind::By(lag) = history.behind(start + ms(500) * day, 100 * 3600) else { panic!("it is known") };
        let exact = ms(500) * (day - 3600);
        assert!(lag.abs_diff(exact) < Duration::from_secs(1), "{lag:?} for {exact:?}: the log grew evenly");
    }

    fn seen(behind: Behind) -> Duration {
        match behind {
            Behind::By(lag) | Behind::AtLeast(lag) => lag,
        }
    }

    proptest! {
        #[test]
        fn who_has_replayed_more_is_never_further_behind(
            steps in proptest::collection::vec((0..2000u64, 0..1000u64), 1..2000),
            (less, more) in (0..1_000_000u64, 0..1_000_000u64),
            later in 0..10_000u64,
        ) {
            let (mut at, mut position, mut noted) = (0, 0, Vec::new());
            for (wait, written) in steps {
                (at, position) = (at + wait, position + written);
                noted.push((at, position));
            }
            let (start, history) = moments(&noted);
            let now = start + ms(at);
            let (less, more) = (less.min(more), less.max(more));
            let at_once = (seen(history.behind(now, less)), seen(history.behind(now, more)));
            prop_assert!(at_once.0 >= at_once.1, "{at_once:?}");
            prop_assert!(at_once.0 <= ms(at));
            let grown = seen(history.behind(now + ms(later), less)) - at_once.0;
            prop_assert!(grown == ms(later) || at_once.0 == ms(0), "it grows by the time that passes: {grown:?}");
        }

        /// A primary that writes evenly, read at uneven moments, and a replica that follows at a fixed distance.
        #[test]
        fn a_replay_at_a_known_distance_is_told_as_that(
            waits in proptest::collection::vec(1..900u64, 2..600),
            per_ms in 1..100_000u64,
            distance in 0..30_000u64,
        ) {
            let mut at = 0;
            let mut noted = vec![(0, 1)];
            for wait in waits {
                at += wait;
                noted.push((at, 1 + at * per_ms));
            }
            let (start, history) = moments(&noted);
            prop_assume!(distance <= at);
            let behind = history.behind(start + ms(at), 1 + (at - distance) * per_ms);
            let Behind::By(lag) = behind else { panic!("the watch is older than the lag: {behind:?}") };
            prop_assert!(lag.abs_diff(ms(distance)) < Duration::from_micros(10), "{lag:?} for {distance}ms");
        }
    }
}
