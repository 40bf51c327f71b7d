//! How is a SQLite file opened, and how does one connection run a statement? Knows no tables.
//!
//! The file stays as its owner set it up: its journal mode is not touched.

use super::carrier::Carrier;
use super::company::Company;
use super::failure::{ERROR, closed, from_sqlx, from_sqlx_at};
use super::line::{Line, Turn};
use super::row;
use crate::db::failure::{Circumstances, Class, Failure, Phase};
use crate::db::session::{Row, Session, Value, first_text};
use async_trait::async_trait;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, SqliteConnection};
use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

/// Begins a transaction as the file's writer. A transaction that reads first and writes later cannot become it: it is
/// refused at once when another one wrote in between.
pub(super) const BEGIN_WRITING: &str = "begin immediate";

/// Ends it, and lets the next writer have the file.
pub(super) const COMMIT: &str = "commit";

/// Begins a transaction that cannot write, on a connection that never will.
pub(super) const BEGIN_READING: &str = "pragma query_only = on; begin";

/// How long a wait for another writer lasts where no job says so: most programs give SQLite the same.
pub(super) const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// A file that does not open in this time lies on a network that does not answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a call may take where nobody says so.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(30);

/// How much longer than its deadline a call may stay unanswered: a statement is interrupted between two instructions,
/// never while it waits for the disk.
const GRACE: Duration = Duration::from_secs(5);

/// A rollback does nothing that takes longer.
const ROLLBACK_TIMEOUT: Duration = Duration::from_secs(2);

/// How often a wait of [`SqliteSession::looking_often`] looks again: it must not miss the moment that a runner leaves
/// the file free between two batches.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// Instructions between two looks at the clock: some ten microseconds' worth.
const INSTRUCTIONS_PER_LOOK: i32 = 1000;

/// Opens connections to one file.
#[derive(Clone)]
pub(super) struct Connector {
    path: PathBuf,
    alone_in_process: bool,
}

impl Connector {
    /// Alone in the process: nothing in it opens the file but this crate.
    pub(super) fn new(path: &Path, alone_in_process: bool) -> Self {
        Self { path: path.to_owned(), alone_in_process }
    }

    /// Where the file is.
    pub(super) fn address(&self) -> String {
        format!("sqlite:{}", self.path.display())
    }

    /// The file's name without its extension.
    pub(super) fn name(&self) -> String {
        self.path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Opens one connection that waits up to `lock_timeout` for other connections.
    pub(super) async fn connect(&self, lock_timeout: Duration) -> Result<SqliteSession, Failure> {
        let doing = || format!("open {}", self.address());
        // SQLite would say no more than that it cannot open the file.
        if let Ok(false) = self.path.try_exists() {
            let missing = "there is no such file; check the path in --database or DATABASE_URL";
            return Err(Failure::fatal(missing).while_doing(doing()));
        }
        match timeout(CONNECT_TIMEOUT, open(self.options(lock_timeout))).await {
            Ok(Ok(watched)) => Ok(SqliteSession {
                watched: Some(watched),
                deadline: DEFAULT_DEADLINE,
                lock_timeout,
                looks_often: false,
                at: Circumstances::OUTSIDE,
                line: Line::before(&self.path),
                company: Company::Assumed,
                turn: None,
            }),
            Ok(Err(error)) => Err(from_sqlx(&error).while_doing(doing())),
            Err(_) => {
                let waited = humantime::format_duration(CONNECT_TIMEOUT);
                Err(Failure::new(Class::Lost, format!("no answer for {waited}")).while_doing(doing()))
            }
        }
    }

    /// Opens one that writes batch after batch.
    ///
    /// Where the file has a write-ahead log, its commits do not wait for the disk: a machine that loses its power takes a batch
    /// and its checkpoint back together, and they are done again. Without a log it might leave a damaged file, so there it is
    /// as careful as everybody. See <https://sqlite.org/pragma.html#pragma_synchronous>.
    /// The log is carried into the file by a connection of its own then, not by every so many commits.
    pub(super) async fn connect_for_batches(
        &self,
        lock_timeout: Duration,
    ) -> Result<(SqliteSession, Option<Carrier>), Failure> {
        let mut session = self.connect(lock_timeout).await?;
        let mode = session.script("pragma journal_mode").await?;
        // As long as this connection is open, nobody can take the log away.
        if first_text(&mode).as_deref() != Some("wal") {
            return Ok((session, None));
        }
        session.script("pragma synchronous = normal").await?;
        session.company = if self.alone_in_process { Company::told_by(&self.path) } else { Company::Assumed };
        let carrier = Carrier::beside(&mut session, self.connect(lock_timeout).await?).await?;
        Ok((session, Some(carrier)))
    }

    fn options(&self, lock_timeout: Duration) -> SqliteConnectOptions {
        // An absolute path cannot be read as one of SQLite's `file:` addresses.
        let path = std::path::absolute(&self.path).unwrap_or_else(|_| self.path.clone());
        SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(false)
            .foreign_keys(true)
            .busy_timeout(lock_timeout)
            .disable_statement_logging()
    }
}

async fn open(options: SqliteConnectOptions) -> Result<Watched, sqlx::Error> {
    let mut connection = options.connect().await?;
    let deadline = Arc::new(Deadline::new());
    let seen = Arc::clone(&deadline);
    connection.lock_handle().await?.set_progress_handler(INSTRUCTIONS_PER_LOOK, move || !seen.is_over());
    Ok(Watched { connection, deadline })
}

/// Until when the statement in hand may run; read by the thread that runs it.
struct Deadline {
    since: Instant,
    /// Microseconds after `since`.
    due: AtomicU64,
}

impl Deadline {
    fn new() -> Self {
        Self { since: Instant::now(), due: AtomicU64::new(u64::MAX) }
    }

