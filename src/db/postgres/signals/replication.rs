//! How far are the replicas behind? Seconds come from our own history of the primary's positions, so that no replica's
//! clock is trusted, and a replica that has nothing to do is not taken for a late one.

use super::lag::{Replica, seen};
use super::listed::{self, Listed};
use super::watch::{Watch, cannot_be_read};
use super::{GRANT, MAY_SEE, OFTEN};
use crate::db::failure::Failure;
use crate::db::session::Row;
use crate::event::SignalName;
use crate::pace::{LagHistory, Limit, Seen, Sensor};
use async_trait::async_trait;
use std::time::{Duration, Instant};

/// What a beat and the server's own housekeeping write; a primary that moves by less stands still.
const STILL: u64 = 1024;

/// Keeps the history moving where nobody writes: a replica that stopped replaying would otherwise look as if it had
/// replayed everything, and one that replays tells how far it is when it receives something. A message in the log is
/// written by any role and leaves nothing in any table. Where change streams are decoded it would turn up in them:
/// there only a transaction's number is taken, which the server itself writes out a moment later.
const BEAT: &str = "select case when current_setting('wal_level') = 'logical' then pg_current_xact_id()::text \
     else pg_logical_emit_message(true, 'tidegate', 'beat')::text end";

/// How far the replicas are behind.
pub(super) struct Replication {
    limits: Vec<Limit>,
    /// How many of them the primary must show.
    shown: usize,
    /// How many there must be.
    all: usize,
    listed: Vec<Listed>,
    history: LagHistory,
    server: String,
    watch: Watch,
}

impl Replication {
    pub(super) fn new(limits: &[Limit], replicas: u32, url_env: &[String], watch: Watch) -> Self {
        let all = (replicas as usize).max(url_env.len());
        Self {
            limits: limits.to_vec(),
            shown: all - url_env.len(),
            all,
            listed: url_env.iter().map(|variable| Listed::new(variable)).collect(),
            history: LagHistory::default(),
            server: String::new(),
            watch,
        }
    }

    /// The replicas with an address of their own.
    pub(super) fn listed(&self) -> &[Listed] {
        &self.listed
    }

    /// Where the primary is, and how far each replica is.
    pub(super) async fn look(&mut self) -> Result<Replicas, Failure> {
        let sql = primary_and_its_replicas();
        let (primary, asked) = tokio::join!(self.watch.look(&sql), listed::ask(&mut self.listed));
        let primary = Primary::read(&primary?)?;
        let mut missing = None;
        if self.shown > 0 && !primary.may_see {
            missing = Some(primary.grant);
        } else if primary.replicas.len() < self.shown {
            let seen = primary.replicas.len() + self.listed.len();
            missing = Some(format!("{seen} of {} replicas are seen", self.all));
        }
        let mut replicas = primary.replicas;
        replicas.extend(asked.into_iter().map(|asked| asked.of(&primary.server)));
        Ok(Replicas { flushed: primary.flushed, server: primary.server, may_see: primary.may_see, replicas, missing })
    }

    fn note(&mut self, at: Instant, found: &Replicas) -> bool {
        if self.server != found.server {
            self.server.clone_from(&found.server);
            self.history = LagHistory::default();
        }
        let before = self.history.newest();
        self.history.note(at, found.flushed);
        before.is_none_or(|before| found.flushed.abs_diff(before) < STILL)
    }
}

#[async_trait]
impl Sensor for Replication {
    fn signals(&self) -> Vec<SignalName> {
        self.limits.iter().map(|limit| limit.signal.clone()).collect()
    }

    fn every(&self) -> Duration {
        OFTEN
    }

    async fn read(&mut self) -> Result<Vec<(SignalName, Seen)>, String> {
        let at = Instant::now();
        let found = self.look().await.map_err(|failure| cannot_be_read(&failure))?;
        let stands_still = self.note(at, &found);
        let now = Instant::now();
        let judged = |limit: &Limit| seen(limit, &found.replicas, found.missing.as_deref(), &self.history, now);
        let judged = self.limits.iter().map(|limit| (limit.signal.clone(), judged(limit))).collect();
        if stands_still {
            // After the look: what it writes has until the next one to reach the replicas.
            let beat = self.watch.write(BEAT).await;
            beat.map_err(|failure| format!("cannot be read: no heartbeat can be written: {failure}"))?;
        }
        Ok(judged)
    }
}

/// The primary and all replicas at one moment.
pub(super) struct Replicas {
    flushed: u64,
    server: String,
    /// Whether this role may see where replicas are.
    pub(super) may_see: bool,
    pub(super) replicas: Vec<Replica>,
    /// Why not all are seen that there should be.
    pub(super) missing: Option<String>,
}

/// What the primary says. A replica can have what is flushed, and no more. Who takes a backup, keeps the log's files or
/// reads changes is no replica: such have no position that was replayed, or a logical slot. A name that every receiver
/// has unless somebody names it says less than its address.
fn primary_and_its_replicas() -> String {
    format!(
        "select pg_wal_lsn_diff(pg_current_wal_flush_lsn(), '0/0')::bigint, \
         (select system_identifier from pg_control_system())::text, {MAY_SEE}, \
         'this role may not see where replicas are: ' || {GRANT}, r.name, r.replayed \
         from (select 1) as one left join ( \
           select case when s.application_name in ('', 'walreceiver') \
             then concat_ws(' ', 'walreceiver', host(s.client_addr)) else s.application_name end as name, \
           pg_wal_lsn_diff(s.replay_lsn, '0/0')::bigint as replayed from pg_stat_replication as s \
           where s.state <> 'backup' and s.replay_lsn is not null \
           and not exists (select from pg_replication_slots as l \
             where l.active_pid = s.pid and l.slot_type = 'logical') \
         ) as r on true"
    )
}

struct Primary {
    flushed: u64,
    server: String,
    may_see: bool,
    /// What mends it that this role may not see.
    grant: String,
    replicas: Vec<Replica>,
}

impl Primary {
    fn read(rows: &[Row]) -> Result<Self, Failure> {
        let first = rows.first().ok_or_else(|| Failure::fatal("the primary gave no answer"))?;
        let replica = |row: &Row| {
            let replayed = Ok(row.int_or_null(5)?.unsigned_abs());
            Some(Replica { name: row.text_or_null(4).unwrap_or_default(), replayed })
        };
        Ok(Self {
            flushed: first.int(0)?.unsigned_abs(),
            server: first.text(1)?,
            may_see: first.int(2)? == 1,
            grant: first.text(3)?,
            replicas: rows.iter().filter_map(replica).collect(),
        })
    }
}
