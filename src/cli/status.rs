//! `tidegate status [JOB]`: what runs, and how far is it?

use super::exit::{Exit, database_failed, fail};
use super::job_name::job_name;
use super::target::target;
use super::watch::watch;
use super::wording::{count, counted, duration, percent, print, print_json, seconds_range, time, value};
use super::{Output, Shared};
use crate::db::{Database, Failure, Override, RunRecord};
use crate::engine::Tally;
use crate::event::Progress;
use crate::run::RunState;
use serde_json::json;
use std::time::Duration;

/// Shows one job's run in full, or a line per job.
pub(super) async fn status(shared: &Shared, job: Option<&str>, watched: bool) -> Exit {
    let (database, job) = match (target(shared), job.map(job_name).transpose()) {
        (Ok(database), Ok(job)) => (database, job),
        (Err(exit), _) | (_, Err(exit)) => return exit,
    };
    if watched {
        return watch(database.as_ref(), job.as_deref(), shared.output).await;
    }
    let runs = match runs(database.as_ref(), job.as_deref()).await {
        Ok(runs) => runs,
        Err(failure) => return database_failed(&failure),
    };
    match (shared.output, &job) {
        (Output::Json, _) => print_json(&json!({ "version": 1, "runs": runs.iter().map(record).collect::<Vec<_>>() })),
        (Output::Text, Some(job)) if runs.is_empty() => {
            return fail(&format!("job {job} has no run in {}", database.address()), Exit::Failed);
        }
        (Output::Text, _) if runs.is_empty() => print("no runs yet"),
        (Output::Text, Some(_)) => runs.iter().for_each(|shown| print(&in_full(shown))),
        (Output::Text, None) => print(&table(&runs)),
    }
    Exit::Done
}

/// A run as it is shown.
pub(super) struct Shown {
    pub(super) run: RunRecord,
    pub(super) progress: Progress,
    pub(super) overrides: Vec<Override>,
}

async fn runs(database: &dyn Database, job: Option<&str>) -> Result<Vec<Shown>, Failure> {
    let mut ledger = database.ledger().await?;
    if !ledger.is_installed().await? {
        return Ok(Vec::new());
    }
    let records = match job {
        Some(job) => ledger.newest_run(job).await?.into_iter().collect(),
        None => ledger.newest_runs().await?,
    };
    let mut runs = Vec::new();
    for run in records {
        let slices = ledger.slices(run.id).await?;
        let progress = Tally::new(&slices, run.estimated_rows).progress();
        let overrides = ledger.overrides(run.id).await?;
        runs.push(Shown { run, progress, overrides });
    }
    Ok(runs)
}

pub(super) fn record(Shown { run, progress, overrides }: &Shown) -> serde_json::Value {
    let runner = run.held.as_ref().map(|held| {
        json!({
            "actor": held.runner.actor, "host": held.runner.host, "pid": held.runner.pid, "alive": held.is_alive(),
            "since": time(held.since), "expires_in_seconds": held.expires_in,
        })
    });
    json!({
        "job": run.job, "run": run.id, "table": run.table_name, "state": run.state, "runner": runner,
        "rows_changed": progress.rows_changed, "batches": progress.batches, "retries": run.retries,
        "rows_quarantined": run.rows_quarantined,
        "progress": run.planned.then_some(progress.share), "submitted": run.submitted, "priority": run.priority,
        "not_before": run.not_before.map(time), "eta_seconds": eta(run).map(|(low, high)| [low, high]),
        "held": held(run), "actor": run.actor, "reason": run.reason, "failure": run.failure,
        "created_at": time(run.created_at), "moved_at": time(run.moved_at), "ended_at": run.ended_at.map(time),
        "run_version": run.version, "resume_at": run.resume_at.map(time),
        "overrides": overrides.iter().map(override_record).collect::<Vec<_>>(),
    })
}

/// What was set over the job file, for programs.
pub(super) fn override_record(set: &Override) -> serde_json::Value {
    json!({
        "knob": set.knob, "value": set.value, "was": set.was, "actor": set.actor, "reason": set.reason,
        "set_at": time(set.set_at), "expires_at": set.expires_at.map(time),
    })
}

/// Who set it, since when and until when.
pub(super) fn override_source(set: &Override) -> String {
    let until = set.expires_at.map_or("until it is taken back".to_owned(), |at| format!("until {}", time(at)));
    let reason = set.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("by {} since {} {until}{reason}", set.actor, time(set.set_at))
}

/// The runner's own forecast, while it lives and walks.
pub(super) fn eta(run: &RunRecord) -> Option<(f64, f64)> {
    let held = run.held.as_ref().filter(|held| held.is_alive())?;
    held.eta.filter(|_| run.state == RunState::Running)
}

/// What holds the run, as its runner told, while it lives and would walk.
pub(super) fn held(run: &RunRecord) -> &[String] {
    let walks = run.state.lets_batches_begin() && run.held.as_ref().is_some_and(|held| held.is_alive());
    run.pace.as_ref().filter(|_| walks).map_or(&[], |pace| &pace.held)
}

