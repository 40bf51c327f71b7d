//! How many rows does the next batch take? Hears how the last one ended; knows no clock.

use crate::job::Batch;

/// One worker's batch size: it starts at the job's, halves when the server gives a batch up, and grows back.
#[derive(Clone, Debug)]
pub struct Sizing {
    rows: u32,
    most: u32,
    least: u32,
}

impl Sizing {
    /// Sizes of the walk.
    pub fn of_walk(batch: &Batch) -> Self {
        Self { rows: batch.rows, most: batch.rows, least: batch.min_rows }
    }

    /// Sizes of a sweep: its batches find next to nothing to change, so they look at as many rows as they may.
    pub fn of_sweep(batch: &Batch) -> Self {
        Self { rows: batch.max_rows, most: batch.max_rows, least: batch.min_rows }
    }

    /// Rows of the next batch.
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// The server gave the batch up: take half. `false`: it is as small as it may be.
    pub fn shrink(&mut self) -> bool {
        let shrinks = self.rows > self.least;
        self.rows = (self.rows / 2).max(self.least).min(self.rows);
        shrinks
    }

    /// A batch was committed: back towards the start, by at most half as much again, so that one slow spot is not
    /// met again at full size.
    pub fn grow(&mut self) {
        self.rows = self.rows.saturating_add(self.rows.div_ceil(2)).min(self.most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn batch(rows: u32, min_rows: u32, max_rows: u32) -> Batch {
        let (statement_timeout, lock_timeout) = (Duration::from_secs(30), Duration::from_secs(1));
        Batch { rows, min_rows, max_rows, workers: 1, statement_timeout, lock_timeout }
    }

    #[test]
    fn a_batch_that_was_given_up_halves_down_to_the_least_and_grows_back() {
        let mut sizing = Sizing::of_walk(&batch(5000, 1000, 10_000));
        let mut seen = Vec::new();
        while sizing.shrink() {
            seen.push(sizing.rows());
        }
        assert_eq!(seen, [2500, 1250, 1000]);
        for rows in [1500, 2250, 3375, 5000, 5000] {
            sizing.grow();
            assert_eq!(sizing.rows(), rows);
        }
    }

    #[test]
    fn a_sweep_looks_at_as_many_rows_as_it_may() {
        assert_eq!(Sizing::of_sweep(&batch(5000, 1000, 10_000)).rows(), 10_000);
        assert_eq!(Sizing::of_walk(&batch(1, 1, 1)).rows(), 1);
    }
}
