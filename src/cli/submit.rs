//! `tidegate submit JOB`: leave a job to the scheduler, or hand it the run that the job has.

use super::exit::{Exit, database_failed, fail};
use super::target::{job, target};
use super::wording::{print, print_json, time};
use super::{Output, Shared};
use crate::db::{Database, Failure, NewSubmission, RunRecord, Submitted, Tries};
use crate::job::Job;
use crate::run::RunState;
use crate::runner::Runner;
use serde_json::json;
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

/// Which job, and when.
#[derive(clap::Args)]
pub(super) struct SubmitArguments {
    /// A job file
    job: PathBuf,
    /// The higher is taken first
    #[arg(long, default_value_t = 0, allow_negative_numbers = true, value_name = "N")]
    priority: i32,
    /// Not taken earlier: `2026-11-21T22:00:00Z`, in UTC
    #[arg(long, value_parser = moment, value_name = "TIME")]
    not_before: Option<f64>,
}

/// Each try waits as long as the ledger waits for a lock.
const TRIES: u32 = 6;

/// Submits a job.
pub(super) async fn submit(shared: &Shared, arguments: &SubmitArguments) -> Exit {
    let (job, database) = match (job(&arguments.job), target(shared)) {
        (Ok(job), Ok(database)) => (job, database),
        (Err(exit), _) | (_, Err(exit)) => return exit,
    };
    let new = submission(&job, arguments);
    match enter(database.as_ref(), &new).await {
        Ok(submitted) => tell(shared.output, &new, &submitted),
        Err(failure) => database_failed(&failure),
    }
}

fn submission(job: &Job, arguments: &SubmitArguments) -> NewSubmission {
    NewSubmission {
        job: job.name.clone(),
        digest: job.pinned().digest(),
        job_text: job.text.clone(),
        table_name: job.table.to_string(),
        priority: arguments.priority.into(),
        not_before: arguments.not_before,
        actor: Runner::this_process().actor,
    }
}

async fn enter(database: &dyn Database, new: &NewSubmission) -> Result<Submitted, Failure> {
    let mut ledger = database.ledger().await?;
    ledger.install().await?;
    let mut tries = Tries::of(TRIES);
    loop {
        match ledger.submit(new).await {
            Err(failure) if tries.go_on(&failure) => {}
            answered => return answered,
        }
    }
}

fn tell(output: Output, new: &NewSubmission, submitted: &Submitted) -> Exit {
    let job = &new.job;
    let (run, state) = match submitted {
        Submitted::Queued(run) | Submitted::HandedOver(run) => (*run, RunState::Queued),
        Submitted::NotNow(record) | Submitted::TableBusy(record) => (record.id, record.state),
    };
    let accepted = matches!(submitted, Submitted::Queued(_) | Submitted::HandedOver(_));
    if output == Output::Json {
        let not_before = new.not_before.map(time);
        print_json(&json!({
            "version": 1, "job": job, "run": run, "accepted": accepted, "state": state,
            "handed_over": matches!(submitted, Submitted::HandedOver(_)),
            "priority": new.priority, "not_before": not_before,
        }));
    }
    let text = output == Output::Text;
    let from = new.not_before.map(|at| format!(", not before {}", time(at))).unwrap_or_default();
    match submitted {
        Submitted::Queued(run) if text => {
            print(&format!("{job} is queued as run {run}{from}; `tidegate serve` takes it"))
        }
        Submitted::HandedOver(run) if text => {
            print(&format!("{job} goes on as run {run}{from}; `tidegate serve` takes it"));
        }
        Submitted::Queued(_) | Submitted::HandedOver(_) => {}
        Submitted::NotNow(record) => return fail(&in_the_way(new, record), Exit::Failed),
        Submitted::TableBusy(other) => {
            let words = format!(
                "job {} has a run on {} that is {}: one run at a time on a table; \
                 wait for its end, or `tidegate cancel {0}`",
                other.job, other.table_name, other.state
            );
            return fail(&words, Exit::Failed);
        }
    }
    Exit::Done
}

/// Why the job's newest run is in the way, and the next step.
fn in_the_way(new: &NewSubmission, record: &RunRecord) -> String {
    let (job, state, run) = (&new.job, record.state, record.id);
    if record.digest != new.digest {
        return format!(
            "the job file does something else than run {run} ({state}); put the old text back to go on, or \
             `tidegate cancel {job}` and submit it again"
        );
    }
    match state {
        RunState::Paused | RunState::Pausing => {
            format!("{job} is {state}; `tidegate resume {job}` lets it go on")
        }
        RunState::Cancelling => format!("{job} is {state}; submit it again when it is cancelled"),
        _ => format!("{job} is {state} already, as run {run}; `tidegate status {job}` says where"),
    }
}

fn moment(text: &str) -> Result<f64, String> {
    let at = humantime::parse_rfc3339_weak(text).map_err(|error| format!("{error}: write 2026-11-21T22:00:00Z"))?;
    let since = at.duration_since(UNIX_EPOCH).map_err(|_| "that was before 1970".to_owned())?;
    // One that is over is no mistake: the job may begin.
    Ok(since.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_in_utc() {
        assert_eq!(moment("1970-01-02T00:00:00Z"), Ok(86_400.0));
        assert_eq!(moment("1970-01-02 00:00:00"), Ok(86_400.0));
        assert!(moment("tomorrow").is_err_and(|words| words.contains("2026-11-21T22:00:00Z")));
    }
}
