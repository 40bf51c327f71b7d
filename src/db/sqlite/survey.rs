//! Where does a walk begin, end and part, and how would SQLite run its statements? Index look-ups and `explain`; never
//! a scan, never a write (a sampled batch is rolled back).

use super::connect::{BEGIN_READING, SqliteSession};
use super::failure::ERROR;
use super::key_text;
use super::place::place_expression;
use super::range::range_end;
use crate::db::dialect::{Dialect, quote};
use crate::db::failure::{Class, Failure};
use crate::db::session::{Row, Session, Value};
use crate::db::statement::{BatchStatements, Rows};
use crate::job::Expression;
use crate::key::{Key, KeyRange};
use crate::plan::{Leg, QueryPlan, Route, Statements, Survey, Work};
use std::collections::HashMap;

/// Finds bounds, cuts and query plans, in one snapshot.
pub(super) async fn survey(
    session: &mut SqliteSession,
    work: &Work,
    rows: u32,
    slices: usize,
) -> Result<Survey, Failure> {
    session.script(BEGIN_READING).await?;
    let surveyed = survey_in_transaction(session, work, rows, slices).await;
    session.rollback().await;
    surveyed.map_err(|failure| failure.while_doing(format!("look at {}", work.table)))
}

async fn survey_in_transaction(
    session: &mut SqliteSession,
    work: &Work,
    rows: u32,
    slices: usize,
) -> Result<Survey, Failure> {
    let statements = BatchStatements::new(Dialect::Sqlite, work.clone());
    let place = session.fetch(&format!("select {}", place_expression(work)), &[]).await?;
    let mut survey = Survey {
        place: place.first().and_then(|row| row.text_or_null(0)).unwrap_or_default(),
        last: end_key(session, &statements, " desc").await?,
        cut_by: "nothing: the key is not one column of whole numbers",
        statements: Statements {
            boundary: statements.boundary(false, rows),
            change: statements.change(Rows::all(false)).into_iter().map(|s| s.sql).collect::<Vec<_>>().join(";\n"),
        },
        ..Survey::default()
    };
    let (Some(last), Some(first)) = (&survey.last, end_key(session, &statements, "").await?) else {
        explain_change(session, &statements, &[], &mut survey).await?;
        return Ok(survey);
    };
    let mut leg = Leg { route: Route::default(), last: Some(last.clone()), cuts: Vec::new() };
    if let Some(numbers) = whole_numbers(&first, last)? {
        leg.cuts = cuts(numbers, slices);
        survey.cut_by = "equal parts of the key's numbers";
    }
    survey.legs = vec![leg];
    let range = KeyRange { after: Some(first), through: last.clone() };
    survey.boundary_plan = explain(session, work, &statements.boundary(false, rows), &key_text::bound(&range)?).await?;
    // Plans differ with the length of a range where ANALYZE took samples: it is a batch's length that counts.
    let end = range_end(session, &statements, &range, rows).await?;
    let batch = KeyRange { through: end.unwrap_or(range.through), ..range };
    explain_change(session, &statements, &key_text::bound(&batch)?, &mut survey).await?;
    Ok(survey)
}

/// Keys below `bound` that part the table into `slices` parts. The caller ends the transaction.
pub(super) async fn cuts_below(
    session: &mut SqliteSession,
    work: &Work,
    bound: &Key,
    slices: usize,
) -> Result<Vec<Key>, Failure> {
    session.script(BEGIN_READING).await?;
    let statements = BatchStatements::new(Dialect::Sqlite, work.clone());
    let Some(first) = end_key(session, &statements, "").await? else { return Ok(Vec::new()) };
    Ok(whole_numbers(&first, bound)?.map(|numbers| cuts(numbers, slices)).unwrap_or_default())
}

/// The last key above `bound`. The caller ends the transaction.
pub(super) async fn last_key_above(
    session: &mut SqliteSession,
    work: &Work,
    bound: &Key,
) -> Result<Option<Key>, Failure> {
    session.script(BEGIN_READING).await?;
    let statements = BatchStatements::new(Dialect::Sqlite, work.clone());
    let sql = statements.last_above(&statements.key_columns());
    let rows = session.fetch(&sql, &key_text::values_of(bound)?).await?;
    rows.first().map(key_text::key_of).transpose()
}

/// What SQLite makes of the change; an error of the statement is a fact for the plan, not a failure of ours. An empty
/// table has no keys to bind, and its statement can still be wrong.
async fn explain_change(
    session: &mut SqliteSession,
    statements: &BatchStatements,
    batch: &[Value],
    survey: &mut Survey,
) -> Result<(), Failure> {
    if statements.work().expressions().any(Expression::has_sign_placeholder) {
        // SQLite would put one of the batch's own keys there.
        let message = "an expression has a placeholder, and a job has no value to put there".to_owned();
        survey.statement_error = Some((ERROR.to_owned(), message));
        return Ok(());
    }
    let mut plan = QueryPlan { by_index: true, ..QueryPlan::default() };
    for change in statements.change(Rows::all(false)) {
        match explain(session, statements.work(), &change.sql, batch).await {
            Ok(one) => {
                plan.by_index &= one.by_index;
                plan.lines.extend(one.lines);
            }
            Err(Failure { class: Class::Fatal, code: Some(code), message, .. }) => {
                survey.statement_error = Some((code, message));
                return Ok(());
            }
            Err(failure) => return Err(failure),
        }
    }
    survey.change_plan = plan;
    Ok(())
}

