//! `tidegate status [JOB]`: what runs, and how far is it?

use super::exit::{Exit, database_failed, fail};
use super::job_name::job_name;
use super::target::target;
use super::watch::watch;
use super::wording::{count, counted, duration, percent, print, print_json, seconds_range, value};
use super::{Output, Shared};
use crate::db::{Database, Failure};
use crate::engine::Tally;
use crate::run::RunState;
use crate::view::{OverrideView, RunView, RunsView};
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
        (Output::Json, _) => print_json(&RunsView::of(runs)),
        (Output::Text, Some(job)) if runs.is_empty() => {
            return fail(&format!("job {job} has no run in {}", database.address()), Exit::Failed);
        }
        (Output::Text, _) if runs.is_empty() => print("no runs yet"),
        (Output::Text, Some(_)) => runs.iter().for_each(|run| print(&in_full(run))),
        (Output::Text, None) => print(&table(&runs)),
    }
    Exit::Done
}

async fn runs(database: &dyn Database, job: Option<&str>) -> Result<Vec<RunView>, Failure> {
    let mut ledger = database.ledger().await?;
    if !ledger.is_installed().await? {
        return Ok(Vec::new());
    }
    let records = match job {
        Some(job) => ledger.newest_run(job).await?.into_iter().collect(),
        None => ledger.newest_runs().await?,
    };
    let mut runs = Vec::new();
    for record in records {
        let slices = ledger.slices(record.id).await?;
        let progress = Tally::new(&slices, record.estimated_rows).progress();
        let overrides = ledger.overrides(record.id).await?;
        runs.push(RunView::of(&record, progress, &overrides));
    }
    Ok(runs)
}

/// The state in words, with what a state alone does not say.
pub(super) fn state_words(run: RunState, runner_is_gone: bool, held: &[String]) -> String {
    match (run, held) {
        (state, _) if runner_is_gone && state.lets_batches_begin() => format!("{state} (runner gone)"),
        (state, []) => state.to_string(),
        (state, reasons) => format!("{state} (held: {})", reasons.join("; ")),
    }
}

/// The same of a run as it is shown.
pub(super) fn state(run: &RunView) -> String {
    state_words(run.state, run.runner.is_some() && !run.is_alive(), &run.held)
}

/// A line per run that fits 80 columns.
fn table(runs: &[RunView]) -> String {
    let mut lines = vec![format!("{:<26} {:<22} {:>7} {:>13}  {}", "JOB", "STATE", "DONE", "ROWS", "ETA")];
    for run in runs {
        let mut job = run.job.clone();
        if job.len() > 26 {
            job.truncate(25);
            job.push('…');
        }
        // The state and the reason have their own lines in `status JOB`; here the best end of the range is enough.
        let eta = run.eta_seconds.map(|[low, _]| duration(Duration::try_from_secs_f64(low).unwrap_or_default()));
        // A reason may be long; `status JOB` and `why JOB` have it in full.
        let mut state = state(run);
        if let Some((short, _)) = state.split_once(": ") {
            state = format!("{short})");
        } else if run.rows_quarantined > 0 {
            state = format!("{state}, {} aside", count(run.rows_quarantined.unsigned_abs()));
        }
        lines.push(format!(
            "{job:<26} {state:<22} {:>7} {:>13}  {}",
            run.progress.map_or_else(|| "-".to_owned(), percent),
            count(run.rows_changed),
            eta.unwrap_or_else(|| "-".to_owned())
        ));
    }
    lines.join("\n")
}

pub(super) fn in_full(run: &RunView) -> String {
    let mut lines = vec![format!("{} run {} on {}: {}", run.job, run.run, run.table, state(run))];
    let mut line = |name: &str, words: String| lines.push(format!("  {name:<9} {words}"));
    if let Some(actor) = &run.actor {
        let reason = run.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        line("since", format!("{} by {actor}{reason}", run.moved_at));
    }
    if let Some(resume_at) = &run.resume_at {
        line("until", format!("{resume_at}, when it goes on by itself"));
    }
    let progress = run.progress.map(|share| format!("{} of the key space", percent(share)));
    line("progress", progress.unwrap_or_else(|| "none: it is planned when it is first taken".to_owned()));
    if let Some(from) = run.not_before.as_ref().filter(|_| run.state == RunState::Queued) {
        line("waits", format!("until {from} at least"));
    }
    line("rows", format!("{} changed in {} batches", count(run.rows_changed), count(run.batches)));
    if run.rows_quarantined > 0 {
        let rows = counted(run.rows_quarantined.unsigned_abs(), "row");
        line("aside", format!("{rows} could not be changed: `tidegate quarantine list {}` says why", run.job));
    }
    if run.retries > 0 {
        line("retries", count(run.retries.unsigned_abs()));
    }
    for set in &run.overrides {
        let was = value(set.was.as_deref());
        line("set", format!("{} {} (job file: {was}) {}", set.knob, set.value, override_source(set)));
    }
    if let Some([low, high]) = run.eta_seconds {
        line("eta", seconds_range(low, high));
    }
    if let Some(runner) = &run.runner {
        let since = &runner.since;
        let lease = match runner.alive {
            true => format!("lease ends in {:.0}s unless renewed", runner.expires_in_seconds.max(0.0)),
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

/// Who set it, since when and until when.
pub(super) fn override_source(set: &OverrideView) -> String {
    let until = set.expires_at.as_ref().map_or("until it is taken back".to_owned(), |at| format!("until {at}"));
    let reason = set.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("by {} since {} {until}{reason}", set.actor, set.set_at)
}

/// What a person may want to do about a run in this state.
fn next_step(run: &RunView) -> Option<String> {
    let job = &run.job;
    Some(match run.state {
        RunState::Queued if run.submitted => "`tidegate serve` takes it".to_owned(),
        RunState::Queued => "`tidegate run` with its job file goes on".to_owned(),
        RunState::Paused if run.pause_is_over => {
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
