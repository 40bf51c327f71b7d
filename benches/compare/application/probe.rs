//! What is the probe, and which limit does it get? Times it while nothing but the application is at work, if anything.

use super::transactions::Latencies;
use crate::arena;
use crate::shape::Shape;
use anyhow::Result;
use sqlx::{AssertSqlSafe, PgConnection};
use std::time::{Duration, Instant};

/// The limit, as a multiple of the idle server's 95th percentile.
pub(crate) const TIMES: u32 = 3;

/// As often as a run does it. Ten times as often the same look takes half as long, because the processor has not forgotten it
/// yet, and a limit that follows from that holds a run on an idle server.
const INTERVAL: Duration = Duration::from_secs(1);

/// What the application does most: it reads one row by its key.
pub(crate) fn sql(shape: &Shape) -> String {
    format!("select 1 from {} where {}", shape.table, (shape.row)("1"))
}

/// The 95th percentile over that time.
pub(crate) async fn p95(url: &str, shape: &Shape, time: Duration) -> Result<Duration> {
    let mut connection = arena::connect(url).await?;
    let sql = sql(shape);
    // What a server does once for each connection is in the first one.
    once(&mut connection, &sql).await?;
    let begun = Instant::now();
    let mut took = Vec::new();
    while begun.elapsed() < time {
        tokio::time::sleep(INTERVAL).await;
        took.push(once(&mut connection, &sql).await?);
    }
    Ok(Latencies::of(took).percentile(95))
}

/// As a run does it: in a transaction that cannot write, which is not part of the time.
async fn once(connection: &mut PgConnection, sql: &str) -> Result<Duration> {
    arena::run(connection, "begin read only").await?;
    let begun = Instant::now();
    sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut *connection).await?;
    let took = begun.elapsed();
    arena::run(connection, "rollback").await?;
    Ok(took)
}
