//! One worker, as `engine/worker.rs` walks its slices: the same gate, the same batch, the same answers. Real are the batch's
//! protocol, the settling, the answers, the errands and the sizes; only waiting is another here.

use super::guard::Guard;
use super::process::Ground;
use super::rules;
use super::server::Fate;
use super::session::BoxedLane;
use super::tables::SliceId;
use super::world::Wait;
use crate::db::{Applied, Class, Failure, Lane, OpenBatch, RowAside, SliceLease, SliceRecord, Split, Wanted};
use crate::engine::answer::{Answer, Streak, Tried, answer};
use crate::engine::batch::{self, Committed, Ended, Interrupted};
use crate::engine::circuit::Circuit;
use crate::engine::errand::{Errand, Unsettled};
use crate::engine::halving::{self, Then};
use crate::engine::settle::{self, Settled};
use crate::engine::worker::{Strange, strange};
use crate::pace::{Cost, Scan, Stopwatch, Stretch, TimeLedger};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// A half of fewer rows is not taken: a few batches are what a slice has here.
const LEAST_HALF: u64 = 2;

/// Walks slices until none is left or the gate stops.
pub async fn work(ground: Ground, number: u32) -> Result<(), Failure> {
    // The stopwatch reads a clock, and nobody here reads the stopwatch.
    let time = TimeLedger::new(1, Instant::now()).stopwatch(0);
    let (streak, circuit) = (Streak::default(), Circuit::default());
    let mut worker = Worker { ground, number, time, streak, lane: None, next: Errand::Change, begun: None, circuit };
    while let Some(slice) = worker.next_slice().await {
        (worker.next, worker.circuit) = (Errand::Change, Circuit::default());
        let walked = worker.walk(&slice).await;
        worker.ground.change(|process| process.pool.leave(number));
        if !walked? {
            break;
        }
    }
    Ok(())
}

struct Worker {
    ground: Ground,
    number: u32,
    time: Stopwatch,
    streak: Streak,
    lane: Option<Box<dyn Lane>>,
    next: Errand,
    /// As that of `Worker`.
    begun: Option<Stretch>,
    circuit: Circuit,
}

enum Turn {
    GoOn,
    SliceDone,
    After(i64),
    LookAgain,
}

/// Where a failure was met.
struct Met<'a> {
    slice: &'a SliceRecord,
    stretch: Stretch,
    batch: Option<OpenBatch>,
    settling: bool,
}

impl Worker {
    /// As `worker/idle.rs` does, but that chance says whose slice is halved.
    async fn next_slice(&mut self) -> Option<SliceRecord> {
        let number = self.number;
        let waiting = self.ground.change(|process| process.pool.next(number));
        match waiting {
            Some(slice) => Some(slice),
            None => self.half_of_another().await,
        }
    }

    async fn half_of_another(&mut self) -> Option<SliceRecord> {
        let (number, mut too_short, mut tries) = (self.number, BTreeSet::new(), 0);
        while let Some(from) = self.slice_of_another(&too_short) {
            if !self.ground.pass_gate().await {
                return None;
            }
            let split = self.halve(&from).await;
            self.ground.change(|process| process.in_hand -= 1);
            self.tell(|| format!("splits slice {}: {split:?}", from.number));
            let class = match split {
                Ok(Split::Made(off)) => {
                    self.ground.change(|process| process.pool.has(number, off.slice.clone()));
                    return Some(off.slice);
                }
                Ok(Split::TooShort) => {
                    too_short.insert(from.number);
                    continue;
                }
                Ok(Split::NotOurs) => {
                    self.ground.look_again().await;
                    Class::Retry
                }
                Err(failure) => failure.class,
            };
            tries += 1;
            match halving::after_failure(class, tries) {
                Then::Again => {}
                Then::Reconnect => self.lane = None,
                Then::Leave => return None,
            }
            let delay = self.ground.here.world().chance.between(50, 1_000);
            self.rests(delay).await;
        }
        None
    }

