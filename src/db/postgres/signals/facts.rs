//! What would a run see of its signals? Read once for the plan, so that nobody starts a run that is held from its first
//! moment.

use super::query::timed;
use super::replication::Replication;
use super::watch::{USER_TIMEOUT, Watch, cannot_be_read};
use super::{name_of, sensor};
use crate::db::one_number::{ROWS_READ, ROWS_TIMED, one_number, sent};
use crate::db::postgres::connector::Connector;
use crate::job::{Job, Signal, Source};
use crate::pace::Seen;
use crate::plan::{Facts, UnavailableSignal};

/// What the server answers to a statement that would write.
const READ_ONLY: &str = "25006";

/// Adds what is known of the job's signals.
pub(in crate::db::postgres) async fn facts(connector: &Connector, job: &Job, facts: &mut Facts) {
    let watch = || Watch::new(connector.clone());
    for signal in &job.pace.signals {
        match &signal.source {
            Source::ReplicationLag { replicas, url_env } => {
                let replication = Replication::new(&signal.limits, *replicas, url_env, watch());
                replication_facts(signal, replication, facts).await;
            }
            Source::Probe { sql } | Source::Custom { sql } => {
                let watch = watch().with_timeout(USER_TIMEOUT);
                facts.unavailable_signals.extend(query_facts(signal, &sent(sql), watch).await);
            }
            // Its first reading never tells anything, and every role may read it.
            Source::WalRate => {}
            Source::RetainedWal
            | Source::ArchiveBacklog
            | Source::Autovacuum
            | Source::OldestTransaction
            | Source::ActiveSessions
            | Source::LockWaits => facts.unavailable_signals.extend(gauge_facts(connector, job, signal).await),
        }
    }
    if !job.pace.signals.iter().any(|signal| matches!(signal.source, Source::ReplicationLag { .. })) {
        facts.signal_notes.extend(unlimited(watch()).await);
    }
}

/// What is not told now is not told later.
async fn gauge_facts(connector: &Connector, job: &Job, signal: &Signal) -> Option<UnavailableSignal> {
    let why = match sensor(connector, job, signal).read().await {
        Err(why) => why,
        Ok(seen) => seen.into_iter().find_map(|(_, seen)| match seen {
            Seen::Unknown(why) => Some(why),
            Seen::Value { .. } => None,
        })?,
    };
    Some(unavailable(signal, &why, "take the signal out of the job, or mend what the server says"))
}

async fn replication_facts(signal: &Signal, mut replication: Replication, facts: &mut Facts) {
    let mut is_unusable = false;
    for listed in replication.listed() {
        if let Some(why) = listed.unusable() {
            is_unusable = true;
            let help = format!("put the replica's address into {}, where tidegate is started", listed.variable());
            facts.unavailable_signals.push(unavailable(signal, why, &help));
        }
        facts.signal_notes.extend(listed.warnings());
    }
    let found = match replication.look().await {
        Ok(found) => found,
        Err(failure) => {
            let help = "run the job on the primary, as a role that may read where it is";
            return facts.unavailable_signals.push(unavailable(signal, &cannot_be_read(&failure), help));
        }
    };
    match found.missing {
        Some(why) if !found.may_see => facts.unavailable_signals.push(unavailable(signal, &why, "")),
        Some(why) => facts.signal_notes.push(format!("{why}: the run would be held")),
        None => {}
    }
    let unknown = found.replicas.iter().filter_map(|replica| Some((&replica.name, replica.replayed.as_ref().err()?)));
    // What is wrong with a variable was said above, and better.
    let unknown = unknown.filter(|_| !is_unusable);
    facts.signal_notes.extend(unknown.map(|(name, why)| format!("replica {name}: {why}: the run would be held")));
}

async fn query_facts(signal: &Signal, sql: &str, mut watch: Watch) -> Option<UnavailableSignal> {
    let is_probe = matches!(signal.source, Source::Probe { .. });
    let rows = if is_probe { ROWS_TIMED } else { ROWS_READ };
    let measured = match watch.measure(sql, rows).await {
        Ok(measured) => measured,
        Err(failure) => return Some(unavailable(signal, &cannot_be_read(&failure), "try again")),
    };
    if measured.answer.as_ref().is_err_and(|failure| failure.has_code(&[READ_ONLY])) {
        let help = "write a query that only reads: it is run again and again, while nobody asks for its effect";
        return Some(UnavailableSignal { writes: true, ..unavailable(signal, "the query writes", help) });
    }
    let why = match is_probe {
        true => match timed(measured, watch.timeout()) {
            Seen::Unknown(why) => why,
            Seen::Value { .. } => return None,
        },
        false => measured.answer.map_err(|failure| failure.to_string()).and_then(|rows| one_number(&rows)).err()?,
    };
    let help = match is_probe {
        true => "write a query that this role can run, with few rows",
        false => "write a query that this role can run, with one row of one number",
    };
    Some(unavailable(signal, &why, help))
}

/// Replicas that nobody watches.
async fn unlimited(watch: Watch) -> Option<String> {
    // A server that does not tell says so where it is asked for.
    let seen = Replication::new(&[], 0, &[], watch).look().await.ok()?.replicas.len();
    let (replicas, fall) = match seen {
        0 => return None,
        1 => ("1 replica is".to_owned(), "it falls"),
        many => (format!("{many} replicas are"), "they fall"),
    };
    Some(format!("{replicas} seen and no [pace.replication_lag] limits how far {fall} behind"))
}

/// A reason of ours may end with what mends it.
fn unavailable(signal: &Signal, why: &str, help: &str) -> UnavailableSignal {
    let (why, help) = match why.split_once(": run `") {
        Some((why, grant)) => (why, format!("run `{grant}")),
        None => (why, help.to_owned()),
    };
    UnavailableSignal { signal: name_of(signal).to_owned(), why: why.to_owned(), help, writes: false }
}
