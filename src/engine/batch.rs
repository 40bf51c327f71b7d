//! How does one batch become durable? The protocol of one transaction, in order, and what its end means. Knows
//! neither which batch comes next nor what to do about a failure.

use super::kill_point;
use crate::db::{Applied, Checkpointed, Class, Failure, Lane, OpenBatch, RowAside, SetAside, SliceLease};
use crate::event::Bucket;
use crate::key::Key;
use crate::pace::{Stopwatch, Stretch};
use crate::plan::Order;
use std::time::{Duration, Instant};

/// A batch of this size whose rows all still match `where` is no chance: the change does not make it false.
const TELLING_BATCH: u64 = 100;

/// What a batch is to do with its range.
#[derive(Clone, Copy, Debug)]
pub(super) enum Deed<'a> {
    /// Change its rows.
    Change,
    /// Set its one row aside, which is of this key.
    SetRowAside(&'a Key, RowAside<'a>),
    /// Make it a slice of its own that is walked last.
    Carve,
}

/// A committed batch.
#[derive(Clone, Debug)]
pub(super) struct Committed {
    pub(super) batch: OpenBatch,
    pub(super) applied: Applied,
    pub(super) took: Duration,
    pub(super) wal_bytes: Option<u64>,
    pub(super) stretch: Stretch,
    /// The key of the row that was set aside, where one was and is there still.
    pub(super) set_aside: Option<Key>,
    /// Nothing of its slice lies behind it, as the database has the slice: the end that was read before may have moved.
    pub(super) ends_slice: bool,
    /// How far the next batch is to go, which was begun together with this one's COMMIT.
    pub(super) next: Option<Stretch>,
}

/// How far the next batch of the slice goes, if it may begin together with the COMMIT of one that did this.
pub(super) type Ahead<'a> = &'a (dyn Fn(&OpenBatch, Applied) -> Option<Stretch> + Send + Sync);

/// How a batch ended without an error.
pub(super) enum Ended {
    /// What it was to do and its checkpoint are durable.
    Committed(Box<Committed>),
    /// The slice is not ours to walk now: paused, cancelled, taken over. Nothing was written.
    NotOurs,
    /// The row that was to be set aside is not the first any more. Nothing was written.
    OtherRow,
}

/// How a batch ended with an error.
pub(super) enum Interrupted {
    /// Nothing was written. With the batch, where it had begun.
    RolledBack(Failure, Option<OpenBatch>),
    /// COMMIT was sent and its answer is not known: the batch may be durable.
    Ambiguous(Box<Committed>, Failure),
}

/// What a transaction holds before COMMIT.
enum Prepared {
    Whole(OpenBatch, Done, Checkpointed),
    NotOurs,
    OtherRow,
}

/// What was done with the range.
#[derive(Clone, Debug, Default)]
struct Done {
    applied: Applied,
    set_aside: Option<Key>,
}

/// Runs one batch that goes as far as `stretch`. After any error the transaction is over, or the connection is. The phases are
/// told to the worker's stopwatch.
pub(super) async fn run(
    lane: &mut dyn Lane,
    lease: &SliceLease,
    stretch: Stretch,
    deed: Deed<'_>,
    ahead: Ahead<'_>,
    time: &Stopwatch,
) -> Result<Ended, Interrupted> {
    let begun = Instant::now();
    let mut open = None;
    let (batch, done, recorded) = match prepare(lane, lease, stretch, deed, time, &mut open).await {
        Ok(Prepared::Whole(batch, done, recorded)) => (batch, done, recorded),
        Ok(Prepared::NotOurs) => {
            lane.rollback().await;
            return Ok(Ended::NotOurs);
        }
        Ok(Prepared::OtherRow) => {
            lane.rollback().await;
            return Ok(Ended::OtherRow);
        }
        Err(failure) => {
            lane.rollback().await;
            return Err(Interrupted::RolledBack(failure, open));
        }
    };
    let Done { applied, set_aside } = done;
    let Checkpointed { wal_bytes, ends_slice } = recorded;
    let next = if ends_slice { None } else { ahead(&batch, applied) };
    let answer = match next {
        Some(stretch) => lane.commit_and_go_on(lease, stretch).await,
        None => lane.commit().await,
    };
    let took = begun.elapsed();
    let committed = Committed { batch, applied, took, wal_bytes, stretch, set_aside, ends_slice, next };
    match answer {
        Ok(()) => {
            kill_point("batch-committed");
            Ok(Ended::Committed(Box::new(committed)))
        }
        Err(failure) => {
            let failure = failure.while_doing(format!("commit {}", committed.batch.range));
            lane.rollback().await;
            Err(match failure.class {
                Class::Ambiguous => Interrupted::Ambiguous(Box::new(Committed { next: None, ..committed }), failure),
                _ => Interrupted::RolledBack(failure, open),
            })
        }
    }
}

