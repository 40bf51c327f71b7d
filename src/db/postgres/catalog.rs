//! What does PostgreSQL know about a table? Catalog and statistics only, in a read-only transaction.

use super::connect::PostgresSession;
use super::heap;
use super::privileges::{missing_on_schemas, missing_on_state, missing_on_tables, missing_to_vacuum};
use super::spelling::BEGIN_READING;
use crate::db::dialect::{Dialect, literal};
use crate::db::failure::Failure;
use crate::db::session::{Session, first_int};
use crate::job::{Change, Ident, Job, TableName};
use crate::plan::{ColumnFacts, Facts, KeyFlaw, Owner, TableFacts, TableKind, UnsuitedKey, VacuumRight};

/// Reads the facts about a job's tables.
pub(super) async fn facts(session: &mut PostgresSession, job: &Job) -> Result<Facts, Failure> {
    session.script(BEGIN_READING).await?;
    let facts = facts_in_transaction(session, job).await;
    session.rollback().await;
    facts.map_err(|failure| failure.while_doing(format!("read the catalog about {}", job.table)))
}

async fn facts_in_transaction(session: &mut PostgresSession, job: &Job) -> Result<Facts, Failure> {
    let target = match &job.change {
        Change::Copy { into, .. } | Change::Delete { archive_into: Some(into) } => Some(into),
        Change::Set(_) | Change::Delete { archive_into: None } => None,
    };
    let mut facts =
        Facts { missing_grants: missing_on_schemas(session, job).await?, can_hold_to_index: true, ..Facts::default() };
    if !facts.missing_grants.is_empty() {
        return Ok(facts);
    }
    facts.table = table(session, &job.table, trigger_event(&job.change)).await?;
    if facts.table.is_none() {
        facts.similar_tables = similar_tables(session, &job.table).await?;
        return Ok(facts);
    }
    facts.querying_functions = querying_functions(session, job).await?;
    if let Some(target) = target {
        facts.target = table(session, target, INSERT).await?;
    }
    if target.is_none() || facts.target.is_some() {
        facts.missing_grants = missing_on_tables(session, job, &facts).await?;
        facts.missing_grants.extend(missing_on_state(session).await?);
        let missing = missing_to_vacuum(session, &job.table).await?;
        facts.vacuum = missing.map_or(VacuumRight::Given, |grant| VacuumRight::Missing { grant });
    }
    Ok(facts)
}

/// Functions of that name that are not the server's own, in whatever schema: what they run, only their authors know. One
/// in C is taken for what it looks like, a function of its arguments.
async fn querying_functions(session: &mut PostgresSession, job: &Job) -> Result<Vec<String>, Failure> {
    let called: Vec<_> =
        job.expressions().flat_map(|expression| expression.called()).map(|name| literal(&name)).collect();
    if called.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "select distinct p.proname::text from pg_catalog.pg_proc as p \
         join pg_catalog.pg_language as l on l.oid = p.prolang where p.proname in ({}) \
         and p.pronamespace <> 'pg_catalog'::regnamespace and l.lanname not in ('internal', 'c') order by 1",
        called.join(", ")
    );
    session.script(&sql).await?.iter().map(|row| row.text(0)).collect()
}

/// Bits of `pg_trigger.tgtype`.
const INSERT: u8 = 4;
const DELETE: u8 = 8;
const UPDATE: u8 = 16;

fn trigger_event(change: &Change) -> u8 {
    match change {
        Change::Set(_) => UPDATE,
        Change::Delete { .. } => DELETE,
        // The walked table is only read.
        Change::Copy { .. } => 0,
    }
}

