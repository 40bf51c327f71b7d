//! What is done with a range of keys inside a transaction: find its end, change its rows. Knows neither how the
//! transaction began nor how it ends.

use super::connect::PostgresSession;
use super::spelling::{bound, key_as_stored};
use crate::db::Applied;
use crate::db::failure::Failure;
use crate::db::ledger::read_key;
use crate::db::session::{Session, Value, first_text};
use crate::db::statement::{BatchStatements, CountedBy, Rows};
use crate::key::{Key, KeyRange};

/// The key `rows` rows into the range. `None`: fewer are left.
pub(super) async fn range_end(
    session: &mut PostgresSession,
    statements: &BatchStatements,
    range: &KeyRange,
    rows: u32,
) -> Result<Option<Key>, Failure> {
    let condition = statements.range_condition(range.after.is_none());
    let sql = statements.boundary_where(&key_as_stored(&statements.work().key), &condition, rows);
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
    for statement in statements.change(rows) {
        match statement.counted_by {
            CountedBy::Row => {
                let rows = session.fetch(&statement.sql, values).await?;
                let row = rows.first().ok_or_else(|| Failure::fatal("the change gave no count"))?;
                applied = Applied { rows: row.int(0)?.unsigned_abs(), still_in_scope: row.int(1)?.unsigned_abs() };
            }
            CountedBy::Tag => applied.rows = session.execute(&statement.sql, values).await?,
            CountedBy::Nothing => drop(session.execute(&statement.sql, values).await?),
        }
    }
    Ok(applied)
}
