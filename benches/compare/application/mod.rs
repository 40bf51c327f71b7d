//! What does the application feel while every row of its table is changed? It works all the time at the same rate, on the
//! same table; what changes is who works beside it.
//!
//! Reading order: this file (who works beside it, one round), [`clients`] (the application), [`transactions`] (what it
//! waited for), [`probe`] (the limit of the run with pace), [`report`] (the table).

mod clients;
mod probe;
mod report;
mod transactions;

use crate::arena::{Accounts, Arena};
use crate::contestant::{self, Contestant};
use crate::program;
use anyhow::{Context, Result, ensure};
use clients::Clients;
use std::fmt;
use std::path::Path;
use std::time::{Duration, SystemTime};
use transactions::Latencies;

pub(crate) use report::Report;

/// How many workers the run with pace has. As many as two cores carry: without pace they leave nothing over.
const PACED_WORKERS: u32 = 2;

/// Who works beside the application, the measure of the others first.
const ARMS: [Arm; 6] = [
    Arm::Idle,
    Arm::Change(Contestant::BigUpdate),
    Arm::Change(Contestant::Tidegate { workers: 1, scope: false }),
    Arm::Change(Contestant::Tidegate { workers: PACED_WORKERS, scope: false }),
    Arm::Paced { sized: false },
    Arm::Paced { sized: true },
];

/// Short batches, where an application waits for rows that a batch has.
const SIZED: &str = "rows = 1000\nmin_rows = 100\nmax_rows = 5000\ntarget_time = \"10ms\"";

/// The same as with pace, without: the place in [`ARMS`] that says what pace costs.
const UNPACED: usize = 3;

#[derive(Clone, Copy)]
enum Arm {
    /// Nobody. The probe's limit is found meanwhile.
    Idle,
    Change(Contestant),
    /// tidegate with a limit for the application's latency; `sized`: in batches of ten milliseconds, not of fixed rows.
    Paced {
        sized: bool,
    },
}

/// How long is measured what does not end by itself.
#[derive(Clone, Copy)]
pub(crate) struct Lengths {
    /// The application alone, before anybody begins: connections, caches, the first writes to each page.
    pub(crate) warm_up: Duration,
    pub(crate) idle: Duration,
}

/// One round, in the order of [`ARMS`].
pub(crate) struct Round {
    probe_p95: Duration,
    felt: Vec<Felt>,
}

/// What the application felt beside one of the [`ARMS`].
struct Felt {
    /// As long as the change took; the application is measured over the same time.
    took: Duration,
    latencies: Latencies,
    /// How many transactions it got done in that time.
    done: usize,
}

impl Lengths {
    /// Long enough for figures.
    pub(crate) const USUAL: Self = Self { warm_up: Duration::from_secs(10), idle: Duration::from_secs(30) };

    /// Long enough to see that it works.
    pub(crate) const QUICK: Self = Self { warm_up: Duration::from_secs(2), idle: Duration::from_secs(5) };
}

/// Measures one round; the first one is number 0.
pub(crate) async fn round(arena: &mut Arena, lengths: Lengths, number: u32) -> Result<Round> {
    let (idle, probe_p95) = idle(arena, lengths).await.context("idle")?;
    let mut measured = vec![(0, progress(Arm::Idle, idle))];

    let mut order: Vec<(usize, Arm)> = ARMS.into_iter().enumerate().skip(1).collect();
    // Each round begins with another one, so that nobody always comes after the same neighbour's garbage.
    let places = order.len();
    order.rotate_left(number as usize % places);
    for (place, arm) in order {
        let felt = beside_change(arm, arena, lengths, probe_p95).await.with_context(|| arm.to_string())?;
        measured.push((place, progress(arm, felt)));
    }
    measured.sort_by_key(|(place, _)| *place);
    Ok(Round { probe_p95, felt: measured.into_iter().map(|(_, felt)| felt).collect() })
}

/// Also the 95th percentile of the probe.
async fn idle(arena: &mut Arena, lengths: Lengths) -> Result<(Felt, Duration)> {
    let accounts = arena.fresh_accounts().await?;
    let probe = probe::p95(&accounts.url, lengths.idle);
    let (felt, probe_p95) = felt(&accounts.url, arena.folder(), lengths.warm_up, probe).await?;
    felt.check_the_rate_was_kept()?;
    Ok((felt, probe_p95))
}

async fn beside_change(arm: Arm, arena: &mut Arena, lengths: Lengths, probe_p95: Duration) -> Result<Felt> {
    let mut accounts = arena.fresh_accounts().await?;
    let (url, job) = (accounts.url.clone(), arena.folder().join("job.toml"));
    let change = arm.change_every_row(&mut accounts, &job, probe_p95);
    let (felt, ()) = felt(&url, arena.folder(), lengths.warm_up, change).await?;
    accounts.check_every_row_has_its_note().await?;
    Ok(felt)
}

/// Lets the application work, and somebody beside it once it is warm.
async fn felt<T>(
    url: &str,
    folder: &Path,
    warm_up: Duration,
    beside: impl Future<Output = Result<T>>,
) -> Result<(Felt, T)> {
    let clients = Clients::start(url, folder)?;
    tokio::time::sleep(warm_up).await;

    let begun = now()?;
    let found = beside.await?;
    let time = begun..now()?;

    let transactions = clients.finish(time.end).await?;
    let latencies = Latencies::of_due_in(&time, &transactions);
    ensure!(!latencies.is_empty(), "it was over before the application could feel it; choose a larger `--scale`");
    let done = transactions.iter().filter(|one| time.contains(&one.ended)).count();
    Ok((Felt { took: time.end - time.start, latencies, done }, found))
}

/// As pgbench counts.
fn now() -> Result<Duration> {
    Ok(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?)
}

fn progress(arm: Arm, felt: Felt) -> Felt {
    eprintln!("  {arm}: {:.1} s, p99 {}", felt.took.as_secs_f64(), report::shown(felt.latencies.percentile(99)));
    felt
}

impl Felt {
    /// Refuses a machine that has nothing left to share.
    fn check_the_rate_was_kept(&self) -> Result<()> {
        // Arrivals are random: in five seconds they may be three percent off.
        const ENOUGH: f64 = 0.9;
        let rate = self.per_second();
        ensure!(
            rate > ENOUGH * f64::from(clients::RATE),
            "the application alone gets only {rate:.0} of {} transactions a second done here",
            clients::RATE
        );
        Ok(())
    }

    fn per_second(&self) -> f64 {
        self.done as f64 / self.took.as_secs_f64()
    }
}

impl Arm {
    async fn change_every_row(self, accounts: &mut Accounts, job: &Path, probe_p95: Duration) -> Result<()> {
        match self {
            Self::Idle => return Ok(()),
            Self::Change(contestant) => drop(contestant.change_every_row(accounts, job).await?),
            Self::Paced { sized } => {
                let text = contestant::job_text(PACED_WORKERS, false);
                let text = if sized { text.replace(&contestant::pinned(), SIZED) } else { text };
                std::fs::write(job, text + &probe::section(probe::limit(probe_p95)))?;
                program::run_job(job, &accounts.url).await?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Arm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Idle => f.write_str("idle"),
            Self::Change(contestant @ Contestant::Tidegate { .. }) => write!(f, "{contestant}, without pace"),
            Self::Change(contestant) => contestant.fmt(f),
            Self::Paced { sized } => {
                let batches = if *sized { ", batches of 10 ms" } else { "" };
                write!(f, "tidegate, {PACED_WORKERS} workers, with pace{batches}")
            }
        }
    }
}
