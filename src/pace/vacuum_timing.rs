//! When is it time to vacuum the table? Counts the rows that a run leaves dead, beside what the server's statistics say of
//! everybody's, which come late. Knows neither how a table is vacuumed nor by whom; reads no clock.

/// Vacuumed whenever one row in so many is dead. A table grows by what dies before its first vacuum, and later rows take
/// the place of dead ones; but each vacuum reads every index whole.
const ONE_IN: u64 = 11;

/// Fewer dead rows are never worth a vacuum: a small table may grow.
const AT_LEAST: u64 = 20_000;

/// A vacuum that was put off is tried again when so large a part of what makes one due has died since.
const AGAIN_AFTER: u64 = 4;

/// How many times as many rows die before the next vacuum, at most, while vacuums can remove little.
const MOST_PATIENCE: u64 = 16;

/// When a run's table is vacuumed next. `counted` is always the number of rows that batches of this process left dead.
#[derive(Clone, Debug)]
pub struct VacuumTiming {
    threshold: u64,
    patience: u64,
    /// Dead rows when they were last looked at, and the count then.
    seen: u64,
    seen_at: u64,
    /// So many dead rows make the next one due.
    next: u64,
}

/// What a vacuum was good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VacuumWorth {
    /// It made room.
    Freed {
        /// Dead rows that it removed.
        removed: u64,
    },
    /// Most dead rows are where they were.
    HeldBack {
        /// Dead rows that it removed all the same.
        removed: u64,
    },
}

impl VacuumTiming {
    /// For a table of so many rows.
    pub fn new(rows: u64) -> Self {
        let threshold = (rows / ONE_IN).max(AT_LEAST);
        Self { threshold, patience: 1, seen: 0, seen_at: 0, next: threshold }
    }

    /// How many dead rows make a vacuum due, while vacuums can remove them.
    pub fn threshold(&self) -> u64 {
        self.threshold
    }

    /// Whether to vacuum now, with about so many rows still to change. For the last few it is not worth it.
    pub fn is_due(&self, counted: u64, to_come: u64) -> bool {
        self.dead(counted) >= self.next && to_come >= self.threshold / AGAIN_AFTER
    }

    /// Hears what the statistics say: they may lack the latest rows, but know of everybody's. `vacuumed`: somebody else has
    /// vacuumed the table since, so that what was counted before tells nothing any more.
    pub fn saw(&mut self, counted: u64, dead: u64, vacuumed: bool) {
        if vacuumed {
            self.next = self.threshold;
            self.patience = 1;
        }
        self.seen = if vacuumed { dead } else { self.dead(counted).max(dead) };
        self.seen_at = counted;
    }

    /// It cannot be done now.
    pub fn put_off(&mut self, counted: u64) {
        self.next = self.dead(counted) + self.threshold / AGAIN_AFTER;
    }

    /// One that began at that count is done, and so many of those dead rows are left. Those are of no use to wait for: others must die first.
    pub fn vacuumed(&mut self, counted: u64, left: u64) -> VacuumWorth {
        let before = self.dead(counted);
        let removed = before.saturating_sub(left);
        let held_back = left > before / 2;
        self.patience = if held_back { (self.patience * 2).min(MOST_PATIENCE) } else { 1 };
        (self.seen, self.seen_at) = (left, counted);
        self.next = left + self.threshold * self.patience;
        if held_back { VacuumWorth::HeldBack { removed } } else { VacuumWorth::Freed { removed } }
    }

    /// Dead rows by the count and what was seen.
    pub fn dead(&self, counted: u64) -> u64 {
        self.seen + counted.saturating_sub(self.seen_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A vacuum is due at every 100,000 dead rows.
    const ROWS: u64 = 1_100_000;
    const MANY: u64 = 1_000_000;

    #[test]
    fn a_table_is_vacuumed_when_a_part_of_it_is_dead_and_never_for_a_few_rows() {
        for (rows, threshold) in [(0, 20_000), (100_000, 20_000), (1_100_000, 100_000), (1_100_000_000, 100_000_000)] {
            let timing = VacuumTiming::new(rows);
            assert_eq!(timing.threshold(), threshold, "{rows}");
            assert!(!timing.is_due(threshold - 1, MANY * 1_000));
            assert!(timing.is_due(threshold, MANY * 1_000));
        }
    }

    #[test]
    fn the_last_few_rows_are_not_worth_it() {
        let timing = VacuumTiming::new(ROWS);
        for (to_come, due) in [(MANY, true), (25_000, true), (24_999, false), (0, false)] {
            assert_eq!(timing.is_due(100_000, to_come), due, "{to_come}");
        }
    }

    #[test]
    fn the_next_one_comes_when_as_many_have_died_again() {
        let mut timing = VacuumTiming::new(ROWS);
        assert_eq!(timing.vacuumed(100_000, 0), VacuumWorth::Freed { removed: 100_000 });
        assert!(!timing.is_due(199_999, MANY) && timing.is_due(200_000, MANY));
        assert_eq!(timing.vacuumed(200_000, 5_000), VacuumWorth::Freed { removed: 95_000 });
        assert!(!timing.is_due(299_999, MANY) && timing.is_due(300_000, MANY), "those that are left make none due");
    }

    #[test]
    fn what_others_leave_dead_counts_and_late_statistics_do_not_hide_ours() {
        let mut timing = VacuumTiming::new(ROWS);
        timing.saw(0, 70_000, false);
        assert!(timing.is_due(30_000, MANY), "70,000 were dead at the start");
        timing.saw(30_000, 40_000, false);
        assert!(timing.is_due(30_000, MANY), "the statistics lag behind");
        timing.saw(30_000, 10, true);
        assert!(!timing.is_due(30_000, MANY), "autovacuum was there");
        assert!(!timing.is_due(129_989, MANY) && timing.is_due(129_990, MANY));
    }

    #[test]
    fn while_somebody_holds_the_dead_rows_back_the_next_one_waits_longer() {
        let mut timing = VacuumTiming::new(ROWS);
        let mut counted = 100_000;
        for patience in [2, 4, 8, 16, 16] {
            let dead = timing.dead(counted);
            assert_eq!(timing.vacuumed(counted, dead), VacuumWorth::HeldBack { removed: 0 });
            assert!(!timing.is_due(counted + patience * 100_000 - 1, MANY), "{patience}");
            counted += patience * 100_000;
            assert!(timing.is_due(counted, MANY), "{patience}");
        }
        assert_eq!(timing.vacuumed(counted, 0), VacuumWorth::Freed { removed: counted });
        assert!(timing.is_due(counted + 100_000, MANY), "patient no more");
    }

    #[test]
    fn one_that_was_put_off_is_tried_again_soon() {
        let mut timing = VacuumTiming::new(ROWS);
        timing.put_off(100_000);
        assert!(!timing.is_due(124_999, MANY) && timing.is_due(125_000, MANY));
    }
}
