//! How does one worker walk its slices? Gate, batch, answer to a failure; over and over. Decides nothing: what a failure
//! asks for is [`answer`](super::answer), which row is at fault is [`isolation`](super::isolation).

use super::answer::Answer;
use super::batch::{self, Committed, Deed, Ended, Interrupted};
use super::crew::Crew;
use super::isolation::{Isolation, Narrowed};
use super::recovery::{Met, Recovery};
use super::settle;
use crate::db::{Class, Failure, Lane, OpenBatch, SliceLease, SliceRecord};
use crate::event::{Bucket, Event};
use crate::key::Key;
use crate::pace::{Cost, InHand, Stopwatch};
use std::pin::pin;
use std::time::{Duration, Instant};

/// A slice that is not ours although the run is: after this many looks the state tables were changed by another hand.
const MAX_STRANGE_LOOKS: u32 = 200;

/// Walks slices until none is left or the gate stops.
pub(super) async fn work(crew: &Crew, number: u32) -> Result<(), Failure> {
    let time = crew.time.stopwatch(number);
    let recovery = Recovery::new(crew, number);
    let mut worker = Worker { crew, time, recovery, lane: None, next: Next::Change, strange_looks: 0, lost: false };
    let worked = worker.walk_all().await;
    crew.troubles.leave(number);
    worker.time.turn_to(Bucket::Idle, Instant::now());
    worked
}

struct Worker<'a> {
    crew: &'a Crew,
    time: Stopwatch,
    recovery: Recovery<'a>,
    lane: Option<Box<dyn Lane>>,
    next: Next,
    strange_looks: u32,
    lost: bool,
}

/// What the next batch is for.
#[derive(Clone, Debug)]
enum Next {
    /// To change rows.
    Change,
    /// To find the row at fault: this many are tried.
    Isolate(Isolation),
    /// To set this row aside, for that failure.
    SetRowAside(Key, Failure),
    /// To set a range of this many rows aside, for what is said.
    Carve(u32, String),
    /// To learn what became of a COMMIT of this many rows.
    Settle(Box<Committed>, u32),
}

/// What became of one turn at the gate.
enum Turn {
    /// The slice goes on.
    GoOn,
    /// The slice's end is reached, or the rest of it was set aside.
    SliceDone,
    /// Wait, then try again; the time goes into this bucket.
    After(Bucket, Duration),
    /// The run's state does not let batches begin; wait until that is known here.
    LookAgain,
}

