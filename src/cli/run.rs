//! `tidegate run JOB`: start a job's run, or go on with it, in the foreground.

use super::counted::counted;
use super::exit::{Exit, database_failed, fail};
use super::summary::tell;
use super::target::{job, target};
use super::wording::say;
use super::{Output, Shared, bar, signals};
use crate::db::Database;
use crate::engine::{self, DEFAULT_LEASE, Options, Outcome};
use crate::job::Job;
use crate::metrics::{Metrics, Registry, RunMetrics};
use crate::server::exporter::{Exporter, ExporterError};
use std::net::SocketAddr;
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
    /// Answer Prometheus on this address of this machine while the run lives, such as 127.0.0.1:9187
    #[arg(long, value_name = "ADDRESS:PORT")]
    metrics_addr: Option<SocketAddr>,
}

/// Runs a job.
pub(super) async fn run(shared: &Shared, arguments: &RunArguments) -> Exit {
    let (job, database) = match (job(&arguments.job), target(shared)) {
        (Ok(job), Ok(database)) => (job, database),
        (Err(exit), _) | (_, Err(exit)) => return exit,
    };
    let RunArguments { lease, restart, until_window_closes, .. } = *arguments;
    let options = Options { lease, restart, until_window_closes, leave_when_paused: false };
    let (_exporter, metrics) = match exported(arguments.metrics_addr, &job, database.as_ref()).await {
        Ok(exported) => exported.unzip(),
        Err(exit) => return exit,
    };
    run_shown(database, &job, &options, shared.output, metrics).await.1
}

/// What answers Prometheus, and what it answers, where somebody asked for it.
async fn exported(
    address: Option<SocketAddr>,
    job: &Job,
    database: &dyn Database,
) -> Result<Option<(Exporter, RunMetrics)>, Exit> {
    let Some(address) = address else { return Ok(None) };
    let metrics = Metrics::new(&Registry::new()).map_err(|error| fail(&error.to_string(), Exit::Failed))?;
    let of_run = metrics.of(&job.name, &database.name());
    let exporter = Exporter::bind(address, Arc::new(metrics)).await.map_err(|error| match error {
        ExporterError::NotLoopback(_) => fail(&error.to_string(), Exit::Usage),
        ExporterError::Bind { .. } => fail(&error.to_string(), Exit::Failed),
    })?;
    say(&format!("metrics at http://{}/metrics", exporter.address()));
    Ok(Some((exporter, of_run)))
}

/// Runs a job with a bar or log lines, and tells how it ended.
pub(super) async fn run_shown(
    database: Arc<dyn Database>,
    job: &Job,
    options: &Options,
    output: Output,
    metrics: Option<RunMetrics>,
) -> (Option<Outcome>, Exit) {
    let (events, heard) = unbounded_channel();
    let heard = match metrics {
        Some(metrics) => counted(metrics, heard),
        None => heard,
    };
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
