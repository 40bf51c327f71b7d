//! How does a job become a finished run? Routes: what comes next is decided by [`step`], by [`crate::run`] and by the
//! state tables; here it is only done.
//!
//! Reading order: [`run`] → `admission` (may it run?) → `held_run` (from the lease to the outcome; `soundness`: can its
//! record be believed?) → `passes` → `worker` → `batch`, with `watch` (lease, pause, cancel), `live` (what operators
//! set), `pacing` (signals, window, hold file) and `vacuuming` beside them, and `step` deciding what comes next. Who has which
//! slice is in `pool`; what a worker takes from another that has none left, in `halving`. What a worker does about a failure: `answer` decides,
//! `recovery` keeps count, `isolation` finds a row, `settle` a lost COMMIT; `errand` says what the next batch is for.
//! Beside all of it: [`retry`], for rows that a run has set aside. `simulation` runs all of this against a server in a box,
//! `scale` over tables of any size that nobody holds.

mod admission;
mod answer;
mod backoff;
mod batch;
mod board;
mod circuit;
mod control;
mod crew;
mod errand;
mod farewell;
mod halving;
mod held_run;
mod isolation;
mod live;
mod looks;
mod meter;
mod pacing;
mod passes;
mod planning;
mod pool;
mod recovery;
mod retry;
#[cfg(test)]
mod scale;
mod settle;
#[cfg(test)]
mod simulation;
mod soundness;
mod started;
mod step;
mod tally;
mod troubles;
mod vacuuming;
mod watch;
mod worker;

use crate::db::{Database, Failure, Held, RunRecord};
use crate::event::{Event, Progress, Reason};
use crate::job::{Difference, Job};
use crate::plan::{Growth, Refusal};
use crate::runner::Runner;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc::UnboundedSender, watch as watch_channel};

pub use halving::{largest, least_half};
pub use meter::Meter;
pub use planning::{plan, sample};
pub use retry::{Retried, Retry, TriedRow, retry};
pub use started::{Started, start};
pub use step::{Proof, Step, next_step};
pub use tally::Tally;

/// How long a runner that is not heard of is taken for alive.
pub const DEFAULT_LEASE: Duration = Duration::from_secs(10);

/// How a run is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long this runner is taken for alive when it is not heard of.
    pub lease: Duration,
    /// Begin a new run although the job has one that ended.
    pub restart: bool,
    /// Stop when no window of the job is open, instead of waiting for the next.
    pub until_window_closes: bool,
    /// Let the run go once a pause is reached, instead of waiting for its end.
    pub leave_when_paused: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { lease: DEFAULT_LEASE, restart: false, until_window_closes: false, leave_when_paused: false }
    }
}

/// How a run ended, or why it did not begin.
#[derive(Debug)]
pub enum Outcome {
    /// Done and proven.
    Succeeded(Summary, Proof),
    /// It was done before; nothing was touched.
    AlreadySucceeded(Box<RunRecord>),
    /// Stopped before the end, by a signal or because the window closed; the same command goes on.
    Stopped(Summary, Option<Reason>),
    /// Paused by an operator; `resume` lets it go on.
    Paused(Box<RunRecord>),
    /// Cancelled by an operator.
    Cancelled(Box<RunRecord>),
    /// Another runner took it over while this one was not heard of.
    LeaseLost(Summary),
    /// Another runner has it.
    HeldBy {
        /// The run.
        record: Box<RunRecord>,
        /// Who has it, since when.
        held: Box<Held>,
    },
    /// Another job's run on the same table is not over.
    TableBusy(Box<RunRecord>),
    /// `--restart` of a run that is not over.
    NotOver(Box<RunRecord>),
    /// The job file does something else than the run that it would go on with.
    JobChanged {
        /// The run of the old text.
        record: Box<RunRecord>,
        /// What changed.
        changes: Vec<Difference>,
    },
    /// The job may not run on this table.
    Refused(Vec<Refusal>),
    /// An error that trying again cannot mend, or an end that could not be proven.
    Failed(Summary, String),
}

/// What a runner did.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The run's number.
    pub run: i64,
    /// The whole run's progress.
    pub progress: Progress,
    /// Rows that this runner changed.
    pub rows: u64,
    /// Batches that this runner tried again.
    pub retries: u64,
    /// Rows of the whole run that are set aside.
    pub rows_quarantined: u64,
    /// This runner's time.
    pub took: Duration,
    /// What became of the size of table and indexes since before the run's first batch. `None` before its end, and where
    /// the database does not tell.
    pub growth: Option<Growth>,
}

/// Runs a job to its end, or until `stop` turns true, the run is cancelled or cannot go on.
///
/// # Errors
/// When the database cannot be reached at the start, or its state tables cannot be used.
pub async fn run(
    database: Arc<dyn Database>,
    job: &Job,
    options: &Options,
    stop: watch_channel::Receiver<bool>,
    events: UnboundedSender<Event>,
) -> Result<Outcome, Failure> {
    let runner = Runner::this_process();
    let mut ledger = database.ledger().await?;
    match admission::admit(database.as_ref(), &mut ledger, job, &runner, options).await? {
        admission::Admission::Not(outcome) => Ok(outcome),
        admission::Admission::Admitted(admitted) => {
            held_run::HeldRun::new(database, ledger, *admitted, runner, options, events).await?.run(stop).await
        }
    }
}

/// Kills this process where a test asks for it by name. Compiled to nothing without the feature `failpoints`.
fn kill_point(name: &str) {
    let _ = name;
    fail::fail_point!(name, |_| {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    });
}
