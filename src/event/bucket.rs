//! What does a worker spend its time on? The names of it, the same in the time ledger, on the page and in metrics.

use super::SignalName;
use std::fmt;

/// Where a worker's time goes. Every moment of a worker falls into exactly one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Bucket {
    /// Begins a batch: lock of the slice, look-up of the batch's end.
    Boundary,
    /// Changes rows.
    Apply,
    /// Writes the checkpoint and commits.
    Commit,
    /// Batches that were given up because somebody else had a lock.
    LockWait,
    /// Batches that were given up for another reason, waits before the next try, and connecting again.
    Retry,
    /// No batch may begin, because of this signal.
    Held(SignalName),
    /// Rests between batches, or stays away, because this signal is near its limit.
    Slowed(SignalName),
    /// Rests between batches because the job says so.
    Duty,
    /// Waits for `max_rows_per_second`.
    Rate,
    /// An operator paused the run.
    Paused,
    /// The table is vacuumed beside the batches. No worker's time, so it is not in the sum of the others.
    Vacuum,
    /// No slice is left for this worker, or the run is between two passes.
    Idle,
}

impl Bucket {
    /// Those that every run has; the others are there once a signal holds or slows it.
    pub const PLAIN: [Self; 10] = [
        Self::Boundary,
        Self::Apply,
        Self::Commit,
        Self::LockWait,
        Self::Retry,
        Self::Duty,
        Self::Rate,
        Self::Paused,
        Self::Vacuum,
        Self::Idle,
    ];
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boundary => f.write_str("boundary"),
            Self::Apply => f.write_str("apply"),
            Self::Commit => f.write_str("commit"),
            Self::LockWait => f.write_str("lock-wait"),
            Self::Retry => f.write_str("retry"),
            Self::Held(signal) => write!(f, "held:{signal}"),
            Self::Slowed(signal) => write!(f, "slowed:{signal}"),
            Self::Duty => f.write_str("duty"),
            Self::Rate => f.write_str("rate"),
            Self::Paused => f.write_str("paused"),
            Self::Vacuum => f.write_str("vacuum"),
            Self::Idle => f.write_str("idle"),
        }
    }
}
