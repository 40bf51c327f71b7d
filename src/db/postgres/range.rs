//! What is done with a range of keys inside a transaction: find its end, change its rows. Knows neither how the
//! transaction began nor how it ends.

use super::connect::PostgresSession;
use super::spelling::{bound, stored_end};
use crate::db::Applied;
use crate::db::failure::Failure;
use crate::db::ledger::read_key;
use crate::db::session::{Row, Session, Value, first_text};
use crate::db::statement::{BatchStatements, ChangeStatement, CountedBy, Rows};
use crate::key::{Key, KeyRange};

/// The key `rows` rows into the range. `None`: fewer are left.
pub(super) async fn range_end(
    session: &mut PostgresSession,
    statements: &BatchStatements,
    range: &KeyRange,
    rows: u32,
) -> Result<Option<Key>, Failure> {
    let condition = statements.range_condition(range.after.is_none());
    let sql = stored_end(statements, &condition, rows);
    let end = session.fetch(&sql, &bound(range)).await?;
    first_text(&end).map(|text| read_key(&text)).transpose()
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

/// Changes the rows of the range that the transaction keeps, by statements without values.
pub(super) async fn change_kept(session: &mut PostgresSession, change: &[ChangeStatement]) -> Result<Applied, Failure> {
    let mut applied = Applied::default();
    for ChangeStatement { sql, counted_by } in change {
        match counted_by {
            CountedBy::Row => applied = counted(&session.fetch_alone(sql).await?)?,
            CountedBy::Tag => applied.rows = session.execute_alone(sql).await?,
            CountedBy::Nothing => drop(session.execute_alone(sql).await?),
        }
    }
    Ok(applied)
}

fn counted(rows: &[Row]) -> Result<Applied, Failure> {
    let row = rows.first().ok_or_else(|| Failure::fatal("the change gave no count"))?;
    Ok(Applied { rows: row.int(0)?.unsigned_abs(), still_in_scope: row.int(1)?.unsigned_abs() })
}
