//! May this job run now, and is it a new run or an old one that goes on? Finds or creates the run's record and takes
//! its lease.

use super::live::{Bounds, Live};
use super::{Options, Outcome, planning};
use crate::db::{Class, Database, Failure, Held, Ledger, NewRun, RunRecord, Taken};
use crate::event::Event;
use crate::job::{self, Difference, Job};
use crate::plan::{Plan, Work, resolve};
use crate::run::RunState;
use crate::runner::Runner;
use std::time::Duration;

/// How often the lease of another runner is looked at while it is not known whether it lives.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// A run that this process holds.
pub(super) struct Admitted {
    pub(super) record: RunRecord,
    pub(super) work: Work,
    /// The index that finds the rows in scope in the order of the key.
    pub(super) scope_index: Option<String>,
    /// The job with what is set over it.
    pub(super) job: Job,
    pub(super) bounds: Bounds,
    pub(super) live: Live,
    /// What is to be told of that.
    pub(super) set: Vec<Event>,
    pub(super) resumed: bool,
}

/// Tries to take a run whose rows somebody has locked; each waits as long as the ledger waits for a lock. A batch that
/// stays in hand for longer belongs to a process that sleeps where no server can end it.
const MAX_BLOCKED_TRIES: u32 = 12;

/// What comes of asking to run.
pub(super) enum Admission {
    Admitted(Box<Admitted>),
    Not(Outcome),
}

/// Finds the job's run, or plans and records one, and takes it.
pub(super) async fn admit(
    database: &dyn Database,
    ledger: &mut Ledger,
    job: &Job,
    runner: &Runner,
    options: &Options,
) -> Result<Admission, Failure> {
    ledger.install().await?;
    let newest = ledger.newest_run(&job.name).await?;
    if let Some(RunRecord { state: RunState::Failed, table_name, .. }) = &newest
        && let Some(other) = ledger.run_on_table(table_name).await?
    {
        return Ok(Admission::Not(Outcome::TableBusy(Box::new(other))));
    }
    let (run, asked) = match decide(newest, job, options) {
        Decision::Answer(outcome) => return Ok(Admission::Not(outcome)),
        Decision::GoOn(run) => (run, Asked::Before),
        Decision::Plan(run) => match plan_submitted(database, ledger, job, runner, run).await? {
            Ok(asked) => (run, asked),
            Err(outcome) => return Ok(Admission::Not(outcome)),
        },
        Decision::Begin => match begin(database, ledger, job, runner).await? {
            Ok(begun) => begun,
            Err(outcome) => return Ok(Admission::Not(outcome)),
        },
    };
    if let Some(outcome) = take(ledger, run, runner, options.lease).await? {
        return Ok(Admission::Not(outcome));
    }
    super::kill_point("lease-taken");
    let prepared = prepare(database, ledger, job, runner, run, asked).await;
    if let Err(failure) = &prepared {
        // Where even that does not arrive, the lease ends by itself.
        let _ = ledger.release(run, runner, Some(&failure.to_string())).await;
    }
    prepared
}

/// What a run that was taken needs to be walked.
async fn prepare(
    database: &dyn Database,
    ledger: &mut Ledger,
    job: &Job,
    runner: &Runner,
    run: i64,
    asked: Asked,
) -> Result<Admission, Failure> {
    ledger.keep_job_text(run, &runner.holder, &job.text).await?;
    let overrides = ledger.overrides_in_force(run).await?;
    let record = ledger.run(run).await?.ok_or_else(|| Failure::fatal("the run's record is gone"))?;
    if !record.planned {
        // Without slices it would look as done as an empty table.
        return Err(Failure::new(Class::Retry, "the run was resumed before anybody planned it"));
    }
    let resumed = !matches!(asked, Asked::JustNow { .. });
    let (work, bounds) = match asked {
        Asked::JustNow { work, bounds } => (*work, bounds),
        Asked::Before => {
            let facts = database.facts(job).await?;
            match resolve(job, &facts) {
                Ok(resolved) => (resolved.work, Bounds::of(&facts)),
                Err(refusals) => {
                    ledger.release(run, runner, Some("the job cannot run on the table as it is now")).await?;
                    return Ok(Admission::Not(Outcome::Refused(refusals)));
                }
            }
        }
    };
    let mut live = Live::new(job, bounds);
    let (job, set) = live.hear(overrides).map_or((job.clone(), Vec::new()), |heard| (heard.job, heard.events));
    let scope_index = database.scope_index(&work).await?;
    Ok(Admission::Admitted(Box::new(Admitted { record, work, scope_index, job, bounds, live, set, resumed })))
}

