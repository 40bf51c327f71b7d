//! What do the workers of one pass share? The slices that are left, the gate, the connections' settings, and where
//! they tell what they did.

use super::batch::Committed;
use super::board::Board;
use super::errand::Errand;
use super::halving::largest;
use super::live::Dials;
use super::pool::Pool;
use super::tally::Tally;
use super::troubles::Troubles;
use super::watch::WatchRequests;
use crate::db::{Blocker, Class, Database, Failure, Happening, Lane, RowAside, SessionId, SliceLease, SliceRecord};
use crate::event::{Event, Reason};
use crate::job::{Batch, Errors, TableName};
use crate::key::{Key, KeyRange};
use crate::pace::{Gate, HoldFile, Scan, Sizing, Stretch, TimeLedger};
use crate::plan::Work;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc::UnboundedSender, watch};

/// What a run's workers share.
pub(super) struct Crew {
    pub(super) database: Arc<dyn Database>,
    pub(super) work: Work,
    pub(super) place: String,
    pub(super) batch: Batch,
    pub(super) errors: Errors,
    /// How many rows of the run may be set aside.
    pub(super) quarantine_limit: u64,
    /// `user@host`, for the event log.
    pub(super) actor: String,
    pub(super) run: i64,
    pub(super) holder: String,
    pub(super) lease: Duration,
    pub(super) gate: Gate,
    pub(super) hold_file: Option<HoldFile>,
    pub(super) time: Arc<TimeLedger>,
    /// Batch sizes of the walk and of the sweep, learned from all workers.
    pub(super) sizing: [Mutex<Sizing>; 2],
    /// How far batches of the walk and of the sweep look for rows in scope.
    pub(super) scan: [Mutex<Scan>; 2],
    /// Partitions that are none of the table's any more, as far as workers have met that.
    pub(super) gone: Mutex<BTreeSet<TableName>>,
    pub(super) watch: WatchRequests,
    pub(super) tally: Tally,
    /// Rows that batches of this process left dead in the walked table.
    pub(super) dead: watch::Sender<u64>,
    pub(super) retries: AtomicU64,
    /// Looks at slices that are not ours, since the last batch of any worker.
    pub(super) strange_looks: AtomicU32,
    /// Workers that try to take a part of another's slice.
    pub(super) takers: AtomicU32,
    /// What keeps workers from their batches.
    pub(super) troubles: Troubles,
    pub(super) board: Arc<Board>,
    pub(super) slices: Mutex<Pool>,
    /// How fast the run is to go, as the job and what is set over it say.
    pub(super) dials: watch::Sender<Dials>,
    pub(super) events: UnboundedSender<Event>,
}

impl Crew {
    /// The slices of the pass that begins.
    pub(super) fn lay_out(&self, slices: impl Iterator<Item = SliceRecord>) {
        *self.pool() = Pool::of(slices);
    }

    /// Who has which slice.
    pub(super) fn pool(&self) -> MutexGuard<'_, Pool> {
        // Whoever has it changes one thing and lets it go.
        self.slices.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Of the slices that other workers have, but for these, the one with the most left; and about how many rows that is.
    pub(super) fn largest_of_others(&self, worker: u32, but: &BTreeSet<i64>) -> Option<(SliceRecord, u64)> {
        let pool = self.pool();
        let others = pool.of_others(worker).filter(|slice| !but.contains(&slice.number));
        let (slice, left) = largest(others.map(|slice| (slice, self.tally.left_of(slice.pass, slice.number))))?;
        Some((slice.clone(), left as u64))
    }

    /// The proof that a slice may be walked.
    pub(super) fn slice_lease(&self, slice: &SliceRecord) -> SliceLease {
        SliceLease {
            run: self.run,
            pass: slice.pass,
            number: slice.number,
            route: slice.route.clone(),
            token: slice.token,
            holder: self.holder.clone(),
        }
    }

    /// How far a batch is to go; `is_dense`: nearly every key of the last was a row.
    pub(super) fn stretch(&self, errand: &Errand, slice: &SliceRecord, is_dense: bool) -> Stretch {
        errand.stretch(self.sizing(slice.pass).rows(), self.scan_of(slice).by_span(is_dense))
    }