    fn slice_of_another(&self, but: &BTreeSet<i64>) -> Option<SliceRecord> {
        let mut world = self.ground.here.world();
        let pool = &world.process(self.ground.process).pool;
        let others: Vec<_> =
            pool.of_others(self.number).filter(|slice| !but.contains(&slice.number)).cloned().collect();
        match others.len() as u64 {
            0 => None,
            count => others.into_iter().nth(world.chance.below(count) as usize),
        }
    }

    async fn halve(&mut self, from: &SliceRecord) -> Result<Split, Failure> {
        if self.lane.as_ref().is_none_or(|lane| lane.is_closed()) {
            self.lane = Some(self.connect()?);
        }
        let Some(lane) = &mut self.lane else { return Err(Failure::new(Class::Lost, "not connected")) };
        halving::halve(lane.as_mut(), &self.ground.slice_lease(from), Wanted { least: LEAST_HALF, about: 0 }).await
    }

    async fn walk(&mut self, slice: &SliceRecord) -> Result<bool, Failure> {
        let lease = self.ground.slice_lease(slice);
        loop {
            if !self.passes().await {
                return Ok(false);
            }
            let turn = self.turn(slice, &lease).await;
            if self.begun.is_none() {
                self.ground.change(|process| process.in_hand -= 1);
            }
            match turn? {
                Turn::GoOn => {}
                Turn::SliceDone => return Ok(true),
                Turn::LookAgain => self.ground.look_again().await,
                Turn::After(delay) => self.rests(delay).await,
            }
        }
    }

    /// As `Worker::pass` does.
    async fn passes(&mut self) -> bool {
        if self.begun.is_some() {
            if self.ground.gate_is_open() {
                return true;
            }
            self.begun = None;
            if let Some(lane) = &mut self.lane {
                lane.rollback().await;
            }
            self.ground.change(|process| process.in_hand -= 1);
        }
        self.ground.pass_gate().await
    }

    async fn rests(&self, delay: i64) {
        let until = self.ground.here.world().now + delay;
        self.ground.here.until_or(self.ground.process, |process| process.stopped, until).await;
    }

    async fn turn(&mut self, slice: &SliceRecord, lease: &SliceLease) -> Result<Turn, Failure> {
        let settling = self.next.is_settling();
        if self.lane.as_ref().is_none_or(|lane| lane.is_closed()) {
            self.next = std::mem::take(&mut self.next).over_another_connection();
            self.begun = None;
            self.lane = match self.connect() {
                Ok(lane) => Some(lane),
                Err(failure) => {
                    return self.answer(failure, Met { slice, stretch: Stretch::of_rows(0), batch: None, settling });
                }
            };
        }
        let Some(lane) = &mut self.lane else { return Ok(Turn::GoOn) };
        let next = std::mem::take(&mut self.next);
        if let Errand::Settle(unsettled) = next {
            return self.settle(slice, lease, *unsettled).await;
        }
        let ground = &self.ground;
        let (circuit, scan) = (self.circuit, Scan::every_row().in_laps(slice.route.laps.count, None));
        let sized = || next.stretch(ground.sizing(slice.pass, |sizing| sizing.rows()), scan);
        let stretch = self.begun.take().unwrap_or_else(|| circuit.next(sized()));
        // Chance says what the gate and other workers say elsewhere.
        let ahead = |batch: &OpenBatch, _: Applied| {
            let goes_on = matches!(next, Errand::Change) && ground.here.world().chance.one_in(2);
            (goes_on && ground.gate_is_open()).then(|| circuit.after(batch).next(sized()))
        };
        let aside = |failure| RowAside { failure, limit: self.ground.job.quarantine_limit, keep_detail: false };
        let ended = batch::run(lane.as_mut(), lease, stretch, next.deed(aside), &ahead, &self.time).await;
        self.tell(|| words(&ended));
        match ended {
            Ok(Ended::Committed(committed)) => Ok(self.committed(&next, slice, &committed)),
            Ok(Ended::NotOurs) => {
                self.next = next;
                self.strange()
            }
            Ok(Ended::OtherRow) => Ok(Turn::GoOn),
            Err(Interrupted::RolledBack(failure, batch)) => {
                self.next = next;
                self.answer(failure, Met { slice, stretch, batch, settling: false })
            }
            Err(Interrupted::Ambiguous(sent, failure)) => {
                if self.ground.has(Guard::Settle) {
                    self.next = Errand::Settle(Box::new(Unsettled { sent: *sent, stretch, errand: next }));
                }
                self.answer(failure, Met { slice, stretch: Stretch::of_rows(0), batch: None, settling: true })
            }
        }
    }

