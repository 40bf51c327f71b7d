//! What does SQLite tell of the signals a job names? Only what the user's own queries do: a file has no replicas, no
//! log that is kept, and no other sessions that could be seen.

use super::connect::{BEGIN_READING, Connector, LOCK_TIMEOUT, SqliteSession};
use crate::db::failure::Failure;
use crate::db::one_number::{ROWS_READ, ROWS_TIMED, is_short, one_number, sent};
use crate::db::session::{Row, Session};
use crate::event::SignalName;
use crate::job::{self, Job, Signal, Source};
use crate::pace::{Seen, Sensor, signal_name};
use crate::plan::{Facts, UnavailableSignal};
use async_trait::async_trait;
use std::time::{Duration, Instant};

/// A query that takes longer is interrupted. While one runs, nobody's commit gets through to a file without a write-ahead log,
/// and whoever waits gives up after five seconds, as most programs do.
const TIMEOUT: Duration = Duration::from_secs(3);

/// How a query of the user's becomes a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It is timed.
    Probe,
    /// It returns a number.
    Custom,
}

impl Kind {
    fn rows(self) -> usize {
        match self {
            Self::Probe => ROWS_TIMED,
            Self::Custom => ROWS_READ,
        }
    }
}

/// A sensor for each signal that there can be.
pub(super) fn sensors(connector: &Connector, job: &Job) -> Vec<Box<dyn Sensor>> {
    let queries =
        job.pace.signals.iter().filter_map(|signal| Some(Query::new(connector, signal, query_of(signal).ok()?)));
    queries.map(|query| Box::new(query) as Box<dyn Sensor>).collect()
}

/// Adds what a run would not see.
pub(super) async fn facts(connector: &Connector, job: &Job, facts: &mut Facts) {
    for signal in &job.pace.signals {
        let refused = match query_of(signal) {
            // The driver would put a null there in silence.
            Ok((_, query)) if query.has_sign_placeholder() => {
                let why = "the query has a placeholder, and a job has no value to put there";
                Some(unavailable(signal, why, "write the value itself"))
            }
            Ok(query) => refused(signal, Query::new(connector, signal, query)).await,
            Err(name) => Some(unavailable(signal, &format!("SQLite has no {name}"), "take it out of the job")),
        };
        facts.unavailable_signals.extend(refused);
    }
}

/// The query of a signal, or the name of what SQLite does not have.
fn query_of(signal: &Signal) -> Result<(Kind, &job::Query), &'static str> {
    Err(match &signal.source {
        Source::Probe { sql } => return Ok((Kind::Probe, sql)),
        Source::Custom { sql } => return Ok((Kind::Custom, sql)),
        Source::ReplicationLag { .. } => signal_name::REPLICATION_LAG,
        Source::WalRate => signal_name::WAL_RATE,
        Source::RetainedWal => signal_name::RETAINED_WAL,
        Source::ArchiveBacklog => signal_name::ARCHIVE_BACKLOG,
        Source::Autovacuum => signal_name::AUTOVACUUM,
        Source::OldestTransaction => signal_name::OLDEST_TRANSACTION,
        Source::ActiveSessions => signal_name::ACTIVE_SESSIONS,
        Source::LockWaits => signal_name::LOCK_WAITS,
    })
}

async fn refused(signal: &Signal, mut query: Query) -> Option<UnavailableSignal> {
    let judged = match query.run().await {
        Ok((answer, took)) => answer.map(|rows| query.judge(&rows, took)),
        Err(failure) => Err(failure),
    };
    match judged {
        Ok(Ok(_)) => None,
        Ok(Err(why)) => Some(unavailable(signal, &why, "write a query that is fit for it")),
        Err(failure) if is_too_slow(&failure) && query.kind == Kind::Probe => None,
        Err(failure) if failure.has_code(READ_ONLY) => {
            let help = "write a query that only reads: it is run again and again, while nobody asks for its effect";
            Some(UnavailableSignal { writes: true, ..unavailable(signal, "the query writes", help) })
        }
        Err(failure) => Some(unavailable(signal, &failure.to_string(), "write a query that can be run")),
    }
}

fn unavailable(signal: &Signal, why: &str, help: &str) -> UnavailableSignal {
    UnavailableSignal { signal: name_of(signal).to_owned(), why: why.to_owned(), help: help.to_owned(), writes: false }
}

fn name_of(signal: &Signal) -> &str {
    signal.limits.first().map_or(signal_name::PROBE, |limit| &limit.signal)
}

/// SQLITE_READONLY: what a connection that cannot write answers to a statement that would.
const READ_ONLY: &[&str] = &["8"];

/// SQLITE_INTERRUPT: the time was up.
const INTERRUPTED: &[&str] = &["9"];

fn is_too_slow(failure: &Failure) -> bool {
    failure.has_code(INTERRUPTED)
}

/// One query of the user's, over a connection that cannot write.
struct Query {
    signal: SignalName,
    kind: Kind,
    sql: String,
    connector: Connector,
    session: Option<SqliteSession>,
}

impl Query {
    fn new(connector: &Connector, signal: &Signal, (kind, query): (Kind, &job::Query)) -> Self {
        let (signal, connector) = (name_of(signal).into(), connector.clone());
        Self { signal, kind, sql: sent(query), connector, session: None }
    }

    /// Runs the query once; what came of it, and when. The connection is taken out meanwhile: a reading that is dropped
    /// drops it too.
    async fn run(&mut self) -> Result<(Result<Vec<Row>, Failure>, Duration), Failure> {
        let mut session = match self.session.take().filter(|session| !session.is_closed()) {
            Some(session) => session,
            None => self.connector.connect(LOCK_TIMEOUT).await?,
        };
        session.set_deadline(TIMEOUT);
        session.script(BEGIN_READING).await?;
        let begun = Instant::now();
        let answer = session.measure(&self.sql, self.kind.rows()).await;
        let took = begun.elapsed();
        session.rollback().await;
        self.session = Some(session);
        Ok((answer, took))
    }

    fn judge(&self, rows: &[Row], took: Duration) -> Result<f64, String> {
        match self.kind {
            Kind::Probe => is_short(rows).map(|()| took.as_secs_f64()),
            Kind::Custom => one_number(rows),
        }
    }

    fn seen(&self, answer: Result<Vec<Row>, Failure>, took: Duration) -> Seen {
        let judged = match answer {
            Ok(rows) => self.judge(&rows, took),
            // Too slow is not unknown.
            Err(failure) if is_too_slow(&failure) && self.kind == Kind::Probe => Ok(TIMEOUT.as_secs_f64()),
            Err(failure) => Err(failure.to_string()),
        };
        judged.map_or_else(Seen::Unknown, |value| Seen::Value { value, of: None })
    }
}

#[async_trait]
impl Sensor for Query {
    fn signals(&self) -> Vec<SignalName> {
        vec![self.signal.clone()]
    }

    fn every(&self) -> Duration {
        Duration::from_secs(1)
    }

    async fn read(&mut self) -> Result<Vec<(SignalName, Seen)>, String> {
        let (answer, took) = self.run().await.map_err(|failure| format!("cannot be read: {failure}"))?;
        Ok(vec![(self.signal.clone(), self.seen(answer, took))])
    }
}