async fn table(session: &mut PostgresSession, name: &TableName, event: u8) -> Result<Option<TableFacts>, Failure> {
    let regclass = format!("to_regclass({})", literal(&Dialect::Postgres.table(name)));
    let sql = format!(
        "select c.relkind::text, c.relpersistence = 't', row_security_active(c.oid), \
         pg_total_relation_size(c.oid) + (select coalesce(sum(pg_total_relation_size(p.relid)), 0)::bigint \
         from pg_partition_tree(c.oid) as p where p.relid <> c.oid), \
         n.nspname || '.' || c.relname, has_any_column_privilege(c.oid, 'select'), n.nspname::text, \
         exists (select from pg_catalog.pg_inherits as i where i.inhparent = c.oid), \
         c.relpersistence = 'u' or exists (select from pg_partition_tree(c.oid) as p \
         join pg_catalog.pg_class as part on part.oid = p.relid where part.relpersistence = 'u') \
         from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace \
         where c.oid = {regclass}"
    );
    let rows = session.script(&sql).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let (kind, owner) = (kind(&row.text(0)?), owner(&row.text(6)?));
    let mut facts = TableFacts {
        kind,
        owner,
        full_name: row.text(4)?,
        unlogged: row.int(8)? == 1,
        temporary: row.int(1)? == 1,
        row_security: row.int(2)? == 1,
        has_children: row.int(7)? == 1,
        bytes: row.int(3)?.unsigned_abs(),
        ..TableFacts::default()
    };
    facts.columns = columns(session, &regclass).await?;
    if matches!(kind, TableKind::Table | TableKind::Partitioned) && !facts.temporary {
        facts.indexed_columns = Some(indexed_columns(session, &regclass).await?);
        unique_keys(session, &regclass, &mut facts).await?;
        facts.triggers = triggers(session, &regclass, event).await?;
        // A role that may not read the table is told so by the missing grants, in their words.
        if row.int(5)? == 1 {
            facts.estimated_rows = estimated_rows(session, name).await?;
            facts.row_bytes = row_bytes(session, name, facts.estimated_rows).await?;
            heap::add_to(session, name, &mut facts).await?;
        }
    }
    Ok(Some(facts))
}

/// By `pg_class.relkind`.
fn kind(relkind: &str) -> TableKind {
    match relkind {
        "r" => TableKind::Table,
        "p" => TableKind::Partitioned,
        "v" => TableKind::Other("a view"),
        "m" => TableKind::Other("a materialized view"),
        "f" => TableKind::Other("a foreign table"),
        "S" => TableKind::Other("a sequence"),
        "i" | "I" => TableKind::Other("an index"),
        "c" => TableKind::Other("a type"),
        _ => TableKind::Other("something else"),
    }
}

fn owner(schema: &str) -> Owner {
    match schema {
        "pg_catalog" | "information_schema" => Owner::Database,
        schema if schema.starts_with("pg_toast") => Owner::Database,
        "tidegate" => Owner::Tidegate,
        _ => Owner::Application,
    }
}

async fn columns(session: &mut PostgresSession, regclass: &str) -> Result<Vec<ColumnFacts>, Failure> {
    let sql = format!(
        "select a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull, \
         a.attgenerated <> '' or a.attidentity = 'a', {BASE_TYPE} from pg_catalog.pg_attribute as a \
         where a.attrelid = {regclass} and a.attnum > 0 and not a.attisdropped order by a.attnum"
    );
    let rows = session.script(&sql).await?;
    rows.iter()
        .map(|row| {
            Ok(ColumnFacts {
                name: ident(&row.text(0)?)?,
                sql_type: row.text(1)?,
                nullable: row.int(2)? == 0,
                generated: row.int(3)? == 1,
                text_depends_on: text_depends_on(&row.text(4)?),
                correlation: None,
            })
        })
        .collect()
}