impl Worker<'_> {
    async fn walk_all(&mut self) -> Result<(), Failure> {
        while let Some(slice) = self.crew.next_slice() {
            self.next = Next::Change;
            if !self.walk(&slice).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Walks one slice to its end. `false`: the gate stopped.
    async fn walk(&mut self, slice: &SliceRecord) -> Result<bool, Failure> {
        let crew = self.crew;
        let lease = crew.slice_lease(slice);
        loop {
            // Looked at before each batch: who makes the file may count on it.
            if let Some(reason) = crew.held_by_file().await {
                crew.gate.hold(reason);
            }
            // The batch is in hand only for this turn: whoever waits afterwards does not hold up a pause.
            let turn = {
                let Some(in_hand) = crew.gate.pass(&self.time).await else { return Ok(false) };
                self.turn(slice, &lease, &in_hand).await?
            };
            match turn {
                Turn::GoOn => {}
                Turn::SliceDone => return Ok(true),
                Turn::LookAgain => {
                    self.time.turn_to(Bucket::Paused, Instant::now());
                    crew.look_again().await;
                }
                Turn::After(bucket, delay) => {
                    if !self.rests(bucket, delay).await {
                        return Ok(false);
                    }
                }
            }
        }
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
            return self.answer(failure, Met::in_no_batch(slice, self.is_settling()));
        }
        let next = std::mem::replace(&mut self.next, Next::Change);
        if let Next::Settle(sent, rows) = next {
            return self.settle(slice, lease, in_hand, sent, rows).await;
        }
        let rows = self.rows(&next, slice);
        match self.batch(&next, lease, rows).await {
            Ok(Ended::Committed(committed)) => Ok(self.committed(next, slice, &committed, in_hand)),
            Ok(Ended::NotOurs) => {
                self.next = next;
                self.strange(slice)
            }
            // The row that failed is gone, or another came before it: looked for anew, should one fail.
            Ok(Ended::OtherRow) => Ok(Turn::GoOn),
            Err(Interrupted::RolledBack(failure, batch)) => {
                self.next = next;
                self.answer(failure, Met { slice, rows, batch, settling: false })
            }
            Err(Interrupted::Ambiguous(sent, failure)) => {
                self.next = Next::Settle(sent, rows);
                self.answer(failure, Met::in_no_batch(slice, true))
            }
        }
    }

    fn is_settling(&self) -> bool {
        matches!(self.next, Next::Settle(..))
    }

    /// How many rows the next batch is to have.
    fn rows(&self, next: &Next, slice: &SliceRecord) -> u32 {
        match next {
            Next::Change => self.crew.sizing(slice.pass).rows(),
            Next::Isolate(isolation) => isolation.rows(),
            Next::SetRowAside(..) => 1,
            Next::Carve(rows, _) | Next::Settle(_, rows) => *rows,
        }
    }

    /// One batch, whose time counts as what became of it. While a lock is suspected, somebody looks who has it.
    async fn batch(&mut self, next: &Next, lease: &SliceLease, rows: u32) -> Result<Ended, Interrupted> {
        let crew = self.crew;
        let deed = match next {
            Next::SetRowAside(key, failure) => Deed::SetRowAside(key, crew.row_aside(failure)),
            Next::Carve(..) => Deed::Carve,
            Next::Change | Next::Isolate(_) | Next::Settle(..) => Deed::Change,
        };
        self.time.begin_batch(Bucket::Boundary, Instant::now());
        let Some(lane) = &mut self.lane else {
            return Err(Interrupted::RolledBack(Failure::new(Class::Lost, "not connected"), None));
        };
        let waiting = self.recovery.suspects_a_lock().then(|| lane.session()).flatten();
        let ended = {
            let mut running = pin!(batch::run(lane.as_mut(), lease, rows, deed, &self.time));
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

    /// Asks what became of a COMMIT.
    async fn settle(
        &mut self,
        slice: &SliceRecord,
        lease: &SliceLease,
        in_hand: &InHand<'_>,
        sent: Box<Committed>,
        rows: u32,
    ) -> Result<Turn, Failure> {
        let Some(lane) = &mut self.lane else { return Ok(Turn::GoOn) };
        match settle::settle(lane.as_mut(), lease, &sent).await {
            Ok(settle::Settled::Committed) => Ok(self.committed(Next::Change, slice, &sent, in_hand)),
            Ok(settle::Settled::RolledBack) => {
                if sent.took >= self.crew.batch.statement_timeout {
                    self.crew.sizing(slice.pass).shrink(rows);
                }
                Ok(Turn::GoOn)
            }
            Ok(settle::Settled::NotOurs) => Ok(Turn::LookAgain),
            Err(failure) => {
                self.next = Next::Settle(sent, rows);
                self.answer(failure, Met::in_no_batch(slice, true))
            }
        }
    }

    /// A batch is durable: what it was for is done.
    fn committed(&mut self, next: Next, slice: &SliceRecord, committed: &Committed, in_hand: &InHand<'_>) -> Turn {
        self.strange_looks = 0;
        self.recovery.succeeded();
        let range = &committed.batch.range;
        let ends_slice = range.through == slice.range.through;
        match next {
            Next::Change | Next::Settle(..) => self.learn(slice, committed),
            Next::Isolate(isolation) => {
                let passed = isolation.passed(committed.batch.rows.unwrap_or(u32::MAX));
                self.next = passed.map_or(Next::Change, Next::Isolate);
            }
            Next::SetRowAside(key, failure) => self.crew.row_quarantined(&key, &failure),
            Next::Carve(_, why) => {
                self.crew.range_set_aside(range, &why);
                return if ends_slice { Turn::SliceDone } else { Turn::GoOn };
            }
        }
        in_hand.charge(committed.applied.rows);
        self.crew.batch_committed(slice, committed, ends_slice);
        if ends_slice { Turn::SliceDone } else { Turn::GoOn }
    }

    /// Batches that change rows teach how large they should be.
    fn learn(&self, slice: &SliceRecord, committed: &Committed) {
        // The last range of a slice was not counted, and is too small to tell anything.
        let Some(rows) = committed.batch.rows else { return };
        // The log is the whole server's; of ours, each batch in hand wrote its part.
        let share = self.crew.gate.in_hand().max(1) as u64;
        let wal_bytes = committed.wal_bytes.map(|bytes| bytes / share);
        self.crew.sizing(slice.pass).note(Cost { rows, took: committed.took, wal_bytes });
    }

    /// The slice matched nothing: the run was paused, cancelled or taken over, which a look at the run will tell.
    fn strange(&mut self, slice: &SliceRecord) -> Result<Turn, Failure> {
        self.strange_looks += 1;
        if self.strange_looks > MAX_STRANGE_LOOKS {
            let (pass, number) = (slice.pass, slice.number);
            return Err(Failure::fatal(format!("slice {number} of pass {pass} is not as this runner left it")));
        }
        Ok(Turn::LookAgain)
    }

    /// Does what a failure asks for.
    fn answer(&mut self, failure: Failure, met: Met<'_>) -> Result<Turn, Failure> {
        let answer = self.recovery.answer(&failure, &met);
        match answer {
            Answer::Fail => return Err(failure),
            Answer::Isolate => return self.isolate(failure, &met),
            Answer::Pause => {
                self.crew.ask_for_pause(&failure);
                return Ok(Turn::LookAgain);
            }
            Answer::SetAside => {
                self.next = Next::Carve(met.rows, self.recovery.lock_in_words(&failure));
                return Ok(Turn::GoOn);
            }
            Answer::Smaller => self.crew.sizing(met.slice.pass).shrink(met.rows),
            Answer::Reconnect => self.disconnect(&failure),
            Answer::Wait if failure.class == Class::Login => self.disconnect(&failure),
            Answer::Again | Answer::Wait => {}
        }
        let (bucket, delay) = self.recovery.rest(answer, &failure, &met);
        Ok(Turn::After(bucket, delay))
    }

    /// Halves the batch that holds the row at fault; sets the row aside when it is alone.
    fn isolate(&mut self, failure: Failure, met: &Met<'_>) -> Result<Turn, Failure> {
        self.next = match (Isolation::failed(met.rows), &met.batch) {
            (Narrowed::To(narrower), _) => Next::Isolate(narrower),
            (Narrowed::Found, Some(OpenBatch { rows: Some(1), range, .. })) => {
                Next::SetRowAside(range.through.clone(), failure)
            }
            // It fails without any row.
            (Narrowed::Found, _) => return Err(failure),
        };
        Ok(Turn::GoOn)
    }

    fn disconnect(&mut self, failure: &Failure) {
        self.lane = None;
        if !std::mem::replace(&mut self.lost, true) {
            self.crew.send(Event::ConnectionLost { failure: failure.to_string() });
        }
    }

    async fn connected(&mut self) -> Result<(), Failure> {
        if self.lane.as_ref().is_none_or(|lane| lane.is_closed()) {
            self.lane = None;
            self.lane = Some(self.crew.connect().await?);
            if std::mem::take(&mut self.lost) {
                self.recovery.connected();
                self.crew.send(Event::ConnectionRestored);
            }
        }
        Ok(())
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
