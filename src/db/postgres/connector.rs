//! How is PostgreSQL reached? Its hosts one after the other, until one answers that can be written to. Knows no tables.
//!
//! Connections are their owner's, never pooled: a pool hands a half-finished transaction to its next user when a caller
//! was cancelled, and leaks its permits on sockets that died silently.

use super::connect::{PostgresSession, failure_of};
use super::destination::{Destination, Wanted};
use super::host::Host;
use super::url::PostgresUrl;
use crate::db::address::{Address, AddressError};
use crate::db::failure::{Circumstances, Class, Failure};
use crate::db::session::Session;
use sqlx::{Connection, PgConnection};
use std::time::Instant;
use tokio::time::timeout;

/// Whether a server can be written to. One message, so that behind a pooler one server gives both answers.
const ROLE: &str = "select pg_is_in_recovery(), current_setting('default_transaction_read_only') = 'on'";

/// How a URL is understood, with what the environment says.
type Reading = fn(&PostgresUrl, &dyn Fn(&str) -> Option<String>) -> Result<Destination, AddressError>;

/// Opens connections to one database.
#[derive(Clone)]
pub(super) struct Connector {
    url: PostgresUrl,
    reading: Reading,
    destination: Destination,
}

impl Connector {
    /// To a server that can be written to; PG* variables and a password file fill what the URL leaves open.
    ///
    /// # Errors
    /// When something is asked for that is not done here.
    pub(super) fn to_write(url: &PostgresUrl) -> Result<Self, AddressError> {
        Self::new(url, Destination::to_write)
    }

    /// To one replica.
    ///
    /// # Errors
    /// As [`Connector::to_write`].
    pub(super) fn to_replica(url: &PostgresUrl) -> Result<Self, AddressError> {
        Self::new(url, Destination::to_replica)
    }

    fn new(url: &PostgresUrl, reading: Reading) -> Result<Self, AddressError> {
        Ok(Self { url: url.clone(), reading, destination: reading(url, &variable)? })
    }

    /// Where it leads, without the password.
    pub(super) fn address(&self) -> String {
        self.destination.address()
    }

    /// The database's own name.
    pub(super) fn name(&self) -> String {
        self.destination.database.clone()
    }

    /// What somebody should know before it is used.
    pub(super) fn warnings(&self) -> Vec<String> {
        self.destination.warnings()
    }

    /// Opens one connection. Passwords are read anew: they are changed while a run lasts.
    pub(super) async fn connect(&self) -> Result<PostgresSession, Failure> {
        connect_to(self.destination_now()?).await
    }

    /// Opens one connection with these settings, which go with it; without them where somebody in between refuses them.
    pub(super) async fn connect_with(&self, settings: Vec<(&'static str, String)>) -> Result<PostgresSession, Failure> {
        let mut destination = self.destination_now()?;
        destination.settings = settings;
        match connect_to(destination).await {
            Err(failure) if failure.class == Class::Fatal => self.connect().await,
            connected => connected,
        }
    }

    fn destination_now(&self) -> Result<Destination, Failure> {
        let Some(file) = self.url.file() else { return Ok(self.destination.clone()) };
        // Whoever changes the file may be halfway through: that it cannot be read now is no reason to end a run.
        let unreadable = |error: AddressError| Failure::new(Class::Lost, error.to_string());
        match Address::read(file).map_err(unreadable)? {
            Address::Postgres(url) => (self.reading)(&url, &variable).map_err(unreadable),
            Address::Sqlite(_) => Err(unreadable(AddressError::Unknown)),
        }
    }
}

/// Tries its hosts one after the other.
async fn connect_to(destination: Destination) -> Result<PostgresSession, Failure> {
    let doing = || format!("connect to {} as {}", destination.address(), destination.user);
    let mut passed_over = Vec::new();
    for host in &destination.hosts {
        match reach(&destination, host).await {
            Ok(session) => return Ok(session),
            Err(failure) if failure.class == Class::Lost => passed_over.push((host, failure)),
            // A password that one host refuses is not shown to the next.
            Err(failure) => return Err(failure.while_doing(doing())),
        }
    }
    Err(none_left(passed_over).while_doing(doing()))
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Opens a connection to one host. Lost: it does not answer, or cannot be written to now.
async fn reach(destination: &Destination, host: &Host) -> Result<PostgresSession, Failure> {
    let limit = destination.connect_timeout;
    match timeout(limit, open(destination, host)).await {
        Ok(answered) => answered,
        Err(_) => Err(Failure::new(Class::Lost, format!("no answer for {}", humantime::format_duration(limit)))),
    }
}

async fn open(destination: &Destination, host: &Host) -> Result<PostgresSession, Failure> {
    let options = destination.options(host).map_err(|error| Failure::fatal(error.to_string()))?;
    let begun = Instant::now();
    let connection =
        PgConnection::connect_with(&options).await.map_err(|error| failure_of(&error, Circumstances::OUTSIDE))?;
    if is_too_old(&connection) {
        return Err(Failure::fatal(
            "this server is older than PostgreSQL 14: it cannot notice that a runner is gone while it waits for a lock",
        ));
    }
    let mut session = PostgresSession::over(connection, begun, destination.connect_timeout * 6);
    match destination.wanted {
        Some(wanted) => prove_role(&mut session, wanted).await.map(|()| session),
        None => Ok(session),
    }
}

async fn prove_role(session: &mut PostgresSession, wanted: Wanted) -> Result<(), Failure> {
    let rows = session.script(ROLE).await?;
    let says = |column| rows.first().and_then(|row| row.int_or_null(column)) != Some(0);
    match wanted.objection(says(0), says(1)) {
        Some(objection) => Err(Failure::new(Class::Lost, objection)),
        None => Ok(()),
    }
}

/// Servers before 14 have no `client_connection_check_interval`. The driver does not know every server's number.
fn is_too_old(connection: &PgConnection) -> bool {
    connection.server_version_num().is_some_and(|version| version < 140_000)
}

/// Why none of the hosts will do.
fn none_left(mut passed_over: Vec<(&Host, Failure)>) -> Failure {
    if passed_over.len() == 1
        && let Some((_, failure)) = passed_over.pop()
    {
        return failure;
    }
    let why: Vec<_> = passed_over.iter().map(|(host, failure)| format!("{host}: {failure}")).collect();
    Failure::new(Class::Lost, why.join("; "))
}