/// When the catalog was asked what this run is to do. A column's type or the key may have changed since a run was planned,
/// so what is not of just now is asked again. What the run depends on is pinned by its place, which every batch compares.
enum Asked {
    Before,
    JustNow { work: Box<Work>, bounds: Bounds },
}

impl Asked {
    fn by(plan: Plan) -> Self {
        Self::JustNow { bounds: Bounds::of_plan(&plan), work: Box::new(plan.work) }
    }
}

enum Decision {
    Answer(Outcome),
    GoOn(i64),
    /// It was submitted and never taken.
    Plan(i64),
    Begin,
}

/// What a newest run of the job means for this one. Pure.
fn decide(newest: Option<RunRecord>, job: &Job, options: &Options) -> Decision {
    let Some(record) = newest else { return Decision::Begin };
    let may_restart = record.state.is_over() || record.state == RunState::Failed;
    if options.restart && may_restart {
        return Decision::Begin;
    }
    let changes = changes(&record, job);
    if !changes.is_empty() {
        return Decision::Answer(Outcome::JobChanged { record: Box::new(record), changes });
    }
    match record.state {
        RunState::Succeeded => Decision::Answer(Outcome::AlreadySucceeded(Box::new(record))),
        RunState::Cancelled => Decision::Answer(Outcome::Cancelled(Box::new(record))),
        RunState::Paused if !options.restart && !record.pause_is_over() => {
            Decision::Answer(Outcome::Paused(Box::new(record)))
        }
        _ if options.restart => Decision::Answer(Outcome::NotOver(Box::new(record))),
        // A pause or a cancel of it is reached without a plan.
        RunState::Pausing | RunState::Cancelling => Decision::GoOn(record.id),
        _ if !record.planned => Decision::Plan(record.id),
        _ => Decision::GoOn(record.id),
    }
}

/// What the job does that the recorded one does not. The digest decides; the words explain.
fn changes(record: &RunRecord, job: &Job) -> Vec<Difference> {
    let now = job.pinned();
    if now.digest() == record.digest {
        return Vec::new();
    }
    match job::parse(&record.job_text) {
        Ok((was, _)) => was.pinned().differences(&now),
        // An older tidegate accepted a text that this one does not.
        Err(_) => vec![Difference::unreadable()],
    }
}

/// A plan that may run, or why it may not. A run that only waits to be planned is in nobody's way.
async fn accepted_plan(
    database: &dyn Database,
    ledger: &mut Ledger,
    job: &Job,
    run: Option<i64>,
) -> Result<Result<Plan, Outcome>, Failure> {
    let plan = match planning::plan(database, job).await? {
        Ok(plan) if plan.refusals.is_empty() => plan,
        Ok(plan) => return Ok(Err(Outcome::Refused(plan.refusals))),
        Err(refusals) => return Ok(Err(Outcome::Refused(refusals))),
    };
    // Another runner may have planned this one meanwhile.
    let other = ledger.run_on_table(&plan.table.full_name).await?.filter(|other| Some(other.id) != run);
    Ok(match other {
        Some(other) => Err(Outcome::TableBusy(Box::new(other))),
        None => Ok(plan),
    })
}

