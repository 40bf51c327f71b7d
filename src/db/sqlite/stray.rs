//! Does each cursor of a run lie in its slice? By SQLite's own comparison, in the key's storage classes and collation.
//! Knows nothing of what a slice is for.

use super::connect::{BEGIN_READING, SqliteSession};
use super::key_text::values_of;
use crate::db::Stray;
use crate::db::dialect::{Dialect, quote};
use crate::db::failure::Failure;
use crate::db::ledger::SliceRecord;
use crate::db::session::{Session, Value};
use crate::key::Key;
use crate::plan::Work;

/// The first slice whose cursor is not one of its own, by its place in `slices`. The caller ends the transaction.
pub(super) async fn stray(
    session: &mut SqliteSession,
    work: &Work,
    slices: &[SliceRecord],
) -> Result<Option<(usize, Stray)>, Failure> {
    let (mut values, mut rows) = (Vec::new(), Vec::new());
    for (place, slice) in slices.iter().enumerate() {
        for (side, key) in ends_and_cursor(slice) {
            let Ok(parts) = values_of(key) else { return Ok(Some((place, Stray::Unreadable))) };
            let parameters = (1..=parts.len()).map(|part| format!(", ?{}", values.len() + part)).collect::<String>();
            rows.push(format!("({place}, {side}{parameters})"));
            values.extend(parts);
        }
    }
    if rows.is_empty() {
        return Ok(None);
    }
    session.script(BEGIN_READING).await?;
    first_outside(session, work, &rows, &values).await
}

/// Each with its place from low to high.
fn ends_and_cursor(slice: &SliceRecord) -> impl Iterator<Item = (usize, &Key)> {
    let keys = [slice.range.after.as_ref(), slice.cursor.as_ref(), Some(&slice.range.through)];
    keys.into_iter().enumerate().filter_map(|(side, key)| Some((side, key?)))
}

/// The table is read by a condition that is never true: as the first part of the union it gives the columns their
/// collations, which no pragma tells.
async fn first_outside(
    session: &mut SqliteSession,
    work: &Work,
    rows: &[String],
    values: &[Value],
) -> Result<Option<(usize, Stray)>, Failure> {
    let names: Vec<_> = (0..work.key.len()).map(|i| format!("k{i}")).collect();
    let columns: Vec<_> = work.key.iter().map(|column| format!("t.{}", quote(&column.name))).collect();
    let of = |side: &str| names.iter().map(|name| format!("{side}.{name}")).collect::<Vec<_>>().join(", ");
    let sql = format!(
        "with keys (place, side, {names}) as \
         (select null, null, {columns} from {table} as t where 0 union all values {rows}) \
         select low.place from keys as low join keys as high on high.place = low.place and high.side = low.side + 1 \
         where ({low}) > ({high}) order by low.place limit 1",
        names = names.join(", "),
        columns = columns.join(", "),
        table = Dialect::Sqlite.table(&work.table),
        rows = rows.join(", "),
        low = of("low"),
        high = of("high"),
    );
    let found = session.fetch(&sql, values).await?;
    let place = found.first().and_then(|row| row.int_or_null(0)).and_then(|place| usize::try_from(place).ok());
    Ok(place.map(|place| (place, Stray::Outside)))
}
