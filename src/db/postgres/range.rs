//! What is done with a range of keys inside a transaction: find its end, change its rows. Knows neither how the
//! transaction began nor how it ends.

use super::connect::PostgresSession;
use super::spelling::{bound, key_as_stored, numbered_key, numbered_key_as_stored, stored_end};
use crate::db::failure::Failure;
use crate::db::ledger::read_key;
use crate::db::session::{Row, Session, Value, first_text};
use crate::db::statement::{BatchStatements, ChangeStatement, CountedBy, Rows};
use crate::db::{Applied, OpenBatch};
use crate::key::{Key, KeyRange};

/// The key `rows` rows into the range. `None`: fewer are left.
pub(super) async fn range_end(
    session: &mut PostgresSession,
    statements: &BatchStatements,
    range: &KeyRange,
    rows: u32,
) -> Result<Option<Key>, Failure> {
    let condition = statements.range_condition(range.after.is_none());
    let sql = stored_end(statements, &condition, &rows.to_string());
    let end = session.fetch(&sql, &bound(range)).await?;
    first_text(&end).map(|text| read_key(&text)).transpose()
}

/// Finds the last of at most `most` rows in scope, and how many they are; no row: none is. Of as many, what becomes of the key,
/// which is an expression, is the caller's.
pub(super) fn last_in_scope(
    statements: &BatchStatements,
    rows: Rows,
    most: &str,
    of_as_many: fn(&str) -> String,
) -> String {
    let position = statements.position();
    let last = statements.last_in_scope(&numbered_key(position), position.len(), rows, most);
    // Outside: the server would write each row's key as JSON.
    let key = numbered_key_as_stored(position);
    format!(
        "select case when last.row_number < {most} then {key} else {} end, last.row_number from ({last}) as last",
        of_as_many(&key)
    )
}

/// The batch as far as it has `most` rows in scope, by what a look-up of [`last_in_scope`] answered; how many it has is known then.
pub(super) fn narrowed(batch: OpenBatch, last: Option<&Row>, most: u32) -> Result<OpenBatch, Failure> {
    let Some(last) = last else { return Ok(batch.with_in_scope(0)) };
    match u32::try_from(last.int(1)?) {
        Ok(number) if number < most => Ok(batch.with_in_scope(number)),
        _ => Ok(batch.ending_at(read_key(&last.text(0)?)?, most)),
    }
}

/// The key of the one row that lies in this range of places. `None`: it is not there any more.
pub(super) async fn key_at(
    session: &mut PostgresSession,
    statements: &BatchStatements,
    range: &KeyRange,
) -> Result<Option<Key>, Failure> {
    let key = key_as_stored(&statements.work().key);
    let condition = statements.range_condition(range.after.is_none());
    let rows = session.fetch(&statements.boundary_where(&key, &condition, 1), &bound(range)).await?;
    first_text(&rows).map(|text| read_key(&text)).transpose()
}

/// Changes these rows; `values` are their keys.
pub(super) async fn change(
    session: &mut PostgresSession,
    statements: &BatchStatements,
    rows: Rows,
    values: &[Value],
) -> Result<Applied, Failure> {
    let mut applied = Applied::default();
    for ChangeStatement { sql, counted_by } in statements.change(rows) {
        match counted_by {
            CountedBy::Row => applied = counted(&session.fetch(&sql, values).await?)?,
            CountedBy::Tag => applied.rows = session.execute(&sql, values).await?,
            CountedBy::Nothing => drop(session.execute(&sql, values).await?),
        }
    }
    Ok(applied)
}

/// The same by the statement's name, in a message that has it.
pub(super) async fn change_by_name(
    session: &mut PostgresSession,
    by_name: &str,
    counted_by: CountedBy,
) -> Result<Applied, Failure> {
    match counted_by {
        CountedBy::Row => counted(&session.script(by_name).await?),
        CountedBy::Tag => Ok(Applied { rows: session.touched(by_name).await?, still_in_scope: 0 }),
        CountedBy::Nothing => session.touched(by_name).await.map(|_| Applied::default()),
    }
}

fn counted(rows: &[Row]) -> Result<Applied, Failure> {
    let row = rows.first().ok_or_else(|| Failure::fatal("the change gave no count"))?;
    Ok(Applied { rows: row.int(0)?.unsigned_abs(), still_in_scope: row.int(1)?.unsigned_abs() })
}
