//! How fast may the run go, and when not at all? What a job says of it, and the judge of `[pace]` and of its plain keys.
//! Knows nothing of how a signal is read or what follows from it.
//!
//! Reading order: `words` (what is written) → this file → `signals` (the sections of what is measured), with
//! `replication` and `hold` beside it.

mod hold;
mod replication;
mod signals;
mod words;

use super::code::Code;
use super::judge::Judge;
use super::limit;
use super::problem::{Judged, Problem, Reported, quoted};
use super::query::Query;
use super::section::Word;
use crate::pace::{Limit, Window};
use std::num::NonZeroU32;
use std::path::PathBuf;

pub(super) use words::{PaceWords, words};

/// How fast a run may go, and when not at all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pace {
    /// Rows that the whole run may touch in a second.
    pub max_rows_per_second: Option<NonZeroU32>,
    /// The share of the time that workers may be busy, above 0 up to 1. `None`: all of it.
    pub duty: Option<f64>,
    /// When batches may begin. Empty: always.
    pub windows: Vec<Window>,
    /// The run is held while this file exists.
    pub hold_file: Option<PathBuf>,
    /// What is measured, and how much of it is too much.
    pub signals: Vec<Signal>,
}

/// Something that is measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Signal {
    /// What, and how.
    pub source: Source,
    /// One limit; two where lag is limited in seconds and in bytes.
    pub limits: Vec<Limit>,
}

/// What is measured, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// How far replicas are behind.
    ReplicationLag {
        /// How many must be seen.
        replicas: u32,
        /// Names of environment variables that hold the addresses of replicas that the primary does not show.
        url_env: Vec<String>,
    },
    /// Write-ahead log that the whole server writes.
    WalRate,
    /// Write-ahead log that the slowest replication slot keeps from being removed.
    RetainedWal,
    /// Files of write-ahead log that wait to be archived.
    ArchiveBacklog,
    /// Autovacuum at work on the table.
    Autovacuum,
    /// How long the oldest transaction has been open.
    OldestTransaction,
    /// Sessions at work, ours left out.
    ActiveSessions,
    /// How long anybody waits for a lock of ours.
    LockWaits,
    /// The application's own query, timed.
    Probe {
        /// The query.
        sql: Query,
    },
    /// A query of the user's that returns one number.
    Custom {
        /// The query.
        sql: Query,
    },
}

/// The pace, where what is not written is not limited.
pub(super) fn pace(word: Option<Word<PaceWords>>, judge: &mut Judge<'_>) -> Judged<Pace> {
    let Some(word) = word else { return Ok(Pace::default()) };
    let words = word.value?;
    let max_rows_per_second = words.max_rows_per_second.as_ref().map(|word| rate(word, judge)).transpose();
    let duty = words.duty.as_ref().map(|word| duty(word, judge)).transpose();
    let windows = words.window.as_ref().map_or(Ok(Vec::new()), |word| windows(word, judge));
    let hold_file = words.hold_file.as_ref().map(|word| hold_file(word, judge)).transpose();
    let signals = signals::signals(&words, judge);
    Ok(Pace {
        max_rows_per_second: max_rows_per_second?,
        duty: duty?,
        windows: windows?,
        hold_file: hold_file?,
        signals: signals?,
    })
}

fn rate(word: &Word<i64>, judge: &mut Judge<'_>) -> Judged<NonZeroU32> {
    let rate = word.value?;
    let (least, most) = limit::RATE.into_inner();
    let (why, help) = match rate {
        few if few < least => ("nothing would ever be done", "write at least 1, or remove it".to_owned()),
        many if many > most => ("no server writes as much", format!("write at most {most}, or remove it")),
        rate => return u32::try_from(rate).ok().and_then(NonZeroU32::new).ok_or(Reported),
    };
    let message = format!("`pace.max_rows_per_second` cannot be {rate}: {why}");
    Err(judge.report(Problem::new(Code::RateOutOfRange, word.span.clone(), message).help(help)))
}

fn duty(word: &Word<f64>, judge: &mut Judge<'_>) -> Judged<f64> {
    let duty = word.value?;
    if limit::DUTY.contains(&duty) {
        return Ok(duty);
    }
    let (least, most) = limit::DUTY.into_inner();
    let message = format!("`pace.duty` cannot be {duty}: it is the share of the time that workers may be busy");
    let problem = Problem::new(Code::DutyOutOfRange, word.span.clone(), message);
    Err(judge.report(problem.help(format!("write a number from {least} to {most}; 0.5 is half of the time"))))
}

fn windows(word: &Word<Vec<Word<String>>>, judge: &mut Judge<'_>) -> Judged<Vec<Window>> {
    let written = word.get()?;
    if written.is_empty() {
        let message = "`pace.window` names no time at which batches may begin";
        let problem = Problem::new(Code::WindowEmpty, word.span.clone(), message);
        return Err(judge.report(problem.help(
            "write days, times and a zone, such as \"Mon-Fri 22:00-06:00 Europe/Berlin\", or remove it to run at any time",
        )));
    }
    let judged: Vec<Judged<Window>> = written.iter().map(|word| window(word, judge)).collect();
    judged.into_iter().collect()
}

fn window(word: &Word<String>, judge: &mut Judge<'_>) -> Judged<Window> {
    word.get()?.parse::<Window>().map_err(|error| {
        let code = if error.zone { Code::WindowZone } else { Code::WindowInvalid };
        judge.report(Problem::new(code, word.span.clone(), error.why).help(error.help))
    })
}

fn hold_file(word: &Word<String>, judge: &mut Judge<'_>) -> Judged<PathBuf> {
    let path = word.get()?;
    let why = match path {
        path if path.contains('\0') => "a path cannot contain a NUL character",
        path if !path.starts_with('/') => "it would be another file for everybody who runs the job from elsewhere",
        path => return Ok(PathBuf::from(path)),
    };
    let message = format!("`pace.hold_file` cannot be {}: {why}", quoted(path));
    let problem = Problem::new(Code::HoldFile, word.span.clone(), message);
    Err(judge.report(problem.help("write the path from the root, such as `/run/tidegate/hold`")))
}

#[cfg(test)]
mod tests;
