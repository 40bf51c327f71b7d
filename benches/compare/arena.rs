//! Where do the contestants run? On one server of its own, and each on its own copy of the same table, byte for byte.

use crate::contest::Conditions;
use crate::ground::Ground;
use crate::postgres::{Cluster, Durability};
use crate::shape::Shape;
use anyhow::{Context, Result};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// What a small production server has. Autovacuum is off, so that no figure depends on when it wakes up; checkpoints come
/// by the volume of WAL, never by the clock.
const SETTINGS: [(&str, &str); 4] =
    [("shared_buffers", "512MB"), ("max_wal_size", "4GB"), ("checkpoint_timeout", "1h"), ("autovacuum", "off")];

/// The database that every copy is made of. Nobody may be connected to it meanwhile.
const ORIGINAL: &str = "original";

/// The database of the contestant whose turn it is.
const COPY: &str = "copy";

/// A server with the table of one shape.
pub(crate) struct Arena {
    cluster: Cluster,
    admin: PgConnection,
    pub(crate) shape: &'static Shape,
    /// How many the table has.
    pub(crate) rows: u64,
    /// How many of them need the change.
    pub(crate) to_change: u64,
    /// As the server says it: `15.20 (Debian …)`.
    pub(crate) version: String,
    major: u32,
    durability: Durability,
}

impl Arena {
    /// Starts a server, which stops when this process ends, whichever way, with a table so many times as large as usual.
    pub(crate) async fn build(conditions: &Conditions, shape: &'static Shape, times: u64) -> Result<Self> {
        let (major, rows) = (conditions.postgres, shape.rows(conditions.scaled * times));
        eprintln!("starting PostgreSQL {major}, making {rows} rows: {}", shape.about);
        let cluster = Cluster::start_in(&conditions.files, major, conditions.durability, "");
        settle(&cluster, shape).await?;
        let mut admin = connect(&cluster.url("postgres")).await?;
        run(&mut admin, &format!("create database {ORIGINAL}")).await?;
        let to_change = seed(&cluster, shape, rows).await?;
        let version = sqlx::query_scalar("show server_version").fetch_one(&mut admin).await?;
        let durability = conditions.durability;
        Ok(Self { cluster, admin, shape, rows, to_change, version, major, durability })
    }

    /// Replaces the last contestant's table by a copy of the original, with nothing left to write to the disk.
    pub(crate) async fn fresh_ground(&mut self) -> Result<Ground> {
        run(&mut self.admin, &format!("drop database if exists {COPY} with (force)")).await?;
        // As files: through the WAL, where version 15 copies by default, the copy would be in the cache already.
        let strategy = if self.major >= 15 { "strategy file_copy" } else { "" };
        run(&mut self.admin, &format!("create database {COPY} template {ORIGINAL} {strategy}")).await?;
        run(&mut self.admin, "checkpoint").await?;
        Ground::at(&self.cluster.url(COPY), self.folder(), self.shape).await
    }

    /// Where files may lie that must be gone when this process ends, whichever way. The data is there too.
    pub(crate) fn folder(&self) -> &Path {
        self.cluster.socket_folder()
    }

    /// The server's socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.cluster.socket()
    }

    /// Every setting that figures depend on.
    pub(crate) fn settings(&self) -> Vec<(&'static str, &'static str)> {
        let fsync = if self.durability == Durability::Full { "on" } else { "off" };
        [("fsync", fsync)].into_iter().chain(settings(self.shape)).collect()
    }
}

/// The shape's own in the place of the usual ones.
fn settings(shape: &Shape) -> Vec<(&'static str, &'static str)> {
    let own = |name: &str| shape.settings.iter().find(|(own, _)| *own == name);
    SETTINGS.into_iter().map(|usual| *own(usual.0).unwrap_or(&usual)).collect()
}

/// Some of the settings need a restart. As after a power cut: the server is empty still.
async fn settle(cluster: &Cluster, shape: &Shape) -> Result<()> {
    let mut admin = connect(&cluster.url("postgres")).await?;
    for (name, value) in settings(shape) {
        run(&mut admin, &format!("alter system set {name} = '{value}'")).await?;
    }
    admin.close().await?;
    cluster.stop_immediate();
    cluster.start_again();
    Ok(())
}

/// Makes the table; how many of its rows need the change.
async fn seed(cluster: &Cluster, shape: &Shape, rows: u64) -> Result<u64> {
    let mut original = connect(&cluster.url(ORIGINAL)).await?;
    for statement in (shape.seed)(rows) {
        run(&mut original, &statement).await?;
    }
    run(&mut original, "vacuum (analyze)").await?;
    let needs = shape.only().unwrap_or("true");
    let count = format!("select count(*) from {} where {needs}", shape.table);
    let to_change: i64 = sqlx::query_scalar(AssertSqlSafe(count)).fetch_one(&mut original).await?;
    original.close().await?;
    Ok(u64::try_from(to_change)?)
}

pub(crate) async fn connect(url: &str) -> Result<PgConnection> {
    let options = PgConnectOptions::from_str(url)?.disable_statement_logging();
    options.connect().await.with_context(|| format!("{url} does not answer"))
}

pub(crate) async fn run(connection: &mut PgConnection, sql: &str) -> Result<()> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.with_context(|| sql.to_owned())?;
    Ok(())
}
