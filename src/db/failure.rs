//! What went wrong at the database, and which answer is right? One [`Failure`] for every database; each adapter's
//! `failure` module decides the class from the error code.

use std::fmt;
use std::time::Duration;

/// What to do about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Rolled back; the same batch may succeed when tried again.
    Retry,
    /// Rolled back because somebody else has a lock. It is theirs: wait, and set the range aside if they keep it.
    Locked,
    /// Rolled back because it took too long or too much; a smaller batch may succeed.
    Shrink,
    /// Rolled back because somebody cancelled the statement at the server: they want it to stop.
    Cancelled,
    /// What this connection remembers is wrong; a new one may serve. Tried a few times only.
    Reset,
    /// The connection is gone or the server cannot serve now: connect again, then read what was committed.
    Lost,
    /// COMMIT was sent and nobody knows what came of it: a locking read over a new connection tells.
    Ambiguous,
    /// Rolled back, and nothing is wrong with the batch: something that a person or time must mend, such as a full disk.
    /// Tried again now and then, for as long as it takes.
    Wait,
    /// The server lets this role in no more. Passwords are rotated, so a running job asks a few times, slowly: many wrong
    /// tries lock accounts.
    Login,
    /// A row is at fault: the others of the batch can be changed.
    Row,
    /// Trying again cannot mend it.
    Fatal,
}

impl Class {
    /// The word in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Locked => "locked",
            Self::Shrink => "shrink",
            Self::Cancelled => "cancelled",
            Self::Reset => "reset",
            Self::Lost => "lost",
            Self::Ambiguous => "ambiguous",
            Self::Wait => "wait",
            Self::Login => "login",
            Self::Row => "row",
            Self::Fatal => "fatal",
        }
    }
}

/// What a session was doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nothing of a batch: connecting, planning, reading and moving the record of a run.
    Outside,
    /// Beginning a batch: its slice's lock and the look-up of its boundary. One message on PostgreSQL.
    Begin,
    /// Changing the rows.
    Apply,
    /// Recording the range as done.
    Checkpoint,
    /// Committing.
    Commit,
}

/// The circumstances under which an error was met, as far as its class depends on them.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances {
    /// What was being done.
    pub phase: Phase,
    /// Whether the call took at least as long as the server lets a statement take: then the server ended it, else
    /// somebody else did, under the same code.
    pub timed_out: bool,
}

impl Circumstances {
    /// Outside of any batch.
    pub const OUTSIDE: Self = Self { phase: Phase::Outside, timed_out: true };

    /// A call of a batch that took `elapsed` where `statement_timeout` was allowed.
    pub fn of(phase: Phase, elapsed: Duration, statement_timeout: Duration) -> Self {
        Self { phase, timed_out: elapsed >= statement_timeout }
    }
}

/// What the server said of the row at fault, for its record in the quarantine.
#[derive(Clone, Default)]
pub struct RowFault {
    /// The constraint that refused it.
    pub constraint: Option<String>,
    /// The column.
    pub column: Option<String>,
    /// The server's own words. They repeat the row's values: never shown, and kept only where a job says so.
    pub detail: String,
}

impl fmt::Debug for RowFault {
    /// Without the words, which repeat values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { constraint, column, .. } = self;
        f.debug_struct("RowFault").field("constraint", constraint).field("column", column).finish_non_exhaustive()
    }
}

/// A failure of one call to the database. Its text never holds a password or, from classes 22 and 23, a row's value.
#[derive(Clone, Debug, thiserror::Error)]
pub struct Failure {
    /// What to do about it.
    pub class: Class,
    /// The database's code: an SQLSTATE, or SQLite's extended code.
    pub code: Option<String>,
    /// What the database said.
    pub message: String,
    /// What was being done.
    pub doing: Option<String>,
    /// Of the row at fault, where one is.
    pub row: Option<Box<RowFault>>,
}

impl Failure {
    /// A failure that the database gave no code for.
    pub fn new(class: Class, message: impl Into<String>) -> Self {
        Self { class, code: None, message: message.into(), doing: None, row: None }
    }

    /// A failure that trying again cannot mend.
    pub fn fatal(message: impl Into<String>) -> Self {
        Self::new(Class::Fatal, message)
    }

    /// Says what was being done.
    #[must_use]
    pub fn while_doing(mut self, doing: impl Into<String>) -> Self {
        self.doing.get_or_insert_with(|| doing.into());
        self
    }

    /// The same failure in another class.
    #[must_use]
    pub fn classed(mut self, class: Class) -> Self {
        self.class = class;
        self
    }

    /// Whether somebody else had a lock for too long, or both waited for each other.
    pub fn is_lock_wait(&self) -> bool {
        // PostgreSQL: lock_not_available, deadlock_detected. SQLite: BUSY and LOCKED in all their forms.
        self.has_code(&["55P03", "40P01", "5", "261", "517", "773", "6", "262"])
    }

    /// Whether the database's code is one of these.
    pub fn has_code(&self, codes: &[&str]) -> bool {
        self.code.as_deref().is_some_and(|code| codes.contains(&code))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(doing) = &self.doing {
            write!(f, "could not {doing}: ")?;
        }
        f.write_str(&self.message)?;
        match &self.code {
            Some(code) => write!(f, " ({code})"),
            None => Ok(()),
        }
    }
}
