//! How does one worker walk its slices? Gate, batch, answer to a failure; over and over. Decides nothing: what a failure
//! asks for is [`answer`](super::answer), what the next batch is for is [`errand`](super::errand), what is taken from
//! another worker when no slice is left is [`halving`](super::halving), and done in `idle`; what is done about a failure, in `mending`.

mod idle;
mod mending;

use super::batch::{self, Committed, Ended, Interrupted};
use super::circuit::Circuit;
use super::crew::Crew;
use super::errand::{Errand, Unsettled};
use super::looks;
use super::recovery::{Met, Recovery};
use crate::db::{Applied, Class, Failure, Lane, OpenBatch, SliceLease, SliceRecord};
use crate::event::{Bucket, Event};
use crate::pace::{Cost, InHand, Passed, Stopwatch, Stretch};
use crate::plan::Order;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// A slice that is not ours although the run is: so many looks tell whether that is a pause, or another runner.
const LOOKS_BEFORE_LEAVING: u32 = 3;

/// After so many looks without a batch in between, the state tables were changed by another hand.
const MAX_STRANGE_LOOKS: u32 = 200;

/// What to do about a slice that is not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strange {
    /// A look at the run may tell why.
    Look,
    /// It tells nothing: a failover took back what was recorded of the slice. What is recorded now says what to walk.
    Leave,
    /// Not even that helps.
    GiveUp,
}

/// Decides after so many looks of all workers since the run's last batch.
pub(super) fn strange(looks: u32) -> Strange {
    match looks {
        MAX_STRANGE_LOOKS.. => Strange::GiveUp,
        looks if looks.is_multiple_of(LOOKS_BEFORE_LEAVING) => Strange::Leave,
        _ => Strange::Look,
    }
}

/// Walks slices until none is left, the gate stops, or there are to be fewer workers and this one is too many.
pub(super) async fn work(crew: &Crew, number: u32) -> Result<(), Failure> {
    let time = crew.time.stopwatch(number);
    let recovery = Recovery::new(crew, number);
    let mut worker = Worker {
        crew,
        number,
        time,
        recovery,
        lane: None,
        next: Errand::Change,
        begun: None,
        is_dense: false,
        circuit: Circuit::default(),
        lost: false,
    };
    let worked = worker.walk_all().await;
    if let Some(lane) = &mut worker.lane {
        lane.finish().await;
    }
    crew.troubles.leave(number);
    worker.time.turn_to(Bucket::Idle, Instant::now());
    worked
}

struct Worker<'a> {
    crew: &'a Crew,
    number: u32,
    time: Stopwatch,
    recovery: Recovery<'a>,
    lane: Option<Box<dyn Lane>>,
    next: Errand,
    /// How far the next batch goes, where it was begun together with the COMMIT of the last.
    begun: Option<Stretch>,
    /// Whether the last batch of this slice found nearly every key to be a row.
    is_dense: bool,
    circuit: Circuit,
    lost: bool,
}

/// How a worker left a slice.
enum Left {
    /// Nothing more is to be done there.
    Done,
    /// The gate stopped.
    Stopped,
    /// This worker is to walk no more; another goes on where it was.
    Dismissed,
}

/// What became of one turn at the gate.
enum Turn {
    /// The slice goes on.
    GoOn,
    /// The slice's end is reached, the rest of it was set aside, or it is not as it was.
    SliceDone,
    /// Wait, then try again; the time goes into this bucket.
    After(Bucket, Duration),
    /// The run's state does not let batches begin; wait until that is known here.
    LookAgain,
}

