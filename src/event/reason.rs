//! Why does a run wait? In one shape for the screen, the log and the state tables. Knows nobody who waits.

use super::SignalName;
use crate::quantity::Quantity;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// Why a run waits, in one shape: `<what> <seen> <op> <limit>` for a signal, a sentence for an operator.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// Somebody paused it.
    OperatorPause {
        /// OS user at host.
        actor: String,
        /// What they gave as the reason.
        reason: Option<String>,
    },
    /// A signal is over its limit, or was and has not fallen far enough since.
    Over {
        /// Which.
        signal: SignalName,
        /// What was seen.
        seen: Quantity,
        /// The limit, or what it must fall to.
        limit: Quantity,
        /// It is under its limit again; below `limit` the run goes on.
        falling: bool,
        /// Of which replica, slot or table.
        of: Option<String>,
    },
    /// A signal cannot be read.
    Unknown {
        /// Which.
        signal: SignalName,
        /// Why.
        why: String,
    },
    /// A file holds it.
    HoldFile {
        /// The file.
        path: PathBuf,
    },
    /// It may not be told whether a file holds it.
    HoldFileUnknown {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The database cannot take batches now, and somebody or time must mend it.
    Trouble {
        /// What it said; never a row's values.
        what: String,
    },
    /// Somebody keeps a lock.
    Locked {
        /// What was met, and who has it as far as that is known.
        what: String,
    },
    /// No window is open.
    WindowClosed {
        /// When the next one opens: `Mon 22:00 Europe/Berlin`.
        until: String,
    },
}

impl Reason {
    /// What may hold a run beside its signals, by the names that [`Reason::signal`] gives them.
    pub const BESIDE_SIGNALS: [&str; 5] = ["operator", "window", "hold-file", "database", "lock"];

    /// Whether it says that nothing may be done to the table at this time, a vacuum as little as a batch.
    pub fn forbids_all_work(&self) -> bool {
        matches!(self, Self::WindowClosed { .. } | Self::HoldFile { .. } | Self::HoldFileUnknown { .. })
    }

    /// What holds the run, as a label: a signal's name, `window`, `hold-file`, `operator`.
    pub fn signal(&self) -> SignalName {
        match self {
            Self::OperatorPause { .. } => "operator".into(),
            Self::Over { signal, .. } | Self::Unknown { signal, .. } => Arc::clone(signal),
            Self::HoldFile { .. } | Self::HoldFileUnknown { .. } => "hold-file".into(),
            Self::Trouble { .. } => "database".into(),
            Self::Locked { .. } => "lock".into(),
            Self::WindowClosed { .. } => "window".into(),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OperatorPause { actor, reason: Some(reason) } => write!(f, "operator pause by {actor}: {reason}"),
            Self::OperatorPause { actor, reason: None } => write!(f, "operator pause by {actor}"),
            Self::Over { signal, seen, limit, falling, of } => {
                write!(f, "{signal} {seen} > {limit}")?;
                if let Some(of) = of {
                    write!(f, " ({of})")?;
                }
                if *falling { f.write_str(", where it goes on") } else { Ok(()) }
            }
            Self::Unknown { signal, why } => write!(f, "{signal} unknown: {why}"),
            Self::HoldFile { path } => write!(f, "hold-file {} exists", path.display()),
            Self::HoldFileUnknown { path, why } => write!(f, "hold-file {} unknown: {why}", path.display()),
            Self::Trouble { what } => write!(f, "database: {what}"),
            Self::Locked { what } => write!(f, "lock: {what}"),
            Self::WindowClosed { until } => write!(f, "window closed, held until {until}"),
        }
    }
}

/// Reasons as people read them, all at once: `replication-lag 4.2s > 2s; window closed, …`.
pub fn all_reasons(reasons: &[Reason]) -> String {
    reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