/// The first key, or the last by `desc`.
async fn end_key(
    session: &mut SqliteSession,
    statements: &BatchStatements,
    direction: &str,
) -> Result<Option<Key>, Failure> {
    let work = statements.work();
    let order: Vec<_> = work.key.iter().map(|column| format!("t.{}{direction}", quote(&column.name))).collect();
    let (table, output, order) = (Dialect::Sqlite.table(&work.table), statements.key_columns(), order.join(", "));
    let rows = session.fetch(&format!("select {output} from {table} as t order by {order} limit 1"), &[]).await?;
    rows.first().map(key_text::key_of).transpose()
}

fn whole_numbers(first: &Key, last: &Key) -> Result<Option<(i64, i64)>, Failure> {
    Ok(match (key_text::values_of(first)?.as_slice(), key_text::values_of(last)?.as_slice()) {
        ([Value::Int(first)], [Value::Int(last)]) => Some((*first, *last)),
        _ => None,
    })
}

/// Whole numbers in equal steps, which are in key order by their making: keys are made here, and still compared by the
/// database alone. Numbers that are no row's key cut as well as those that are.
fn cuts((first, last): (i64, i64), slices: usize) -> Vec<Key> {
    let (first, parts) = (i128::from(first), slices as i128);
    let length = i128::from(last) - first;
    let cut = |part: i128| first + length * part / parts;
    let mut numbers: Vec<_> = (1..parts).map(cut).filter(|number| *number < i128::from(last)).collect();
    numbers.dedup();
    numbers.into_iter().map(|number| Key::new(vec![format!("i:{number}")])).collect()
}

async fn explain(session: &mut SqliteSession, work: &Work, sql: &str, values: &[Value]) -> Result<QueryPlan, Failure> {
    let rows = session.fetch(&format!("explain query plan {sql}"), values).await?;
    Ok(read_plan(&rows, work))
}

/// A line per step, indented under the step it belongs to. The walked table's alias tells its steps from those of a
/// user's subquery.
fn read_plan(rows: &[Row], work: &Work) -> QueryPlan {
    let mut depths = HashMap::new();
    let mut plan = QueryPlan { by_index: true, ..QueryPlan::default() };
    for row in rows {
        let (id, parent) = (row.int_or_null(0), row.int_or_null(1));
        let step = row.text_or_null(3).unwrap_or_default();
        let depth = depths.get(&parent).map_or(0, |depth| depth + 1);
        depths.insert(id, depth);
        plan.by_index &= !reads_too_much(&step, work);
        plan.lines.push(format!("{}{step}", "  ".repeat(depth)));
    }
    plan
}

/// Any step over the walked table but a search for a range of the key, and any sorting: an index has the order already.
fn reads_too_much(step: &str, work: &Work) -> bool {
    let is_sort = step.starts_with("USE TEMP B-TREE FOR") && step.contains("ORDER BY");
    let is_walked = step == "SCAN t" || step.starts_with("SCAN t ") || step.starts_with("SEARCH t ");
    is_sort || (is_walked && !(step.starts_with("SEARCH t ") && searches_by_key(step, work)))
}

fn searches_by_key(step: &str, work: &Work) -> bool {
    let Some(leading) = work.key.first() else { return false };
    let leading = leading.name.as_str();
    let ranges = ["(rowid>?".to_owned(), format!("({leading}>?"), format!("(({leading},")];
    ranges.iter().any(|range| step.contains(range))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{Ident, TableName};
    use crate::plan::{Action, KeyColumn};

    fn shown(numbers: (i64, i64), slices: usize) -> Vec<String> {
        cuts(numbers, slices).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn cuts_are_equal_steps_below_the_last_key() {
        assert_eq!(shown((0, 100), 4), ["i:25", "i:50", "i:75"]);
        assert_eq!(shown((7, 7), 4), [""; 0]);
        assert_eq!(shown((1, 3), 16), ["i:1", "i:2"]);
        assert_eq!(shown((0, 100), 1), [""; 0]);
        assert_eq!(shown((i64::MIN, i64::MAX), 2), ["i:-1"]);
    }

    #[test]
    fn only_a_range_of_the_key_is_read_by_index() {
        let column = |name: &str| KeyColumn { name: Ident::new(name).unwrap(), sql_type: String::new() };
        let work = Work {
            table: TableName::parse("events").unwrap(),
            key: vec![column("x"), column("y")],
            scope: None,
            action: Action::Delete { archive: None },
            held_to_index: false,
        };
        let table = [
            ("SEARCH t USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)", false),
            ("SEARCH t USING COVERING INDEX i (x>?)", false),
            ("SEARCH t USING PRIMARY KEY ((x,y)>(?,?) AND (x,y)<(?,?))", false),
            ("SCAN t", true),
            ("SCAN t USING COVERING INDEX i", true),
            ("SEARCH t USING INDEX by_status (status=?)", true),
            ("USE TEMP B-TREE FOR ORDER BY", true),
            ("USE TEMP B-TREE FOR LAST TERM OF ORDER BY", true),
            ("SCAN tags", false),
            ("SEARCH tags USING INDEX by_name (name=?)", false),
            ("CORRELATED SCALAR SUBQUERY 1", false),
        ];
        for (step, too_much) in table {
            assert_eq!(reads_too_much(step, &work), too_much, "{step}");
        }
    }
}
