//! How does one worker walk its slices? Gate, batch, answer to a failure; over and over. Decides nothing about states.

use super::batch::{self, Committed, Ended, Interrupted};
use super::crew::Crew;
use super::{backoff, settle};
use crate::db::{Class, Failure, Lane, SliceLease, SliceRecord};
use crate::event::{Bucket, Event};
use crate::pace::{Cost, InHand, Stopwatch};
use backon::ExponentialBackoff;
use std::time::{Duration, Instant};

/// Tries of one batch before the run fails, resumable. With the longest delay between them that is minutes, longer
/// than a lock of a well-behaved application lasts.
const MAX_TRIES: u32 = 40;

/// A slice that is not ours although the run is: after this many looks the state tables were changed by another hand.
const MAX_STRANGE_LOOKS: u32 = 200;

/// Walks slices until none is left or the gate stops.
pub(super) async fn work(crew: &Crew, number: u32) -> Result<(), Failure> {
    let time = crew.time.stopwatch(number);
    let delays = backoff::delays();
    let mut worker =
        Worker { crew, time, lane: None, delays, patience: None, tries: 0, tried: 0, strange_looks: 0, lost: false };
    let worked = worker.walk_all().await;
    worker.time.turn_to(Bucket::Idle, Instant::now());
    worked
}

struct Worker<'a> {
    crew: &'a Crew,
    time: Stopwatch,
    lane: Option<Box<dyn Lane>>,
    delays: ExponentialBackoff,
    /// Delays of a wait for somebody who mends the database.
    patience: Option<ExponentialBackoff>,
    tries: u32,
    /// Rows that the last batch was to have.
    tried: u32,
    strange_looks: u32,
    lost: bool,
}

/// What became of one turn at the gate.
enum Turn {
    /// The slice goes on.
    GoOn,
    /// The slice's end is reached.
    SliceDone,
    /// Wait, then try the batch again.
    After(Duration),
    /// Nothing is wrong with the batch; wait until somebody has mended the database, then try it again.
    Patiently(Duration),
    /// The run's state does not let batches begin; wait until that is known here.
    LookAgain,
}

