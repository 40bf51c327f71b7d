//! Where does a walk begin, end and part, and how would the server run its statements? Index look-ups, a sample of
//! blocks and `explain`; never a scan, never a write (a sampled batch is rolled back).

use super::connect::PostgresSession;
use super::range::range_end;
use super::spelling::{BY_CHOICE, BY_INDEX, begin_survey, bound, key_as_stored, key_values, place_expression};
use crate::db::dialect::{Dialect, literal, quote};
use crate::db::failure::Failure;
use crate::db::ledger::read_key;
use crate::db::session::{Row, Session, Value, first_int, first_text};
use crate::db::statement::{BatchStatements, Rows};
use crate::key::{Key, KeyRange};
use crate::plan::{KeyColumn, QueryPlan, Statements, Survey, Work};

/// Blocks read to cut the key space, for the cost of as many random reads as a slow disk does in a few seconds. Where rows
/// lie in any order each slice's share is then right within a few per cent; where they lie in the order of their keys a
/// slice's share is that of some blocks, and right within a half. Workers that have none left make up for it.
const SAMPLED_BLOCKS: u64 = 512;

/// Finds bounds, cuts and query plans, in one read-only snapshot.
pub(super) async fn survey(
    session: &mut PostgresSession,
    work: &Work,
    rows: u32,
    slices: usize,
) -> Result<Survey, Failure> {
    session.script(&begin_survey()).await?;
    let surveyed = survey_in_transaction(session, work, rows, slices).await;
    session.rollback().await;
    surveyed.map_err(|failure| failure.while_doing(format!("look at {}", work.table)))
}

async fn survey_in_transaction(
    session: &mut PostgresSession,
    work: &Work,
    rows: u32,
    slices: usize,
) -> Result<Survey, Failure> {
    let statements = BatchStatements::new(Dialect::Postgres, work.clone());
    let place = session.script(&format!("select {}", place_expression(work))).await?;
    let mut survey = Survey {
        place: first_text(&place).unwrap_or_default(),
        cut_by: "a sample of the table's blocks",
        statements: Statements {
            boundary: statements.boundary(false, rows),
            change: statements
                .change(Rows::Range { open_below: false })
                .into_iter()
                .map(|s| s.sql)
                .collect::<Vec<_>>()
                .join(";\n"),
        },
        ..Survey::default()
    };
    session.script(BY_INDEX).await?;
    survey.last = look_up(session, &last_key(work)).await?;
    if let Some(last) = &survey.last {
        let after = look_up(session, &first_key(work)).await?;
        let range = KeyRange { after, through: last.clone() };
        survey.boundary_plan = explain(session, &statements.boundary(false, rows), &bound(&range)).await?;
        let end = range_end(session, &statements, &range, rows).await?;
        let batch = KeyRange { through: end.unwrap_or(range.through), ..range };
        session.script(BY_CHOICE).await?;
        survey.cuts = cuts(session, work, slices).await?.into_iter().filter(|cut| cut != last).collect();
        explain_change(session, &statements, &bound(&batch), &mut survey).await?;
    } else {
        // An empty table has no key to bind, and its statement can still be wrong.
        session.script(BY_CHOICE).await?;
        explain_change(session, &statements, &vec![Value::Null; 2 * work.key.len()], &mut survey).await?;
    }
    Ok(survey)
}

/// The last key above `bound`. The caller ends the transaction.
pub(super) async fn last_key_above(
    session: &mut PostgresSession,
    work: &Work,
    bound: &Key,
) -> Result<Option<Key>, Failure> {
    session.script(&format!("{}; {BY_INDEX}", begin_survey())).await?;
    let statements = BatchStatements::new(Dialect::Postgres, work.clone());
    let sql = statements.last_above(&key_as_stored(&work.key));
    let rows = session.fetch(&sql, &key_values(bound)).await?;
    rows.first().and_then(|row| row.text_or_null(0)).map(|text| read_key(&text)).transpose()
}

/// What the server makes of the change; an error of the statement is a fact for the plan, not a failure of ours.
async fn explain_change(
    session: &mut PostgresSession,
    statements: &BatchStatements,
    batch: &[Value],
    survey: &mut Survey,
) -> Result<(), Failure> {
    for change in statements.change(Rows::Range { open_below: false }) {
        match explain(session, &change.sql, batch).await {
            Ok(plan) => survey.change_plan = plan,
            Err(failure) => {
                let Failure { code: Some(code), message, .. } = failure else { return Err(failure) };
                survey.statement_error = Some((code, message));
                return Ok(());
            }
        }
    }
    if let Some(scope) = &statements.work().scope {
        let table = Dialect::Postgres.table(&statements.work().table);
        let sql = format!("explain (format json) select 1 from {table} as t where ({}\n)", scope.as_sql());
        survey.estimated_scope = planned_rows(&session.fetch(&sql, &[]).await?);
    }
    Ok(())
}

