//! What went wrong at the database, and which answer is right? One [`Failure`] for every database; each adapter's
//! `failure` module decides the class from the error code.

use std::fmt;

/// What to do about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Rolled back; the same batch may succeed when tried again.
    Retry,
    /// Rolled back because it took too long; a smaller batch may succeed.
    Shrink,
    /// The connection is gone or the server cannot serve now: connect again, then read what was committed.
    Lost,
    /// Rolled back, and nothing is wrong with the batch: something that a person or time must mend, such as a full disk.
    /// Tried again now and then, for as long as it takes.
    Wait,
    /// Trying again cannot mend it.
    Fatal,
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
}

impl Failure {
    /// A failure that the database gave no code for.
    pub fn new(class: Class, message: impl Into<String>) -> Self {
        Self { class, code: None, message: message.into(), doing: None }
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
