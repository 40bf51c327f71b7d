//! What happened, in the past tense, and why a run waits. The engine tells; the bar, the log and the state tables
//! listen. Knows nobody who listens.

mod bucket;
mod observation;
mod reason;

pub use bucket::Bucket;
pub use observation::{Observation, ObservedSignal};
pub use reason::{Reason, all_reasons};

use crate::key::{Key, KeyRange};
use crate::run::RunState;
use std::collections::BTreeMap;
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
    /// Partitions came to the table or went from it since the start.
    PartitionsChanged {
        /// Which, and what that means for their rows.
        what: String,
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
    /// A vacuum of the table begins, beside the batches.
    VacuumBegun,
    /// The table was vacuumed.
    Vacuumed {
        /// From its first statement to its end.
        took: Duration,
        /// Dead rows that it removed, by the server's statistics.
        removed: u64,
        /// Dead rows that it had to leave: somebody may still see them.
        left: u64,
    },
    /// A vacuum left most of the dead rows where they are; the next one waits longer.
    VacuumHeldBack {
        /// Who may still see them: its kind, and its name where it has one.
        by: String,
    },
    /// The table is not vacuumed now; the run goes on.
    VacuumPutOff {
        /// Why.
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
