//! Does a run of a large table stay as fast as it began, in how much memory, and how soon does it begin? Ten times the usual
//! table, watched from outside by what is committed.

use super::Finding;
use super::workbench::Workbench;
use crate::contest::report::megabytes;
use crate::contestant::Contestant;
use crate::contestant::job::{self, Manner};
use crate::ground::Ground;
use crate::program;
use crate::shape::{INTEGER, Shape};
use crate::table::{Spread, grouped};
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

const LARGE: (&Shape, u64) = (&INTEGER, 10);

/// How often it is looked how many rows are committed: a thousandth of a run of a minute.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How often it is looked for the first commit; the figure is exact to this.
const LOOK_FOR_FIRST_EVERY: Duration = Duration::from_millis(2);

/// Whether the state tables are there.
const IS_THERE: &str = "select count(*) from pg_class where oid = to_regclass('tidegate.slice')";

/// So many rows were committed after so long.
type Sample = (Duration, f64);

pub(super) async fn flat(bench: &mut Workbench<'_>) -> Result<Finding> {
    let (mut ratios, mut details) = (Vec::new(), Vec::new());
    for _ in 0..bench.conditions.rounds {
        let arena = bench.arena(LARGE.0, LARGE.1).await?;
        let mut ground = arena.fresh_ground().await?;
        let rows = arena.rows as f64;
        let samples = watched_run(&ground, rows).await?;
        Contestant::Tidegate(Manner::plain(1)).check(&mut ground, LARGE.0, arena.rows, arena.to_change).await?;
        let [first, last] = [(0.0, 0.1), (0.9, 1.0)].map(|(from, to)| time_between(&samples, rows * from, rows * to));
        eprintln!("  first tenth {:.1} s, last tenth {:.1} s", first.as_secs_f64(), last.as_secs_f64());
        ratios.push(last.div_duration_f64(first));
        details.push(json!({ "first_tenth_seconds": first.as_secs_f64(), "last_tenth_seconds": last.as_secs_f64() }));
    }
    let ratio = Spread::of(ratios.into_iter());
    Ok(Finding::Figure {
        reached: ratio.median <= 1.1,
        figure: ratio.bracketed(2),
        how: format!("{} rows, 1 worker, no vacuum; rounds: {}", grouped(bench.rows()), details.len()),
        details: details.into(),
    })
}

pub(super) async fn memory(bench: &mut Workbench<'_>) -> Result<Finding> {
    let (run, _) = bench.turn(LARGE, Contestant::Tidegate(Manner::plain(4))).await?;
    let peak = run.peak_memory_bytes.context("this system does not tell a process's peak memory")?;
    Ok(Finding::Figure {
        reached: peak <= 32_000_000,
        figure: megabytes(peak),
        how: format!("the most that the kernel ever saw resident; {} rows", grouped(bench.rows())),
        details: json!(run),
    })
}

pub(super) async fn first_commit(bench: &mut Workbench<'_>) -> Result<Finding> {
    let mut took = Vec::new();
    for _ in 0..bench.conditions.rounds {
        let ground = bench.arena(LARGE.0, LARGE.1).await?.fresh_ground().await?;
        took.push(until_first_commit(ground).await?.as_secs_f64() * 1e3);
    }
    let spread = Spread::of(took.iter().copied());
    Ok(Finding::Figure {
        reached: spread.median <= 300.0,
        figure: format!("{} ms", spread.bracketed(0)),
        how: format!(
            "from the start of the process until another session sees a batch, the making of the state tables included; \
             1 worker, {} rows, rounds: {}",
            grouped(bench.rows()),
            took.len()
        ),
        details: json!({ "milliseconds": took }),
    })
}

/// Runs the job, and looks meanwhile how far it is.
async fn watched_run(ground: &Ground, rows: f64) -> Result<Vec<Sample>> {
    let job = write_job(&ground.folder)?;
    let begun = Instant::now();
    let mut samples = vec![(Duration::ZERO, 0.0)];
    tokio::select! {
        ended = program::run_job(&job, &ground.url) => drop(ended?),
        failed = watch(ground, begun, &mut samples) => failed?,
    }
    samples.push((begun.elapsed(), rows));
    Ok(samples)
}

/// Never ends by itself but with an error.
async fn watch(ground: &Ground, begun: Instant, samples: &mut Vec<Sample>) -> Result<()> {
    let mut eye = Ground::at(&ground.url, &ground.folder, LARGE.0).await?;
    while eye.number(IS_THERE).await? == 0 {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    loop {
        let rows = eye.number("select coalesce(sum(rows_changed), 0)::bigint from tidegate.slice").await?;
        samples.push((begun.elapsed(), rows as f64));
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// How long it took from so many committed rows to so many.
fn time_between(samples: &[Sample], from: f64, to: f64) -> Duration {
    moment(samples, to).saturating_sub(moment(samples, from))
}

/// When so many rows were committed; between two looks, as if at an even speed. The last look without any row is the
/// beginning: what comes before is the start of the program.
fn moment(samples: &[Sample], rows: f64) -> Duration {
    let Some(reached) = samples.iter().skip(1).position(|(_, seen)| *seen > rows || (rows > 0.0 && *seen >= rows))
    else {
        return samples.last().map_or(Duration::ZERO, |(at, _)| *at);
    };
    let ((early, fewer), (late, more)) = (samples[reached], samples[reached + 1]);
    early + (late - early).mul_f64((rows - fewer) / (more - fewer))
}

async fn until_first_commit(mut ground: Ground) -> Result<Duration> {
    let job = write_job(&ground.folder)?;
    let mut command = program::command(&["run", program::path(&job)?], &ground.url);
    let begun = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let took = loop {
        if ground.number(IS_THERE).await? > 0
            && ground.number("select count(*) from tidegate.slice where seq > 0").await? > 0
        {
            break begun.elapsed();
        }
        ensure!(child.try_wait()?.is_none(), "the run ended before its first batch was seen");
        tokio::time::sleep(LOOK_FOR_FIRST_EVERY).await;
    };
    // A run can be killed at any time.
    child.kill()?;
    child.wait()?;
    Ok(took)
}

fn write_job(folder: &Path) -> Result<PathBuf> {
    let job = folder.join("job.toml");
    std::fs::write(&job, job::text(LARGE.0, Manner::plain(1), Duration::ZERO))?;
    Ok(job)
}