/// What a column's type comes down to: a domain to what it is made of, an array to its elements.
const BASE_TYPE: &str = "(with recursive part (oid, inner_oid) as (\
    select t.oid, coalesce(nullif(t.typbasetype, 0), case when t.typcategory = 'A' then t.typelem else 0 end) \
    from pg_catalog.pg_type as t where t.oid = a.atttypid union all \
    select t.oid, coalesce(nullif(t.typbasetype, 0), case when t.typcategory = 'A' then t.typelem else 0 end) \
    from part join pg_catalog.pg_type as t on t.oid = part.inner_oid) \
    select format_type(part.oid, null) from part where part.inner_oid = 0)";

/// Types whose text is not the same for every session, or not for long. What other types' texts depend on is set by
/// every transaction of ours.
fn text_depends_on(base_type: &str) -> Option<&'static str> {
    match base_type {
        "money" => Some("the setting lc_monetary"),
        "regclass" | "regcollation" | "regconfig" | "regdictionary" | "regnamespace" | "regoper" | "regoperator"
        | "regproc" | "regprocedure" | "regrole" | "regtype" => Some("the name that an object has now"),
        _ => None,
    }
}

/// Indexes over plain columns; those that hold for every row at every moment make their columns a key.
async fn unique_keys(session: &mut PostgresSession, regclass: &str, facts: &mut TableFacts) -> Result<(), Failure> {
    let sql = format!(
        "select x.relname::text, i.indisprimary, i.indisunique, i.indisvalid, i.indimmediate, i.indpred is not null, \
         i.indexprs is not null, (select json_agg(a.attname order by k.place)::text \
         from unnest(i.indkey::int2[]) with ordinality as k (attnum, place) \
         join pg_catalog.pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum \
         where k.place <= i.indnkeyatts) from pg_catalog.pg_index as i \
         join pg_catalog.pg_class as x on x.oid = i.indexrelid where i.indrelid = {regclass} order by x.relname"
    );
    for row in session.script(&sql).await? {
        let index = row.text(0)?;
        facts.indexes.push(index.clone());
        let names: Vec<String> = serde_json::from_str(&row.text_or_null(7).unwrap_or_default()).unwrap_or_default();
        let columns = names.iter().map(|name| ident(name)).collect::<Result<Vec<_>, _>>()?;
        if row.int(1)? == 1 {
            facts.primary_key.clone_from(&columns);
        }
        let [is_unique, is_valid, is_immediate, is_partial, has_expressions] =
            [row.int(2)?, row.int(3)?, row.int(4)?, row.int(5)?, row.int(6)?].map(|flag| flag == 1);
        let flaw = match () {
            () if has_expressions => continue,
            () if !is_unique => KeyFlaw::NotUnique,
            () if !is_valid => KeyFlaw::Invalid,
            () if is_partial => KeyFlaw::Partial,
            () if !is_immediate => KeyFlaw::Deferrable,
            () => {
                facts.unique_keys.push(columns);
                continue;
            }
        };
        facts.unsuited_keys.push(UnsuitedKey { index, columns, flaw });
    }
    Ok(())
}

/// Columns that some index has: as a column of its own, in an expression, or in its condition. A change of any other leaves the
/// indexes alone where the new version finds room in the old one's block (HOT). From 16 on a BRIN index does not count: it learns
/// of blocks, not of rows.
async fn indexed_columns(session: &mut PostgresSession, regclass: &str) -> Result<Vec<Ident>, Failure> {
    let sql = format!(
        "select distinct a.attname::text from pg_catalog.pg_index as i \
         join pg_catalog.pg_class as x on x.oid = i.indexrelid join pg_catalog.pg_am as am on am.oid = x.relam \
         join pg_catalog.pg_attribute as a on a.attrelid = i.indrelid and a.attnum > 0 \
         where (i.indrelid = {regclass} or i.indrelid in (select p.relid from pg_partition_tree({regclass}) as p)) \
         and (a.attnum = any (i.indkey::int2[]) or exists (select from pg_catalog.pg_depend as d \
         where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = i.indexrelid \
         and d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = i.indrelid and d.refobjsubid = a.attnum)) \
         and not (am.amname = 'brin' and current_setting('server_version_num')::integer >= 160000) order by 1"
    );
    session.script(&sql).await?.iter().map(|row| ident(&row.text(0)?)).collect()
}

