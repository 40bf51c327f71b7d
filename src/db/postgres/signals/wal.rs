//! How much write-ahead log is written, kept and waits to be archived? Knows nothing of replicas.

use super::gauge::seen;
use super::watch::{Watch, cannot_be_read};
use super::{SELDOM, USUAL};
use crate::db::dialect::Dialect;
use crate::db::session::Row;
use crate::event::SignalName;
use crate::pace::{Seen, Sensor, signal_name};
use async_trait::async_trait;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Bytes that the slot which lags most keeps. A slot that was given up keeps none.
pub(super) fn retained() -> String {
    "select greatest(coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn), 0), 0)::float8, s.name, null \
     from (select 1) as one left join ( \
       select r.restart_lsn, r.slot_name::text as name from pg_replication_slots as r \
       where r.restart_lsn is not null and r.wal_status is distinct from 'lost' \
       order by r.restart_lsn limit 1) as s on true"
        .to_owned()
}

/// Files that wait to be archived: counted where this role may list them, else an estimate from the last one that was
/// archived, or tried. Names that are no segment's (a timeline's history) are not counted by the estimate.
pub(super) struct ArchiveBacklog {
    watch: Watch,
}

/// What is written now is not counted: it waits for nothing yet.
fn estimated() -> String {
    let (archived, failed) = (segment_number("s.last_archived_wal"), segment_number("s.last_failed_wal"));
    format!(
        "select case when current_setting('archive_mode') <> 'off' then \
         greatest(s.now - coalesce({archived} + 1, {failed}, s.now), 0) end::float8, null, 'archive_mode is off', \
         has_function_privilege('pg_ls_archive_statusdir()', 'execute') \
         from (select a.last_archived_wal, a.last_failed_wal, w.bytes, \
           div(pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0'), w.bytes) as now from pg_stat_archiver as a, \
           (select pg_size_bytes(current_setting('wal_segment_size')) as bytes) as w) as s"
    )
}

/// The number of a segment from its file's name: timeline, then two halves of the number, eight digits each. Null for
/// other files.
fn segment_number(name: &str) -> String {
    let half = |from: u8| format!("('x' || substr({name}, {from}, 8))::bit(32)::bigint");
    let (upper, lower) = (half(9), half(17));
    format!("case when {name} ~ '^[0-9A-F]{{24}}' then {upper} * (4294967296 / s.bytes) + {lower} end")
}

const COUNTED: &str = "select count(*)::float8, null, null from pg_ls_archive_statusdir() where name like '%.ready'";

impl ArchiveBacklog {
    pub(super) fn new(watch: Watch) -> Self {
        Self { watch }
    }
}

#[async_trait]
impl Sensor for ArchiveBacklog {
    fn signals(&self) -> Vec<SignalName> {
        vec![signal_name::ARCHIVE_BACKLOG.into()]
    }

    fn every(&self) -> Duration {
        SELDOM
    }

    async fn read(&mut self) -> Result<Vec<(SignalName, Seen)>, String> {
        let mut rows = self.watch.look(&estimated()).await.map_err(|failure| cannot_be_read(&failure))?;
        let is_known = |row: &Row| row.real_or_null(0).is_some();
        let may_list = |row: &Row| row.int_or_null(3) == Some(1);
        if rows.first().is_some_and(|row| is_known(row) && may_list(row)) {
            rows = self.watch.look(COUNTED).await.map_err(|failure| cannot_be_read(&failure))?;
        }
        Ok(vec![(signal_name::ARCHIVE_BACKLOG.into(), seen(rows.first()))])
    }
}

/// Bytes of write-ahead log that the whole server writes in a second.
pub(super) struct WalRate {
    watch: Watch,
    growth: Growth,
}

impl WalRate {
    pub(super) fn new(watch: Watch) -> Self {
        Self { watch, growth: Growth::default() }
    }
}

#[async_trait]
impl Sensor for WalRate {
    fn signals(&self) -> Vec<SignalName> {
        vec![signal_name::WAL_RATE.into()]
    }

    fn every(&self) -> Duration {
        USUAL
    }

    async fn read(&mut self) -> Result<Vec<(SignalName, Seen)>, String> {
        let at = Instant::now();
        let sql = format!("select {}", Dialect::Postgres.wal_position());
        let rows = self.watch.look(&sql).await.map_err(|failure| cannot_be_read(&failure))?;
        let position = rows.first().and_then(|row| row.int_or_null(0));
        let rate = position.and_then(|position| self.growth.note(at, position));
        let first = || Seen::Unknown("is known from the second reading on".to_owned());
        Ok(vec![(signal_name::WAL_RATE.into(), rate.map_or_else(first, |value| Seen::Value { value, of: None }))])
    }
}

/// Long enough that one checkpoint's burst of full pages is not taken for the server's pace, short enough to see it
/// change.
const RATE_WINDOW: Duration = Duration::from_secs(5);

/// Positions of the last moments.
#[derive(Default)]
struct Growth {
    positions: VecDeque<(Instant, i64)>,
}

impl Growth {
    /// Bytes per second since the first of the last moments; `None` for the first position, and for the first of
    /// another server's.
    fn note(&mut self, at: Instant, position: i64) -> Option<f64> {
        if self.positions.back().is_some_and(|(_, newest)| *newest > position) {
            self.positions.clear();
        }
        // One position as old as the window is kept: the window is then full.
        while self.positions.get(1).is_some_and(|(next, _)| at.saturating_duration_since(*next) >= RATE_WINDOW) {
            self.positions.pop_front();
        }
        self.positions.push_back((at, position));
        let (since, first) = self.positions.front()?;
        let seconds = at.saturating_duration_since(*since).as_secs_f64();
        (seconds > 0.0).then(|| (position - first) as f64 / seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_that_of_the_last_moments() {
        let start = Instant::now();
        let mut growth = Growth::default();
        let mut note = |second, position| growth.note(start + Duration::from_secs(second), position);
        assert_eq!(note(0, 1000), None);
        assert_eq!(note(0, 1000), None, "no time has passed");
        assert_eq!(note(1, 1500), Some(500.0));
        assert_eq!(note(2, 2000), Some(500.0));
        assert_eq!(note(7, 2000), Some(0.0), "the first two seconds are forgotten");
        assert_eq!(note(8, 2600), Some(100.0));
        assert_eq!(note(9, 10), None, "another server's log");
        assert_eq!(note(10, 110), Some(100.0));
        assert_eq!(note(100, 200), Some(1.0), "after a long silence");
    }
}
