//! What does a contestant find, and what does it leave behind? One untouched copy of a shape's table, and its figures
//! afterwards. Knows no contestant.

use crate::arena::{connect, run};
use crate::shape::Shape;
use anyhow::{Context, Result};
use serde::Serialize;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Connection, Row};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often it is looked whether an older server has noted what it was asked to count.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// One untouched copy.
pub(crate) struct Ground {
    connection: PgConnection,
    /// For programs that make their own connections.
    pub(crate) url: String,
    /// For files that go with it.
    pub(crate) folder: PathBuf,
    /// The table that grows.
    table: &'static str,
}

/// What a table takes on the disk.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Sizes {
    /// With what lies outside its rows.
    pub(crate) table_bytes: i64,
    /// All of them together.
    pub(crate) index_bytes: i64,
}

impl Ground {
    pub(crate) async fn at(url: &str, folder: &Path, shape: &Shape) -> Result<Self> {
        let connection = connect(url).await?;
        Ok(Self { connection, url: url.to_owned(), folder: folder.to_owned(), table: shape.written_table() })
    }

    /// Runs a statement in a transaction of its own; how many rows it changed.
    pub(crate) async fn execute(&mut self, sql: &str) -> Result<u64> {
        let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut self.connection).await;
        Ok(done.with_context(|| sql.to_owned())?.rows_affected())
    }

    /// The texts of the first row; none where there is no row.
    pub(crate) async fn texts(&mut self, sql: &str) -> Result<Vec<String>> {
        let row: Option<PgRow> = sqlx::raw_sql(AssertSqlSafe(sql))
            .fetch_optional(&mut self.connection)
            .await
            .with_context(|| sql.to_owned())?;
        let Some(row) = row else { return Ok(Vec::new()) };
        Ok((0..row.len()).map(|column| row.try_get(column)).collect::<Result<_, _>>()?)
    }

    /// The number that a statement answers with.
    pub(crate) async fn number(&mut self, sql: &str) -> Result<i64> {
        self.number_if_any(sql).await?.with_context(|| format!("no answer to {sql}"))
    }

    /// A number, where the statement answers with a row.
    pub(crate) async fn number_if_any(&mut self, sql: &str) -> Result<Option<i64>> {
        let answer = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_optional(&mut self.connection).await;
        answer.with_context(|| sql.to_owned())
    }

    /// How many bytes of WAL the server has written.
    pub(crate) async fn wal(&mut self) -> Result<i64> {
        self.number("select (pg_current_wal_insert_lsn() - '0/0')::bigint").await
    }

    /// As the table and its indexes are now.
    pub(crate) async fn sizes(&mut self) -> Result<Sizes> {
        let table = self.table;
        Ok(Sizes {
            table_bytes: self.number(&format!("select pg_table_size('{table}')")).await?,
            index_bytes: self.number(&format!("select pg_indexes_size('{table}')")).await?,
        })
    }

    /// As they would be if they were written anew. Afterwards they are.
    pub(crate) async fn sizes_when_rewritten(&mut self) -> Result<Sizes> {
        run(&mut self.connection, &format!("vacuum (full) {}", self.table)).await?;
        self.sizes().await
    }

    /// How many dead rows there are, counted by the server's own ANALYZE: exact up to 30,000 pages, from a sample of as
    /// many above. A count that any version has, and without an extension.
    pub(crate) async fn dead_rows(&mut self) -> Result<i64> {
        self.connect_anew().await?;
        let table = self.table;
        let counted = format!("select pg_stat_get_analyze_count('{table}'::regclass)");
        let before = self.number(&counted).await?;
        run(&mut self.connection, &format!("analyze {table}")).await?;
        // Before version 15 it takes a moment to be known.
        while self.number(&counted).await? == before {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        self.number(&format!("select pg_stat_get_dead_tuples('{table}'::regclass)")).await
    }

    /// What a session did itself is told to the statistics late, and left out of its own ANALYZE until then: at the latest
    /// when it ends.
    async fn connect_anew(&mut self) -> Result<()> {
        let before = self.number("select pg_backend_pid()::bigint").await?;
        let fresh = connect(&self.url).await?;
        std::mem::replace(&mut self.connection, fresh).close().await?;
        while self.number(&format!("select count(*) from pg_stat_activity where pid = {before}")).await? > 0 {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }
}
