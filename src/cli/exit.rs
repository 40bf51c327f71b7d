//! Which exit code does an ending have? The one list, and the one way to fail with words.

use crate::db::{Class, Failure};
use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// Done.
    Done,
    /// Failed: an error, a refusal, an end that could not be proven.
    Failed,
    /// The command line or the job file is wrong.
    Usage,
    /// Done, with rows that are set aside.
    Quarantined,
    /// Stopped before the end: paused, cancelled, SIGTERM.
    Stopped,
    /// Another runner has it.
    Held,
    /// The database cannot be reached; try again.
    Unreachable,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Quarantined => 3,
            Exit::Stopped => 4,
            Exit::Held => 5,
            Exit::Unreachable => 75,
        })
    }
}

/// Says what went wrong.
pub(super) fn fail(words: &str, exit: Exit) -> Exit {
    super::wording::say(&format!("error: {words}"));
    exit
}

/// Says what the database said.
pub(super) fn database_failed(failure: &Failure) -> Exit {
    match failure.class {
        Class::Lost => fail(&format!("{failure}; try again when the database answers"), Exit::Unreachable),
        Class::Fatal | Class::Row | Class::Login => fail(&failure.to_string(), Exit::Failed),
        Class::Retry
        | Class::Locked
        | Class::Shrink
        | Class::Cancelled
        | Class::Reset
        | Class::Ambiguous
        | Class::Wait => fail(&format!("{failure}; try again"), Exit::Unreachable),
    }
}