    fn connect(&self) -> Result<Box<dyn Lane>, Failure> {
        let goes_on = !self.ground.has(Guard::RollbackAfterError);
        Ok(Box::new(BoxedLane::open(&self.ground.here, self.ground.process, self.number, goes_on)?))
    }

    async fn settle(&mut self, slice: &SliceRecord, lease: &SliceLease, unsettled: Unsettled) -> Result<Turn, Failure> {
        let Some(lane) = &mut self.lane else { return Ok(Turn::GoOn) };
        let settled = settle::settle(lane.as_mut(), lease, &unsettled.sent).await;
        self.tell(|| format!("settled {} as {settled:?}", unsettled.sent.batch.range));
        match settled {
            Ok(settled) => {
                self.check_settled(lease, settled);
                Ok(match settled {
                    Settled::Committed => self.committed(&unsettled.errand, slice, &unsettled.sent),
                    Settled::RolledBack => {
                        self.next = unsettled.errand.over_another_connection();
                        Turn::GoOn
                    }
                    Settled::NotOurs => Turn::LookAgain,
                })
            }
            Err(failure) => {
                self.next = Errand::Settle(Box::new(unsettled));
                self.answer(failure, Met { slice, stretch: Stretch::of_rows(0), batch: None, settling: true })
            }
        }
    }

    fn check_settled(&self, lease: &SliceLease, settled: Settled) {
        let mut world = self.ground.here.world();
        let slice = SliceId { pass: lease.pass, number: lease.number };
        let sent = world.server.told.get(&(slice, self.ground.process)).copied();
        let fate = sent.map(|sent| world.server.fates.get(&sent).copied().unwrap_or(Fate::Open));
        world.note(fate.map_or(Ok(()), |fate| rules::settled(settled, fate)));
    }

    fn committed(&mut self, done: &Errand, slice: &SliceRecord, committed: &Committed) -> Turn {
        self.ground.here.change(self.ground.process, |process| process.strange_looks = 0);
        self.streak = Streak::default();
        self.next = done.committed(&committed.batch);
        self.begun = committed.next;
        self.circuit = self.circuit.after(&committed.batch);
        if let (Errand::Change | Errand::Settle(..), Some(rows)) = (done, committed.batch.rows) {
            let cost = Cost { rows, took: Duration::ZERO, wal_bytes: None };
            self.ground.sizing(slice.pass, |sizing| sizing.note(cost));
        }
        if committed.ends_slice { Turn::SliceDone } else { Turn::GoOn }
    }

    fn strange(&self) -> Result<Turn, Failure> {
        let looks = self.ground.change(|process| {
            process.strange_looks += 1;
            process.strange_looks
        });
        match strange(looks) {
            Strange::Look => Ok(Turn::LookAgain),
            Strange::Leave if self.ground.has(Guard::StrangeSlicesAreLeft) => Ok(Turn::SliceDone),
            Strange::Leave => Ok(Turn::LookAgain),
            Strange::GiveUp => Err(Failure::fatal("the slice is not as this runner left it")),
        }
    }

