//! What does PostgreSQL tell of the signals a job names? A sensor for each, over a connection of its own.
//!
//! Reading order: [`watch`] (the connection), [`gauge`] (one statement, one number) with its statements in [`activity`]
//! and [`wal`]; [`replication`] (how far replicas are behind) over [`listed`] (replicas with an address of their own)
//! and [`lag`] (what follows, pure); [`query`] (statements of the user's); [`facts`] (what a run would see, for the
//! plan).

mod activity;
mod facts;
mod gauge;
mod lag;
mod listed;
mod query;
mod replication;
mod wal;
mod watch;

use super::connector::Connector;
use crate::db::one_number::sent;
use crate::job::{Job, Signal, Source};
use crate::pace::{Sensor, signal_name};
use gauge::Gauge;
use std::time::Duration;
use watch::{USER_TIMEOUT, Watch};

pub(super) use facts::facts;

/// What can grow past its limit within a batch or two is read twice a second, what takes minutes to grow every two
/// seconds.
const OFTEN: Duration = Duration::from_millis(500);
const USUAL: Duration = Duration::from_secs(1);
const SELDOM: Duration = Duration::from_secs(2);

/// What an administrator runs where a role may not see what others do. An SQL expression.
const GRANT: &str = "'run `grant pg_monitor to ' || quote_ident(current_user) || '`'";

/// Whether this role may see what others do. An SQL expression.
const MAY_SEE: &str = "pg_has_role(current_user, 'pg_read_all_stats', 'usage')";

/// A sensor for each signal of the job.
pub(super) fn sensors(connector: &Connector, job: &Job) -> Vec<Box<dyn Sensor>> {
    job.pace.signals.iter().map(|signal| sensor(connector, job, signal)).collect()
}

fn sensor(connector: &Connector, job: &Job, signal: &Signal) -> Box<dyn Sensor> {
    let watch = || Watch::new(connector.clone());
    let gauge = |name: &str, every, sql: String| Box::new(Gauge::new(name, every, sql, watch()));
    match &signal.source {
        Source::ReplicationLag { replicas, url_env } => {
            Box::new(replication::Replication::new(&signal.limits, *replicas, url_env, watch()))
        }
        Source::WalRate => Box::new(wal::WalRate::new(watch())),
        Source::RetainedWal => gauge(signal_name::RETAINED_WAL, SELDOM, wal::retained()),
        Source::ArchiveBacklog => Box::new(wal::ArchiveBacklog::new(watch())),
        Source::Autovacuum => gauge(signal_name::AUTOVACUUM, SELDOM, activity::autovacuum(&job.table)),
        Source::OldestTransaction => gauge(signal_name::OLDEST_TRANSACTION, SELDOM, activity::oldest_transaction()),
        Source::ActiveSessions => gauge(signal_name::ACTIVE_SESSIONS, USUAL, activity::active_sessions()),
        Source::LockWaits => gauge(signal_name::LOCK_WAITS, OFTEN, activity::lock_waits()),
        Source::Probe { sql } => {
            Box::new(query::Probe::new(name_of(signal), sent(sql), watch().with_timeout(USER_TIMEOUT)))
        }
        Source::Custom { sql } => {
            Box::new(query::Custom::new(name_of(signal), sent(sql), watch().with_timeout(USER_TIMEOUT)))
        }
    }
}

/// What the job calls the signal.
fn name_of(signal: &Signal) -> &str {
    signal.limits.first().map_or(signal_name::PROBE, |limit| &limit.signal)
}
