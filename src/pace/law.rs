//! How fast may the run go, by all that was measured? Hears readings and the time, answers with a [`Verdict`]. Reads no
//! clock; knows neither who measures nor who waits.

use super::signal::{Limit, Reading};
use crate::event::{Reason, SignalName};
use crate::quantity::Quantity;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// How much of their time how many workers may be busy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Speed {
    /// So many workers may begin batches.
    pub workers: u32,
    /// For this share of their time, above 0 up to 1.
    pub share: f64,
}

/// What all signals together allow.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// How fast, once nothing holds the run.
    pub speed: Speed,
    /// The signal that is nearest to its limit, while the run is slower than it could be.
    pub slowed_by: Option<SignalName>,
    /// Why no batch may begin; the strictest first. Empty: they may.
    pub held: Vec<Reason>,
    /// Signals whose hold has now lasted longer than their `max_hold`: told once for each hold.
    pub held_too_long: Vec<HeldTooLong>,
}

/// A hold that lasts longer than its signal's `max_hold`.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldTooLong {
    /// Why it holds.
    pub reason: Reason,
    /// For how long by now.
    pub lasted: Duration,
}

/// Where a signal is going.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trend {
    /// Up.
    Rising,
    /// Neither.
    Steady,
    /// Down.
    Falling,
}

/// A signal as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SignalView {
    /// Its name.
    pub signal: String,
    /// What was seen; `None`: unknown.
    pub seen: Option<Quantity>,
    /// Of which replica, slot or table.
    pub of: Option<String>,
    /// Why it is unknown.
    pub unknown: Option<String>,
    /// Its limit.
    pub max: Quantity,
    /// Seconds since the reading; `None`: there was none yet.
    pub age_seconds: Option<f64>,
    /// Where it is going, once that can be told.
    pub trend: Option<Trend>,
    /// Whether it holds the run.
    pub holds: bool,
}

/// Judges all signals of a run together.
#[derive(Clone, Debug)]
pub struct Law {
    limits: Vec<Limit>,
    workers: u32,
}

impl Law {
    /// The law of a run with so many workers.
    pub fn new(limits: Vec<Limit>, workers: u32, _now: Instant) -> Self {
        Self { limits, workers }
    }

    /// Hears what was seen of a signal.
    pub fn note(&mut self, _reading: Reading) {}

    /// Decides. Called several times a second.
    pub fn judge(&mut self, _now: Instant) -> Verdict {
        let speed = Speed { workers: self.workers, share: 1.0 };
        Verdict { speed, slowed_by: None, held: Vec::new(), held_too_long: Vec::new() }
    }

    /// All signals as they are shown.
    pub fn view(&self, _now: Instant) -> Vec<SignalView> {
        self.limits.iter().map(|_| unreachable!()).collect()
    }
}
