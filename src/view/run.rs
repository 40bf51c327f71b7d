//! How far is a run, who has it, and what was set by hand? As `status` and the list of runs show it.

use super::cover::{covered, covered_if_any};
use super::moment;
use crate::db::{Held, Override, RunRecord};
use crate::event::Progress;
use crate::run::RunState;
use serde::Serialize;
use utoipa::ToSchema;

/// Runs, as `status` tells them.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RunsView {
    /// Of the document.
    pub version: u32,
    /// The newest run of every job.
    pub runs: Vec<RunView>,
}

/// A run.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct RunView {
    /// Its job's name.
    pub job: String,
    /// Its number in the state tables.
    pub run: i64,
    /// The table it walks.
    pub table: String,
    /// Where it is; asked and reached are two states.
    pub state: RunState,
    /// Who has it, alive or not.
    pub runner: Option<RunnerView>,
    /// By every runner of it.
    pub rows_changed: u64,
    /// Committed, by every runner of it.
    pub batches: u64,
    /// Batches that were tried again.
    pub retries: i64,
    /// Rows that are set aside.
    pub rows_quarantined: i64,
    /// Share of the key space that is walked, 0 to 1; `null` until the run is planned.
    pub progress: Option<f64>,
    /// Until it may end, at best and at worst; `null` while nobody can tell.
    pub eta_seconds: Option<[f64; 2]>,
    /// Why no batch may begin, in words; empty while it moves.
    pub held: Vec<String>,
    /// Who made the last move.
    pub actor: Option<String>,
    /// The reason they gave.
    pub reason: Option<String>,
    /// Why it failed.
    pub failure: Option<String>,
    /// RFC 3339, UTC.
    pub created_at: String,
    /// RFC 3339, UTC.
    pub moved_at: String,
    /// RFC 3339, UTC.
    pub ended_at: Option<String>,
    /// Counts what was done to it, its moves and its overrides: who decides by what they saw names it.
    pub run_version: i64,
    /// Whether a scheduler may take it.
    pub submitted: bool,
    /// Schedulers take the higher first.
    pub priority: i64,
    /// No scheduler takes it earlier. RFC 3339, UTC.
    pub not_before: Option<String>,
    /// When its pause ends by itself. RFC 3339, UTC.
    pub resume_at: Option<String>,
    /// `null` while nobody runs it.
    pub speed: Option<SpeedView>,
    /// What was set over the job file.
    pub overrides: Vec<OverrideView>,
    /// Its pause is over, and nobody has it.
    #[serde(skip)]
    pub pause_is_over: bool,
}

/// Who has a run.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct RunnerView {
    /// `user@host`.
    pub actor: String,
    /// Where it runs.
    pub host: String,
    /// Its process id there.
    pub pid: i64,
    /// Whether it must be taken for alive.
    pub alive: bool,
    /// RFC 3339, UTC.
    pub since: String,
    /// Until its lease ends unless renewed; negative when it has.
    pub expires_in_seconds: f64,
}

/// How fast a run is.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct SpeedView {
    /// Rows changed a second, of the last moments.
    pub rows_per_second: f64,
    /// Workers that may begin batches once nothing holds the run.
    pub workers: u32,
    /// Share of their time, above 0 up to 1.
    pub share: f64,
    /// Rows of the next batch.
    pub batch_rows: u32,
    /// How long a batch took lately.
    pub batch_seconds: Option<f64>,
}

/// A knob that was set over the job file.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct OverrideView {
    /// Such as `batch.rows`.
    pub knob: String,
    /// As it is typed.
    pub value: String,
    /// What the job file says; `null` where it says nothing.
    pub was: Option<String>,
    /// Who set it.
    pub actor: String,
    /// The reason they gave.
    pub reason: Option<String>,
    /// RFC 3339, UTC.
    pub set_at: String,
    /// RFC 3339, UTC; `null`: until somebody takes it back.
    pub expires_at: Option<String>,
}

impl RunsView {
    /// These runs.
    pub fn of(runs: Vec<RunView>) -> Self {
        Self { version: super::VERSION, runs }
    }
}

impl RunView {
    /// A run with the sums of its slices and what was set over its job.
    pub fn of(run: &RunRecord, progress: Progress, overrides: &[Override]) -> Self {
        Self {
            job: run.job.clone(),
            run: run.id,
            table: run.table_name.clone(),
            state: run.state,
            runner: run.held.as_ref().map(RunnerView::of),
            rows_changed: progress.rows_changed,
            batches: progress.batches,
            retries: run.retries,
            rows_quarantined: run.rows_quarantined,
            progress: run.planned.then_some(progress.share),
            eta_seconds: eta(run),
            held: held(run),
            actor: run.actor.clone(),
            reason: run.reason.clone(),
            failure: run.failure.clone(),
            created_at: moment(run.created_at),
            moved_at: moment(run.moved_at),
            ended_at: run.ended_at.map(moment),
            run_version: run.version,
            submitted: run.submitted,
            priority: run.priority,
            not_before: run.not_before.map(moment),
            resume_at: run.resume_at.map(moment),
            speed: SpeedView::of(run),
            overrides: overrides.iter().map(OverrideView::of).collect(),
            pause_is_over: run.pause_is_over(),
        }
    }

    /// Whether it has a runner that must be taken for alive.
    pub fn is_alive(&self) -> bool {
        self.runner.as_ref().is_some_and(|runner| runner.alive)
    }

    /// The same run without any key.
    #[must_use]
    pub fn without_keys(self) -> Self {
        let held = self.held.iter().map(|reason| covered(reason)).collect();
        let failure = covered_if_any(self.failure.as_deref());
        // A runner may pause a run itself, with the failure as its reason.
        let reason = covered_if_any(self.reason.as_deref());
        Self { held, failure, reason, ..self }
    }
}

impl OverrideView {
    /// What was set.
    pub fn of(set: &Override) -> Self {
        Self {
            knob: set.knob.clone(),
            value: set.value.clone(),
            was: set.was.clone(),
            actor: set.actor.clone(),
            reason: set.reason.clone(),
            set_at: moment(set.set_at),
            expires_at: set.expires_at.map(moment),
        }
    }
}

impl RunnerView {
    fn of(held: &Held) -> Self {
        let runner = &held.runner;
        Self {
            actor: runner.actor.clone(),
            host: runner.host.clone(),
            pid: runner.pid,
            alive: held.is_alive(),
            since: moment(held.since),
            expires_in_seconds: held.expires_in,
        }
    }
}

impl SpeedView {
    /// As the runner told, while it lives.
    pub(super) fn of(run: &RunRecord) -> Option<Self> {
        let pace = run.pace.as_ref().filter(|_| is_alive(run))?;
        Some(Self {
            rows_per_second: pace.rows_per_second,
            workers: pace.speed.workers,
            share: pace.speed.share,
            batch_rows: pace.batch_rows,
            batch_seconds: pace.batch_seconds,
        })
    }
}

/// What holds the run, as its runner told, while it lives and would walk.
pub(super) fn held(run: &RunRecord) -> Vec<String> {
    let walks = run.state.lets_batches_begin() && is_alive(run);
    run.pace.as_ref().filter(|_| walks).map(|pace| pace.held.clone()).unwrap_or_default()
}

/// The runner's own forecast, while it lives and walks.
fn eta(run: &RunRecord) -> Option<[f64; 2]> {
    let held = run.held.as_ref().filter(|held| held.is_alive() && run.state == RunState::Running)?;
    held.eta.map(|(low, high)| [low, high])
}

fn is_alive(run: &RunRecord) -> bool {
    run.held.as_ref().is_some_and(Held::is_alive)
}
