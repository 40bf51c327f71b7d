//! How does one batch become durable? The protocol of one transaction, in order, and what its end means. Knows
//! neither which batch comes next nor what to do about a failure.

use super::kill_point;
use crate::db::{Applied, Checkpointed, Class, Failure, Lane, OpenBatch, SliceLease};
use crate::event::Bucket;
use crate::pace::Stopwatch;
use std::time::{Duration, Instant};

/// A batch of this size whose rows all still match `where` is no chance: the change does not make it false.
const TELLING_BATCH: u64 = 100;

/// A committed batch.
#[derive(Clone, Debug)]
pub(super) struct Committed {
    pub(super) batch: OpenBatch,
    pub(super) applied: Applied,
    pub(super) took: Duration,
    pub(super) wal_bytes: Option<u64>,
}

/// How a batch ended without an error.
pub(super) enum Ended {
    /// Rows and checkpoint are durable.
    Committed(Committed),
    /// The slice is not ours to walk now: paused, cancelled, taken over. Nothing was written.
    NotOurs,
}

/// How a batch ended with an error.
pub(super) enum Interrupted {
    /// Nothing was written.
    RolledBack(Failure),
    /// COMMIT was sent and not answered: the batch may be durable.
    Ambiguous(Box<Committed>, Failure),
}

/// Runs one batch of at most `rows` rows. After any error the transaction is over, or the connection is. The phases are
/// told to the worker's stopwatch.
pub(super) async fn run(
    lane: &mut dyn Lane,
    lease: &SliceLease,
    rows: u32,
    time: &Stopwatch,
) -> Result<Ended, Interrupted> {
    let begun = Instant::now();
    let prepared = match prepare(lane, lease, rows, time).await {
        Ok(Some(prepared)) => prepared,
        Ok(None) => {
            lane.rollback().await;
            return Ok(Ended::NotOurs);
        }
        Err(failure) => {
            lane.rollback().await;
            return Err(Interrupted::RolledBack(failure));
        }
    };
    let (batch, applied, Checkpointed { wal_bytes }) = prepared;
    let answer = lane.commit().await;
    let committed = Committed { batch, applied, took: begun.elapsed(), wal_bytes };
    match answer {
        Ok(()) => {
            kill_point("batch-committed");
            Ok(Ended::Committed(committed))
        }
        Err(failure) => {
            let failure = failure.while_doing(format!("commit {}", committed.batch.range));
            lane.rollback().await;
            Err(match failure.class {
                Class::Lost => Interrupted::Ambiguous(Box::new(committed), failure),
                Class::Retry | Class::Shrink | Class::Wait | Class::Fatal => Interrupted::RolledBack(failure),
            })
        }
    }
}

/// Everything up to COMMIT. `None`: the slice is not ours.
async fn prepare(
    lane: &mut dyn Lane,
    lease: &SliceLease,
    rows: u32,
    time: &Stopwatch,
) -> Result<Option<(OpenBatch, Applied, Checkpointed)>, Failure> {
    let Some(batch) = lane.open(lease, rows).await.map_err(|failure| failure.while_doing("begin a batch"))? else {
        return Ok(None);
    };
    kill_point("batch-begun");
    time.turn_to(Bucket::Apply, Instant::now());
    let applied = lane.apply(&batch.range).await.map_err(|f| f.while_doing(format!("change {}", batch.range)))?;
    kill_point("batch-applied");
    if applied.rows >= TELLING_BATCH && applied.still_in_scope == applied.rows {
        return Err(Failure::fatal(format!(
            "all {} rows of the batch {} still match `where` after the change, so `where` cannot prove the end; \
             the batch was rolled back. Let `where` say which rows still need the change, or leave it out",
            applied.rows, batch.range
        )));
    }
    time.turn_to(Bucket::Commit, Instant::now());
    let recorded = lane.checkpoint(lease, &batch, applied).await;
    let recorded = recorded.map_err(|f| f.while_doing(format!("record {}", batch.range)))?;
    kill_point("batch-checkpointed");
    Ok(recorded.map(|checkpointed| (batch, applied, checkpointed)))
}