    fn set(&self, limit: Duration) {
        let due = (self.since.elapsed() + limit).as_micros();
        self.due.store(u64::try_from(due).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn is_over(&self) -> bool {
        self.since.elapsed().as_micros() > u128::from(self.due.load(Ordering::Relaxed))
    }
}

/// A connection whose statements have a deadline.
struct Watched {
    connection: SqliteConnection,
    deadline: Arc<Deadline>,
}

impl Drop for Watched {
    /// Dropping the connection ends its transaction, but only when its thread is done with the statement in hand.
    fn drop(&mut self) {
        self.deadline.set(Duration::ZERO);
    }
}

/// One connection; `None` once it was given up.
pub(super) struct SqliteSession {
    watched: Option<Watched>,
    deadline: Duration,
    lock_timeout: Duration,
    looks_often: bool,
    at: Circumstances,
    line: Arc<Line>,
    company: Company,
    turn: Option<Turn>,
}

impl SqliteSession {
    /// Says what the next calls are for: the same error asks for another answer in another phase of a batch. What is
    /// interrupted always took too long.
    pub(super) fn enter(&mut self, phase: Phase) {
        self.at = Circumstances { phase, ..Circumstances::OUTSIDE };
    }

    /// Waits for the writer's place by looking often. SQLite's own wait looks every 100 ms in the end, which is right for
    /// batches: they get in no sooner than the application does. Leases and operators must get in between batches.
    pub(super) fn looking_often(self) -> Self {
        Self { looks_often: true, ..self }
    }

    /// Whoever it leaves the file free for.
    #[cfg(test)]
    pub(super) fn company(&self) -> Company {
        self.company
    }

    /// Runs one call: its statement is interrupted after `limit`, and when that does not help the connection is given
    /// up after `patience`. It is also given up when the caller stops waiting.
    async fn call<T, F>(&mut self, limit: Duration, patience: Duration, call: F) -> Result<T, Failure>
    where
        F: AsyncFnOnce(&mut SqliteConnection) -> Result<T, sqlx::Error>,
    {
        let mut watched = self.watched.take().ok_or_else(closed)?;
        watched.deadline.set(limit);
        match timeout(patience, call(&mut watched.connection)).await {
            Ok(Ok(value)) => {
                self.watched = Some(watched);
                Ok(value)
            }
            Ok(Err(error)) => {
                let failure = from_sqlx_at(&error, self.at);
                if !matches!(failure.class, Class::Lost | Class::Ambiguous | Class::Reset) {
                    self.watched = Some(watched);
                }
                Err(failure)
            }
            Err(_) => {
                let waited = humantime::format_duration(patience);
                let class = if self.at.phase == Phase::Commit { Class::Ambiguous } else { Class::Lost };
                Err(Failure::new(class, format!("no answer for {waited}, connection closed")))
            }
        }
    }

    async fn call_in_time<T, F>(&mut self, call: F) -> Result<T, Failure>
    where
        F: AsyncFnOnce(&mut SqliteConnection) -> Result<T, sqlx::Error>,
    {
        self.call(self.deadline, self.deadline + GRACE, call).await
    }

    async fn run_script(&mut self, sql: &str) -> Result<Vec<Row>, Failure> {
        let script = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        let rows = self.call_in_time(async |c: &mut SqliteConnection| script.fetch_all(c).await).await?;
        row::read(&rows)
    }

    /// Becomes the file's writer, in its turn among those of this process, or fails when the lock timeout has passed.
    async fn begin_writing(&mut self) -> Result<Vec<Row>, Failure> {
        self.turn = None;
        let (mut turn, begun) = if self.looks_often {
            (self.line.state_change(), self.look_often().await?)
        } else {
            (self.line.batch(self.company).await, self.run_script(BEGIN_WRITING).await?)
        };
        turn.writes();
        self.turn = Some(turn);
        Ok(begun)
    }

    async fn look_often(&mut self) -> Result<Vec<Row>, Failure> {
        let wait = format!("pragma busy_timeout = {}", self.lock_timeout.as_millis());
        let attempt = format!("pragma busy_timeout = 0; {BEGIN_WRITING}; {wait}");
        let give_up = Instant::now() + self.lock_timeout;
        loop {
            match self.run_script(&attempt).await {
                Err(failure) if failure.class == Class::Locked && Instant::now() < give_up => sleep(LOOK_AGAIN).await,
                Err(failure) => {
                    if failure.class != Class::Lost {
                        self.run_script(&wait).await?;
                    }
                    return Err(failure);
                }
                begun => return begun,
            }
        }
    }
}

#[async_trait]
impl Session for SqliteSession {
    /// The number is of use for statements that write: for others SQLite repeats the number of the last that did.
    async fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, Failure> {
        let query = query(sql, values);
        let done = self.call_in_time(async |c: &mut SqliteConnection| query.execute(c).await).await?;
        Ok(done.rows_affected())
    }

    async fn fetch(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, Failure> {
        let query = query(sql, values);
        let rows = self.call_in_time(async |c: &mut SqliteConnection| query.fetch_all(c).await).await?;
        row::read(&rows)
    }

    async fn measure(&mut self, sql: &str, most: usize) -> Result<Vec<Row>, Failure> {
        let query = query(sql, &[]);
        let read = async |c: &mut SqliteConnection| {
            let (mut answer, mut rows) = (query.fetch(c), Vec::new());
            while rows.len() < most
                && let Some(row) = poll_fn(|context| answer.as_mut().poll_next(context)).await
            {
                rows.push(row?);
            }
            Ok(rows)
        };
        let rows = self.call_in_time(read).await?;
        row::measured(&rows)
    }

    async fn script(&mut self, sql: &str) -> Result<Vec<Row>, Failure> {
        match sql {
            BEGIN_WRITING => self.begin_writing().await,
            COMMIT => self.run_script(COMMIT).await.inspect(|_| self.turn = None),
            other => self.run_script(other).await,
        }
    }

    fn set_deadline(&mut self, deadline: Duration) {
        self.deadline = deadline;
    }

    fn is_closed(&self) -> bool {
        self.watched.is_none()
    }

    /// Some errors end the transaction by themselves (a full disk, an interrupted change), and then there is nothing to
    /// roll back: that is the one answer besides success after which the connection is known to be outside of any.
    async fn rollback(&mut self) {
        let rollback = sqlx::raw_sql("rollback");
        let rollback = async |c: &mut SqliteConnection| rollback.execute(c).await;
        let answered = self.call(ROLLBACK_TIMEOUT, ROLLBACK_TIMEOUT, rollback).await;
        if answered.is_err_and(|failure| !failure.has_code(&[ERROR])) {
            self.watched = None;
        }
        self.turn = None;
    }
}

/// The one place where SQL made at run time reaches the driver. Unlike a server, SQLite's driver runs every statement
/// of a text: that a user's expression is one expression is proven where it is read, in `job`.
fn query<'a>(sql: &str, values: &[Value]) -> sqlx::query::Query<'a, sqlx::Sqlite, SqliteArguments> {
    let query = sqlx::query(AssertSqlSafe(sql.to_owned()));
    values.iter().fold(query, |query, value| match value {
        Value::Null | Value::NoReal => query.bind(None::<String>),
        Value::Int(int) => query.bind(*int),
        Value::Real(real) => query.bind(*real),
        Value::Text(text) => query.bind(text.clone()),
        Value::Blob(bytes) => query.bind(bytes.clone()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1 is `normal`, 2 is `full`.
    #[tokio::test]
    async fn only_where_there_is_a_log_do_batches_not_wait_for_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        for (mode, synchronous) in [("delete", "2"), ("wal", "1")] {
            let path = folder.path().join(mode);
            std::fs::File::create(&path).unwrap();
            let mut owner = Connector::new(&path, false).connect(LOCK_TIMEOUT).await.unwrap();
            owner.script(&format!("pragma journal_mode = {mode}; create table items (id integer)")).await.unwrap();
            let (mut lane, _) = Connector::new(&path, false).connect_for_batches(LOCK_TIMEOUT).await.unwrap();
            let told = lane.script("select cast(synchronous as text) from pragma_synchronous").await.unwrap();
            assert_eq!(first_text(&told).as_deref(), Some(synchronous), "{mode}");
            let told = owner.script("select cast(synchronous as text) from pragma_synchronous").await.unwrap();
            assert_eq!(first_text(&told).as_deref(), Some("2"), "another connection is as it was");
        }
    }
}
