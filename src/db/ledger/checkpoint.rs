//! How far is a slice? The record that commits with the rows it covers: these statements run in the caller's
//! transaction.

use crate::db::dialect::Dialect;
use crate::db::failure::Failure;
use crate::db::session::{Session, Value};
use crate::db::{Applied, Checkpointed, OpenBatch, SliceLease};

/// Moves the cursor to the end of the batch, if the slice is still where the batch found it and still ours.
pub(crate) async fn checkpoint<S: Session>(
    session: &mut S,
    dialect: Dialect,
    lease: &SliceLease,
    batch: &OpenBatch,
    applied: Applied,
) -> Result<Option<Checkpointed>, Failure> {
    // The last range of a slice was not counted by its look-up: at least the changed rows were read.
    let scanned = batch.rows.map_or(applied.rows, u64::from);
    let sql = format!(
        "update {} set cursor_key = $1, seq = seq + 1, rows_changed = rows_changed + $2, \
         rows_scanned = rows_scanned + $3, rows_still_in_scope = rows_still_in_scope + $4, \
         done = (through_key = $1) \
         where run_id = $5 and pass = $6 and slice = $7 and seq = $8 and token = $9 and holder = $10 returning done, {}",
        dialect.state_table("slice"),
        dialect.wal_position()
    );
    let values: [Value; 10] = [
        batch.range.through.to_stored().as_str().into(),
        count(applied.rows),
        count(scanned),
        count(applied.still_in_scope),
        lease.run.into(),
        lease.pass.into(),
        lease.number.into(),
        batch.seq.into(),
        lease.token.into(),
        lease.holder.as_str().into(),
    ];
    let rows = session.fetch(&sql, &values).await?;
    let [row] = rows.as_slice() else { return Ok(None) };
    let positions = batch.wal_position.zip(row.int_or_null(1));
    let wal_bytes = positions.map(|(before, after)| after.saturating_sub(before).max(0).unsigned_abs());
    Ok(Some(Checkpointed { wal_bytes, ends_slice: row.int(0)? == 1 }))
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

fn count(rows: u64) -> Value {
    i64::try_from(rows).unwrap_or(i64::MAX).into()
}
