//! How does one slice become two? Its upper part is recorded as a slice of its own, for a worker that has none left.
//! These statements run in a transaction of the taker's; where the middle is, is found between them. Knows no table that
//! is walked.

use super::slices::{SliceCircuit, SliceRecord, read_key};
use crate::db::SliceLease;
use crate::db::dialect::Dialect;
use crate::db::failure::Failure;
use crate::db::session::{Session, Value};
use crate::key::{Key, KeyRange};

/// What is left of a slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    /// To its end from its cursor, or from the end of the circuit in hand: within one there is nothing to take.
    pub(crate) range: KeyRange,
    /// Committed batches.
    pub(crate) seq: i64,
}

/// What is left of the slice, if its run lets batches begin. With `lock` its row is locked: that waits for the batch in
/// hand, and no other begins before this transaction is over; what is read then is what that batch left. `None`: it is
/// done, set aside, or not ours now.
pub(crate) async fn left<S: Session>(
    session: &mut S,
    dialect: Dialect,
    lease: &SliceLease,
    lock: bool,
) -> Result<Option<Left>, Failure> {
    let (of, lock) = match (dialect.row_lock(), lock) {
        ("", _) | (_, false) => ("", ""),
        (lock, true) => (" of s", lock),
    };
    let sql = format!(
        "select s.seq, coalesce(s.circuit_through, s.cursor_key), s.through_key from {slice} as s \
         where s.run_id = $1 and s.pass = $2 and s.slice = $3 and s.token = $4 and s.holder = $5 \
         and not s.done and not s.set_aside \
         and exists (select 1 from {run} as r where r.id = s.run_id and r.holder = s.holder \
         and r.state in ('running', 'sweeping')){lock}{of}",
        slice = dialect.state_table("slice"),
        run = dialect.state_table("run"),
    );
    let values: [Value; 5] =
        [lease.run.into(), lease.pass.into(), lease.number.into(), lease.token.into(), lease.holder.as_str().into()];
    let rows = session.fetch(&sql, &values).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let after = row.text_or_null(1).map(|text| read_key(&text)).transpose()?;
    Ok(Some(Left { range: KeyRange { after, through: read_key(&row.text(2)?)? }, seq: row.int(0)? }))
}

/// Ends the slice at `middle` and records what lies above it as a slice of its own, with the same token and holder.
/// `None`: the slice is not as it was read; roll back.
///
/// Its number of batches stays as it is: it tells its owner what became of a COMMIT without an answer.
pub(crate) async fn split<S: Session>(
    session: &mut S,
    dialect: Dialect,
    lease: &SliceLease,
    seq: i64,
    middle: &Key,
) -> Result<Option<SliceRecord>, Failure> {
    let (slice, run) = (dialect.state_table("slice"), dialect.state_table("run"));
    // Two workers that split at once must not choose the same number, and who takes the run must see the new slice.
    let one_at_a_time = format!("select id from {run} where id = $1{}", dialect.row_lock());
    session.fetch(&one_at_a_time, &[lease.run.into()]).await?;
    let is_ours = "s.run_id = $1 and s.pass = $2 and s.slice = $4 and s.seq = $5 and s.token = $6 and s.holder = $7 \
                   and s.through_key <> $3";
    let add = format!(
        "insert into {slice} (run_id, pass, slice, after_key, through_key, cursor_key, split_from, walk, part, laps, stripe, token, holder) \
         select s.run_id, s.pass, (select max(o.slice) + 1 from {slice} as o where o.run_id = $1 and o.pass = $2), \
         $3, s.through_key, $3, coalesce(s.split_from, s.slice), s.walk, s.part, s.laps, s.stripe, s.token, s.holder from {slice} as s \
         where {is_ours} returning slice, through_key, split_from"
    );
    let end_earlier = format!("update {slice} as s set through_key = $3 where {is_ours}");
    let values: [Value; 7] = [
        lease.run.into(),
        lease.pass.into(),
        middle.to_stored().as_str().into(),
        lease.number.into(),
        seq.into(),
        lease.token.into(),
        lease.holder.as_str().into(),
    ];
    let added = session.fetch(&add, &values).await?;
    let ended = session.execute(&end_earlier, &values).await?;
    let ([row], 1) = (added.as_slice(), ended) else { return Ok(None) };
    Ok(Some(SliceRecord {
        pass: lease.pass,
        number: row.int(0)?,
        route: lease.route.clone(),
        range: KeyRange { after: Some(middle.clone()), through: read_key(&row.text(1)?)? },
        cursor: Some(middle.clone()),
        circuit: SliceCircuit::default(),
        seq: 0,
        rows_changed: 0,
        rows_scanned: 0,
        rows_still_in_scope: 0,
        done: false,
        token: lease.token,
        set_aside: false,
        split_from: row.int_or_null(2),
    }))
}