/// Everything up to COMMIT; `begun` tells the batch as soon as it is known.
async fn prepare(
    lane: &mut dyn Lane,
    lease: &SliceLease,
    stretch: Stretch,
    deed: Deed<'_>,
    time: &Stopwatch,
    begun: &mut Option<OpenBatch>,
) -> Result<Prepared, Failure> {
    let Some(batch) = lane.open(lease, stretch).await.map_err(|failure| failure.while_doing("begin a batch"))? else {
        return Ok(Prepared::NotOurs);
    };
    *begun = Some(batch.clone());
    kill_point("batch-begun");
    time.turn_to(Bucket::Apply, Instant::now());
    let done = match deed {
        // Whoever comes into scope after the look was not in scope when it was made, and is the sweep's.
        Deed::Change if batch.in_scope == Some(0) => Done::default(),
        Deed::Change => Done { applied: apply(lane, lease, &batch).await?, set_aside: None },
        Deed::SetRowAside(place, _) if batch.counted() != Some(1) || batch.range.through != *place => {
            return Ok(Prepared::OtherRow);
        }
        Deed::SetRowAside(_, aside) => set_row_aside(lane, lease, &batch, &aside).await?,
        Deed::Carve => {
            let carved = lane.carve(lease, &batch).await;
            let carved = carved.map_err(|f| f.while_doing(format!("set {} aside", batch.range)))?;
            kill_point("range-carved");
            // Carving moves the cursor itself.
            return Ok(carved.map_or(Prepared::NotOurs, |carved| Prepared::Whole(batch, Done::default(), carved)));
        }
    };
    time.turn_to(Bucket::Commit, Instant::now());
    let recorded = lane.checkpoint(lease, &batch, done.applied).await;
    let recorded = recorded.map_err(|f| f.while_doing(format!("record {}", batch.range)))?;
    kill_point("batch-checkpointed");
    Ok(recorded.map_or(Prepared::NotOurs, |checkpointed| Prepared::Whole(batch, done, checkpointed)))
}

async fn apply(lane: &mut dyn Lane, lease: &SliceLease, batch: &OpenBatch) -> Result<Applied, Failure> {
    let applied = lane.apply(lease, batch).await;
    let applied = applied.map_err(|f| f.while_doing(format!("change {}", batch.range)))?;
    kill_point("batch-applied");
    if applied.still_in_scope > 0 && lease.route.order == Order::Physical {
        return Err(Failure::fatal(format!(
            "{} rows of the batch {} still match `where` after the change, and lie elsewhere now: the walk could meet \
             them again; the batch was rolled back. Mend `where` or the change, or let the job say `walk = \"key\"`",
            applied.still_in_scope, batch.range
        )));
    }
    if applied.rows >= TELLING_BATCH && applied.still_in_scope == applied.rows {
        return Err(Failure::fatal(format!(
            "all {} rows of the batch {} still match `where` after the change, so `where` cannot prove the end; \
             the batch was rolled back. Let `where` say which rows still need the change, or leave it out",
            applied.rows, batch.range
        )));
    }
    Ok(applied)
}

async fn set_row_aside(
    lane: &mut dyn Lane,
    lease: &SliceLease,
    batch: &OpenBatch,
    aside: &RowAside<'_>,
) -> Result<Done, Failure> {
    let set = lane.set_row_aside(lease, batch, aside).await;
    let SetAside { key, within_limit } =
        set.map_err(|f| f.while_doing(format!("set the row {} aside", batch.range.through)))?;
    kill_point("row-quarantined");
    let key = match key {
        Some(key) if !within_limit => key,
        set_aside => return Ok(Done { set_aside, ..Done::default() }),
    };
    let Failure { message, code, .. } = aside.failure;
    let code = code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default();
    let allowed = match aside.limit {
        0 => "no row may be set aside".to_owned(),
        1 => "1 row may be set aside, and is".to_owned(),
        limit => format!("{limit} rows may be set aside, and are"),
    };
    Err(Failure::fatal(format!(
        "the row {key} cannot be changed: {message}{code}; {allowed}. The run stopped before this row: mend it, or allow \
         more with `[errors] quarantine`, then run the same command again"
    )))
}
