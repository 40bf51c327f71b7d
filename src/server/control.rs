//! What does an operator do to a run over HTTP? Asked of the ledger as the command line asks it, and tried again where
//! somebody else has a lock.

use super::problem::Problem;
use crate::db::{Class, Failure, Ledger, RunRecord};
use crate::run::{Answer, Intent, RunState};
use crate::view::OverrideView;
use axum::http::StatusCode;
use std::collections::BTreeMap;
use std::time::Duration;

/// Each try waits as long as the ledger waits for a lock. Who stops a run at night should not have to ask twice.
const TRIES: u32 = 3;

/// Who asks, and on what terms.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    pub(super) actor: String,
    pub(super) reason: Option<String>,
    /// After how long a pause ends by itself, or a knob is as it was.
    #[allow(dead_code, reason = "asked for only where `lasting_pause` and `set` are done")]
    pub(super) lasts: Option<Duration>,
    /// The run's version that they saw.
    pub(super) if_version: Option<i64>,
}

/// What came of it.
#[derive(Clone, Debug)]
pub(super) struct Came {
    pub(super) run: i64,
    pub(super) of: Outcome,
    /// The state before.
    pub(super) from: RunState,
    /// The state now.
    pub(super) state: RunState,
    /// The run's version now.
    pub(super) run_version: i64,
}

/// Whether it was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is so, by this call or before it.
    Done,
    /// The run's state does not allow it.
    Refused,
    /// Somebody did something to the run since it was seen.
    Conflict,
}

/// Asks a job's newest run to pause, to go on or to end. `None`: it has none.
pub(super) async fn ask(
    ledger: &mut Ledger,
    job: &str,
    intent: Intent,
    asked: &Asked,
) -> Result<Option<Came>, Failure> {
    let Some(record) = ledger.newest_run(job).await? else { return Ok(None) };
    ask_run(ledger, &record, intent, asked).await.map(Some)
}

/// The same of a run that was found.
pub(super) async fn ask_run(
    ledger: &mut Ledger,
    record: &RunRecord,
    intent: Intent,
    asked: &Asked,
) -> Result<Came, Failure> {
    if asked.if_version.is_some_and(|seen| seen != record.version) {
        let RunRecord { id: run, state, version: run_version, .. } = *record;
        return Ok(Came { run, of: Outcome::Conflict, from: state, state, run_version });
    }
    let mut tries = 1;
    let moved = loop {
        match ledger.ask(record.id, intent, &asked.actor, asked.reason.as_deref()).await {
            Err(failure) if tries < TRIES && matches!(failure.class, Class::Retry | Class::Locked) => tries += 1,
            answered => break answered?,
        }
    };
    let (of, state) = match moved.answer {
        Answer::Move(to) => (Outcome::Done, to),
        Answer::AlreadySo => (Outcome::Done, moved.from),
        Answer::Refused => (Outcome::Refused, moved.from),
    };
    let run_version = ledger.run(record.id).await?.map_or(record.version, |now| now.version);
    Ok(Came { run: record.id, of, from: moved.from, state, run_version })
}

/// Asks every job's newest run for which that means something. One that refuses, because it is over, is left out.
pub(super) async fn ask_all(
    ledger: &mut Ledger,
    intent: Intent,
    asked: &Asked,
) -> Result<Vec<(String, Came)>, Failure> {
    let mut all = Vec::new();
    for record in ledger.newest_runs().await? {
        let came = ask_run(ledger, &record, intent, asked).await?;
        if came.of != Outcome::Refused {
            all.push((record.job, came));
        }
    }
    Ok(all)
}

/// What is set over a run's job file.
pub(super) async fn overrides(_ledger: &mut Ledger, _run: &RunRecord) -> Result<Vec<OverrideView>, Failure> {
    Ok(Vec::new())
}

/// Sets knobs of a job's newest run, or takes them back where there is no value.
pub(super) async fn set(
    _ledger: &mut Ledger,
    _job: &str,
    _values: &BTreeMap<String, Option<String>>,
    _asked: &Asked,
) -> Result<Option<Result<Came, Problem>>, Failure> {
    Ok(Some(Err(not_here("set"))))
}

/// What is asked of a scheduler.
#[derive(Clone, Debug)]
#[allow(dead_code, reason = "read where `submit` is done")]
pub(super) struct Submission {
    pub(super) job: crate::job::Job,
    pub(super) priority: i64,
    /// Seconds since 1970.
    pub(super) not_before: Option<f64>,
    pub(super) actor: String,
}

/// Queues a job; the number of its run.
pub(super) async fn submit(_ledger: &mut Ledger, _new: &Submission) -> Result<Result<i64, Problem>, Failure> {
    Ok(Err(not_here("submit")))
}

/// Whether a pause can end by itself.
pub(super) fn lasting_pause() -> Result<(), Problem> {
    Err(not_here("pause --for"))
}

fn not_here(what: &str) -> Problem {
    Problem::new(StatusCode::NOT_IMPLEMENTED, "not-in-this-version", format!("this version has no `{what}`"))
}
