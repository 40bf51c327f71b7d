//! When may batches begin? Windows of the week in a zone's own time. Hears the time; reads no clock.

use std::str::FromStr;
use std::time::SystemTime;

/// Days and times of the week in a zone, as written: `Mon-Fri 22:00-06:00 Europe/Berlin`.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    text: String,
}

/// Why a text is no window.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct WindowError {
    /// What is wrong.
    pub why: String,
    /// What to write instead.
    pub help: String,
    /// The zone is what is wrong.
    pub zone: bool,
}

/// Whether batches may begin, and until when.
#[derive(Clone, Debug, PartialEq)]
pub enum Opening {
    /// A window is open.
    Open {
        /// When the last of the windows that are open or follow each other without a gap closes; `None`: never.
        closes: Option<SystemTime>,
    },
    /// None is.
    Closed {
        /// When the next one opens, for people: `Mon 22:00 Europe/Berlin`.
        opens: String,
        /// The same moment.
        opens_at: SystemTime,
    },
}

/// Whether any of the windows is open. No windows at all: always.
pub fn opening(_windows: &[Window], _now: SystemTime) -> Opening {
    Opening::Open { closes: None }
}

impl FromStr for Window {
    type Err = WindowError;

    fn from_str(text: &str) -> Result<Self, WindowError> {
        Ok(Self { text: text.to_owned() })
    }
}

impl std::fmt::Display for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}
