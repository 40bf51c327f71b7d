//! How does a run go, moment by moment? What the process that holds it sees, told whether or not anything happened. Knows
//! nobody who listens.

use super::{Bucket, SignalName};
use crate::quantity::Quantity;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

/// How a run goes, as the process that holds it sees it.
#[derive(Clone, Debug)]
pub struct Observation {
    /// So many workers may begin batches, once nothing holds the run.
    pub workers: u32,
    /// For this share of their time, above 0 up to 1.
    pub share: f64,
    /// Rows of the next batch.
    pub batch_rows: u32,
    /// Rows changed per second, of the last moments.
    pub rows_per_second: f64,
    /// Every signal that has a limit.
    pub signals: Vec<ObservedSignal>,
    /// What holds the run, by [`Reason::signal`](super::Reason::signal); an operator's pause is not among them.
    pub held: Vec<SignalName>,
    /// Where this process's time went: a batch in hand is not in it, and no bucket ever falls.
    pub time: BTreeMap<Bucket, Duration>,
    /// Seconds until the run may end, at best and at worst. `None`: too early to say, or standing still.
    pub eta: Option<(f64, f64)>,
    /// When no window will be open any more; `None`: none is open now, or not within two weeks.
    pub window_closes: Option<SystemTime>,
}

/// A signal as it was seen last.
#[derive(Clone, Debug)]
pub struct ObservedSignal {
    /// Which.
    pub signal: SignalName,
    /// What was seen; `None`: unknown.
    pub seen: Option<Quantity>,
    /// Above this it holds the run.
    pub max: Quantity,
    /// Since the reading; `None`: there was none yet.
    pub age: Option<Duration>,
    /// Whether it holds the run.
    pub holds: bool,
}
