//! What does a batch cost? Runs one and measures it; the caller rolls it back.

use super::connect::{BEGIN_WRITING, SqliteSession};
use super::key_text;
use super::range::{change, range_end};
use crate::db::dialect::Dialect;
use crate::db::failure::Failure;
use crate::db::session::Session;
use crate::db::statement::{BatchStatements, Rows};
use crate::job::Batch;
use crate::key::{Key, KeyRange};
use crate::plan::{SampledBatch, Work};
use std::time::Instant;

/// Runs one batch and measures it. The caller rolls back.
pub(super) async fn sample(
    session: &mut SqliteSession,
    work: &Work,
    after: Option<&Key>,
    through: &Key,
    batch: &Batch,
) -> Result<SampledBatch, Failure> {
    let statements = BatchStatements::new(Dialect::Sqlite, work.clone());
    let mut range = KeyRange { after: after.cloned(), through: through.clone() };
    session.set_deadline(batch.statement_timeout);
    session.script(BEGIN_WRITING).await?;
    let begun = Instant::now();
    if let Some(end) = range_end(session, &statements, &range, batch.rows).await? {
        range.through = end;
    }
    let applied = change(session, &statements, Rows::all(range.after.is_none()), &key_text::bound(&range)?).await?;
    Ok(SampledBatch { rows: applied.rows, seconds: begun.elapsed().as_secs_f64(), wal_bytes: None })
}
