//! What does the application feel while its table is changed? It works all the time at the same rate, on the same table;
//! what changes is who works beside it.
//!
//! Reading order: this file (who works beside whom), [`clients`] (the application), [`transactions`] (what it waited for),
//! [`probe`] (the limit of a run with pace).

mod clients;
pub(crate) mod probe;
mod transactions;

use crate::arena::Arena;
use anyhow::{Result, ensure};
use clients::Clients;
use serde::Serialize;
use std::path::Path;
use std::time::{Duration, SystemTime};
use transactions::Latencies;

/// How long is measured what does not end by itself.
#[derive(Clone, Copy)]
pub(crate) struct Lengths {
    /// The application alone, before anybody begins: connections, caches, the first writes to each page.
    pub(crate) warm_up: Duration,
    /// The idle server: what the application feels when it is alone, how long the probe takes.
    pub(crate) idle: Duration,
    /// Whoever takes longer gives no figures: a run with pace is held for as long as the machine is busy with others.
    pub(crate) at_most: Duration,
    /// The probe's limit is not below this. A look whether everything works must not be held.
    pub(crate) least_limit: Duration,
}

/// The application of a shape.
pub(crate) struct Load {
    /// For pgbench.
    script: String,
    warm_up: Duration,
}

/// What the application felt: milliseconds from the moment that a transaction was due.
#[derive(Clone, Serialize)]
pub(crate) struct Felt {
    pub(crate) p50_ms: f64,
    pub(crate) p95_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
    /// How many transactions it got done.
    pub(crate) per_second: f64,
}

impl Lengths {
    /// Long enough for figures; without an application, for those of the probe.
    pub(crate) fn usual(with_application: bool) -> Self {
        Self {
            warm_up: Duration::from_secs(10),
            idle: Duration::from_secs(if with_application { 30 } else { 20 }),
            at_most: Duration::from_secs(3600),
            // About what a transaction of the application takes on the idle server, at the 99th percentile.
            least_limit: Duration::from_millis(1),
        }
    }

    /// Long enough to see that it works.
    pub(crate) fn quick(with_application: bool) -> Self {
        Self {
            warm_up: Duration::from_secs(1),
            idle: Duration::from_millis(if with_application { 3_000 } else { 300 }),
            at_most: Duration::from_secs(60),
            least_limit: Duration::from_secs(1),
        }
    }

    /// The probe's limit that follows from its 95th percentile on the idle server.
    pub(crate) fn probe_limit(&self, p95: Duration) -> Duration {
        (p95 * probe::TIMES).max(self.least_limit)
    }
}

impl Load {
    /// The application of the arena's shape.
    pub(crate) fn on(arena: &Arena, lengths: Lengths) -> Self {
        let statements = (arena.shape.transaction)(&(arena.shape.row)(":n"));
        let script = format!("\\set n random(1, {})\nbegin;\n{}\nend;\n", arena.rows, statements.join("\n"));
        Self { script, warm_up: lengths.warm_up }
    }

    /// What it is, in a sentence.
    pub(crate) fn words() -> String {
        format!(
            "application: pgbench, {} clients, {} transactions a second that change and read one row of the same table",
            clients::CLIENTS,
            clients::RATE
        )
    }
}

/// Lets the application work, and somebody beside it once it is warm.
pub(crate) async fn felt<T>(
    url: &str,
    folder: &Path,
    load: &Load,
    beside: impl Future<Output = Result<T>>,
) -> Result<(Felt, T)> {
    let clients = Clients::start(url, folder, &load.script)?;
    tokio::time::sleep(load.warm_up).await;

    let begun = now()?;
    let found = beside.await?;
    let time = begun..now()?;

    let transactions = clients.finish(time.end).await?;
    let latencies = Latencies::of_due_in(&time, &transactions);
    ensure!(!latencies.is_empty(), "it was over before the application could feel it; choose a larger `--scale`");
    let done = transactions.iter().filter(|one| time.contains(&one.ended)).count();
    let percentile = |percent| latencies.percentile(percent).as_secs_f64() * 1e3;
    let felt = Felt {
        p50_ms: percentile(50),
        p95_ms: percentile(95),
        p99_ms: percentile(99),
        max_ms: percentile(100),
        per_second: done as f64 / (time.end - time.start).as_secs_f64(),
    };
    Ok((felt, found))
}

/// As pgbench counts.
fn now() -> Result<Duration> {
    Ok(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?)
}

impl Felt {
    /// Refuses a machine that has nothing left to share.
    pub(crate) fn check_the_rate_was_kept(&self) -> Result<()> {
        // Arrivals are random: in five seconds they may be three percent off.
        const ENOUGH: f64 = 0.9;
        ensure!(
            self.per_second > ENOUGH * f64::from(clients::RATE),
            "the application alone gets only {:.0} of {} transactions a second done here",
            self.per_second,
            clients::RATE
        );
        Ok(())
    }
}
