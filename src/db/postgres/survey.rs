//! Where does a walk begin, end and part, and how would the server run its statements? Index look-ups, a sample of
//! blocks and `explain`; never a scan, never a write (a sampled batch is rolled back).

use super::connect::PostgresSession;
use super::cuts::{of_blocks, sampled};
use super::heap::{Leaf, leaves};
use super::query_plan::explained;
use super::range::range_end;
use super::sizes::sizes;
use super::spelling::{
    BY_CHOICE, BY_INDEX, after_look_up, begin_survey, bound, key_as_stored, key_values, place_expression,
};
use crate::db::dialect::{Dialect, quote};
use crate::db::failure::Failure;
use crate::db::ledger::read_key;
use crate::db::session::{Session, Value, first_text};
use crate::db::statement::{BatchStatements, Rows};
use crate::key::{Key, KeyRange};
use crate::plan::{KeyColumn, Leg, Order, QueryPlan, Route, Statements, Survey, Work};

/// Finds bounds, cuts and query plans, in one read-only snapshot.
pub(super) async fn survey(
    session: &mut PostgresSession,
    work: &Work,
    rows: u32,
    slices: usize,
    order: Order,
) -> Result<Survey, Failure> {
    session.script(&begin_survey()).await?;
    let surveyed = survey_in_transaction(session, work, rows, slices, order).await;
    session.rollback().await;
    surveyed.map_err(|failure| failure.while_doing(format!("look at {}", work.table)))
}

async fn survey_in_transaction(
    session: &mut PostgresSession,
    work: &Work,
    rows: u32,
    slices: usize,
    order: Order,
) -> Result<Survey, Failure> {
    let whole = BatchStatements::new(Dialect::Postgres, work.clone());
    let place = session.script(&format!("select {}", place_expression(work))).await?;
    session.script(BY_INDEX).await?;
    let last = look_up(session, &end_key(&whole, " desc")).await?;
    let legs = legs(session, &whole, slices, order).await?;
    let statements = legs.first().map_or_else(|| whole.clone(), |leg| whole.clone().along(&leg.route));
    let change: Vec<_> = statements.change(Rows::all(false)).into_iter().map(|s| s.sql).collect();
    let mut survey = Survey {
        place: first_text(&place).unwrap_or_default(),
        sizes: Some(sizes(session, &work.table).await?),
        last,
        cut_by: match order {
            Order::Key => "a sample of the table's blocks",
            Order::Physical => "the table's blocks",
        },
        statements: Statements { boundary: statements.boundary(false, rows), change: change.join(";\n") },
        ..Survey::default()
    };
    if let Some(Leg { last: Some(last), .. }) = legs.iter().find(|leg| leg.last.is_some()) {
        let after = look_up(session, &end_key(&statements, "")).await?;
        let range = KeyRange { after, through: last.clone() };
        survey.boundary_plan = explain(session, &statements.boundary(false, rows), &bound(&range)).await?;
        let end = range_end(session, &statements, &range, rows).await?;
        let batch = KeyRange { through: end.unwrap_or(range.through), ..range };
        session.script(&format!("{BY_INDEX}; {}", after_look_up(work))).await?;
        explain_change(session, &statements, &bound(&batch), &mut survey).await?;
    } else {
        // An empty table has no key to bind, and its statement can still be wrong.
        session.script(&format!("{BY_INDEX}; {}", after_look_up(work))).await?;
        let nothing = vec![Value::Null; 2 * statements.position().len()];
        explain_change(session, &statements, &nothing, &mut survey).await?;
    }
    survey.legs = legs;
    Ok(survey)
}

/// The parts of a walk, each cut into its share of the slices: one for the table, or one for each partition.
async fn legs(
    session: &mut PostgresSession,
    whole: &BatchStatements,
    slices: usize,
    order: Order,
) -> Result<Vec<Leg>, Failure> {
    let mut leaves = leaves(session, &whole.work().table).await?;
    let blocks: u64 = leaves.iter().map(|leaf| leaf.blocks).sum();
    if leaves.iter().any(|leaf| leaf.part.is_some() && !leaf.by_name) {
        leaves = vec![Leaf { part: None, blocks, by_name: true }];
    }
    let mut legs = Vec::with_capacity(leaves.len());
    for Leaf { part, blocks: of_leaf, .. } in leaves {
        let route = Route { order, part, ..Route::default() };
        let share = of_leaf as f64 / blocks.max(1) as f64;
        let slices = (slices as f64 * share).round().max(1.0) as usize;
        let (last, cuts) = match order {
            Order::Physical => of_blocks(of_leaf, slices),
            Order::Key => {
                let statements = whole.clone().along(&route);
                match look_up(session, &end_key(&statements, " desc")).await? {
                    None => (None, Vec::new()),
                    Some(last) => {
                        let cuts = cut(session, &statements, &last, slices).await?;
                        (Some(last), cuts)
                    }
                }
            }
        };
        legs.push(Leg { route, last, cuts });
    }
    Ok(legs)
}

/// A sample of blocks is a scan to the planner, which looks for indexes otherwise.
async fn cut(
    session: &mut PostgresSession,
    statements: &BatchStatements,
    last: &Key,
    slices: usize,
) -> Result<Vec<Key>, Failure> {
    session.script(BY_CHOICE).await?;
    let cuts = sampled(session, statements, last, slices).await?;
    session.script(BY_INDEX).await?;
    Ok(cuts)
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
    for change in statements.change(Rows::all(false)) {
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
        survey.estimated_scope = explained(&session.fetch(&sql, &[]).await?).and_then(|plan| plan.rows());
    }
    Ok(())
}

/// The first place of the walk, or the last by ` desc`. Of blocks, whose order no index has, the first is what comes first.
fn end_key(statements: &BatchStatements, direction: &str) -> String {
    let (table, position) = (statements.table(), statements.position());
    let order = match statements.route().order {
        Order::Key => format!(" order by {}", key_columns(position, direction)),
        Order::Physical => String::new(),
    };
    format!("select {} from {table} as t{order} limit 1", key_as_stored(position))
}

pub(super) fn key_columns(key: &[KeyColumn], direction: &str) -> String {
    let columns: Vec<_> = key.iter().map(|column| format!("t.{}{direction}", quote(&column.name))).collect();
    columns.join(", ")
}

async fn look_up(session: &mut PostgresSession, sql: &str) -> Result<Option<Key>, Failure> {
    let rows = session.fetch(sql, &[]).await?;
    rows.first().and_then(|row| row.text_or_null(0)).map(|text| read_key(&text)).transpose()
}

async fn explain(session: &mut PostgresSession, sql: &str, keys: &[Value]) -> Result<QueryPlan, Failure> {
    let plan = explained(&session.fetch(&format!("explain (format json) {sql}"), keys).await?);
    Ok(plan.map_or_else(|| QueryPlan { by_index: true, ..QueryPlan::default() }, |plan| plan.in_words()))
}
