//! How does tidegate behave as a process? Runs the real program and tells its time and its peak memory.

use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The name of the job that is compared.
pub(crate) const JOB: &str = "compare";

/// How often the memory is looked at. The kernel keeps the peak, so only what a process takes in its last moment is missed.
const MEMORY_INTERVAL: Duration = Duration::from_millis(20);

/// Odd, so that there is one in the middle.
const ANSWERS: usize = 5;

/// The program.
pub(crate) const PATH: &str = env!("CARGO_BIN_EXE_tidegate");

/// How fast the program answers when there is nothing left to do: each the median of [`ANSWERS`].
pub(crate) struct Answers {
    pub(crate) status: Duration,
    pub(crate) finished_run: Duration,
}

/// What one process needed.
struct Process {
    took: Duration,
    peak_memory: Option<u64>,
}

/// Runs a job to its end; the peak memory of the process, where the system tells it.
pub(crate) async fn run_job(job: &Path, url: &str) -> Result<Option<u64>> {
    Ok(tidegate(&["run", path(job)?], url).await?.peak_memory)
}

/// Asks after a finished job, several times.
pub(crate) async fn answers(job: &Path, url: &str) -> Result<Answers> {
    Ok(Answers {
        status: median_of(&["status", JOB], url).await?,
        finished_run: median_of(&["run", path(job)?], url).await?,
    })
}

async fn median_of(arguments: &[&str], url: &str) -> Result<Duration> {
    let mut took = [Duration::ZERO; ANSWERS];
    for one in &mut took {
        *one = tidegate(arguments, url).await?.took;
    }
    took.sort();
    Ok(took[ANSWERS / 2])
}

/// The time is that of the whole process, from its start to its end.
async fn tidegate(arguments: &[&str], url: &str) -> Result<Process> {
    let begun = Instant::now();
    let child = Command::new(PATH)
        .args(arguments)
        .env("DATABASE_URL", url)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("tidegate does not start")?;
    let process = child.id();
    let end = tokio::task::spawn_blocking(move || {
        let output = child.wait_with_output();
        (begun.elapsed(), output)
    });

    let mut peak = None;
    while !end.is_finished() {
        peak = peak_memory(process).or(peak);
        tokio::time::sleep(MEMORY_INTERVAL).await;
    }
    let (took, output) = end.await?;
    let output = output?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "tidegate {arguments:?} ended with {}: {said}", output.status);
    Ok(Process { took, peak_memory: peak })
}

/// From `VmHWM:    13208 kB`. Nothing where there is no `/proc`, nor when the process has just ended.
fn peak_memory(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}

fn path(job: &Path) -> Result<&str> {
    job.to_str().context("a plain path")
}
