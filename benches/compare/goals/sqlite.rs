//! What do batches cost on SQLite? The table of `tidegate demo`, by one UPDATE and by the job that ships for it.

use super::Finding;
use crate::contest::Conditions;
use crate::program;
use crate::table::{Spread, grouped};
use anyhow::{Context, Result, anyhow, ensure};
use serde_json::json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tidegate::db::DemoTable;

/// The change of the shipped job `fill-full-name`, in batches of always the same size.
const JOB: &str = "version = 1\nname = \"compare\"\n\
    [table]\nname = \"users\"\nkey = [\"id\"]\n\
    [change.set]\nfull_name = \"first_name || ' ' || last_name\"\n\
    [batch]\nrows = 5000\nmin_rows = 5000\nmax_rows = 5000\n";

const BIG_UPDATE: &str = "update users set full_name = first_name || ' ' || last_name";

pub(super) async fn batches(conditions: &Conditions) -> Result<Finding> {
    // A million where the usual table has two.
    let rows = u32::try_from(conditions.scaled / 2)?.max(1);
    let folder = TempDir::with_prefix("tidegate-bench-")?;
    let original = folder.path().join("original.db");
    DemoTable::make(&original, rows).await.map_err(|failure| anyhow!("{failure}"))?;
    let (mut ratios, mut details) = (Vec::new(), Vec::new());
    for _ in 0..conditions.rounds {
        let [big, batches] = [one_update(folder.path()).await?, job(folder.path()).await?];
        eprintln!("  one UPDATE {:.2} s, batches {:.2} s", big.as_secs_f64(), batches.as_secs_f64());
        ratios.push(big.div_duration_f64(batches));
        details.push(json!({ "one_update_seconds": big.as_secs_f64(), "batches_seconds": batches.as_secs_f64() }));
    }
    let ratio = Spread::of(ratios.into_iter());
    Ok(Finding::Figure {
        reached: ratio.median >= 0.8,
        figure: ratio.bracketed(2),
        how: format!(
            "{} rows, journal in WAL mode, the whole process of tidegate; rounds: {}",
            grouped(rows.into()),
            details.len()
        ),
        details: details.into(),
    })
}

async fn one_update(folder: &Path) -> Result<Duration> {
    let copy = untouched(folder)?;
    let mut connection = open(&copy).await?;
    let begun = Instant::now();
    sqlx::raw_sql(BIG_UPDATE).execute(&mut connection).await?;
    connection.close().await?;
    let took = begun.elapsed();
    check(&copy).await?;
    Ok(took)
}

async fn job(folder: &Path) -> Result<Duration> {
    let (copy, job) = (untouched(folder)?, folder.join("job.toml"));
    std::fs::write(&job, JOB)?;
    let begun = Instant::now();
    program::run_job(&job, &format!("sqlite:{}", copy.display())).await?;
    let took = begun.elapsed();
    check(&copy).await?;
    Ok(took)
}

/// A copy of the file, on the disk before anybody begins.
fn untouched(folder: &Path) -> Result<PathBuf> {
    let copy = folder.join("copy.db");
    for leftover in ["copy.db-wal", "copy.db-shm"] {
        // The last one to close the file takes them away.
        ensure!(!folder.join(leftover).exists(), "{leftover} was left behind");
    }
    std::fs::copy(folder.join("original.db"), &copy)?;
    std::fs::File::open(&copy)?.sync_all()?;
    Ok(copy)
}

async fn check(copy: &Path) -> Result<()> {
    let mut connection = open(copy).await?;
    let wrong = "select count(*) from users where full_name is not first_name || ' ' || last_name";
    let wrong: i64 = sqlx::query_scalar(wrong).fetch_one(&mut connection).await?;
    connection.close().await?;
    ensure!(wrong == 0, "{wrong} users were left out");
    Ok(())
}

async fn open(path: &Path) -> Result<SqliteConnection> {
    let options = SqliteConnectOptions::new().filename(path).disable_statement_logging();
    options.connect().await.with_context(|| path.display().to_string())
}
