//! What happened, in the past tense, and why a run waits. The engine tells; the bar, the log and the state tables
//! listen. Knows nobody who listens.

mod observation;

pub use observation::{Observation, ObservedSignal};

use crate::key::{Key, KeyRange};
use crate::quantity::Quantity;
use crate::run::RunState;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A signal's name, as in reasons, metrics and `why`: `replication-lag`, or what a job calls its own.
pub type SignalName = Arc<str>;

/// Something that happened in a run.
#[derive(Clone, Debug)]
pub enum Event {
    /// This process holds the run now.
    Started {
        /// The run's number in the state tables.
        run: i64,
        /// The table it walks.
        table: String,
        /// The state in which this process took it.
        state: RunState,
        /// Whether checkpoints of an earlier process were found.
        resumed: bool,
        /// Rows expected in the table, from statistics; a guess.
        estimated_rows: u64,
        /// Rows that are set aside.
        rows_quarantined: u64,
        /// How far the run was when this process took it.
        progress: Progress,
    },
    /// A batch and its checkpoint are committed.
    BatchCommitted {
        /// The rows it covered.
        range: KeyRange,
        /// Rows changed.
        rows: u64,
        /// Rows looked at for it, changed or not.
        scanned: u64,
        /// From BEGIN to the answer of COMMIT.
        took: Duration,
        /// Write-ahead log that the server wrote meanwhile: at least the batch's own. `None` where there is none.
        wal_bytes: Option<u64>,
        /// The run's progress with this batch.
        progress: Progress,
    },
    /// A batch had begun and was rolled back, whatever follows from that.
    BatchRolledBack,
    /// A batch was rolled back and will be tried again.
    BatchRetried {
        /// One of [`RETRY_CLASSES`].
        class: &'static str,
        /// Which failure; never a row's values.
        failure: String,
        /// Before the next try.
        delay: Duration,
    },
    /// A row cannot be changed and was set aside.
    RowQuarantined {
        /// Which.
        key: Key,
        /// Why; never a row's values.
        failure: String,
    },
    /// Somebody kept a lock on rows of this range; it is walked last.
    RangeSetAside {
        /// Which.
        range: KeyRange,
        /// Who, as far as that is known.
        why: String,
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
    /// No batch may begin, for these reasons; told again whenever what they say changes.
    Held {
        /// All of them, the strictest first.
        reasons: Vec<Reason>,
    },
    /// Batches may begin again.
    Released,
    /// A hold has now lasted longer than its signal's `max_hold`.
    HeldTooLong {
        /// Why it holds.
        reason: Reason,
        /// For how long by now.
        lasted: Duration,
    },
    /// The run goes faster or slower.
    SpeedChanged {
        /// The speed before, for people.
        from: String,
        /// The speed after.
        to: String,
        /// Because of what.
        why: String,
    },
    /// A knob has another value than before, because somebody set it or because what they set has ended.
    KnobSet {
        /// Which: `batch.rows`.
        knob: String,
        /// The value before; `None`: none, which is no limit.
        from: Option<String>,
        /// The value in force from now on.
        to: Option<String>,
        /// Who set it, until when and why; or that it has ended.
        why: String,
    },
    /// What was set over the job file does not fit it any more, and is left out.
    KnobIgnored {
        /// Which.
        knob: String,
        /// Why, in the words of the job file's check.
        why: String,
    },
    /// The database cannot be reached; workers wait and try again.
    ConnectionLost {
        /// What the last try met; never a password.
        failure: String,
    },
    /// The database answers again.
    ConnectionRestored,
    /// How the run goes, told once a second.
    Observed(Box<Observation>),
    /// Another runner has the run: this process was not heard of for too long.
    LeaseLost,
    /// This process holds the run no more.
    LetGo {
        /// The state it left the run in; `None` where that is not known here.
        state: Option<RunState>,
        /// Where this process's time went, to the end.
        time: BTreeMap<Bucket, Duration>,
    },
}

/// The classes of failures after which a batch is tried again at once: a conflict, somebody's lock, too much at a time.
/// After any other the run waits for a person or a server, and says so as a [`Reason`].
pub const RETRY_CLASSES: [&str; 3] = ["retry", "locked", "shrink"];

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
    /// No slice is left for this worker, or the run is between two passes.
    Idle,
}

impl Bucket {
    /// Those that every run has; the others are there once a signal holds or slows it.
    pub const PLAIN: [Self; 9] = [
        Self::Boundary,
        Self::Apply,
        Self::Commit,
        Self::LockWait,
        Self::Retry,
        Self::Duty,
        Self::Rate,
        Self::Paused,
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
            Self::Idle => f.write_str("idle"),
        }
    }
}
