//! What do the workers of one pass share? The slices that are left, the gate, the connections' settings, and where
//! they tell what they did.

use super::batch::Committed;
use super::tally::Tally;
use super::watch::WatchRequests;
use crate::db::{Database, Failure, Lane, SliceLease, SliceRecord};
use crate::event::{Event, Reason};
use crate::job::Batch;
use crate::pace::{Gate, HoldFile, Sizing, TimeLedger};
use crate::plan::Work;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;

/// What a run's workers share.
pub(super) struct Crew {
    pub(super) database: Arc<dyn Database>,
    pub(super) work: Work,
    pub(super) place: String,
    pub(super) batch: Batch,
    pub(super) run: i64,
    pub(super) holder: String,
    pub(super) lease: Duration,
    pub(super) gate: Gate,
    pub(super) hold_file: Option<HoldFile>,
    pub(super) time: Arc<TimeLedger>,
    /// Batch sizes of the walk and of the sweep, learned from all workers.
    pub(super) sizing: [Mutex<Sizing>; 2],
    pub(super) watch: WatchRequests,
    pub(super) tally: Tally,
    pub(super) retries: AtomicU64,
    /// What keeps the database from taking batches, while something does.
    pub(super) trouble: Mutex<Option<Reason>>,
    pub(super) slices: Mutex<VecDeque<SliceRecord>>,
    pub(super) events: UnboundedSender<Event>,
}

impl Crew {
    /// The slices of the pass that begins.
    pub(super) fn lay_out(&self, slices: impl Iterator<Item = SliceRecord>) {
        *self.slices.lock().unwrap_or_else(PoisonError::into_inner) = slices.collect();
    }

    /// The next slice that no worker has.
    pub(super) fn next_slice(&self) -> Option<SliceRecord> {
        self.slices.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// The proof that a slice may be walked.
    pub(super) fn slice_lease(&self, slice: &SliceRecord) -> SliceLease {
        SliceLease {
            run: self.run,
            pass: slice.pass,
            number: slice.number,
            token: slice.token,
            holder: self.holder.clone(),
        }
    }

    /// How large the batches of a pass are.
    pub(super) fn sizing(&self, pass: i64) -> MutexGuard<'_, Sizing> {
        // A size is whole whenever its lock is free.
        self.sizing[usize::from(pass > 0)].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why a file holds the run, where the job names one.
    pub(super) async fn held_by_file(&self) -> Option<Reason> {
        self.hold_file.as_ref()?.holds().await
    }

    /// What keeps the database from taking batches, as the last worker met it; `None`: it takes them again.
    pub(super) fn set_trouble(&self, failure: Option<&Failure>) {
        let trouble = failure.map(|failure| Reason::Trouble { what: failure.to_string() });
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    /// What keeps the database from taking batches.
    pub(super) fn trouble(&self) -> Option<Reason> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until the run was looked at and the gate set accordingly. A stopped gate needs no look, and nobody looks.
    pub(super) async fn look_again(&self) {
        tokio::select! {
            () = self.watch.look_again() => {}
            () = self.gate.stopped() => {}
        }
    }

    /// A connection for batches.
    pub(super) async fn connect(&self) -> Result<Box<dyn Lane>, Failure> {
        self.database.lane(&self.work, &self.place, &self.batch, self.lease).await
    }

    /// Tells of a committed batch.
    pub(super) fn batch_committed(&self, slice: &SliceRecord, committed: &Committed, done: bool) {
        let rows = committed.applied.rows;
        let scanned = committed.batch.rows.map_or(rows, u64::from);
        let progress = self.tally.add(slice.pass, slice.number, rows, scanned, done);
        let range = committed.batch.range.clone();
        let Committed { took, wal_bytes, .. } = *committed;
        self.send(Event::BatchCommitted { range, rows, took, wal_bytes, progress });
    }

    /// Tells of a batch that will be tried again.
    pub(super) fn batch_retried(&self, failure: &Failure, delay: Duration) {
        self.retries.fetch_add(1, Ordering::Relaxed);
        self.send(Event::BatchRetried { failure: failure.to_string(), delay });
    }

    /// Tells what happened. That nobody listens is no reason to stop.
    pub(super) fn send(&self, event: Event) {
        let _ = self.events.send(event);
    }
}
