//! How far is a slice? The record that commits with the rows it covers: these statements run in the caller's
//! transaction.

use crate::db::dialect::{Dialect, literal, places};
use crate::db::failure::Failure;
use crate::db::session::{Row, Session, Value};
use crate::db::{Applied, Checkpointed, Lap, OpenBatch, SliceLease};

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
    let rows = session.fetch(&statement(dialect, batch.lap, "$1", &places(2)), &values).await?;
    Ok(checkpointed(batch, &rows))
}

/// The words: numbers, and the runner's uuid.
pub(crate) fn words(lease: &SliceLease, batch: &OpenBatch, applied: Applied) -> [String; WORDS] {
    let [changed, scanned, still_in_scope, run, pass, number, seq, token] =
        numbers(lease, batch, applied).map(|number| number.to_string());
    [changed, scanned, still_in_scope, run, pass, number, seq, token, literal(&lease.holder)]
}

/// The statement, with the end of the batch in an expression and these words.
pub(crate) fn statement(dialect: Dialect, lap: Option<Lap>, end: &str, words: &[String; WORDS]) -> String {
    let [changed, scanned, still_in_scope, run, pass, number, seq, token, holder] = words;
    format!(
        "update {slice} set {moved}, seq = seq + 1, rows_changed = rows_changed + {changed}, \
         rows_scanned = rows_scanned + {scanned}, rows_still_in_scope = rows_still_in_scope + {still_in_scope} \
         where run_id = {run} and pass = {pass} and slice = {number} \
         and seq = {seq} and token = {token} and holder = {holder} returning done, {wal}",
        slice = dialect.state_table("slice"),
        moved = lap.map_or_else(|| onward(end), |lap| lap_onward(lap, end)),
        wal = dialect.wal_position()
    )
}

/// The cursor goes on.
fn onward(end: &str) -> String {
    format!("cursor_key = {end}, done = (through_key = {end})")
}

/// The cursor goes on in its lap; at the end of the circuit back to where that began, or behind it after the last lap.
///
/// Only the database knows where the batch ends, so each column says for itself what becomes of it.
fn lap_onward(lap: Lap, end: &str) -> String {
    let Lap { number, of, closes } = lap;
    // The first lap has an end where it is told to, or the slice's.
    let at_end = match number {
        0 if closes => "1 = 1".to_owned(),
        0 => format!("through_key = {end}"),
        _ => format!("circuit_through = {end}"),
    };
    if number + 1 == of {
        return format!(
            "cursor_key = {end}, done = (through_key = {end} and {at_end}), lap = case when {at_end} then 0 else lap end, \
             circuit_after = case when {at_end} then {end} else circuit_after end, \
             circuit_through = case when {at_end} then null else circuit_through end"
        );
    }
    format!(
        "cursor_key = case when {at_end} then coalesce(circuit_after, after_key) else {end} end, \
         lap = case when {at_end} then lap + 1 else lap end, \
         circuit_through = case when {at_end} then {end} else circuit_through end"
    )
}

/// Rows changed, scanned, still in scope; run, pass, slice, seq, token.
fn numbers(lease: &SliceLease, batch: &OpenBatch, applied: Applied) -> [i64; 8] {
    let scanned = batch.rows_scanned(applied);
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
