//! What is measured outside, and how much of it is too much? Knows neither how a signal is read nor what follows from
//! it.

use crate::event::SignalName;
use crate::quantity::Quantity;
use async_trait::async_trait;
use std::time::{Duration, Instant};

/// A reading older than this is no reading. Three turns of the slowest sensor: one lost answer must not hold the run,
/// two lost ones should.
pub const STALE_AFTER: Duration = Duration::from_secs(15);

/// How much of a signal is too much, and what silence means.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// Which signal.
    pub signal: SignalName,
    /// Above this the run is held.
    pub max: Quantity,
    /// What it means that the signal cannot be read.
    pub on_unknown: OnUnknown,
    /// A hold by this signal that lasts longer is put on record. It never ends by itself.
    pub max_hold: Duration,
    /// Which of the readings are judged.
    pub statistic: Statistic,
}

/// What it means that a signal cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnUnknown {
    /// The run is held: what cannot be seen may be on fire.
    #[default]
    Hold,
    /// The run goes on as if the signal were not there.
    Ignore,
}

/// Which of a signal's readings are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistic {
    /// The newest one.
    Latest,
    /// The 95th percentile of the last moments: single outliers are what latency is made of.
    P95,
}

/// What was seen of a signal.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    /// So much, in the unit of its limit.
    Value {
        /// How much.
        value: f64,
        /// Of which replica, slot or table, where there may be several.
        of: Option<String>,
    },
    /// It cannot be told, and why; never a password or a row's value.
    Unknown(String),
}

/// What was seen of a signal, and when.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Of which signal.
    pub signal: SignalName,
    /// When the reading began: what was seen is at least as old.
    pub at: Instant,
    /// What.
    pub seen: Seen,
}

/// Reads one or more signals over a connection of its own, which it opens when first asked and again after a failure.
#[async_trait]
pub trait Sensor: Send {
    /// The signals that every reading tells of.
    fn signals(&self) -> Vec<SignalName>;

    /// How long after a reading began the next one does.
    fn every(&self) -> Duration;

    /// What is seen now. May be dropped before it has ended; the next call then begins anew.
    ///
    /// # Errors
    /// Why none of the signals can be read now.
    async fn read(&mut self) -> Result<Vec<(SignalName, Seen)>, String>;
}
