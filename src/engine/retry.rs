//! How are rows tried again that a run has set aside? One after the other, each in a transaction of its own, by an operator
//! and while no runner has the run. Knows no slices: what a row's change means for them, the ledger records.

mod hand;

use crate::db::{Database, Failure, Held, QuarantinedRow, RunRecord};
use crate::job::{self, Pace};
use crate::plan::{Refusal, resolve};
use crate::run::RunState;
use hand::Hand;
use std::sync::Arc;

/// What came of asking for another try.
#[derive(Debug)]
pub enum Retry {
    /// All rows were tried that were set aside.
    Tried(Retried),
    /// Not all of them: the database failed, or a runner took the run. The same command goes on.
    BrokenOff(Retried, Failure),
    /// The job has no run.
    NoRun,
    /// A runner has it.
    HeldBy(Box<RunRecord>, Box<Held>),
    /// It was cancelled: what was left then stays as it is.
    Cancelled(Box<RunRecord>),
    /// The job may not change the table as it is now.
    Refused(Vec<Refusal>),
}

/// What became of the rows of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retried {
    /// The run's number.
    pub run: i64,
    /// Rows that were tried.
    pub tried: u64,
    /// Changed by this try.
    pub changed: u64,
    /// There and in need of no change any more.
    pub not_needed: u64,
    /// Deleted meanwhile.
    pub gone: u64,
    /// Resolved by another try at the same time.
    pub by_others: u64,
    /// Tried, and set aside still.
    pub failed: u64,
    /// Rows of the run that are set aside now; unknown where the database could not be asked any more.
    pub left: Option<u64>,
}

/// What became of one row.
#[derive(Clone, Debug)]
pub enum TriedRow {
    /// It is changed.
    Changed,
    /// It is there and needs no change any more.
    NotNeeded,
    /// The table has no such row any more.
    Gone,
    /// Another try resolved it.
    ByOthers,
    /// It fails still; its error is on record.
    Failed(Failure),
    /// Somebody is in its way; it stays as it was.
    InTheWay(Failure),
}

/// Tries every row again that the job's newest run has set aside, as the job was when it last ran; `tell` hears of each.
///
/// # Errors
/// When the database cannot be reached at the start, or its state tables cannot be used.
pub async fn retry(
    database: Arc<dyn Database>,
    job: &str,
    tell: &mut (dyn FnMut(&QuarantinedRow, &TriedRow) + Send),
) -> Result<Retry, Failure> {
    let mut ledger = database.ledger().await?;
    if !ledger.is_installed().await? {
        return Ok(Retry::NoRun);
    }
    let Some(record) = ledger.newest_run(job).await? else { return Ok(Retry::NoRun) };
    if record.state == RunState::Cancelled {
        return Ok(Retry::Cancelled(Box::new(record)));
    }
    if let Some(held) = record.held.clone().filter(Held::is_alive) {
        return Ok(Retry::HeldBy(Box::new(record), Box::new(held)));
    }
    let rows = ledger.quarantined(record.id, i64::MAX).await?;
    if rows.is_empty() {
        return Ok(Retry::Tried(Retried { run: record.id, left: Some(0), ..Retried::default() }));
    }
    let mut job = job::parse(&record.job_text)
        .map_err(|_| Failure::fatal("this tidegate does not read the job file that the run was made with"))?
        .0;
    // One row at a time holds up nobody, and a signal that cannot be read must not keep an operator from a fix.
    job.pace = Pace::default();
    let facts = database.facts(&job).await?;
    let work = match resolve(&job, &facts) {
        Ok(resolved) => resolved.work,
        Err(refusals) => return Ok(Retry::Refused(refusals)),
    };
    let (batch, keep_detail) = (job.batch, job.errors.quarantine_detail);
    let mut hand = Hand { database, ledger, record, work, batch, keep_detail, lane: None };
    Ok(hand.try_all(&rows, tell).await)
}

impl Retried {
    fn count(&mut self, row: &TriedRow) {
        self.tried += 1;
        let counter = match row {
            TriedRow::Changed => &mut self.changed,
            TriedRow::NotNeeded => &mut self.not_needed,
            TriedRow::Gone => &mut self.gone,
            TriedRow::ByOthers => &mut self.by_others,
            TriedRow::Failed(_) | TriedRow::InTheWay(_) => &mut self.failed,
        };
        *counter += 1;
    }

    fn in_words(&self) -> String {
        let Self { changed, not_needed, gone, .. } = self;
        let left = self.left.unwrap_or_default();
        format!("{changed} changed, {not_needed} in no need of it, {gone} gone, {left} left")
    }
}
