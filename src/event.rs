//! What happened, in the past tense, and why a run waits. The engine tells; the bar, the log and the state tables
//! listen. Knows nobody who listens.

use crate::key::KeyRange;
use crate::run::RunState;
use std::fmt;
use std::time::Duration;

/// Something that happened in a run.
#[derive(Clone, Debug)]
pub enum Event {
    /// This process holds the run now.
    Started {
        /// The run's number in the state tables.
        run: i64,
        /// Whether checkpoints of an earlier process were found.
        resumed: bool,
        /// Rows expected in the table, from statistics; a guess.
        estimated_rows: u64,
        /// How far the run was when this process took it.
        progress: Progress,
    },
    /// A batch and its checkpoint are committed.
    BatchCommitted {
        /// The rows it covered.
        range: KeyRange,
        /// Rows changed.
        rows: u64,
        /// From BEGIN to the answer of COMMIT.
        took: Duration,
        /// The run's progress with this batch.
        progress: Progress,
    },
    /// A batch was rolled back and will be tried again.
    BatchRetried {
        /// Which failure; never a row's values.
        failure: String,
        /// Before the next try.
        delay: Duration,
    },
    /// The run reached another state.
    Moved {
        /// The state reached.
        to: RunState,
        /// Why, where somebody gave a reason.
        reason: Option<Reason>,
    },
    /// A pass over what is left has begun.
    SweepStarted {
        /// 1 for the first.
        pass: i64,
    },
    /// The database cannot be reached; workers wait and try again.
    ConnectionLost {
        /// What the last try met; never a password.
        failure: String,
    },
    /// The database answers again.
    ConnectionRestored,
}

/// How far a run is, from what is committed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Progress {
    /// Rows changed by every process of this run.
    pub rows_changed: u64,
    /// Batches committed by every process of this run.
    pub batches: u64,
    /// Share of the key space that is walked, 0 to 1; never above.
    pub share: f64,
}

/// Why a run waits, in one shape: `<what> <seen> <op> <limit>` for a signal, a sentence for an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Somebody paused it.
    OperatorPause {
        /// OS user at host.
        actor: String,
        /// What they gave as the reason.
        reason: Option<String>,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OperatorPause { actor, reason: Some(reason) } => write!(f, "operator pause by {actor}: {reason}"),
            Self::OperatorPause { actor, reason: None } => write!(f, "operator pause by {actor}"),
        }
    }
}