impl Worker<'_> {
    async fn walk_all(&mut self) -> Result<(), Failure> {
        while let Some(slice) = self.next_slice().await {
            // Whoever planned laps saw few gaps. Where there are many, the first batch is smaller than it could be, never larger.
            let is_dense = slice.route.order == Order::Key && !slice.route.laps.is_one();
            (self.next, self.is_dense, self.circuit) = (Errand::Change, is_dense, Circuit::default());
            let left = self.walk(&slice).await;
            match left {
                Ok(Left::Dismissed) => self.crew.pool().give_back(self.number),
                _ => self.crew.pool().leave(self.number),
            }
            if !matches!(left?, Left::Done) {
                break;
            }
        }
        Ok(())
    }

    /// Walks one slice to its end, as long as it may.
    async fn walk(&mut self, slice: &SliceRecord) -> Result<Left, Failure> {
        let crew = self.crew;
        let lease = crew.slice_lease(slice);
        let mut before = None;
        loop {
            // Looked at before each batch: who makes the file may count on it.
            if let Some(reason) = crew.held_by_file().await {
                crew.gate.hold(reason);
            }
            // The batch is in hand only for this turn: whoever waits afterwards does not hold up a pause.
            let turn = {
                let in_hand = match self.pass(before.take()).await {
                    Passed::InHand(in_hand) => in_hand,
                    Passed::Dismissed => return Ok(Left::Dismissed),
                    Passed::Stopped => return Ok(Left::Stopped),
                };
                let turn = self.turn(slice, &lease, &in_hand).await?;
                before = self.begun.map(|_| in_hand);
                turn
            };
            match turn {
                Turn::GoOn => {}
                Turn::SliceDone => return Ok(Left::Done),
                Turn::LookAgain => {
                    self.time.turn_to(Bucket::Paused, Instant::now());
                    crew.look_again().await;
                }
                Turn::After(bucket, delay) => {
                    if !self.rests(bucket, delay).await {
                        return Ok(Left::Stopped);
                    }
                }
            }
        }
    }

    /// Waits until a batch may begin. `before`: the last one is still in hand, because the next was begun with its COMMIT; if
    /// that may not go on now, it is rolled back before anybody is told that nothing is in hand.
    async fn pass<'a>(&mut self, before: Option<InHand<'a>>) -> Passed<'a>
    where
        Self: 'a,
    {
        if let Some(before) = before {
            match before.again(self.number) {
                Ok(in_hand) => return Passed::InHand(in_hand),
                Err(before) => {
                    self.begun = None;
                    if let Some(lane) = &mut self.lane {
                        lane.rollback().await;
                    }
                    drop(before);
                }
            }
        }
        // Whatever it has begun with this slice only it knows how to end.
        let number = matches!(self.next, Errand::Change).then_some(self.number);
        self.crew.gate.pass(number, &self.time).await
    }

    /// Waits before the next try. `false`: the gate stopped.
    async fn rests(&mut self, bucket: Bucket, delay: Duration) -> bool {
        self.time.turn_to(bucket, Instant::now());
        tokio::select! {
            () = tokio::time::sleep(delay) => true,
            () = self.crew.gate.stopped() => false,
        }
    }

    async fn turn(&mut self, slice: &SliceRecord, lease: &SliceLease, in_hand: &InHand<'_>) -> Result<Turn, Failure> {
        self.time.turn_to(Bucket::Retry, Instant::now());
        if let Err(failure) = self.connected().await {
            return self.answer(failure, Met::in_no_batch(slice, self.next.is_settling()));
        }
        let next = std::mem::take(&mut self.next);
        if let Errand::Settle(unsettled) = next {
            return self.settle(slice, lease, in_hand, *unsettled).await;
        }
        let anew = || self.circuit.next(self.crew.stretch(&next, slice, self.is_dense));
        let stretch = self.begun.take().unwrap_or_else(anew);
        match self.batch(&next, slice, lease, stretch, in_hand).await {
            Ok(Ended::Committed(committed)) => Ok(self.committed(next, slice, &committed, in_hand)),
            Ok(Ended::NotOurs) => {
                self.next = next;
                self.strange(slice)
            }
            // The row that failed is gone, or another came before it: looked for anew, should one fail.
            Ok(Ended::OtherRow) => Ok(Turn::GoOn),
            Err(Interrupted::RolledBack(failure, batch)) => {
                self.next = next;
                if batch.is_some() {
                    self.crew.send(Event::BatchRolledBack);
                }
                self.answer(failure, Met { slice, stretch, batch, settling: false })
            }
            Err(Interrupted::Ambiguous(sent, failure)) => {
                self.next = Errand::Settle(Box::new(Unsettled { sent: *sent, stretch, errand: next }));
                self.answer(failure, Met::in_no_batch(slice, true))
            }
        }
    }

    /// One batch, whose time counts as what became of it. While a lock is suspected, somebody looks who has it.
    async fn batch(
        &mut self,
        next: &Errand,
        slice: &SliceRecord,
        lease: &SliceLease,
        stretch: Stretch,
        in_hand: &InHand<'_>,
    ) -> Result<Ended, Interrupted> {
        let (crew, number, circuit, was_dense) = (self.crew, self.number, self.circuit, self.is_dense);
        let ahead = |batch: &OpenBatch, applied: Applied| {
            let goes_on = matches!(next, Errand::Change) && crew.nobody_takes() && in_hand.may_go_on(number);
            let is_dense = batch.is_dense(stretch, applied).unwrap_or(was_dense);
            goes_on.then(|| circuit.after(batch).next(crew.stretch(next, slice, is_dense)))
        };
        let deed = next.deed(|failure| crew.row_aside(failure));
        self.time.begin_batch(Bucket::Boundary, Instant::now());
        let Some(lane) = &mut self.lane else {
            return Err(Interrupted::RolledBack(Failure::new(Class::Lost, "not connected"), None));
        };
        let waiting = self.recovery.suspects_a_lock().then(|| lane.session()).flatten();
        let ended = {
            let mut running = pin!(batch::run(lane.as_mut(), lease, stretch, deed, &ahead, &self.time));
            match waiting {
                None => running.await,
                Some(session) => {
                    let mut look = pin!(crew.blockers(session, crew.batch.lock_timeout / 2));
                    tokio::select! {
                        ended = &mut running => ended,
                        blockers = &mut look => {
                            self.recovery.saw_blockers(blockers);
                            running.await
                        }
                    }
                }
            }
        };
        self.time.end_batch(spent_on(&ended), Instant::now());
        ended
    }

    /// A batch is durable: what it was for is done.
    fn committed(&mut self, done: Errand, slice: &SliceRecord, committed: &Committed, in_hand: &InHand<'_>) -> Turn {
        self.crew.strange_looks.store(0, Ordering::Relaxed);
        self.recovery.succeeded();
        let Committed { batch, ends_slice, .. } = committed;
        self.next = done.committed(&committed.batch);
        self.begun = committed.next;
        self.is_dense = batch.is_dense(committed.stretch, committed.applied).unwrap_or(self.is_dense);
        self.circuit = self.circuit.after(batch);
        match done {
            Errand::Change | Errand::Settle(_) => self.learn(slice, committed),
            Errand::Isolate(_) => {}
            Errand::SetRowAside(_, failure) => {
                committed.set_aside.iter().for_each(|key| self.crew.row_quarantined(key, &failure));
            }
            Errand::Carve(_, why) => {
                self.crew.range_set_aside(&batch.range, &why);
                return if *ends_slice { Turn::SliceDone } else { Turn::GoOn };
            }
        }
        if committed.batch.gone {
            self.crew.partition_gone(slice);
        }
        in_hand.charge(committed.applied.rows);
        self.crew.batch_committed(slice, committed);
        if *ends_slice { Turn::SliceDone } else { Turn::GoOn }
    }

    /// Batches that change rows teach how large they should be.
    fn learn(&self, slice: &SliceRecord, committed: &Committed) {
        self.crew.found(slice, committed);
        let Some(rows) = looks::paid_for(&committed.batch, committed.stretch, committed.applied) else { return };
        // The log is the whole server's; of ours, each batch in hand wrote its part.
        let share = self.crew.gate.in_hand().max(1) as u64;
        let wal_bytes = committed.wal_bytes.map(|bytes| bytes / share);
        self.crew.sizing(slice.pass).note(Cost { rows, took: committed.took, wal_bytes });
    }
}

/// What the time of a batch counts as that changed nothing.
fn spent_on(ended: &Result<Ended, Interrupted>) -> Option<Bucket> {
    match ended {
        Ok(Ended::Committed(_)) => None,
        Ok(Ended::NotOurs) => Some(Bucket::Paused),
        Err(Interrupted::RolledBack(failure, _)) if failure.is_lock_wait() => Some(Bucket::LockWait),
        Ok(Ended::OtherRow) | Err(Interrupted::RolledBack(..) | Interrupted::Ambiguous(..)) => Some(Bucket::Retry),
    }
}
