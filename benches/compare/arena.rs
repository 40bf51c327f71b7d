//! Where do the contestants run? On one server of its own, and each on its own copy of the same table, byte for byte.

use crate::postgres::{Cluster, Durability, program};
use anyhow::{Context, Result, bail, ensure};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use std::path::Path;
use std::process::{Command, Stdio};
use std::str::FromStr;

/// What a small production server has. Autovacuum is off, so that no figure depends on when it wakes up; checkpoints come
/// by the volume of WAL, never by the clock.
pub(crate) const SETTINGS: [(&str, &str); 4] =
    [("shared_buffers", "512MB"), ("max_wal_size", "4GB"), ("checkpoint_timeout", "1h"), ("autovacuum", "off")];

/// The database that every copy is made of. Nobody may be connected to it meanwhile.
const ORIGINAL: &str = "original";

/// The database of the contestant whose turn it is.
const COPY: &str = "copy";

/// A server with the accounts of pgbench, which commits to the disk as a real one does.
pub(crate) struct Arena {
    cluster: Cluster,
    admin: PgConnection,
    /// How many rows there are to change.
    pub(crate) rows: i64,
    /// As the server says it: `15.20 (Debian …)`.
    pub(crate) version: String,
    major: u32,
}

/// One untouched copy of the table.
pub(crate) struct Accounts {
    connection: PgConnection,
    /// For programs that make their own connections.
    pub(crate) url: String,
}

impl Arena {
    /// Starts a server, which stops when this process ends, whichever way.
    pub(crate) async fn build(major: u32, scale: u32) -> Result<Self> {
        eprintln!("starting PostgreSQL {major}, making {} accounts", 100_000 * u64::from(scale));
        let cluster = Cluster::start(major, Durability::Full);
        settle(&cluster).await?;
        let mut admin = connect(&cluster.url("postgres")).await?;
        run(&mut admin, &format!("create database {ORIGINAL}")).await?;
        let rows = make_accounts(&cluster, scale).await?;
        let version = sqlx::query_scalar("show server_version").fetch_one(&mut admin).await?;
        Ok(Self { cluster, admin, rows, version, major })
    }

    /// Replaces the last contestant's table by a copy of the original, with nothing left to write to the disk.
    pub(crate) async fn fresh_accounts(&mut self) -> Result<Accounts> {
        run(&mut self.admin, &format!("drop database if exists {COPY} with (force)")).await?;
        // As files: through the WAL, where version 15 copies by default, the copy would be in the cache already.
        let strategy = if self.major >= 15 { "strategy file_copy" } else { "" };
        run(&mut self.admin, &format!("create database {COPY} template {ORIGINAL} {strategy}")).await?;
        run(&mut self.admin, "checkpoint").await?;
        let url = self.cluster.url(COPY);
        Ok(Accounts { connection: connect(&url).await?, url })
    }

    /// Where files may lie that must be gone when this process ends, whichever way. The data is there too.
    pub(crate) fn folder(&self) -> &Path {
        self.cluster.socket_folder()
    }
}

impl Accounts {
    /// Runs a statement in a transaction of its own; how many rows it changed.
    pub(crate) async fn execute(&mut self, sql: &str) -> Result<u64> {
        let done = sqlx::query(AssertSqlSafe(sql)).execute(&mut self.connection).await;
        Ok(done.with_context(|| sql.to_owned())?.rows_affected())
    }

    /// The first key that a statement answers with when it is given another, in a transaction of its own.
    pub(crate) async fn key_after(&mut self, sql: &str, key: i32) -> Result<Option<i32>> {
        let answer = sqlx::query_scalar(AssertSqlSafe(sql)).bind(key).fetch_one(&mut self.connection).await;
        answer.with_context(|| sql.to_owned())
    }

    /// How many bytes of WAL the server has written.
    pub(crate) async fn wal(&mut self) -> Result<i64> {
        self.number("select (pg_current_wal_insert_lsn() - '0/0')::bigint").await
    }

    /// The bytes of the table, without its indexes.
    pub(crate) async fn size(&mut self) -> Result<i64> {
        self.number("select pg_table_size('pgbench_accounts')").await
    }

    /// Refuses the figures of a contestant that left something out.
    pub(crate) async fn check_every_row_has_its_note(&mut self) -> Result<()> {
        let left = self.number("select count(*) from pgbench_accounts where note is null").await?;
        ensure!(left == 0, "{left} rows were left out");
        Ok(())
    }

    /// A number, where the statement answers with a row.
    pub(crate) async fn number_if_any(&mut self, sql: &'static str) -> Result<Option<i64>> {
        Ok(sqlx::query_scalar(sql).fetch_optional(&mut self.connection).await?)
    }

    async fn number(&mut self, sql: &'static str) -> Result<i64> {
        Ok(sqlx::query_scalar(sql).fetch_one(&mut self.connection).await?)
    }
}

/// Some of the settings need a restart. As after a power cut: the server is empty still.
async fn settle(cluster: &Cluster) -> Result<()> {
    let mut admin = connect(&cluster.url("postgres")).await?;
    for (name, value) in SETTINGS {
        run(&mut admin, &format!("alter system set {name} = '{value}'")).await?;
    }
    admin.close().await?;
    cluster.stop_immediate();
    cluster.start_again();
    Ok(())
}

/// The table of the shipped job, with three indexes, as none of the updates can be a cheap one within its page.
async fn make_accounts(cluster: &Cluster, scale: u32) -> Result<i64> {
    pgbench(cluster, &["-i", "-q", "-s", &scale.to_string()])?;
    let mut original = connect(&cluster.url(ORIGINAL)).await?;
    run(&mut original, "alter table pgbench_accounts add column note text").await?;
    run(&mut original, "create index on pgbench_accounts (bid)").await?;
    run(&mut original, "create index on pgbench_accounts (abalance)").await?;
    run(&mut original, "vacuum (analyze) pgbench_accounts").await?;
    let rows = sqlx::query_scalar("select count(*) from pgbench_accounts").fetch_one(&mut original).await?;
    original.close().await?;
    Ok(rows)
}

fn pgbench(cluster: &Cluster, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new(program("pgbench"));
    command.args(arguments).args(["-U", "postgres", "-h"]).arg(cluster.socket_folder()).arg(ORIGINAL);
    let output = command.stdin(Stdio::null()).output().context("pgbench does not start")?;
    if !output.status.success() {
        bail!("pgbench: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

pub(crate) async fn connect(url: &str) -> Result<PgConnection> {
    let options = PgConnectOptions::from_str(url)?.disable_statement_logging();
    options.connect().await.with_context(|| format!("{url} does not answer"))
}

pub(crate) async fn run(connection: &mut PgConnection, sql: &str) -> Result<()> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.with_context(|| sql.to_owned())?;
    Ok(())
}