/// Plans a run that was submitted.
async fn plan_submitted(
    database: &dyn Database,
    ledger: &mut Ledger,
    job: &Job,
    runner: &Runner,
    run: i64,
) -> Result<Result<Asked, Outcome>, Failure> {
    let plan = match accepted_plan(database, ledger, job, Some(run)).await? {
        Ok(plan) => plan,
        Err(outcome) => return Ok(Err(outcome)),
    };
    match ledger.plan_run(run, &new_run(&plan, runner)).await {
        Ok(()) => Ok(Ok(Asked::by(plan))),
        // Two on one table were planned at once; the index that keeps tables apart let one through.
        Err(failure) => match ledger.run_on_table(&plan.table.full_name).await? {
            Some(other) if other.id != run => Ok(Err(Outcome::TableBusy(Box::new(other)))),
            _ => Err(failure),
        },
    }
}

async fn begin(
    database: &dyn Database,
    ledger: &mut Ledger,
    job: &Job,
    runner: &Runner,
) -> Result<Result<(i64, Asked), Outcome>, Failure> {
    let plan = match accepted_plan(database, ledger, job, None).await? {
        Ok(plan) => plan,
        Err(outcome) => return Ok(Err(outcome)),
    };
    match ledger.create_run(&new_run(&plan, runner)).await {
        Ok(run) => Ok(Ok((run, Asked::by(plan)))),
        // Two began at once; the index that keeps tables apart let one through.
        Err(failure) => match ledger.run_on_table(&plan.table.full_name).await? {
            Some(other) if other.job == job.name => Ok(Ok((other.id, Asked::Before))),
            Some(other) => Ok(Err(Outcome::TableBusy(Box::new(other)))),
            // Or somebody submitted the job: the next try finds that run.
            None => match ledger.newest_run(&job.name).await? {
                Some(newest) if !newest.planned => Err(failure.classed(Class::Retry)),
                _ => Err(failure),
            },
        },
    }
}

fn new_run(plan: &Plan, runner: &Runner) -> NewRun {
    NewRun {
        job: plan.job.name.clone(),
        digest: plan.job.pinned().digest(),
        job_text: plan.job.text.clone(),
        table_name: plan.table.full_name.clone(),
        place: plan.survey.place.clone(),
        extent: plan.extent(),
        swept: plan.work.is_swept(),
        estimated_rows: i64::try_from(plan.table.estimated_rows).unwrap_or(i64::MAX),
        slices: plan.slices.clone(),
        sizes: plan.survey.sizes.clone(),
        actor: runner.actor.clone(),
    }
}

/// Takes the run, or learns who has it. A holder that this machine can see is believed or overruled at once; of any
/// other, one renewal of the lease shows that it lives, and its end that it does not.
async fn take(ledger: &mut Ledger, run: i64, runner: &Runner, lease: Duration) -> Result<Option<Outcome>, Failure> {
    let mut seen: Option<Held> = None;
    let mut blocked = 0;
    loop {
        let held = match ledger.take_run(run, runner, lease).await {
            Ok(Taken::Yes(_)) => return Ok(None),
            Ok(Taken::HeldBy(held)) => *held,
            Ok(Taken::NotNow(state)) => return not_now(ledger, run, state).await.map(Some),
            // The last holder's batch is still in hand at the server; each try waited for it.
            Err(failure) if matches!(failure.class, Class::Retry | Class::Locked) && blocked < MAX_BLOCKED_TRIES => {
                blocked += 1;
                continue;
            }
            Err(failure) => return Err(failure),
        };
        let renewed = seen
            .as_ref()
            .is_some_and(|seen| seen.runner.holder == held.runner.holder && held.expires_in > seen.expires_in);
        if held.runner.is_seen_alive() || renewed {
            let record = ledger.run(run).await?.ok_or_else(|| Failure::fatal("the run's record is gone"))?;
            return Ok(Some(Outcome::HeldBy { record: Box::new(record), held: Box::new(held) }));
        }
        seen = Some(held);
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

async fn not_now(ledger: &mut Ledger, run: i64, state: RunState) -> Result<Outcome, Failure> {
    let record = ledger.run(run).await?.ok_or_else(|| Failure::fatal("the run's record is gone"))?;
    let record = Box::new(record);
    Ok(match state {
        RunState::Cancelled => Outcome::Cancelled(record),
        RunState::Succeeded => Outcome::AlreadySucceeded(record),
        _ => Outcome::Paused(record),
    })
}
