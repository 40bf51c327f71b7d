//! How is a range set aside that somebody keeps locked? It becomes a slice of its own, so that the rest of its slice can
//! go on. These statements run in a batch's transaction, under the slice's lock.

use crate::db::dialect::Dialect;
use crate::db::failure::Failure;
use crate::db::session::{Session, Value};
use crate::db::{Checkpointed, OpenBatch, SliceLease};

/// Carves `(after, through]` off the front of the slice, from its beginning to the end of the batch's range: what was
/// walked of it belongs to the new slice, which begins at the cursor. The old slice keeps its place and its sums. A range
/// that ends with its slice needs no new one. Of a circuit whose end is known all is carved off, and the new slice goes on in
/// its lap. `None`: the slice is not ours any more.
pub(crate) async fn carve<S: Session>(
    session: &mut S,
    dialect: Dialect,
    lease: &SliceLease,
    batch: &OpenBatch,
) -> Result<Option<Checkpointed>, Failure> {
    let (slice, run) = (dialect.state_table("slice"), dialect.state_table("run"));
    // Two workers that carve at once must not choose the same number.
    let one_at_a_time = format!("select id from {run} where id = $1{}", dialect.row_lock());
    session.fetch(&one_at_a_time, &[lease.run.into()]).await?;
    let is_ours = "s.run_id = $1 and s.pass = $2 and s.slice = $4 and s.seq = $5 and s.token = $6 and s.holder = $7";
    let end = "coalesce(s.circuit_through, $3)";
    let add = format!(
        "insert into {slice} (run_id, pass, slice, after_key, through_key, cursor_key, set_aside, token, holder, walk, part, \
         laps, stripe, lap, circuit_after, circuit_through) \
         select s.run_id, s.pass, (select max(o.slice) + 1 from {slice} as o where o.run_id = $1 and o.pass = $2), \
         s.after_key, {end}, s.cursor_key, (1 = 1), s.token, s.holder, s.walk, s.part, \
         s.laps, s.stripe, s.lap, s.circuit_after, s.circuit_through from {slice} as s \
         where {is_ours} and s.through_key <> {end}"
    );
    let unless_all =
        |column, rest| format!("{column} = case when s.through_key = {end} then s.{column} else {rest} end");
    let begin_later = format!(
        "update {slice} as s set {after}, {cursor}, {lap}, {circuit_after}, {circuit_through}, \
         set_aside = (s.through_key = {end}), seq = seq + 1 where {is_ours} returning set_aside",
        after = unless_all("after_key", end),
        cursor = unless_all("cursor_key", end),
        lap = unless_all("lap", "0"),
        circuit_after = unless_all("circuit_after", "null"),
        circuit_through = unless_all("circuit_through", "null"),
    );
    let values: [Value; 7] = [
        lease.run.into(),
        lease.pass.into(),
        batch.range.through.to_stored().as_str().into(),
        lease.number.into(),
        batch.seq.into(),
        lease.token.into(),
        lease.holder.as_str().into(),
    ];
    session.execute(&add, &values).await?;
    let rows = session.fetch(&begin_later, &values).await?;
    let [row] = rows.as_slice() else { return Ok(None) };
    Ok(Some(Checkpointed { ends_slice: row.int(0)? == 1, ..Checkpointed::default() }))
}
