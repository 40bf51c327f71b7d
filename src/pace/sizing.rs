//! How many rows does the next batch take? Hears what the last ones cost; knows no clock.

use std::time::Duration;

/// Within what, and towards what, batches are sized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Rows of the first batch.
    pub start: u32,
    /// Never fewer.
    pub least: u32,
    /// Never more.
    pub most: u32,
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
}

impl Sizing {
    /// Sizes of the walk.
    pub fn of_walk(sizes: Sizes) -> Self {
        Self { rows: sizes.start, sizes }
    }

    /// Sizes of a sweep: its batches find next to nothing to change, so they look at as many rows as they may.
    pub fn of_sweep(sizes: Sizes) -> Self {
        Self { rows: sizes.most, sizes }
    }

    /// Rows of the next batch.
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// The server gave the batch up: take half. `false`: it is as small as it may be.
    pub fn shrink(&mut self) -> bool {
        let shrinks = self.rows > self.sizes.least;
        self.rows = (self.rows / 2).max(self.sizes.least).min(self.rows);
        shrinks
    }

    /// A batch was committed.
    pub fn note(&mut self, _cost: Cost) {
        self.rows = self.rows.saturating_add(self.rows.div_ceil(2)).min(self.sizes.most);
    }
}
