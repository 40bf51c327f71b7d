//! How does a sensor reach its server? One connection, opened when first needed and again after a failure. Knows no
//! signal.
//!
//! Nothing stays behind in a session: every reading is a transaction of its own, so that it works behind a pooler that
//! gives a connection away after each.

use crate::db::failure::Failure;
use crate::db::postgres::connect::PostgresSession;
use crate::db::postgres::connector::Connector;
use crate::db::session::{Row, Session};
use std::time::{Duration, Instant};

/// A reading of the catalog that takes longer says by that alone that the server is in need.
const TIMEOUT: Duration = Duration::from_secs(2);

/// A user's query may look at a table.
pub(super) const USER_TIMEOUT: Duration = Duration::from_secs(5);

/// `invalid_sql_statement_name`: the statement is gone that was just prepared.
const STATEMENT_GONE: &str = "26000";

/// How much longer than the server's own timeout a call may stay unanswered.
const GRACE: Duration = Duration::from_secs(1);

/// One connection that comes and goes.
pub(super) struct Watch {
    connector: Connector,
    timeout: Duration,
    session: Option<PostgresSession>,
}

impl Watch {
    pub(super) fn new(connector: Connector) -> Self {
        Self { connector, timeout: TIMEOUT, session: None }
    }

    /// Statements may take this long.
    pub(super) fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// How long statements may take.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Takes the connection out, or opens one; whether it is new. A reading that is dropped drops it too, in whatever
    /// transaction it was.
    pub(super) async fn session(&mut self) -> Result<(PostgresSession, bool), Failure> {
        if let Some(session) = self.session.take().filter(|session| !session.is_closed()) {
            return Ok((session, false));
        }
        let mut session = self.connector.connect().await?;
        session.set_deadline(self.timeout + GRACE);
        Ok((session, true))
    }

    /// Puts the connection back for the next reading.
    pub(super) fn keep(&mut self, session: PostgresSession) {
        self.session = Some(session);
    }

    /// Begins a transaction that cannot write.
    pub(super) fn begin(&self) -> String {
        let timeout = self.timeout.as_millis();
        format!(
            "begin transaction isolation level read committed read only; set local statement_timeout = {timeout}; \
             set local idle_in_transaction_session_timeout = {timeout}"
        )
    }

    /// Runs statements of ours in a transaction that cannot write, in one message.
    pub(super) async fn look(&mut self, sql: &str) -> Result<Vec<Row>, Failure> {
        let message = format!("{}; {sql}; commit", self.begin());
        self.send(&message).await
    }

    /// Writes, in a transaction that waits for no standby.
    pub(super) async fn write(&mut self, sql: &str) -> Result<(), Failure> {
        let timeout = self.timeout.as_millis();
        let message = format!(
            "begin transaction isolation level read committed read write; set local statement_timeout = {timeout}; \
             set local synchronous_commit = local; {sql}; commit"
        );
        self.send(&message).await.map(drop)
    }

    async fn send(&mut self, message: &str) -> Result<Vec<Row>, Failure> {
        let (mut session, _) = self.session().await?;
        let answer = session.script(message).await;
        if answer.is_err() {
            session.rollback().await;
        }
        self.keep(session);
        answer
    }

    /// Runs a user's query in a transaction that cannot write, and reads at most `most` rows of it.
    pub(super) async fn measure(&mut self, sql: &str, most: usize) -> Result<Measured, Failure> {
        let measured = self.measure_once(sql, most).await?;
        match &measured.answer {
            // The driver asks for a type that it meets for the first time, and the server forgets a statement without a
            // name over that. It knows the type then.
            Err(failure) if failure.has_code(&[STATEMENT_GONE]) => self.measure_once(sql, most).await,
            _ => Ok(measured),
        }
    }

    async fn measure_once(&mut self, sql: &str, most: usize) -> Result<Measured, Failure> {
        let (mut session, is_new) = self.session().await?;
        session.script(&self.begin()).await?;
        let begun = Instant::now();
        let answer = session.measure(sql, most).await;
        let took = begun.elapsed();
        // The rest of its rows would have to be read first.
        let is_spent = answer.as_ref().is_ok_and(|rows| rows.len() >= most);
        if !is_spent {
            session.rollback().await;
            self.keep(session);
        }
        Ok(Measured { answer, took, is_new })
    }
}

/// What came of a user's query.
pub(super) struct Measured {
    pub(super) answer: Result<Vec<Row>, Failure>,
    /// From sending it to its last row, or to the error.
    pub(super) took: Duration,
    /// Whether the connection was new: what a server does once for each is in the time.
    pub(super) is_new: bool,
}

/// Why a signal cannot be read.
pub(super) fn cannot_be_read(failure: &Failure) -> String {
    format!("cannot be read: {failure}")
}
