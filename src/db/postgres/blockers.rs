//! Who keeps a session waiting for a lock? Asked of the server while it waits; afterwards nobody knows any more.

use super::connect::PostgresSession;
use crate::db::failure::Failure;
use crate::db::session::{Row, Session};
use crate::db::{Blocker, SessionId};
use std::time::Duration;

/// Those who block this session now. Its name is compared too: behind a pooler the process may serve somebody else by
/// now. What the blockers run is not asked for: it holds values.
pub(super) async fn blockers(session: &mut PostgresSession, waiting: SessionId) -> Result<Vec<Blocker>, Failure> {
    let sql = "select b.pid::bigint, nullif(a.application_name, ''), a.usename::text, a.state, \
         extract(epoch from clock_timestamp() - coalesce(a.xact_start, a.query_start))::float8, \
         exists (select from pg_catalog.pg_locks as l where l.pid = w.pid and not l.granted and l.locktype = 'relation') \
         from pg_catalog.pg_stat_activity as w cross join lateral unnest(pg_catalog.pg_blocking_pids(w.pid)) as b (pid) \
         left join pg_catalog.pg_stat_activity as a on a.pid = b.pid \
         where w.pid = $1 and w.application_name = 'tidegate' order by 5 desc nulls last";
    session.script("begin transaction read only; set local statement_timeout = '2s'").await?;
    let rows = session.fetch(sql, &[waiting.0.into()]).await;
    session.rollback().await;
    rows?.iter().map(read_blocker).collect()
}

fn read_blocker(row: &Row) -> Result<Blocker, Failure> {
    let lasts = row.real_or_null(4).and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    Ok(Blocker {
        pid: row.int(0)?,
        application: row.text_or_null(1),
        role: row.text_or_null(2),
        state: row.text_or_null(3),
        lasts,
        has_table: row.int(5)? == 1,
    })
}
