//! How does PostgreSQL write what its lane and its survey share? Settings, keys, and the name of a place. Knows no
//! connection.

use crate::db::dialect::{Dialect, literal, quote};
use crate::db::session::Value;
use crate::db::statement::BatchStatements;
use crate::job::{Batch, TableName};
use crate::key::{Key, KeyRange};
use crate::plan::{KeyColumn, Route, Work};
use std::time::Duration;

/// The text of keys, and of the user's casts, must not depend on who runs the job; a policy that hides rows becomes an
/// error instead of rows that are silently left out; and a range is planned with its keys, because a plan made for any
/// range could read the whole table. That is `auto` for a statement that is parsed anew each time; forcing it would also
/// make the server plan its checks of foreign keys, and functions of triggers, once for every row. Strings are read as the
/// check of the job file reads them. A batch is too short for compiled code to pay, and a plan held to an index looks dear.
const ALIKE: &str = "set local datestyle = 'ISO, MDY'; set local timezone = 'UTC'; set local bytea_output = 'hex'; \
    set local intervalstyle = 'postgres'; set local extra_float_digits = 1; set local row_security = off; \
    set local plan_cache_mode = auto; set local standard_conforming_strings = on; set local jit = off";

/// Begins a look around that cannot write, with the role's own settings but for how long it may take. Compiled code does not
/// pay for it: where a table is large, the server loaded its compiler for no more than the plan of `select`.
pub(super) const BEGIN_READING: &str = "begin transaction isolation level repeatable read read only; \
    set local statement_timeout = '30s'; set local lock_timeout = '2s'; \
    set local idle_in_transaction_session_timeout = '30s'; set local jit = off";

/// The same with the settings of a batch: what is planned and read must be what a batch will see.
pub(super) fn begin_survey() -> String {
    format!("{BEGIN_READING}; {ALIKE}")
}

/// Look-ups by the index, whatever the statistics say; and stripe after stripe of a lap, where a copy of the whole range could be
/// kept for all of them.
pub(super) const BY_INDEX: &str = "set local enable_seqscan = off; set local enable_bitmapscan = off; \
    set local enable_sort = off; set local enable_material = off";

/// The planner's own choice again.
pub(super) const BY_CHOICE: &str = "set local enable_seqscan to default; set local enable_bitmapscan to default; \
    set local enable_sort to default; set local enable_material to default";

/// Whether the change goes by the index too, like the look-up before it.
pub(super) fn after_look_up(work: &Work) -> &'static str {
    match work.held_to_index {
        true => "",
        false => BY_CHOICE,
    }
}

/// Settings of every batch. They end with the transaction, so that nothing stays behind in a pooler's connection.
///
/// A batch does not wait for the disk: a crash takes its rows and its checkpoint back together, and they are done
/// again. State changes do wait, and with them everything that was committed before.
///
/// A server looks at the socket only when it writes to it: without the check, a batch that waits for a lock would go on
/// waiting, with the slice locked, after its runner is gone. A runner whose machine or network is gone says nothing at
/// all: after 25 s without a sign of life the server lets go.
pub(super) fn settings(batch: &Batch, lease: Duration) -> String {
    format!(
        "set local lock_timeout = {lock}; set local statement_timeout = {statement}; \
         set local idle_in_transaction_session_timeout = {idle}; set local synchronous_commit = off; \
         set local client_connection_check_interval = 1000; \
         set local tcp_keepalives_idle = 10; set local tcp_keepalives_interval = 5; set local tcp_keepalives_count = 3; {ALIKE}",
        // Lost before anybody of the application has to wait longer.
        lock = batch.lock_timeout.as_millis(),
        statement = batch.statement_timeout.as_millis(),
        // A runner that was put to sleep gives its locks back before its lease ends.
        idle = (lease / 2).as_millis(),
    )
}

/// The values of a range, in the order in which the statements bind them.
pub(super) fn bound(range: &KeyRange) -> Vec<Value> {
    BatchStatements::bound(range.after.as_ref().map(key_values), key_values(&range.through))
}

/// The values of one key.
pub(super) fn key_values(key: &Key) -> Vec<Value> {
    key.parts().iter().map(|part| part.as_str().into()).collect()
}

/// Where a table's rows are stored: in itself, or in its partitions. A query of `oid`, `schema`, `name` and `relowner`.
pub(super) fn stored_parts(table: &TableName) -> String {
    let table = literal(&Dialect::Postgres.table(table));
    format!(
        "select c.oid, n.nspname::text as schema, c.relname::text as name, c.relowner from pg_catalog.pg_class as c \
         join pg_catalog.pg_namespace as n on n.oid = c.relnamespace where c.relkind = 'r' and (c.oid = to_regclass({table}) \
         or c.oid in (select p.relid from pg_partition_tree(to_regclass({table})) as p))"
    )
}

/// Names the server, the table and the columns the work depends on; compared in each batch, in its transaction. The
/// batch's own look-up holds a lock on the table by then, so the name cannot come to mean another table.
pub(super) fn place_expression(work: &Work) -> String {
    let table = literal(&Dialect::Postgres.table(&work.table));
    let names: Vec<_> = work.watched_columns().into_iter().map(|name| literal(name.as_str())).collect();
    format!(
        "(select system_identifier from pg_control_system())::text || ' ' || \
         coalesce(to_regclass({table})::oid::text, 'no table') || ' ' || \
         (select coalesce(md5(string_agg(a.attname || ' ' || a.atttypid || ' ' || a.atttypmod || ' ' || \
         a.attcollation, ',' order by a.attnum)), 'no columns') from pg_catalog.pg_attribute as a \
         where a.attrelid = to_regclass({table}) and not a.attisdropped and a.attname in ({names}))",
        names = names.join(", ")
    )
}

/// Whether the route's partition is one of the table's; whoever has no partition of its own has all of them.
pub(super) fn belongs(work: &Work, route: &Route) -> String {
    let Some(part) = &route.part else { return "true".to_owned() };
    let [table, part] = [&work.table, part].map(|name| literal(&Dialect::Postgres.table(name)));
    format!(
        "exists (select from pg_partition_ancestors(to_regclass({part})) as p where p.relid = to_regclass({table}))"
    )
}

/// Looks up the end of a range as a stored key; `rows` is an expression. Only the last of the rows is written as one: outside the look-up, for the
/// server computes the columns of every row that it skips.
pub(super) fn stored_end(statements: &BatchStatements, condition: &str, rows: &str) -> String {
    let look_up = statements.boundary_after(&statements.position_columns(), condition, rows);
    format!("select {} from ({look_up}) as t", key_as_stored(statements.position()))
}

/// A row's key as the state tables keep it.
pub(super) fn key_as_stored(key: &[KeyColumn]) -> String {
    as_stored(key.iter().map(|column| format!("t.{}", quote(&column.name))))
}

/// A row's key under names of ours, for a query around it: a key column may have any name.
pub(super) fn numbered_key(key: &[KeyColumn]) -> String {
    let columns = (1..).zip(key).map(|(part, column)| format!("t.{} as key_{part}", quote(&column.name)));
    columns.collect::<Vec<_>>().join(", ")
}

/// That key as the state tables keep it.
pub(super) fn numbered_key_as_stored(key: &[KeyColumn]) -> String {
    as_stored((1..=key.len()).map(|part| format!("key_{part}")))
}

fn as_stored(parts: impl Iterator<Item = String>) -> String {
    let parts: Vec<_> = parts.map(|part| format!("{part}::text")).collect();
    format!("json_build_array({})::text", parts.join(", "))
}