impl Worker<'_> {
    async fn walk_all(&mut self) -> Result<(), Failure> {
        while let Some(slice) = self.crew.next_slice() {
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
        let mut unsettled = None;
        loop {
            // Looked at before each batch: who makes the file may count on it.
            if let Some(reason) = crew.held_by_file().await {
                crew.gate.hold(reason);
            }
            // The batch is in hand only for this turn: whoever waits afterwards does not hold up a pause.
            let turn = {
                let Some(in_hand) = crew.gate.pass(&self.time).await else { return Ok(false) };
                self.turn(slice, &lease, &mut unsettled, &in_hand).await?
            };
            match turn {
                Turn::GoOn => {}
                Turn::SliceDone => return Ok(true),
                Turn::LookAgain => {
                    self.time.turn_to(Bucket::Paused, Instant::now());
                    crew.look_again().await;
                }
                Turn::After(delay) if !self.rests(Bucket::Retry, delay).await => return Ok(false),
                Turn::Patiently(delay) if !self.rests(Bucket::Held("database".into()), delay).await => {
                    return Ok(false);
                }
                Turn::After(_) | Turn::Patiently(_) => {}
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

    async fn turn(
        &mut self,
        slice: &SliceRecord,
        lease: &SliceLease,
        unsettled: &mut Option<Committed>,
        in_hand: &InHand<'_>,
    ) -> Result<Turn, Failure> {
        self.time.turn_to(Bucket::Retry, Instant::now());
        let lane = match self.lane().await {
            Ok(lane) => lane,
            Err(failure) => return self.answer(failure, slice.pass),
        };
        if let Some(sent) = unsettled.take() {
            return match settle::settle(lane.as_mut(), lease, &sent).await {
                Ok(settle::Settled::Committed) => Ok(self.committed(slice, &sent, in_hand)),
                Ok(settle::Settled::RolledBack) => Ok(Turn::GoOn),
                Ok(settle::Settled::NotOurs) => Ok(Turn::LookAgain),
                Err(failure) => {
                    *unsettled = Some(sent);
                    self.answer(failure, slice.pass)
                }
            };
        }
        match self.batch(slice.pass, lease).await {
            Ok(Ended::Committed(committed)) => Ok(self.committed(slice, &committed, in_hand)),
            Ok(Ended::NotOurs) => self.strange(slice),
            Err(Interrupted::RolledBack(failure)) => self.answer(failure, slice.pass),
            Err(Interrupted::Ambiguous(sent, failure)) => {
                *unsettled = Some(*sent);
                self.answer(failure, slice.pass)
            }
        }
    }

    /// One batch, whose time counts as what became of it.
    async fn batch(&mut self, pass: i64, lease: &SliceLease) -> Result<Ended, Interrupted> {
        let rows = self.crew.sizing(pass).rows();
        self.tried = rows;
        self.time.begin_batch(Bucket::Boundary, Instant::now());
        let Some(lane) = &mut self.lane else {
            return Err(Interrupted::RolledBack(Failure::new(Class::Lost, "not connected")));
        };
        let ended = batch::run(lane.as_mut(), lease, rows, &self.time).await;
        let instead = match &ended {
            Ok(Ended::Committed(_)) => None,
            Ok(Ended::NotOurs) => Some(Bucket::Paused),
            Err(Interrupted::RolledBack(failure)) if failure.is_lock_wait() => Some(Bucket::LockWait),
            Err(Interrupted::RolledBack(_) | Interrupted::Ambiguous(..)) => Some(Bucket::Retry),
        };
        self.time.end_batch(instead, Instant::now());
        ended
    }

    fn committed(&mut self, slice: &SliceRecord, committed: &Committed, in_hand: &InHand<'_>) -> Turn {
        (self.tries, self.strange_looks, self.delays) = (0, 0, backoff::delays());
        if self.patience.take().is_some() {
            self.crew.set_trouble(None);
        }
        in_hand.charge(committed.applied.rows);
        // The last range of a slice was not counted, and is too small to tell anything.
        if let Some(rows) = committed.batch.rows {
            // The log is the whole server's; of ours, each batch in hand wrote its part.
            let share = self.crew.gate.in_hand().max(1) as u64;
            let wal_bytes = committed.wal_bytes.map(|bytes| bytes / share);
            self.crew.sizing(slice.pass).note(Cost { rows, took: committed.took, wal_bytes });
        }
        let done = committed.batch.range.through == slice.range.through;
        self.crew.batch_committed(slice, committed, done);
        if done { Turn::SliceDone } else { Turn::GoOn }
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

    /// What a failure asks for, by its class.
    fn answer(&mut self, failure: Failure, pass: i64) -> Result<Turn, Failure> {
        if failure.class == Class::Wait {
            let patience = self.patience.get_or_insert_with(backoff::patient_delays);
            self.crew.set_trouble(Some(&failure));
            return Ok(Turn::Patiently(backoff::next(patience)));
        }
        let lost = failure.class == Class::Lost;
        if failure.class == Class::Fatal || (!lost && self.tries >= MAX_TRIES) {
            return Err(failure);
        }
        if failure.class == Class::Shrink {
            self.crew.sizing(pass).shrink(self.tried);
        }
        let delay = backoff::next(&mut self.delays);
        if lost {
            self.lane = None;
            self.crew.set_trouble(Some(&failure));
            if !self.lost {
                self.crew.send(Event::ConnectionLost { failure: failure.to_string() });
            }
            self.lost = true;
        } else {
            self.tries += 1;
            self.crew.batch_retried(&failure, delay);
        }
        Ok(Turn::After(delay))
    }

    async fn lane(&mut self) -> Result<&mut Box<dyn Lane>, Failure> {
        if self.lane.as_ref().is_none_or(|lane| lane.is_closed()) {
            self.lane = None;
            self.lane = Some(self.crew.connect().await?);
            if std::mem::take(&mut self.lost) {
                self.crew.set_trouble(None);
                self.crew.send(Event::ConnectionRestored);
            }
        }
        self.lane.as_mut().ok_or_else(|| Failure::new(Class::Lost, "not connected"))
    }
}
