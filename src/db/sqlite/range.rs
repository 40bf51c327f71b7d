//! What is done with a range of keys inside a transaction: find its end, change its rows. Knows neither how the
//! transaction began nor how it ends.

use super::connect::SqliteSession;
use super::key_text;
use crate::db::failure::Failure;
use crate::db::session::{Session, Value, first_int};
use crate::db::statement::{BatchStatements, CountedBy, Rows};
use crate::db::{Applied, OpenBatch};
use crate::key::{Key, KeyRange};
use crate::plan::{Action, Work};

/// Rows that are counted to find the middle of a range: some ten milliseconds.
const MOST_COUNTED: u64 = 50_000;

/// The key `rows` rows into the range. `None`: fewer are left.
pub(super) async fn range_end(
    session: &mut SqliteSession,
    statements: &BatchStatements,
    range: &KeyRange,
    rows: u32,
) -> Result<Option<Key>, Failure> {
    let sql = statements.boundary(range.after.is_none(), rows);
    session.fetch(&sql, &key_text::bound(range)?).await?.first().map(key_text::key_of).transpose()
}

/// The batch as far as it has `most` rows in scope; how many it has is known then.
pub(super) async fn narrowed(
    session: &mut SqliteSession,
    statements: &BatchStatements,
    batch: OpenBatch,
    most: u32,
) -> Result<OpenBatch, Failure> {
    let rows = Rows::all(batch.range.after.is_none());
    let columns = statements.work().key.len();
    let sql = statements.last_in_scope(&statements.key_columns(), columns, rows, &most.to_string());
    let mut last = session.fetch(&sql, &key_text::bound(&batch.range)?).await?;
    let Some(last) = last.first_mut() else { return Ok(batch.with_in_scope(0)) };
    let number = last.int(columns)?.unsigned_abs();
    last.0.truncate(columns);
    match u32::try_from(number) {
        Ok(number) if number < most => Ok(batch.with_in_scope(number)),
        _ => Ok(batch.ending_at(key_text::key_of(last)?, most)),
    }
}

/// The key in the middle of the range, and how many rows lie below it, itself included, and above. `None`: either half
/// would have fewer than `least`.
pub(super) async fn middle(
    session: &mut SqliteSession,
    statements: &BatchStatements,
    range: &KeyRange,
    least: u64,
) -> Result<Option<(Key, (u64, u64))>, Failure> {
    let most = MOST_COUNTED.max(least.saturating_mul(2));
    let count = statements.count_at_most(range.after.is_none(), most);
    let rows = first_int(&session.fetch(&count, &key_text::bound(range)?).await?);
    let below = rows / 2;
    if below < least.max(1) {
        return Ok(None);
    }
    let middle = range_end(session, statements, range, u32::try_from(below).unwrap_or(u32::MAX)).await?;
    Ok(middle.map(|middle| (middle, (below, rows - below))))
}

/// Changes these rows, and counts those that are in scope still; `values` are their keys.
pub(super) async fn change(
    session: &mut SqliteSession,
    statements: &BatchStatements,
    rows: Rows,
    values: &[Value],
) -> Result<Applied, Failure> {
    let mut applied = Applied::default();
    for statement in statements.change(rows) {
        let changed = session.execute(&statement.sql, values).await?;
        match statement.counted_by {
            CountedBy::Tag => applied.rows = changed,
            CountedBy::Nothing => {}
            CountedBy::Row => return Err(Failure::fatal("SQLite counts a change by its tag")),
        }
    }
    let Work { action, scope, .. } = statements.work();
    if applied.rows > 0 && scope.is_some() && matches!(action, Action::Set(_)) {
        // Every row of the range that was in scope was changed, and nobody else can write: what is in scope now is what
        // the change left there.
        let counted = session.fetch(&statements.count_in_scope(rows), values).await?;
        applied.still_in_scope = counted.first().map(|row| row.int(0)).transpose()?.unwrap_or_default().unsigned_abs();
    }
    Ok(applied)
}
