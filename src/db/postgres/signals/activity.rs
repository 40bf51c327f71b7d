//! What do others do on this server? The statements that tell; each answers as a gauge reads it: number, of what, why
//! it is unknown.
//!
//! Ours are the sessions that call themselves `tidegate`. Names of applications are shown, their SQL never.

use super::{GRANT, MAY_SEE};
use crate::db::dialect::{Dialect, literal};
use crate::job::TableName;

/// Workers of autovacuum on the table, its partitions and what they store apart. By their locks, which everybody may
/// see: a role that may not see what others do is still told that nobody's user is at work, and that is a worker.
pub(super) fn autovacuum(table: &TableName) -> String {
    let table = literal(&Dialect::Postgres.table(table));
    format!(
        "select case when to_regclass({table}) is not null then ( \
           with whole as (select to_regclass({table})::oid as relation \
             union select relid from pg_partition_tree(to_regclass({table}))), \
           parts as (select relation from whole union select c.reltoastrelid from pg_catalog.pg_class as c \
             join whole as w on w.relation = c.oid) \
           select count(distinct l.pid)::float8 from pg_locks as l join parts as p on p.relation = l.relation \
           join pg_stat_activity as a on a.pid = l.pid \
           where l.locktype = 'relation' and l.granted and l.mode = 'ShareUpdateExclusiveLock' and a.usesysid is null \
           and l.database = (select d.oid from pg_catalog.pg_database as d where d.datname = current_database())) end, \
         null, 'there is no such table any more'"
    )
}

/// Seconds since the oldest transaction of a client began; one that waits for its second phase holds back as much.
pub(super) fn oldest_transaction() -> String {
    format!(
        "select case when {MAY_SEE} then greatest(coalesce(extract(epoch from clock_timestamp() - o.since), 0), 0) \
         end::float8, o.name, 'this role may not see when others began: ' || {GRANT} \
         from (select 1) as one left join ( \
           select a.xact_start as since, nullif(a.application_name, '') as name from pg_stat_activity as a \
           where a.backend_type = 'client backend' and a.xact_start is not null \
           and a.application_name is distinct from 'tidegate' \
           union all select p.prepared, 'a prepared transaction' from pg_prepared_xacts as p \
           order by since limit 1) as o on true"
    )
}

/// Sessions of clients that run a statement at this moment.
pub(super) fn active_sessions() -> String {
    format!(
        "select case when {MAY_SEE} then count(*) filter (where a.state = 'active' \
         and a.backend_type = 'client backend' and a.application_name is distinct from 'tidegate') end::float8, null, \
         'this role may not see what others do: ' || {GRANT} from pg_stat_activity as a"
    )
}

/// Seconds that somebody has been waiting for a lock that we hold, or stand before them in the queue for. The server
/// is asked who is in the way only of those who wait and are not ours: the answer costs it a moment of all locks.
pub(super) fn lock_waits() -> String {
    "with ours as (select array_agg(a.pid) as pids from pg_stat_activity as a where a.application_name = 'tidegate'), \
     waiting as materialized (select l.pid, min(l.waitstart) as since from pg_locks as l, ours as o \
       where not l.granted and l.waitstart is not null and l.pid <> all (o.pids) group by l.pid) \
     select coalesce(extract(epoch from clock_timestamp() - b.since), 0)::float8, b.name, null \
     from (select 1) as one left join ( \
       select w.since, nullif(a.application_name, '') as name from waiting as w cross join ours as o \
       left join pg_stat_activity as a on a.pid = w.pid \
       where pg_blocking_pids(w.pid) && o.pids order by w.since limit 1) as b on true"
        .to_owned()
}
