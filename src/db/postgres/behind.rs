//! Who reads what lies behind a walk, as [`Wake`] tells it? A connection of its own, beside the batches: they do not
//! wait for it, and nothing that happens here is the end of one. Knows no slice.

use super::connect::PostgresSession;
use super::connector::Connector;
use super::range::last_in_scope;
use super::spelling::{BEGIN_READING, BY_INDEX, bound};
use super::wake::Wake;
use crate::db::failure::Failure;
use crate::db::session::Session;
use crate::db::statement::{BatchStatements, Rows};
use crate::key::KeyRange;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// How far the log is on disk.
const ON_DISK: &str = "select pg_wal_lsn_diff(pg_current_wal_flush_lsn(), '0/0')::bigint";

/// A commit that nobody waits for is on disk after three times the `wal_writer_delay` at most (PostgreSQL, "Asynchronous Commit"), here
/// of a server that has the default. What is written after it may be later, and then nobody says more.
const PATIENCE: Duration = Duration::from_millis(600);

/// Nothing tells when it is, so it is asked: soon, for where much is written it is there within milliseconds, and what is read while
/// the next batch commits is in its way; then after twice as long each time.
const ASK_AGAIN: Duration = Duration::from_millis(2);

/// Reads once more what lies behind one worker's walk.
pub(super) struct Behind {
    pub(super) wake: Wake,
    reader: Reader,
}

enum Reader {
    /// It connects when there is something to read.
    Idle(Box<Connector>, Option<PostgresSession>),
    Reading(Box<Connector>, JoinHandle<Result<PostgresSession, Failure>>),
    /// It failed once, and what it saves is time of the proof alone: a server that is short of connections is not asked again.
    GivenUp,
}

impl Behind {
    pub(super) fn new(connector: Connector) -> Self {
        Self { wake: Wake::default(), reader: Reader::Idle(Box::new(connector), None) }
    }

    /// Begins to read what was committed when the log went so far, unless it still reads. Of what comes in scope there the sweep
    /// takes care.
    pub(super) async fn read_what_is_due(&mut self, statements: &BatchStatements, log: Option<i64>) {
        self.reader = match std::mem::replace(&mut self.reader, Reader::GivenUp) {
            Reader::Reading(connector, task) if task.is_finished() => match task.await {
                Ok(Ok(session)) => self.begin(connector, Some(session), statements, log),
                Ok(Err(_)) | Err(_) => Reader::GivenUp,
            },
            Reader::Idle(connector, session) => self.begin(connector, session, statements, log),
            reading @ Reader::Reading(..) => reading,
            Reader::GivenUp => {
                // Nobody will read it, and a run may last for days.
                self.wake.forget();
                Reader::GivenUp
            }
        }
    }

    fn begin(
        &mut self,
        connector: Box<Connector>,
        session: Option<PostgresSession>,
        statements: &BatchStatements,
        log: Option<i64>,
    ) -> Reader {
        let due = self.wake.tell(Instant::now());
        if due.is_empty() {
            return Reader::Idle(connector, session);
        }
        let task = tokio::spawn(read((*connector).clone(), session, statements.clone(), due, log));
        Reader::Reading(connector, task)
    }
}

impl Drop for Behind {
    fn drop(&mut self) {
        if let Reader::Reading(_, task) = &self.reader {
            task.abort();
        }
    }
}

/// Every entry of the ranges that leads to a dead row is marked when this is done.
async fn read(
    connector: Connector,
    session: Option<PostgresSession>,
    statements: BatchStatements,
    ranges: Vec<KeyRange>,
    log: Option<i64>,
) -> Result<PostgresSession, Failure> {
    let mut session = match session {
        Some(session) => session,
        None => connector.connect().await?,
    };
    let (begun, mut pause) = (Instant::now(), ASK_AGAIN);
    while !is_on_disk(&mut session, log).await? && begun.elapsed() < PATIENCE {
        sleep(pause).await;
        pause *= 2;
    }
    for range in ranges {
        session.script(&format!("{BEGIN_READING}; {BY_INDEX}")).await?;
        let look = last_in_scope(&statements, Rows::all(range.after.is_none()), &u32::MAX.to_string(), str::to_owned);
        session.fetch(&look, &bound(&range)).await?;
        session.script("commit").await?;
    }
    Ok(session)
}

/// Whether the log is on disk so far. Where nobody knows how far that is, it may be.
async fn is_on_disk(session: &mut PostgresSession, log: Option<i64>) -> Result<bool, Failure> {
    let on_disk = session.script(ON_DISK).await?;
    let on_disk = on_disk.first().and_then(|row| row.int_or_null(0));
    Ok(log.zip(on_disk).is_none_or(|(log, on_disk)| log <= on_disk))
}
