//! How does one connection to PostgreSQL run a statement? Knows neither tables nor how the server was reached.

use super::failure::{closed, from_sqlx, from_sqlx_at};
use super::measured;
use super::pooler::understood;
use crate::db::failure::{Circumstances, Class, Failure, Phase};
use crate::db::session::{Row, Session, Value};
use async_trait::async_trait;
use sqlx::postgres::{PgArguments, PgDatabaseError, PgRow, PgSeverity};
use sqlx::{AssertSqlSafe, Column, Connection, Either, PgConnection, Row as _, TypeInfo, ValueRef};
use std::future::poll_fn;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// A rollback does nothing that takes longer; a server that is silent for this long keeps its silence.
const ROLLBACK_TIMEOUT: Duration = Duration::from_secs(2);

/// One connection; `None` once it was given up.
pub(super) struct PostgresSession {
    connection: Option<PgConnection>,
    /// When it began to connect, and when it was connected.
    opened: (Instant, Instant),
    deadline: Duration,
    /// What a batch is doing, and how long the server lets its statements take.
    batch: Option<(Phase, Duration)>,
}

impl PostgresSession {
    /// Over a connection that was just opened; `begun`: when that began.
    pub(super) fn over(connection: PgConnection, begun: Instant, deadline: Duration) -> Self {
        Self { connection: Some(connection), opened: (begun, Instant::now()), deadline, batch: None }
    }

    /// When it began to connect, and when it was connected.
    pub(super) fn opened(&self) -> (Instant, Instant) {
        self.opened
    }

    /// Runs several statements of our own in one message; how many rows they touched.
    pub(super) async fn touched(&mut self, sql: &str) -> Result<u64, Failure> {
        let script = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        let done = self.call(self.deadline, async |c: &mut PgConnection| script.execute(c).await).await?;
        Ok(done.rows_affected())
    }

    /// Says what the next calls are for: the same error asks for another answer in another phase of a batch.
    pub(super) fn enter(&mut self, phase: Phase, statement_timeout: Duration) {
        self.batch = Some((phase, statement_timeout));
    }

    /// Commits, and in the same message runs several statements of our own. Until COMMIT is answered a failure is its own; the
    /// rows, or the failure, of what follows are in the answer. The server sends all of it at once, so an answer that is lost
    /// says nothing of either.
    pub(super) async fn commit_then(&mut self, statements: &str) -> Result<Result<Vec<Row>, Failure>, Failure> {
        let script = sqlx::raw_sql(AssertSqlSafe(format!("commit; {statements}")));
        let begun = Instant::now();
        let read = async |c: &mut PgConnection| {
            let (mut answer, mut committed, mut rows) = (script.fetch_many(c), false, Vec::new());
            while let Some(part) = poll_fn(|context| answer.as_mut().poll_next(context)).await {
                match part {
                    // The end of the first statement, which is COMMIT, and of others.
                    Ok(Either::Left(_)) => committed = true,
                    Ok(Either::Right(row)) => rows.push(row),
                    Err(error) if committed => return Ok(Err(error)),
                    Err(error) => return Err(error),
                }
            }
            Ok(Ok(rows))
        };
        let error = match self.call(self.deadline, read).await? {
            Ok(rows) => return Ok(rows.iter().map(read_row).collect()),
            Err(error) => error,
        };
        let at = Circumstances { phase: Phase::Begin, ..self.circumstances(begun) };
        let failure = failure_of(&error, at);
        if self.gives_up_after(&failure) {
            self.connection = None;
        }
        Ok(Err(failure))
    }

    /// Whether the connection is not what it was. Within a batch nothing is tried again on such a one.
    fn gives_up_after(&self, failure: &Failure) -> bool {
        match failure.class {
            Class::Lost | Class::Ambiguous => true,
            Class::Reset => self.batch.is_some(),
            _ => false,
        }
    }

    fn circumstances(&self, begun: Instant) -> Circumstances {
        match self.batch {
            Some((phase, statement_timeout)) => Circumstances::of(phase, begun.elapsed(), statement_timeout),
            None => Circumstances::OUTSIDE,
        }
    }

    /// Runs one call under the deadline. A call that misses it, or that loses the connection, gives it up: dropping
    /// the connection closes its socket, and the server rolls back.
    async fn call<T, F>(&mut self, limit: Duration, call: F) -> Result<T, Failure>
    where
        F: AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    {
        let mut connection = self.connection.take().ok_or_else(closed)?;
        let begun = Instant::now();
        let answer = timeout(limit, call(&mut connection)).await;
        let at = self.circumstances(begun);
        match answer {
            Ok(Ok(value)) => {
                self.connection = Some(connection);
                Ok(value)
            }
            Ok(Err(error)) => {
                let failure = failure_of(&error, at);
                if !self.gives_up_after(&failure) {
                    self.connection = Some(connection);
                }
                Err(failure)
            }
            Err(_) => {
                let waited = humantime::format_duration(limit);
                let class = if at.phase == Phase::Commit { Class::Ambiguous } else { Class::Lost };
                Err(Failure::new(class, format!("no answer for {waited}, connection closed")))
            }
        }
    }
}