async fn triggers(session: &mut PostgresSession, regclass: &str, event: u8) -> Result<Vec<String>, Failure> {
    let sql = format!(
        "select t.tgname::text from pg_catalog.pg_trigger as t where t.tgrelid = {regclass} and not t.tgisinternal \
         and t.tgenabled in ('O', 'A') and (t.tgtype & {event}) <> 0 order by 1"
    );
    session.script(&sql).await?.iter().map(|row| row.text(0)).collect()
}

/// The planner's own number, which follows the size of the file where ANALYZE is old, and sums partitions.
async fn estimated_rows(session: &mut PostgresSession, name: &TableName) -> Result<u64, Failure> {
    let table = Dialect::Postgres.table(name);
    let rows = session.script(&format!("explain (format json) select from {table}")).await?;
    let text = rows.first().map(|row| row.text(0)).transpose()?.unwrap_or_default();
    let explained: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    Ok(explained.pointer("/0/Plan/Plan Rows").and_then(serde_json::Value::as_f64).unwrap_or_default() as u64)
}

/// Blocks that are counted rather than guessed about: the planner takes a small table that was never analyzed for ten
/// blocks of short rows, and fifty rows whose values are megabytes lie in one.
const COUNTED_BLOCKS: u64 = 64;

/// What the rows take and what they store apart, shared out evenly. Space that deleted rows left behind counts too: a
/// batch is then begun smaller than it could be, and grows.
async fn row_bytes(session: &mut PostgresSession, name: &TableName, estimated_rows: u64) -> Result<u64, Failure> {
    let table = Dialect::Postgres.table(name);
    let sql = format!(
        "select coalesce(sum(pg_relation_size(c.oid)), 0)::bigint, \
         coalesce(sum(pg_relation_size(nullif(c.reltoastrelid, 0))), 0)::bigint, \
         current_setting('block_size')::bigint from pg_catalog.pg_class as c \
         where c.relkind = 'r' and c.oid in (select to_regclass({0})::oid union select p.relid \
         from pg_partition_tree(to_regclass({0})) as p)",
        literal(&table)
    );
    let rows = session.script(&sql).await?;
    let Some(row) = rows.first() else { return Ok(0) };
    let (own, apart, block) = (row.int(0)?.unsigned_abs(), row.int(1)?.unsigned_abs(), row.int(2)?.unsigned_abs());
    let rows = match own / block.max(1) <= COUNTED_BLOCKS {
        true => first_int(&session.script(&format!("select count(*) from {table}")).await?),
        false => estimated_rows,
    };
    Ok((own + apart).checked_div(rows).unwrap_or_default())
}

async fn similar_tables(session: &mut PostgresSession, name: &TableName) -> Result<Vec<String>, Failure> {
    let sql = "select n.nspname || '.' || c.relname from pg_catalog.pg_class as c \
               join pg_catalog.pg_namespace as n on n.oid = c.relnamespace \
               where c.relkind in ('r', 'p') and n.nspname not in ('pg_catalog', 'information_schema', 'tidegate') \
               and n.nspname not like 'pg_toast%' order by 1 limit 10000";
    let names: Result<Vec<String>, Failure> = session.script(sql).await?.iter().map(|row| row.text(0)).collect();
    let wanted = name.name.as_str();
    let mut names: Vec<_> = names?
        .into_iter()
        .filter(|full| full.rsplit('.').next().is_some_and(|table| strsim::jaro_winkler(table, wanted) > 0.85))
        .collect();
    names.truncate(3);
    Ok(names)
}

fn ident(name: &str) -> Result<Ident, Failure> {
    Ident::new(name).map_err(|error| Failure::fatal(format!("the catalog has a name that cannot be used: {error}")))
}
