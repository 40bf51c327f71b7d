//! What does an operator do to a run over HTTP? Asked of the ledger as the command line asks it, and tried again where
//! somebody else has a lock.

use super::problem::Problem;
use crate::db::{Asked, Failure, Ledger, NewOverrides, NewSubmission, RunRecord, Set, Submitted, Tries};
use crate::run::{Answer, Intent, RunState};
use axum::http::StatusCode;

/// Each try waits as long as the ledger waits for a lock. Who stops a run at night should not have to ask twice.
const TRIES: u32 = 3;

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
    let mut tries = Tries::of(TRIES);
    let moved = loop {
        match ledger.ask(record.id, intent, asked).await {
            Err(failure) if tries.go_on(&failure) => {}
            answered => break answered?,
        }
    };
    let (of, state) = match moved.answer {
        Answer::Move(to) => (Outcome::Done, to),
        Answer::AlreadySo => (Outcome::Done, moved.from),
        Answer::Refused => (Outcome::Refused, moved.from),
        Answer::Conflict => (Outcome::Conflict, moved.from),
    };
    Ok(Came { run: record.id, of, from: moved.from, state, run_version: moved.version })
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

/// Sets knobs of a job's newest run, or takes them back where there is no value. `None`: it has none; an error: what is
/// wrong with them, in the job file's words.
pub(super) async fn set(
    ledger: &mut Ledger,
    job: &str,
    new: &NewOverrides,
) -> Result<Option<Result<Came, Problem>>, Failure> {
    let Some(record) = ledger.newest_run(job).await? else { return Ok(None) };
    let mut tries = Tries::of(TRIES);
    let set = loop {
        match ledger.set(record.id, new).await {
            Err(failure) if tries.go_on(&failure) => {}
            answered => break answered?,
        }
    };
    let (of, state, run_version) = match set {
        Set::Done(version) => (Outcome::Done, record.state, version),
        Set::Conflict(state, version) => (Outcome::Conflict, state, version),
        Set::Over(state) => (Outcome::Refused, state, record.version),
        Set::Wrong(problems) => return Ok(Some(Err(Problem::bad("values", problems.join("; "))))),
    };
    Ok(Some(Ok(Came { run: record.id, of, from: state, state, run_version })))
}

/// Queues a job, or hands its run over to a scheduler; the number of its run.
pub(super) async fn submit(ledger: &mut Ledger, new: &NewSubmission) -> Result<Result<i64, Problem>, Failure> {
    let in_the_way = |other: &RunRecord| {
        let words = format!("run {} of {} on {} is {}", other.id, other.job, other.table_name, other.state);
        Err(Problem::new(StatusCode::CONFLICT, "in-the-way", words))
    };
    let mut tries = Tries::of(TRIES);
    let submitted = loop {
        match ledger.submit(new).await {
            Err(failure) if tries.go_on(&failure) => {}
            answered => break answered?,
        }
    };
    Ok(match submitted {
        Submitted::Queued(run) | Submitted::HandedOver(run) => Ok(run),
        Submitted::NotNow(other) | Submitted::TableBusy(other) => in_the_way(&other),
    })
}