#[async_trait]
impl Session for PostgresSession {
    async fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, Failure> {
        let query = query(sql, values);
        let done = self.call(self.deadline, async |c: &mut PgConnection| query.execute(c).await).await?;
        Ok(done.rows_affected())
    }

    async fn fetch(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, Failure> {
        let query = query(sql, values);
        let rows = self.call(self.deadline, async |c: &mut PgConnection| query.fetch_all(c).await).await?;
        rows.iter().map(read_row).collect()
    }

    async fn measure(&mut self, sql: &str, most: usize) -> Result<Vec<Row>, Failure> {
        let query = query(sql, &[]);
        let read = async |c: &mut PgConnection| {
            let (mut answer, mut rows) = (query.fetch(c), Vec::new());
            // Rows that nobody asked for stay in the socket; they are skipped before the next statement.
            while rows.len() < most
                && let Some(row) = poll_fn(|context| answer.as_mut().poll_next(context)).await
            {
                rows.push(row?);
            }
            Ok(rows)
        };
        let rows = self.call(self.deadline, read).await?;
        rows.iter().map(measured::read_row).collect::<Result<_, _>>().map_err(|error| from_sqlx(&error))
    }

    async fn script(&mut self, sql: &str) -> Result<Vec<Row>, Failure> {
        let script = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        let rows = self.call(self.deadline, async |c: &mut PgConnection| script.fetch_all(c).await).await?;
        rows.iter().map(read_row).collect()
    }

    fn set_deadline(&mut self, deadline: Duration) {
        self.deadline = deadline;
    }

    fn is_closed(&self) -> bool {
        self.connection.is_none()
    }

    async fn rollback(&mut self) {
        if self.connection.is_none() {
            return;
        }
        let rollback = sqlx::raw_sql("rollback");
        let answered = self.call(ROLLBACK_TIMEOUT, async |c: &mut PgConnection| rollback.execute(c).await).await;
        if answered.is_err() {
            self.connection = None;
        }
    }
}

/// What an error of the driver means. Who hangs up after it may be a pooler.
pub(super) fn failure_of(error: &sqlx::Error, at: Circumstances) -> Failure {
    let failure = from_sqlx_at(error, at);
    let severity = error.as_database_error().and_then(|error| error.try_downcast_ref()).map(PgDatabaseError::severity);
    match severity {
        Some(PgSeverity::Fatal | PgSeverity::Panic) => understood(failure, at.phase),
        _ => failure,
    }
}

/// The one place where SQL made at run time reaches the driver. User expressions come through here: the extended
/// protocol runs one statement and no more.
///
/// The statement has no name of the driver's: a pooler gives each transaction another server, which may know another statement
/// by it. A plan is always made for its own values. It costs a round trip, because the driver waits between preparing and running;
/// [`prepared`](super::prepared) is the way without.
fn query<'a>(sql: &str, values: &[Value]) -> sqlx::query::Query<'a, sqlx::Postgres, PgArguments> {
    let query = sqlx::query(AssertSqlSafe(sql.to_owned())).persistent(false);
    values.iter().fold(query, |query, value| match value {
        Value::Null => query.bind(None::<String>),
        Value::NoReal => query.bind(None::<f64>),
        Value::Int(int) => query.bind(*int),
        Value::Real(real) => query.bind(*real),
        Value::Text(text) => query.bind(text.clone()),
        Value::Blob(bytes) => query.bind(bytes.clone()),
    })
}

fn read_row(row: &PgRow) -> Result<Row, Failure> {
    let columns = 0..row.columns().len();
    columns.map(|column| read_value(row, column)).collect::<Result<_, _>>().map(Row).map_err(|error| from_sqlx(&error))
}

fn read_value(row: &PgRow, column: usize) -> Result<Value, sqlx::Error> {
    if row.try_get_raw(column)?.is_null() {
        return Ok(Value::Null);
    }
    Ok(match row.column(column).type_info().name() {
        "BOOL" => Value::Int(row.try_get::<bool, _>(column)?.into()),
        "INT2" => Value::Int(row.try_get::<i16, _>(column)?.into()),
        "INT4" => Value::Int(row.try_get::<i32, _>(column)?.into()),
        "INT8" => Value::Int(row.try_get(column)?),
        "FLOAT4" => Value::Real(row.try_get::<f32, _>(column)?.into()),
        "FLOAT8" => Value::Real(row.try_get(column)?),
        // Whatever else a fixed statement selects, it casts to text.
        _ => Value::Text(row.try_get_unchecked(column)?),
    })
}

impl Drop for PostgresSession {
    /// Closing the socket without a farewell makes the server log an unexpected end; a farewell costs nothing.
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(timeout(ROLLBACK_TIMEOUT, connection.close()));
        }
    }
}
