//! How does tidegate behave as a process? Runs the real program.

use crate::contestant::job;
use crate::process::{self, Ended};
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Odd, so that there is one in the middle.
const ANSWERS: usize = 5;

/// The program.
pub(crate) const PATH: &str = env!("CARGO_BIN_EXE_tidegate");

/// How fast the program answers when there is nothing left to do: each the median of [`ANSWERS`].
pub(crate) struct Answers {
    pub(crate) status: Duration,
    pub(crate) finished_run: Duration,
}

/// The program with these arguments, on that database.
pub(crate) fn command(arguments: &[&str], url: &str) -> Command {
    let mut command = Command::new(PATH);
    command.args(arguments).env("DATABASE_URL", url);
    command
}

/// Runs a job to its end; the peak memory of the process, where the system tells it.
pub(crate) async fn run_job(job: &Path, url: &str) -> Result<Option<u64>> {
    Ok(ended(&["run", path(job)?], url).await?.peak_memory)
}

/// What the program writes as JSON.
pub(crate) async fn document(arguments: &[&str], url: &str) -> Result<Value> {
    let ended = ended(arguments, url).await?;
    serde_json::from_str(&ended.stdout).with_context(|| format!("tidegate {arguments:?} wrote no JSON"))
}

/// Asks after a finished job, several times.
pub(crate) async fn answers(job: &Path, url: &str) -> Result<Answers> {
    Ok(Answers {
        status: median_of(&["status", job::NAME], url).await?,
        finished_run: median_of(&["run", path(job)?], url).await?,
    })
}

/// Whether the job format knows this key, by the program's own schema.
pub(crate) async fn knows_key(section: &str, key: &str) -> Result<bool> {
    let schema = document(&["schema"], "").await?;
    let pointer = format!("/properties/{section}/properties/{key}");
    Ok(schema.pointer(&pointer).is_some())
}

async fn median_of(arguments: &[&str], url: &str) -> Result<Duration> {
    let mut took = [Duration::ZERO; ANSWERS];
    for one in &mut took {
        *one = ended(arguments, url).await?.took;
    }
    took.sort();
    Ok(took[ANSWERS / 2])
}

async fn ended(arguments: &[&str], url: &str) -> Result<Ended> {
    process::run(command(arguments, url), &[]).await
}

/// A path as an argument.
pub(crate) fn path(job: &Path) -> Result<&str> {
    job.to_str().context("a plain path")
}
