//! How many rows does the next batch take? Hears what the last ones cost; knows no clock.
//!
//! Three rules, the strictest first:
//! 1. **Too much at once**: a batch that took 5 times its target, or wrote 5 times its log, leaves a tenth of the size; one
//!    that wrote more log than it may shrinks it in proportion. What was learned before is forgotten, so that the
//!    size does not jump straight back.
//! 2. **What fits**: as many rows as take `target_time` at the 90th percentile of what a row of the last 10 batches took,
//!    or as write `max_wal` at the most that a row of them wrote; whichever is fewer.
//! 3. **Little by little**: half as much again at most, and from a size that was tried; a difference of less than a
//!    tenth is noise.
//!
//! A batch of less than half the size, such as the last of a slice, teaches nothing about what fits: the fixed cost of a
//! transaction makes its rows look dear. A model of the fixed cost would learn from it too, at the price of a fit that one
//! stalled batch can turn upside down.

use std::collections::VecDeque;
use std::time::Duration;

/// Batches that are remembered. Enough for one outlier not to count, few enough to follow a table that changes.
const REMEMBERED: usize = 10;

/// Where the log allows fewer rows than this, their sizes do not even out within a batch.
const FEW_ROWS: u32 = 10;

/// So many times the target is no noise any more.
const OVERRUN: u32 = 5;

/// Within what, and towards what, batches are sized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Rows of the first batch.
    pub start: u32,
    /// Never fewer.
    pub least: u32,
    /// Never more.
    pub most: u32,
    /// Never more are looked at to find rows in scope.
    pub scan: u32,
    /// How long a batch should take.
    pub target_time: Duration,
    /// How many bytes of write-ahead log a batch may write.
    pub max_wal: u64,
}

/// What a committed batch cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Rows in its range, changed or not.
    pub rows: u32,
    /// From BEGIN to the answer of COMMIT.
    pub took: Duration,
    /// Write-ahead log written, where that is known.
    pub wal_bytes: Option<u64>,
}

/// The batch size of a run's workers, learned from all of them.
#[derive(Clone, Debug)]
pub struct Sizing {
    rows: u32,
    sizes: Sizes,
    /// Of batches about as large as the next one, the newest last.
    remembered: VecDeque<Cost>,
}

impl Sizing {
    /// Sizes of the walk.
    pub fn of_walk(sizes: Sizes) -> Self {
        Self { rows: sizes.within(sizes.start), sizes, remembered: VecDeque::new() }
    }

    /// Sizes of a sweep: its batches find next to nothing to change, so they look at as many rows as they may.
    pub fn of_sweep(sizes: Sizes) -> Self {
        Self { rows: sizes.within(sizes.most), ..Self::of_walk(sizes) }
    }

    /// Fewer rows than this are not asked for.
    pub fn least(&self) -> u32 {
        self.sizes.least
    }

    /// Rows of the next batch.
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// Other sizes from now on. The next batch begins where they do, if that was changed; else where it was, as far as they
    /// allow.
    pub fn resize(&mut self, sizes: Sizes) {
        let before = std::mem::replace(&mut self.sizes, sizes);
        if before.start != sizes.start {
            self.rows = sizes.start;
            // What larger or smaller batches cost would move it away again at once.
            self.remembered.clear();
        }
        self.rows = sizes.within(self.rows);
    }

    /// How long a batch took, on average of those remembered. `None`: none is, as after one that was too much.
    pub fn took_lately(&self) -> Option<Duration> {
        let took: Duration = self.remembered.iter().map(|cost| cost.took).sum();
        took.checked_div(u32::try_from(self.remembered.len()).ok()?)
    }

    /// The server gave a batch of so many rows up: take half of it. Two workers that are given up at once halve once.
    pub fn shrink(&mut self, rows: u32) {
        self.rows = self.sizes.within(rows / 2).min(self.rows);
        // The batches before fitted, and yet this size did not.
        self.remembered.clear();
    }

