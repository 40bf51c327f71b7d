//! How is PostgreSQL reached, and how does one connection run a statement? Knows no tables.
//!
//! Worker connections are their own, never pooled: a pool hands a half-finished transaction to its next user when a
//! caller was cancelled, and leaks its permits on sockets that died silently.

use super::failure::{closed, from_sqlx, from_sqlx_at};
use super::measured;
use crate::db::failure::{Circumstances, Class, Failure, Phase};
use crate::db::session::{Row, Session, Value};
use async_trait::async_trait;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgRow};
use sqlx::{AssertSqlSafe, Column, ConnectOptions, Connection, PgConnection, Row as _, TypeInfo, ValueRef};
use std::future::poll_fn;
use std::str::FromStr;
use std::time::{Duration, Instant};
use tokio::time::timeout;
use url::Url;

/// A server on the same continent answers in a tenth of this; libpq would wait for ever.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A rollback does nothing that takes longer; a server that is silent for this long keeps its silence.
const ROLLBACK_TIMEOUT: Duration = Duration::from_secs(2);

/// What an address may say beyond host, port, user and database. Everything else is refused: the driver would drop it
/// in silence, and log its value.
const KNOWN_PARAMETERS: &[&str] = &[
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "application_name",
    "options",
    "connect_timeout",
];

/// Opens connections to one database.
#[derive(Clone)]
pub(super) struct Connector {
    options: PgConnectOptions,
    connect_timeout: Duration,
}

impl Connector {
    /// Reads the address once; PG* variables and PGPASSFILE fill what it leaves open.
    pub(super) fn new(url: &Url) -> Result<Self, Failure> {
        let mut url = url.clone();
        let mut connect_timeout = CONNECT_TIMEOUT;
        for (key, value) in url.query_pairs() {
            if !KNOWN_PARAMETERS.contains(&&*key) {
                return Err(Failure::fatal(format!(
                    "the database address has the parameter `{key}`, which is not supported"
                )));
            }
            if key == "connect_timeout" {
                let seconds: u64 =
                    value.parse().map_err(|_| Failure::fatal("connect_timeout is a number of seconds"))?;
                connect_timeout = if seconds == 0 { CONNECT_TIMEOUT } else { Duration::from_secs(seconds) };
            }
        }
        let kept: Vec<_> = url.query_pairs().into_owned().filter(|(key, _)| key != "connect_timeout").collect();
        url.query_pairs_mut().clear().extend_pairs(kept);
        // The driver's own words may repeat the address, password and all.
        let options = PgConnectOptions::from_str(url.as_str())
            .map_err(|_| Failure::fatal("the database address cannot be read: check its parameters"))?
            .application_name("tidegate")
            .extra_float_digits(None)
            .disable_statement_logging();
        Ok(Self { options, connect_timeout })
    }

    /// Where it leads, without the password.
    pub(super) fn address(&self) -> String {
        let database = self.options.get_database().unwrap_or_else(|| self.options.get_username());
        match self.options.get_socket() {
            Some(socket) => format!("postgres://{}/{database}", socket.display()),
            None => format!("postgres://{}:{}/{database}", self.options.get_host(), self.options.get_port()),
        }
    }

    /// Opens one connection.
    pub(super) async fn connect(&self) -> Result<PostgresSession, Failure> {
        let connected = timeout(self.connect_timeout, PgConnection::connect_with(&self.options)).await;
        let doing = || format!("connect to {}", self.address());
        match connected {
            Ok(Ok(connection)) if is_too_old(&connection) => Err(Failure::fatal(
                "this server is older than PostgreSQL 14: it cannot notice that a runner is gone while it waits for a lock",
            )),
            Ok(Ok(connection)) => Ok(PostgresSession::new(connection, self.connect_timeout * 6)),
            Ok(Err(error)) => Err(from_sqlx(&error).while_doing(doing())),
            Err(_) => {
                let waited = humantime::format_duration(self.connect_timeout);
                Err(Failure::new(Class::Lost, format!("no answer for {waited}")).while_doing(doing()))
            }
        }
    }
}

/// Servers before 14 have no `client_connection_check_interval`. The driver does not know every server's number.
fn is_too_old(connection: &PgConnection) -> bool {
    connection.server_version_num().is_some_and(|version| version < 140_000)
}

/// One connection; `None` once it was given up.
pub(super) struct PostgresSession {
    connection: Option<PgConnection>,
    deadline: Duration,
    /// What a batch is doing, and how long the server lets its statements take.
    batch: Option<(Phase, Duration)>,
}

impl PostgresSession {
    fn new(connection: PgConnection, deadline: Duration) -> Self {
        Self { connection: Some(connection), deadline, batch: None }
    }

    /// Says what the next calls are for: the same error asks for another answer in another phase of a batch.
    pub(super) fn enter(&mut self, phase: Phase, statement_timeout: Duration) {
        self.batch = Some((phase, statement_timeout));
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
                let failure = from_sqlx_at(&error, at);
                if !matches!(failure.class, Class::Lost | Class::Ambiguous | Class::Reset) {
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

/// The one place where SQL made at run time reaches the driver. User expressions come through here: the extended
/// protocol runs one statement and no more.
fn query<'a>(sql: &str, values: &[Value]) -> sqlx::query::Query<'a, sqlx::Postgres, PgArguments> {
    let query = sqlx::query(AssertSqlSafe(sql.to_owned()));
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