    /// As `Recovery::answer` asks and `Worker::answer` does.
    fn answer(&mut self, failure: Failure, met: Met<'_>) -> Result<Turn, Failure> {
        self.streak.met(failure.class);
        let least = self.ground.sizing(met.slice.pass, |sizing| sizing.least());
        let answer = answer(Tried {
            class: failure.class,
            in_a_row: self.streak.in_a_row,
            tries: self.streak.tries,
            settling: met.settling,
            is_smallest: met.batch.is_none() || met.stretch.rows <= least,
            can_be_set_aside: met.batch.is_some() && !met.slice.set_aside,
        });
        self.tell(|| format!("{:?} {:?} asks for {answer:?}", failure.class, failure.code));
        match answer {
            Answer::Fail => {
                let server = &mut self.ground.here.world().server;
                server.rules.worker_stopped(self.ground.process, self.number, server.transactions);
                return Err(failure);
            }
            Answer::Isolate => {
                self.next = match self.ground.has(Guard::AloneBeforeAside) {
                    true => Errand::row_failed(failure, met.stretch.rows, met.batch.as_ref())?,
                    false => Errand::row_failed(failure, 1, met.batch.as_ref())?,
                };
                return Ok(Turn::GoOn);
            }
            Answer::Pause => {
                self.ground.change(|process| (process.pause_wanted, process.look_wanted) = (true, true));
                return Ok(Turn::LookAgain);
            }
            Answer::SetAside => {
                self.next = Errand::Carve(met.stretch.rows, String::new());
                return Ok(Turn::GoOn);
            }
            Answer::Smaller => self.ground.sizing(met.slice.pass, |sizing| sizing.shrink(met.stretch.rows)),
            Answer::Reconnect => self.lane = None,
            Answer::Wait if failure.class == Class::Login => self.lane = None,
            Answer::Again | Answer::Wait => {}
        }
        let most = if answer == Answer::Wait && failure.class != Class::Locked { 10_000 } else { 1_000 };
        Ok(Turn::After(self.ground.here.world().chance.between(50, most)))
    }

    fn tell(&self, what: impl FnOnce() -> String) {
        let (process, number) = (self.ground.process, self.number);
        self.ground.here.tell(|| format!("process {process} worker {number}: {}", what()));
    }
}

fn words(ended: &Result<Ended, Interrupted>) -> String {
    match ended {
        Ok(Ended::Committed(committed)) => {
            let Committed { batch, applied, .. } = &**committed;
            format!("committed {} ({} rows, seq {})", batch.range, applied.rows, batch.seq)
        }
        Ok(Ended::NotOurs) => "not ours".into(),
        Ok(Ended::OtherRow) => "another row".into(),
        Err(Interrupted::RolledBack(failure, batch)) => {
            format!("rolled back {:?}: {:?}", batch.as_ref().map(|batch| batch.range.to_string()), failure.code)
        }
        Err(Interrupted::Ambiguous(sent, failure)) => {
            format!("no answer to COMMIT of {}: {:?}", sent.batch.range, failure.code)
        }
    }
}

impl Ground {
    fn slice_lease(&self, slice: &SliceRecord) -> SliceLease {
        let (pass, number, token) = (slice.pass, slice.number, slice.token);
        SliceLease { run: 1, pass, number, route: slice.route.clone(), token, holder: self.process.to_string() }
    }

    /// Whether the gate is open to a worker with a batch in hand.
    fn gate_is_open(&self) -> bool {
        self.here.of(self.process, |process| !process.stopped && !process.paused)
    }

    /// Waits until a batch may begin, and has it in hand. `false`: none may any more.
    async fn pass_gate(&self) -> bool {
        loop {
            let entered = self.change_if(|process| match (process.stopped, process.paused) {
                (true, _) => Some(false),
                (false, true) => None,
                (false, false) => {
                    process.in_hand += 1;
                    Some(true)
                }
            });
            match entered {
                Some(entered) => return entered,
                None => self.wait_for_a_change().await,
            }
        }
    }

    async fn wait_for_a_change(&self) {
        let seen = self.here.of(self.process, |process| process.changes);
        self.here.wait_for(&[Wait::Change(self.process, seen)]).await;
    }
}