/// The state in words, with what a state alone does not say.
pub(super) fn state(run: &RunRecord) -> String {
    let lost = run.held.as_ref().is_some_and(|held| !held.is_alive());
    match (run.state, held(run)) {
        (state, _) if lost && state.lets_batches_begin() => format!("{state} (runner gone)"),
        (state, []) => state.to_string(),
        (state, reasons) => format!("{state} (held: {})", reasons.join("; ")),
    }
}

/// A line per run that fits 80 columns.
fn table(runs: &[Shown]) -> String {
    let mut lines = vec![format!("{:<26} {:<22} {:>7} {:>13}  {}", "JOB", "STATE", "DONE", "ROWS", "ETA")];
    for Shown { run, progress, .. } in runs {
        let mut job = run.job.clone();
        if job.len() > 26 {
            job.truncate(25);
            job.push('…');
        }
        // The state and the reason have their own lines in `status JOB`; here the best end of the range is enough.
        let eta = eta(run).map(|(low, _)| duration(Duration::try_from_secs_f64(low).unwrap_or_default()));
        // A reason may be long; `status JOB` and `why JOB` have it in full.
        let mut state = state(run);
        if let Some((short, _)) = state.split_once(": ") {
            state = format!("{short})");
        } else if run.rows_quarantined > 0 {
            state = format!("{state}, {} aside", count(run.rows_quarantined.unsigned_abs()));
        }
        lines.push(format!(
            "{job:<26} {state:<22} {:>7} {:>13}  {}",
            if run.planned { percent(progress.share) } else { "-".to_owned() },
            count(progress.rows_changed),
            eta.unwrap_or_else(|| "-".to_owned())
        ));
    }
    lines.join("\n")
}

pub(super) fn in_full(Shown { run, progress, overrides }: &Shown) -> String {
    let mut lines = vec![format!("{} run {} on {}: {}", run.job, run.id, run.table_name, state(run))];
    let mut line = |name: &str, words: String| lines.push(format!("  {name:<9} {words}"));
    if let Some(actor) = &run.actor {
        let reason = run.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        line("since", format!("{} by {actor}{reason}", time(run.moved_at)));
    }
    if let Some(resume_at) = run.resume_at {
        line("until", format!("{}, when it goes on by itself", time(resume_at)));
    }
    line(
        "progress",
        match run.planned {
            true => format!("{} of the key space", percent(progress.share)),
            false => "none: it is planned when it is first taken".to_owned(),
        },
    );
    if let Some(from) = run.not_before.filter(|from| *from > run.read_at) {
        line("waits", format!("until {}", time(from)));
    }
    line("rows", format!("{} changed in {} batches", count(progress.rows_changed), count(progress.batches)));
    if run.rows_quarantined > 0 {
        let rows = counted(run.rows_quarantined.unsigned_abs(), "row");
        line("aside", format!("{rows} could not be changed: `tidegate quarantine list {}` says why", run.job));
    }
    if run.retries > 0 {
        line("retries", count(run.retries.unsigned_abs()));
    }
    for set in overrides {
        let was = value(set.was.as_deref());
        line("set", format!("{} {} (job file: {was}) {}", set.knob, set.value, override_source(set)));
    }
    if let Some((low, high)) = eta(run) {
        line("eta", seconds_range(low, high));
    }
    if let Some(held) = &run.held {
        let runner = &held.runner;
        let since = time(held.since);
        let lease = match held.is_alive() {
            true => format!("lease ends in {:.0}s unless renewed", held.expires_in.max(0.0)),
            false => "gone: the next `tidegate run` takes over".to_owned(),
        };
        line("runner", format!("{} process {} since {since}; {lease}", runner.actor, runner.pid));
    }
    if let Some(failure) = &run.failure {
        line("failure", failure.clone());
    }
    if let Some(next) = next_step(run) {
        line("next", next);
    }
    lines.join("\n")
}

/// What a person may want to do about a run in this state.
fn next_step(run: &RunRecord) -> Option<String> {
    let job = &run.job;
    Some(match run.state {
        RunState::Queued if run.submitted => "`tidegate serve` takes it".to_owned(),
        RunState::Queued => "`tidegate run` with its job file goes on".to_owned(),
        RunState::Paused if run.pause_is_over() => {
            "its pause is over: `tidegate run` with its job file goes on".to_owned()
        }
        RunState::Paused => format!("`tidegate resume {job}` lets it go on"),
        RunState::Failed => "mend the cause, then `tidegate run` with its job file goes on".to_owned(),
        RunState::Succeeded if run.rows_quarantined > 0 => {
            format!("mend the rows, then `tidegate quarantine retry {job}` changes them")
        }
        RunState::Running
        | RunState::Pausing
        | RunState::Cancelling
        | RunState::Cancelled
        | RunState::Sweeping
        | RunState::Succeeded => return None,
    })
}
