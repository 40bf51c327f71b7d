//! What does PostgreSQL know about a table? Catalog and statistics only, in a read-only transaction.

use super::connect::PostgresSession;
use super::spelling::begin_survey;
use crate::db::dialect::{Dialect, literal, quote};
use crate::db::failure::Failure;
use crate::db::session::{Row, Session, first_int};
use crate::job::{Change, Ident, Job, TableName};
use crate::plan::{ColumnFacts, Facts, TableFacts, TableKind};

/// Reads the facts about a job's tables.
pub(super) async fn facts(session: &mut PostgresSession, job: &Job) -> Result<Facts, Failure> {
    session.script(&begin_survey()).await?;
    let facts = facts_in_transaction(session, job).await;
    session.rollback().await;
    facts.map_err(|failure| failure.while_doing(format!("read the catalog about {}", job.table)))
}

async fn facts_in_transaction(session: &mut PostgresSession, job: &Job) -> Result<Facts, Failure> {
    let target = match &job.change {
        Change::Copy { into, .. } | Change::Delete { archive_into: Some(into) } => Some(into),
        Change::Set(_) | Change::Delete { archive_into: None } => None,
    };
    let mut facts = Facts { table: table(session, &job.table, trigger_event(&job.change)).await?, ..Facts::default() };
    if facts.table.is_none() {
        facts.similar_tables = similar_tables(session, &job.table).await?;
        return Ok(facts);
    }
    if let Some(target) = target {
        facts.target = table(session, target, INSERT).await?;
    }
    if target.is_none() || facts.target.is_some() {
        facts.missing_grants = missing_grants(session, job).await?;
    }
    Ok(facts)
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
        "select c.relkind::text, c.relpersistence::text, row_security_active(c.oid), \
         pg_total_relation_size(c.oid) + (select coalesce(sum(pg_total_relation_size(p.relid)), 0)::bigint \
         from pg_partition_tree(c.oid) as p where p.relid <> c.oid), \
         n.nspname || '.' || c.relname, has_any_column_privilege(c.oid, 'select') \
         from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace \
         where c.oid = {regclass}"
    );
    let rows = session.script(&sql).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let kind = match row.text(0)?.as_str() {
        "r" => TableKind::Table,
        "p" => TableKind::Partitioned,
        _ => TableKind::Other,
    };
    let mut facts = TableFacts {
        kind,
        full_name: row.text(4)?,
        unlogged: row.text(1)? == "u",
        row_security: row.int(2)? == 1,
        bytes: row.int(3)?.unsigned_abs(),
        ..TableFacts::default()
    };
    facts.columns = columns(session, &regclass).await?;
    if kind != TableKind::Other {
        unique_keys(session, &regclass, &mut facts).await?;
        facts.triggers = triggers(session, &regclass, event).await?;
        // A role that may not read the table is told so by the missing grants, in their words.
        if row.int(5)? == 1 {
            facts.estimated_rows = estimated_rows(session, name).await?;
            facts.row_bytes = row_bytes(session, name, facts.estimated_rows).await?;
        }
    }
    Ok(Some(facts))
}

async fn columns(session: &mut PostgresSession, regclass: &str) -> Result<Vec<ColumnFacts>, Failure> {
    let sql = format!(
        "select a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull, \
         a.attgenerated <> '' or a.attidentity = 'a' from pg_catalog.pg_attribute as a \
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
            })
        })
        .collect()
}

/// Unique indexes that hold for every row at every moment: valid, not partial, over plain columns, not deferrable.
async fn unique_keys(session: &mut PostgresSession, regclass: &str, facts: &mut TableFacts) -> Result<(), Failure> {
    let sql = format!(
        "select i.indisprimary, i.indisunique and i.indisvalid and i.indimmediate and i.indpred is null \
         and i.indexprs is null, x.relname::text, a.attname::text \
         from pg_catalog.pg_index as i join pg_catalog.pg_class as x on x.oid = i.indexrelid \
         left join unnest(i.indkey::int2[]) with ordinality as k (attnum, place) on k.place <= i.indnkeyatts \
         left join pg_catalog.pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum \
         where i.indrelid = {regclass} order by x.relname, k.place"
    );
    for row in session.script(&sql).await? {
        let index = row.text(2)?;
        let is_new = facts.indexes.last() != Some(&index);
        if is_new {
            facts.indexes.push(index);
        }
        let Some(column) = row.text_or_null(3) else { continue };
        let column = ident(&column)?;
        if row.int(0)? == 1 {
            facts.primary_key.push(column.clone());
        }
        if row.int(1)? == 1 {
            match facts.unique_keys.last_mut() {
                Some(columns) if !is_new => columns.push(column),
                _ => facts.unique_keys.push(vec![column]),
            }
        }
    }
    Ok(())
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

/// The privileges that the job's statements need, each with the GRANT that gives it.
async fn missing_grants(session: &mut PostgresSession, job: &Job) -> Result<Vec<String>, Failure> {
    let table = &job.table;
    let mut needed = vec![privilege(table, "select", None)];
    match &job.change {
        Change::Set(columns) => {
            needed.extend(columns.iter().map(|(name, _)| privilege(table, "update", Some(name))));
        }
        Change::Copy { into, columns, .. } => {
            // `for share` asks for it: at least one column.
            needed.push(any_column(table, "update"));
            needed.extend(columns.iter().map(|(name, _)| privilege(into, "insert", Some(name))));
        }
        Change::Delete { archive_into } => {
            needed.push(privilege(table, "delete", None));
            needed.extend(archive_into.iter().map(|into| privilege(into, "insert", None)));
        }
    }
    let checks: Vec<_> = needed.iter().map(|(check, _)| check.as_str()).collect();
    let rows = match session.script(&format!("select {}", checks.join(", "))).await {
        // A column that is not there is another refusal's matter, and says it better.
        Err(failure) if failure.has_code(&["42703"]) => return Ok(Vec::new()),
        answer => answer?,
    };
    let Some(row) = rows.first() else { return Ok(Vec::new()) };
    let missing = needed.into_iter().enumerate().filter(|(i, _)| !is_true(row, *i)).map(|(_, (_, grant))| grant);
    Ok(missing.collect())
}

fn is_true(row: &Row, column: usize) -> bool {
    row.int_or_null(column) == Some(1)
}

fn privilege(table: &TableName, word: &str, column: Option<&Ident>) -> (String, String) {
    let name = Dialect::Postgres.table(table);
    let regclass = literal(&name);
    match column {
        Some(column) => (
            format!("has_column_privilege({regclass}, {}, '{word}')", literal(column.as_str())),
            format!("grant {word} ({}) on {name} to current_role", quote(column)),
        ),
        None => {
            (format!("has_table_privilege({regclass}, '{word}')"), format!("grant {word} on {name} to current_role"))
        }
    }
}

fn any_column(table: &TableName, word: &str) -> (String, String) {
    let name = Dialect::Postgres.table(table);
    (
        format!("has_any_column_privilege({}, '{word}')", literal(&name)),
        format!("grant {word} on {name} to current_role"),
    )
}

fn ident(name: &str) -> Result<Ident, Failure> {
    Ident::new(name).map_err(|error| Failure::fatal(format!("the catalog has a name that cannot be used: {error}")))
}
