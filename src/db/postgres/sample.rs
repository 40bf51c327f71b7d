//! What does a batch cost? Runs one and measures it; the caller rolls it back.

use super::connect::PostgresSession;
use super::range::{change, range_end};
use super::spelling::{BY_INDEX, after_look_up, bound, settings};
use crate::db::dialect::Dialect;
use crate::db::failure::Failure;
use crate::db::session::{Session, Value, first_int, first_text};
use crate::db::statement::{BatchStatements, Rows};
use crate::job::Batch;
use crate::key::{Key, KeyRange};
use crate::plan::{SampledBatch, Work};
use std::time::{Duration, Instant};

/// A sampled batch is nobody's slice; it is given up when we fall asleep in it, like a runner's.
const SAMPLE_LEASE: Duration = Duration::from_secs(10);

/// Runs one batch and measures it. The caller rolls back.
pub(super) async fn sample(
    session: &mut PostgresSession,
    work: &Work,
    after: Option<&Key>,
    through: &Key,
    batch: &Batch,
) -> Result<SampledBatch, Failure> {
    let statements = BatchStatements::new(Dialect::Postgres, work.clone());
    let mut range = KeyRange { after: after.cloned(), through: through.clone() };
    let begun = Instant::now();
    let begin = format!("begin; {}; select pg_current_wal_insert_lsn()::text", settings(batch, SAMPLE_LEASE));
    let before: Value = first_text(&session.script(&begin).await?).as_deref().into();
    session.script(BY_INDEX).await?;
    if let Some(end) = range_end(session, &statements, &range, batch.rows).await? {
        range.through = end;
    }
    session.script(after_look_up(work)).await?;
    let applied = change(session, &statements, Rows::all(range.after.is_none()), &bound(&range)).await?;
    let seconds = begun.elapsed().as_secs_f64();
    let wal = "select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), $1::text::pg_lsn)::bigint";
    let wal_bytes = first_int(&session.fetch(wal, &[before]).await?);
    Ok(SampledBatch { rows: applied.rows, seconds, wal_bytes: Some(wal_bytes) })
}
