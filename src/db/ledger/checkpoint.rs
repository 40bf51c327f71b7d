//! How far is a slice? The record that commits with the rows it covers: these statements run in the caller's
//! transaction.

use crate::db::dialect::{Dialect, literal, places};
use crate::db::failure::Failure;
use crate::db::session::{Row, Session, Value};
use crate::db::{Applied, Checkpointed, OpenBatch, SliceLease};

/// How many words of a batch's own stand in the statement.
const WORDS: usize = 9;

/// Of which types they are.
pub(crate) const TYPES: [&str; WORDS] =
    ["bigint", "bigint", "bigint", "bigint", "integer", "integer", "bigint", "bigint", "text"];

/// Moves the cursor to the end of the batch, if the slice is still where the batch found it and still ours.
pub(crate) async fn checkpoint<S: Session>(
    session: &mut S,
    dialect: Dialect,
    lease: &SliceLease,
    batch: &OpenBatch,
    applied: Applied,
) -> Result<Option<Checkpointed>, Failure> {
    let mut values = vec![batch.range.through.to_stored().as_str().into()];
    values.extend(numbers(lease, batch, applied).map(Value::Int));
    values.push(lease.holder.as_str().into());
    let rows = session.fetch(&statement(dialect, "$1", &places(2)), &values).await?;
    Ok(checkpointed(batch, &rows))
}

/// The words: numbers, and the runner's uuid.
pub(crate) fn words(lease: &SliceLease, batch: &OpenBatch, applied: Applied) -> [String; WORDS] {
    let [changed, scanned, still_in_scope, run, pass, number, seq, token] =
        numbers(lease, batch, applied).map(|number| number.to_string());
    [changed, scanned, still_in_scope, run, pass, number, seq, token, literal(&lease.holder)]
}

/// The statement, with the end of the batch in an expression and these words.
pub(crate) fn statement(dialect: Dialect, end: &str, words: &[String; WORDS]) -> String {
    let [changed, scanned, still_in_scope, run, pass, number, seq, token, holder] = words;
    format!(
        "update {slice} set cursor_key = {end}, seq = seq + 1, rows_changed = rows_changed + {changed}, \
         rows_scanned = rows_scanned + {scanned}, rows_still_in_scope = rows_still_in_scope + {still_in_scope}, \
         done = (through_key = {end}) where run_id = {run} and pass = {pass} and slice = {number} \
         and seq = {seq} and token = {token} and holder = {holder} returning done, {wal}",
        slice = dialect.state_table("slice"),
        wal = dialect.wal_position()
    )
}

/// Rows changed, scanned, still in scope; run, pass, slice, seq, token.
fn numbers(lease: &SliceLease, batch: &OpenBatch, applied: Applied) -> [i64; 8] {
    // The last range of a slice was not counted by its look-up: at least the changed rows were read.
    let scanned = batch.rows.map_or(applied.rows, u64::from);
    let [changed, scanned, still_in_scope] = [applied.rows, scanned, applied.still_in_scope].map(count);
    [changed, scanned, still_in_scope, lease.run, lease.pass, lease.number, batch.seq, lease.token]
}

/// Its answer. No row: the slice is not where the batch found it.
pub(crate) fn checkpointed(batch: &OpenBatch, rows: &[Row]) -> Option<Checkpointed> {
    let [row] = rows else { return None };
    let positions = batch.wal_position.zip(row.int_or_null(1));
    let wal_bytes = positions.map(|(before, after)| after.saturating_sub(before).max(0).unsigned_abs());
    let ends_slice = row.int_or_null(0) == Some(1);
    Some(Checkpointed { wal_bytes, ends_slice })
}

/// The slice's number of committed batches, read under its lock. `None`: it is not ours any more.
pub(crate) async fn locked_seq<S: Session>(
    session: &mut S,
    dialect: Dialect,
    lease: &SliceLease,
) -> Result<Option<i64>, Failure> {
    let sql = format!(
        "select seq from {} where run_id = $1 and pass = $2 and slice = $3 and token = $4 and holder = $5{}",
        dialect.state_table("slice"),
        dialect.row_lock()
    );
    let values: [Value; 5] =
        [lease.run.into(), lease.pass.into(), lease.number.into(), lease.token.into(), lease.holder.as_str().into()];
    session.fetch(&sql, &values).await?.first().map(|row| row.int(0)).transpose()
}

fn count(rows: u64) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}
