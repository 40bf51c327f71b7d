//! Who reads what lies behind a walk, when [`Wake`] says that it is due? A connection of its own, beside the batches: they do not
//! wait for it, and nothing that happens here is the end of one. Knows no slice.

use super::connect::PostgresSession;
use super::connector::Connector;
use super::range::last_in_scope;
use super::spelling::{BEGIN_READING, BY_INDEX};
use super::wake::Wake;
use crate::db::failure::Failure;
use crate::db::session::Session;
use crate::db::statement::{BatchStatements, Rows};
use crate::key::KeyRange;
use std::time::Instant;
use tokio::task::JoinHandle;

/// Reads once more what lies behind one worker's walk.
pub(super) struct Behind {
    pub(super) wake: Wake,
    reader: Reader,
}

enum Reader {
    /// It may connect when something is due, or has been connected.
    Idle(Box<Connector>, Option<PostgresSession>),
    Reading(Box<Connector>, JoinHandle<Result<PostgresSession, Failure>>),
    /// It failed once, and what it saves is time of the proof alone: a server that is short of connections is not asked again.
    GivenUp,
}

impl Behind {
    pub(super) fn new(connector: Connector) -> Self {
        Self { wake: Wake::default(), reader: Reader::Idle(Box::new(connector), None) }
    }

    /// Begins to read what is due, unless it still reads. Of what comes in scope there the sweep takes care.
    pub(super) async fn read_what_is_due(&mut self, statements: &BatchStatements) {
        self.reader = match std::mem::replace(&mut self.reader, Reader::GivenUp) {
            Reader::Reading(connector, task) if task.is_finished() => match task.await {
                Ok(Ok(session)) => self.begin(connector, Some(session), statements),
                Ok(Err(_)) | Err(_) => Reader::GivenUp,
            },
            Reader::Idle(connector, session) => self.begin(connector, session, statements),
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
    ) -> Reader {
        let due = self.wake.due(Instant::now());
        if due.is_empty() {
            return Reader::Idle(connector, session);
        }
        let task = tokio::spawn(read((*connector).clone(), session, statements.clone(), due));
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
) -> Result<PostgresSession, Failure> {
    let mut session = match session {
        Some(session) => session,
        None => connector.connect().await?,
    };
    for range in ranges {
        session.script(&format!("{BEGIN_READING}; {BY_INDEX}")).await?;
        let rows = Rows::all(range.after.is_none());
        last_in_scope(&mut session, &statements, &range, rows, u32::MAX, str::to_owned).await?;
        session.script("commit").await?;
    }
    Ok(session)
}