    /// Whether nobody tries to take a part of a slice. Who does waits for its lock, and would never get it from a worker that
    /// takes it again with the COMMIT that lets it go.
    pub(super) fn nobody_takes(&self) -> bool {
        self.takers.load(Ordering::Relaxed) == 0
    }

    /// How large the batches of a pass are.
    pub(super) fn sizing(&self, pass: i64) -> MutexGuard<'_, Sizing> {
        // A size is whole whenever its lock is free.
        self.sizing[usize::from(pass > 0)].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells, once, that what was left of a partition was taken away from the table.
    pub(super) fn partition_gone(&self, slice: &SliceRecord) {
        let Some(part) = &slice.route.part else { return };
        if self.gone.lock().unwrap_or_else(PoisonError::into_inner).insert(part.clone()) {
            let detail = format!("{part} is no partition of {} any more; its slices are done", self.work.table);
            self.board.tell_of(Happening { kind: "partition-gone", actor: self.actor.clone(), detail: detail.clone() });
            self.send(Event::PartitionsChanged { what: detail });
        }
    }

    /// Tells of partitions that came to the table after the start.
    pub(super) fn partitions_attached(&self, parts: &[TableName]) {
        let what = match self.work.is_swept() {
            true => "the sweep has visited its rows",
            false => "its rows came after the start and were not visited",
        };
        for part in parts {
            let detail = format!("{part} became a partition of {}; {what}", self.work.table);
            let kind = "partition-attached";
            self.board.tell_of(Happening { kind, actor: self.actor.clone(), detail: detail.clone() });
            self.send(Event::PartitionsChanged { what: detail });
        }
    }

    /// Why a file holds the run, where the job names one.
    pub(super) async fn held_by_file(&self) -> Option<Reason> {
        self.hold_file.as_ref()?.holds().await
    }

    /// Somebody stopped a statement of ours at the server; they are taken at their word.
    pub(super) fn ask_for_pause(&self, failure: &Failure) {
        self.watch.ask_for_pause(format!("somebody cancelled a statement at the server: {failure}"));
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
    pub(super) fn batch_committed(&self, slice: &SliceRecord, committed: &Committed) {
        let rows = committed.applied.rows;
        let scanned = committed.batch.rows_scanned(committed.applied);
        let progress = self.tally.add(slice.pass, slice.number, rows, scanned, committed.ends_slice);
        self.dead.send_modify(|dead| *dead += committed.batch.left_dead(committed.applied));
        let range = committed.batch.range.clone();
        let Committed { took, wal_bytes, .. } = *committed;
        self.send(Event::BatchCommitted { range, rows, scanned, took, wal_bytes, progress });
    }

    /// Tells of a batch that will be tried again.
    pub(super) fn batch_retried(&self, class: Class, failure: String, delay: Duration) {
        self.retries.fetch_add(1, Ordering::Relaxed);
        self.send(Event::BatchRetried { class: class.as_str(), failure, delay });
    }

    /// What to write down of a row that failed.
    pub(super) fn row_aside<'a>(&self, failure: &'a Failure) -> RowAside<'a> {
        RowAside { failure, limit: self.quarantine_limit, keep_detail: self.errors.quarantine_detail }
    }

    /// Tells of a row that was set aside. What is wrong with it is on record already, in the quarantine.
    pub(super) fn row_quarantined(&self, key: &Key, failure: &Failure) {
        self.send(Event::RowQuarantined { key: key.clone(), failure: failure.to_string() });
    }

    /// Tells of a range that will be walked last.
    pub(super) fn range_set_aside(&self, range: &KeyRange, why: &str) {
        let detail = format!("{range}: {why}");
        self.board.tell_of(Happening { kind: "range-set-aside", actor: self.actor.clone(), detail });
        self.send(Event::RangeSetAside { range: range.clone(), why: why.to_owned() });
    }

    /// Who keeps this session waiting, asked after `delay`, when it may be waiting by now. Nobody where that cannot be
    /// told: it is asked for the operator's sake, and no reason to fail.
    pub(super) async fn blockers(&self, session: SessionId, delay: Duration) -> Vec<Blocker> {
        self.database.blockers(session, delay).await.unwrap_or_default()
    }

    /// Tells what happened. That nobody listens is no reason to stop.
    pub(super) fn send(&self, event: Event) {
        let _ = self.events.send(event);
    }
}
