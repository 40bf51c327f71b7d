//! What is the probe, and which limit does it get? Times it while nothing but the application is at work.

use super::transactions::Latencies;
use crate::arena;
use anyhow::Result;
use sqlx::PgConnection;
use std::time::{Duration, Instant};

/// What the application does most: it reads one row by its key.
pub(super) const SQL: &str = "select abalance from pgbench_accounts where aid = 1000";

/// The limit, as a multiple of the idle server's 95th percentile.
pub(super) const TIMES: u32 = 3;

/// What a job takes at least: below, a round trip is all that is measured.
pub(super) const LEAST: Duration = Duration::from_micros(10);

/// Ten times as often as a run does it, for a 95th percentile out of hundreds; still nothing beside the application.
const INTERVAL: Duration = Duration::from_millis(100);

/// The 95th percentile over that time.
pub(super) async fn p95(url: &str, time: Duration) -> Result<Duration> {
    let mut connection = arena::connect(url).await?;
    // What a server does once for each connection is in the first one.
    once(&mut connection).await?;
    let begun = Instant::now();
    let mut took = Vec::new();
    while begun.elapsed() < time {
        tokio::time::sleep(INTERVAL).await;
        took.push(once(&mut connection).await?);
    }
    Ok(Latencies::of(took).percentile(95))
}

/// As a run does it: in a transaction that cannot write, which is not part of the time.
async fn once(connection: &mut PgConnection) -> Result<Duration> {
    arena::run(connection, "begin read only").await?;
    let begun = Instant::now();
    sqlx::query(SQL).fetch_one(&mut *connection).await?;
    let took = begun.elapsed();
    arena::run(connection, "rollback").await?;
    Ok(took)
}

/// The limit that follows from the 95th percentile.
pub(super) fn limit(p95: Duration) -> Duration {
    (p95 * TIMES).max(LEAST)
}

/// The section of the job file.
pub(super) fn section(limit: Duration) -> String {
    format!("[pace.probe]\nsql = \"{SQL}\"\nmax = \"{}us\"\n", limit.as_micros())
}
