//! What does a runner tell of its pace? The one shape that travels through the state tables to `why` and `status`.

use super::law::{SignalView, Speed};
use serde::{Deserialize, Serialize};

/// A run's pace as its runner sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PaceReport {
    /// Rows changed per second, of the last moments.
    pub rows_per_second: f64,
    /// How much of their time how many workers may be busy, once nothing holds the run.
    pub speed: Speed,
    /// Rows of the next batch.
    pub batch_rows: u32,
    /// How long a batch took lately, in seconds; `None` while no batch has told.
    #[serde(default)]
    pub batch_seconds: Option<f64>,
    /// Why no batch may begin, as people read it; an operator's pause is not among them.
    pub held: Vec<String>,
    /// Every signal with its limit.
    pub signals: Vec<SignalView>,
    /// The last changes of speed, newest last.
    pub changes: Vec<SpeedChange>,
}

/// A change of speed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpeedChange {
    /// When, seconds since 1970 by the runner's clock.
    pub at: f64,
    /// The speed before, for people.
    pub from: String,
    /// The speed after.
    pub to: String,
    /// Because of what.
    pub why: String,
}