    /// A batch was committed.
    pub fn note(&mut self, cost: Cost) {
        let cut = self.sizes.cut(&cost, self.rows);
        if let Some(cut) = cut {
            self.remembered.clear();
            self.rows = self.sizes.within(cut).min(self.rows);
        }
        if is_telling(&cost, self.rows) {
            self.remember(cost);
            if cut.is_none() {
                self.rows = self.next(&cost);
            }
        }
    }

    fn remember(&mut self, cost: Cost) {
        self.remembered.push_back(cost);
        self.remembered.retain(|cost| is_telling(cost, self.rows));
        while self.remembered.len() > REMEMBERED {
            self.remembered.pop_front();
        }
    }

    /// What fits, little by little.
    fn next(&self, last: &Cost) -> u32 {
        let (time, log) = (self.rows_by_time(), self.rows_by_log());
        // Several workers report batches of the size before: the one grows that was tried. One row can but become two.
        let tried = last.rows.min(self.rows);
        let grown = tried.saturating_add(tried.div_ceil(2)).max(self.rows);
        // Of few and large rows the next ones may be far larger than the last: one batch tells nothing yet, ten do.
        let is_guess = log < FEW_ROWS && self.remembered.len() < REMEMBERED;
        let next = self.sizes.within(time.min(log).min(if is_guess { self.rows } else { grown }));
        // At its bounds the size stays put by itself, so that there the last few rows are no noise.
        let at_bound = next == self.sizes.most || next == self.sizes.least;
        if at_bound || next.abs_diff(self.rows) >= self.rows.div_ceil(10) { next } else { self.rows }
    }

    /// How many rows take the target time. That is a target: one slow batch of ten is nobody's fault.
    fn rows_by_time(&self) -> u32 {
        let by_row = self.remembered.iter().map(|cost| cost.took.as_secs_f64() / f64::from(cost.rows));
        fitting(self.sizes.target_time.as_secs_f64(), p90(by_row))
    }

    /// How many rows write as much log as a batch may. That is a limit: the dearest batch counts.
    fn rows_by_log(&self) -> u32 {
        let by_row = self.remembered.iter().filter_map(|cost| Some(cost.wal_bytes? as f64 / f64::from(cost.rows)));
        fitting(self.sizes.max_wal as f64, by_row.max_by(f64::total_cmp))
    }
}

impl Sizes {
    fn within(&self, rows: u32) -> u32 {
        rows.min(self.most).max(self.least).max(1)
    }

    /// How many rows are left after a batch that was too much, while `rows` were asked for. `None`: it was not.
    fn cut(&self, cost: &Cost, rows: u32) -> Option<u32> {
        let wal = cost.wal_bytes.unwrap_or(0);
        let overran = cost.took > self.target_time.saturating_mul(OVERRUN)
            || wal > self.max_wal.saturating_mul(u64::from(OVERRUN));
        // A tenth of the batch that overran: when those of two workers do, the size has shrunk already by the second.
        let tenth = overran.then(|| cost.rows.max(rows) / 10);
        let share = (wal > self.max_wal)
            .then(|| u128::from(cost.rows) * u128::from(self.max_wal) / u128::from(wal))
            .and_then(|rows| u32::try_from(rows).ok());
        tenth.into_iter().chain(share).min()
    }
}

/// How many rows fit, each of which takes so much. What costs nothing may be had without end: the cast stops at the
/// largest number.
fn fitting(amount: f64, row: Option<f64>) -> u32 {
    row.map_or(u32::MAX, |row| (amount / row) as u32)
}

/// Whether a batch is large enough to tell what batches of `rows` cost by the row.
fn is_telling(cost: &Cost, rows: u32) -> bool {
    u64::from(cost.rows) * 2 >= u64::from(rows)
}

/// The 90th percentile: the second largest of ten, the largest of fewer.
fn p90(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<_> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    let rank = (values.len() * 9).div_ceil(10);
    values.get(rank.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests;
