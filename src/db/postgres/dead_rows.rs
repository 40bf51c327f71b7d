//! How many dead rows does a table have, who uses it, and who may still see what is dead? Catalog and statistics only.

use super::connect::PostgresSession;
use super::privileges::missing_to_vacuum;
use super::spelling::stored_parts;
use crate::db::failure::Failure;
use crate::db::session::{Row, Session};
use crate::db::{DeadPart, DeadRows};
use crate::job::{Ident, TableName};
use std::time::Duration;

/// Begins a look at the catalog, which is never worth a long wait.
const BEGIN: &str = "begin transaction read only; set local statement_timeout = '5s'; \
    set local idle_in_transaction_session_timeout = '5s'";

/// Locks that a vacuum would wait for, or would be waited for by whoever is in the queue for them.
const IN_THE_WAY: &str = "'ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', \
    'AccessExclusiveLock'";

/// The dead rows of a table and its partitions.
pub(super) async fn dead_rows(session: &mut PostgresSession, table: &TableName) -> Result<DeadRows, Failure> {
    session.script(BEGIN).await?;
    let read = read(session, table).await;
    session.rollback().await;
    read.map_err(|failure| failure.while_doing(format!("look for dead rows of {table}")))
}

async fn read(session: &mut PostgresSession, table: &TableName) -> Result<DeadRows, Failure> {
    let missing_right = missing_to_vacuum(session, table).await?;
    let parts = session.script(&parts_with_their_users(table)).await?;
    Ok(DeadRows { parts: parts.iter().map(part).collect::<Result<_, _>>()?, missing_right })
}

/// Locks are seen by everybody; a role that may not see what others do is still told that nobody's user is at work, and
/// that is autovacuum.
fn parts_with_their_users(table: &TableName) -> String {
    format!(
        "with parts as ({parts}), taken as materialized ( \
           select l.relation, max(case when l.pid is null then 'a prepared transaction' \
             when a.usesysid is null then 'autovacuum' else coalesce(nullif(a.application_name, ''), 'somebody') end) as by \
           from pg_catalog.pg_locks as l left join pg_catalog.pg_stat_activity as a on a.pid = l.pid \
           where l.locktype = 'relation' and l.mode in ({IN_THE_WAY}) and l.database = \
             (select d.oid from pg_catalog.pg_database as d where d.datname = current_database()) \
           group by l.relation) \
         select p.schema, p.name, pg_stat_get_dead_tuples(p.oid), \
           pg_stat_get_vacuum_count(p.oid) + pg_stat_get_autovacuum_count(p.oid), t.by \
         from parts as p left join taken as t on t.relation = p.oid order by 1, 2",
        parts = stored_parts(table),
    )
}

fn part(row: &Row) -> Result<DeadPart, Failure> {
    let ident = |text: String| {
        Ident::new(&text)
            .map_err(|error| Failure::fatal(format!("the catalog has a name that cannot be used: {error}")))
    };
    let table = TableName { schema: Some(ident(row.text(0)?)?), name: ident(row.text(1)?)? };
    let count = |column| row.int_or_null(column).unwrap_or_default().unsigned_abs();
    Ok(DeadPart { table, rows: count(2), vacuums: count(3), in_use_by: row.text_or_null(4) })
}

/// Who keeps dead rows from being removed: the one with the oldest view of this database, as far as this role may see.
/// What they run is not asked for: it holds values.
pub(super) async fn oldest_view(session: &mut PostgresSession) -> Result<Option<String>, Failure> {
    session.script(BEGIN).await?;
    let rows = session.script(VIEWS).await;
    session.rollback().await;
    rows?.first().map(view).transpose()
}

/// Whoever came later sees as far back as the oldest transaction that was open then: of equals, the one that began first.
const VIEWS: &str = "select kind, name, seconds from ( \
    select case a.backend_type when 'walsender' then 'standby' else 'transaction' end as kind, \
      nullif(a.application_name, '') as name, \
      extract(epoch from clock_timestamp() - a.xact_start)::float8 as seconds, \
      greatest(age(a.backend_xmin), age(a.backend_xid)) as age \
    from pg_catalog.pg_stat_activity as a where a.pid <> pg_backend_pid() \
      and (a.datname = current_database() or a.backend_type = 'walsender') \
    union all select 'slot', s.slot_name::text, null, age(s.xmin) from pg_catalog.pg_replication_slots as s \
    union all select 'prepared', p.gid, extract(epoch from clock_timestamp() - p.prepared)::float8, age(p.transaction) \
    from pg_catalog.pg_prepared_xacts as p where p.database = current_database()) as views \
    where age is not null order by age desc, seconds desc nulls last limit 1";

fn view(row: &Row) -> Result<String, Failure> {
    let name = |of: &str| row.text_or_null(1).map(|name| format!("{of}{name}")).unwrap_or_default();
    let lasts = row.real_or_null(2).and_then(|seconds| Duration::try_from_secs_f64(seconds.round()).ok());
    let since = lasts.map(|lasts| format!(", open for {}", humantime::format_duration(lasts))).unwrap_or_default();
    Ok(match row.text(0)?.as_str() {
        "standby" => format!("a query on a standby{} (hot_standby_feedback)", name(": ")),
        "slot" => format!("replication slot{}", name(" ")),
        // Whoever prepared it chose its name, perhaps from a value.
        "prepared" => format!("a prepared transaction{since}"),
        _ => format!("a transaction{}{since}", name(" of ")),
    })
}
