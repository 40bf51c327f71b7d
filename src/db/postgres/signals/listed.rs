//! How far have the replicas replayed that the primary does not show? Each is asked over an address of its own, from an
//! environment variable; all at once, so that a dead one costs the others nothing. Never shows an address's password.

use super::lag::Replica;
use super::watch::Watch;
use crate::db::address::{Address, AddressError};
use crate::db::failure::Failure;
use crate::db::postgres::connector::Connector;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// As long as a reading of the primary may take; a replica that takes longer is not seen.
const DEADLINE: Duration = Duration::from_secs(2);

const POSITION: &str = "select pg_is_in_recovery(), pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::bigint, \
     (select system_identifier from pg_control_system())::text";

/// A replica with an address of its own.
pub(super) struct Listed {
    variable: String,
    /// Where it is, or why the variable does not say so.
    connector: Result<Connector, String>,
    /// `None` while it is being asked.
    watch: Option<Watch>,
}

/// What a replica answered.
struct Answer {
    in_recovery: bool,
    replayed: Option<i64>,
    server: String,
}

impl Listed {
    /// The replica whose address the environment variable holds.
    pub(super) fn new(variable: &str) -> Self {
        Self { variable: variable.to_owned(), connector: connector(variable), watch: None }
    }

    /// Why there is nobody to ask.
    pub(super) fn unusable(&self) -> Option<&str> {
        self.connector.as_ref().err().map(String::as_str)
    }

    /// What somebody should know before it is asked.
    pub(super) fn warnings(&self) -> Vec<String> {
        self.connector.as_ref().map(Connector::warnings).unwrap_or_default()
    }

    /// The environment variable's name.
    pub(super) fn variable(&self) -> &str {
        &self.variable
    }

    fn name(&self) -> String {
        self.connector.as_ref().map_or_else(|_| format!("of {}", self.variable), |connector| host(&connector.address()))
    }
}

/// Asks all of them.
pub(super) async fn ask(listed: &mut [Listed]) -> Vec<Asked> {
    let mut questions = JoinSet::new();
    for (place, replica) in listed.iter_mut().enumerate() {
        let Ok(connector) = &replica.connector else { continue };
        let watch = replica.watch.take().unwrap_or_else(|| Watch::new(connector.clone()));
        questions.spawn(async move { (place, position(watch).await) });
    }
    let mut asked: Vec<_> = listed.iter().map(Asked::not_yet).collect();
    while let Some(answered) = questions.join_next().await {
        // A question that panicked leaves its replica unknown.
        let Ok((place, (watch, answer))) = answered else { continue };
        if let (Some(replica), Some(asked)) = (listed.get_mut(place), asked.get_mut(place)) {
            replica.watch = watch;
            asked.answer = answer;
        }
    }
    asked
}

/// A replica and what it answered.
pub(super) struct Asked {
    name: String,
    answer: Result<Answer, String>,
}

impl Asked {
    fn not_yet(replica: &Listed) -> Self {
        Self { name: replica.name(), answer: Err(replica.unusable().unwrap_or("cannot be asked").to_owned()) }
    }

    /// Where it is, if it is a replica of the server that calls itself so.
    pub(super) fn of(self, server: &str) -> Replica {
        let replayed = self.answer.and_then(|answer| match answer {
            answer if answer.server != server => Err("is no replica of this primary".to_owned()),
            answer if !answer.in_recovery => Err("is no replica but a primary".to_owned()),
            answer => answer
                .replayed
                .map(i64::unsigned_abs)
                .ok_or_else(|| "has replayed nothing since it was started".to_owned()),
        });
        Replica { name: self.name, replayed }
    }
}

/// The connection comes back only from a question that was answered.
async fn position(mut watch: Watch) -> (Option<Watch>, Result<Answer, String>) {
    match timeout(DEADLINE, watch.look(POSITION)).await {
        Ok(Ok(rows)) => {
            let answer = rows.first().map(|row| Answer {
                in_recovery: row.int_or_null(0) == Some(1),
                replayed: row.int_or_null(1),
                server: row.text_or_null(2).unwrap_or_default(),
            });
            (Some(watch), answer.ok_or_else(|| "gave no answer".to_owned()))
        }
        // The replica's name says already where to.
        Ok(Err(failure)) => (None, Err(Failure { doing: None, ..failure }.to_string())),
        Err(_) => (None, Err(format!("no answer for {}", humantime::format_duration(DEADLINE)))),
    }
}

fn connector(variable: &str) -> Result<Connector, String> {
    let text = std::env::var(variable).unwrap_or_default();
    if text.is_empty() {
        return Err(format!("the environment variable {variable} is not set"));
    }
    match Address::parse(&text) {
        Ok(Address::Postgres(url)) => Connector::to_replica(&url).map_err(|error| format!("{variable}: {error}")),
        Err(error @ AddressError::Refused(_)) => Err(format!("{variable}: {error}")),
        Ok(Address::Sqlite(_)) | Err(_) => Err(format!("{variable} does not hold a `postgres://…` address")),
    }
}

/// Host and port of an address that is fit for a screen.
fn host(address: &str) -> String {
    let place = address.strip_prefix("postgres://").unwrap_or(address);
    place.rsplit_once('/').map_or(place, |(host, _)| host).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(in_recovery: bool, replayed: Option<i64>, server: &str) -> Asked {
        Asked { name: "db2:5432".into(), answer: Ok(Answer { in_recovery, replayed, server: server.into() }) }
    }

    #[test]
    fn only_a_replica_of_this_primary_tells_of_it() {
        assert_eq!(asked(true, Some(7), "1").of("1").replayed, Ok(7));
        for (asked, why) in [
            (asked(true, Some(7), "2"), "is no replica of this primary"),
            (asked(false, None, "1"), "is no replica but a primary"),
            (asked(true, None, "1"), "has replayed nothing since it was started"),
        ] {
            assert_eq!(asked.of("1").replayed, Err(why.to_owned()));
        }
    }

    #[test]
    fn a_replica_is_called_by_its_host() {
        assert_eq!(host("postgres://db2.example:5432/shop"), "db2.example:5432");
        assert_eq!(host("postgres:///var/run/postgresql/shop"), "/var/run/postgresql");
    }

    #[test]
    fn a_variable_that_is_not_set_is_named() {
        let listed = Listed::new("TIDEGATE_NO_SUCH_REPLICA");
        assert_eq!(listed.unusable(), Some("the environment variable TIDEGATE_NO_SUCH_REPLICA is not set"));
    }
}
