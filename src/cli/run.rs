//! `tidegate run JOB`: start a job's run, or go on with it, in the foreground.

use super::exit::{Exit, database_failed};
use super::summary::tell;
use super::target::{job, target};
use super::{Output, Shared, bar, signals};
use crate::db::Database;
use crate::engine::{self, DEFAULT_LEASE, Options, Outcome};
use crate::job::Job;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::unbounded_channel;

/// Which job, and how it is started.
#[derive(clap::Args)]
pub(super) struct RunArguments {
    /// A job file
    job: PathBuf,
    /// How long this process is taken for alive when it is not heard of, at least 1s
    #[arg(long, value_parser = lease, default_value = "10s", value_name = "DURATION")]
    lease: Duration,
    /// Begin a new run although the job has one that ended
    #[arg(long)]
    restart: bool,
    /// Stop when no window of the job is open (exit code 4), instead of waiting for the next
    #[arg(long)]
    until_window_closes: bool,
}

/// Runs a job.
pub(super) async fn run(shared: &Shared, arguments: &RunArguments) -> Exit {
    let (job, database) = match (job(&arguments.job), target(shared)) {
        (Ok(job), Ok(database)) => (job, database),
        (Err(exit), _) | (_, Err(exit)) => return exit,
    };
    let RunArguments { lease, restart, until_window_closes, .. } = *arguments;
    let options = Options { lease, restart, until_window_closes, leave_when_paused: false };
    run_shown(database, &job, &options, shared.output).await.1
}

/// Runs a job with a bar or log lines, and tells how it ended.
pub(super) async fn run_shown(
    database: Arc<dyn Database>,
    job: &Job,
    options: &Options,
    output: Output,
) -> (Option<Outcome>, Exit) {
    let (events, heard) = unbounded_channel();
    let shown = bar::show(&job.name, heard);
    let ended = engine::run(database, job, options, signals::stop_asked(), events).await;
    // Every sender is gone by now, so the view ends by itself.
    let _ = shown.await;
    match ended {
        Ok(outcome) => {
            let exit = tell(&job.name, &outcome, output);
            (Some(outcome), exit)
        }
        Err(failure) => (None, database_failed(&failure)),
    }
}

fn lease(text: &str) -> Result<Duration, String> {
    let lease = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    match lease {
        lease if lease < Duration::from_secs(1) => {
            Err("a lease lasts at least 1s: it is renewed three times".to_owned())
        }
        lease if lease > DEFAULT_LEASE * 60 => {
            Err("a lease lasts at most 10m: nobody could take over before".to_owned())
        }
        lease => Ok(lease),
    }
}