/// Keys that part the table into about equal shares: the ends of `slices` tiles of a sample of blocks. A histogram
/// knows one column and is as old as the last ANALYZE; the blocks know the whole key as it is.
async fn cuts(session: &mut PostgresSession, work: &Work, slices: usize) -> Result<Vec<Key>, Failure> {
    if slices < 2 {
        return Ok(Vec::new());
    }
    // Only names of ours leave the inner query: a key column may have any of them.
    let sql = format!(
        "select stored from (select {stored} as stored, row_number() over (order by {key}) as place, \
         count(*) over () as places from {sampled}) as sampled \
         where place * {slices} / places > (place - 1) * {slices} / places order by place",
        sampled = sampled_blocks(session, work).await?,
        stored = key_as_stored(&work.key),
        key = key_columns(&work.key, ""),
    );
    let mut cuts = Vec::new();
    for row in session.script(&sql).await? {
        let cut = read_key(&row.text(0)?)?;
        if cuts.last() != Some(&cut) {
            cuts.push(cut);
        }
    }
    // The end of the last tile is the end of the table, as far as the sample knows; the bound says it better.
    cuts.pop();
    Ok(cuts)
}

/// The walked table, as `t`, as far as a sample of its blocks goes.
pub(super) async fn sampled_blocks(session: &mut PostgresSession, work: &Work) -> Result<String, Failure> {
    let table = Dialect::Postgres.table(&work.table);
    let pages = format!(
        "select coalesce(sum(pg_relation_size(p.relid)), 0)::bigint / current_setting('block_size')::bigint \
         from pg_partition_tree({0}::regclass) as p",
        literal(&table)
    );
    let plain =
        format!("select pg_relation_size({}::regclass) / current_setting('block_size')::bigint", literal(&table));
    let mut pages = first_int(&session.script(&pages).await?);
    if pages == 0 {
        pages = first_int(&session.script(&plain).await?);
    }
    let percent = (100.0 * SAMPLED_BLOCKS as f64 / pages.max(1) as f64).min(100.0);
    Ok(format!("{table} as t tablesample system ({percent})"))
}

pub(super) fn key_columns(key: &[KeyColumn], direction: &str) -> String {
    let columns: Vec<_> = key.iter().map(|column| format!("t.{}{direction}", quote(&column.name))).collect();
    columns.join(", ")
}

fn first_key(work: &Work) -> String {
    end_key(work, "")
}

fn last_key(work: &Work) -> String {
    end_key(work, " desc")
}

fn end_key(work: &Work, direction: &str) -> String {
    let table = Dialect::Postgres.table(&work.table);
    let (stored, order) = (key_as_stored(&work.key), key_columns(&work.key, direction));
    format!("select {stored} from {table} as t order by {order} limit 1")
}

async fn look_up(session: &mut PostgresSession, sql: &str) -> Result<Option<Key>, Failure> {
    let rows = session.fetch(sql, &[]).await?;
    rows.first().and_then(|row| row.text_or_null(0)).map(|text| read_key(&text)).transpose()
}

async fn explain(session: &mut PostgresSession, sql: &str, keys: &[Value]) -> Result<QueryPlan, Failure> {
    let rows = session.fetch(&format!("explain (format json) {sql}"), keys).await?;
    let mut plan = QueryPlan { by_index: true, ..QueryPlan::default() };
    if let Some(root) = plan_of(&rows) {
        read_node(&root, 0, &mut plan);
    }
    Ok(plan)
}

fn plan_of(rows: &[Row]) -> Option<serde_json::Value> {
    let text = first_text(rows)?;
    let mut explained: serde_json::Value = serde_json::from_str(&text).ok()?;
    Some(explained.get_mut(0)?.get_mut("Plan")?.take())
}

fn planned_rows(rows: &[Row]) -> Option<u64> {
    plan_of(rows)?.get("Plan Rows")?.as_f64().map(|rows| rows as u64)
}

/// A line per node, as `explain` writes them; the walked table's alias tells its nodes from those of a user's
/// subquery, and partitions carry it with a number.
fn read_node(node: &serde_json::Value, depth: usize, plan: &mut QueryPlan) {
    let text = |field: &str| node.get(field).and_then(serde_json::Value::as_str);
    let kind = text("Node Type").unwrap_or("?");
    let walked = text("Alias").is_some_and(|alias| alias == "t" || alias.starts_with("t_"));
    if walked && kind == "Seq Scan" {
        plan.by_index = false;
    }
    let index = text("Index Name").map(|name| format!(" using {name}")).unwrap_or_default();
    let relation = text("Relation Name").map(|name| format!(" on {name}")).unwrap_or_default();
    let rows = node.get("Plan Rows").and_then(serde_json::Value::as_f64).unwrap_or_default();
    plan.lines.push(format!("{}{kind}{index}{relation} (rows={rows})", "  ".repeat(depth)));
    if let Some(condition) = text("Index Cond") {
        plan.lines.push(format!("{}  index condition: {condition}", "  ".repeat(depth)));
    }
    for child in node.get("Plans").and_then(serde_json::Value::as_array).into_iter().flatten() {
        read_node(child, depth + 1, plan);
    }
}
