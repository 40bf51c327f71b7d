//! How does a process get from its slices to the end? As `engine/passes.rs`, by the real [`next_step`].

use super::control::Control;
use super::guard::Guard;
use super::process::Ground;
use super::tables::{key, number};
use super::worker::work;
use crate::db::{Failure, NewPass, RunRecord, SliceRecord, Success};
use crate::engine::pool::Pool;
use crate::engine::step::{Step, next_step};
use crate::key::KeyRange;
use crate::run::RunState;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// Where the passes ended.
#[derive(Debug)]
pub enum Walked {
    Proven,
    NotProven(String),
    Stopped,
}

type Working = Pin<Box<dyn Future<Output = Result<(), Failure>>>>;

impl Ground {
    /// Pass after pass, as the recorded slices say.
    pub(super) async fn walk_passes(&self, control: &mut Control, record: &RunRecord) -> Result<Walked, Failure> {
        loop {
            let slices = control.call(async |ledger| ledger.slices(1).await).await?;
            let step = self.step(&slices, record);
            self.tell(|| format!("next is {step:?}"));
            match step {
                Step::Walk(pass) => {
                    let left = slices.into_iter().filter(|slice| slice.pass == pass && !slice.done);
                    self.change(|process| process.pool = Pool::of(left));
                    if !self.work_together().await? {
                        return Ok(Walked::Stopped);
                    }
                }
                Step::Sweep(pass) => {
                    if !self.reach_unpaused(control, RunState::Running, RunState::Sweeping).await? {
                        return Ok(Walked::Stopped);
                    }
                    if !self.add_pass(control, record, pass).await? {
                        self.look_again().await;
                    }
                }
                Step::Done(_) => match self.succeed(control, record).await? {
                    Some(Success::Reached) => return Ok(Walked::Proven),
                    Some(_) => {}
                    None => return Ok(Walked::Stopped),
                },
                Step::NotProven(why) => return Ok(Walked::NotProven(why)),
            }
        }
    }

    fn step(&self, slices: &[SliceRecord], record: &RunRecord) -> Step {
        let swept = record.swept && self.has(Guard::Sweep);
        let last = slices.iter().map(|slice| slice.pass).max();
        let forget = |slice: &SliceRecord| match Some(slice.pass) < last && !self.has(Guard::EarlierPassesFirst) {
            true => SliceRecord { done: true, cursor: Some(slice.range.through.clone()), ..slice.clone() },
            false => slice.clone(),
        };
        let slices: Vec<_> = slices.iter().map(forget).collect();
        // The record of a run has no ends here; its slices know in how many laps they are walked.
        let mut extent = record.extent();
        let laps = slices.iter().find(|slice| slice.pass == 0).map(|slice| slice.route.laps).unwrap_or_default();
        extent.walk.iter_mut().for_each(|end| end.route.laps = laps);
        next_step(&slices, &extent, swept)
    }

    async fn succeed(&self, control: &mut Control, record: &RunRecord) -> Result<Option<Success>, Failure> {
        if !self.reach_unpaused(control, RunState::Running, RunState::Sweeping).await? {
            return Ok(None);
        }
        self.beat(control).await?;
        let holder = self.process.to_string();
        let looks = self.has(Guard::ProofInTheEnd);
        let proves = |slices: &[SliceRecord]| !looks || matches!(self.step(slices, record), Step::Done(_));
        if !self.unpaused().await {
            return Ok(None);
        }
        let success = control.call(async |ledger| ledger.succeed(1, &holder, "runner", &proves).await).await?;
        if success == Success::NotNow {
            self.look_again().await;
        }
        Ok(Some(success))
    }

    /// Waits until the run is not paused. `false`: it is stopped.
    async fn unpaused(&self) -> bool {
        self.here.until(self.process, |process| process.stopped || !process.paused).await;
        !self.here.of(self.process, |process| process.stopped)
    }

    async fn add_pass(&self, control: &mut Control, record: &RunRecord, pass: i64) -> Result<bool, Failure> {
        let bound = record.bound.as_ref().map(number);
        let last = self.here.world().server.tables.rows.keys().last().copied().filter(|last| Some(*last) > bound);
        let added = last.map(|last| KeyRange { after: record.bound.clone(), through: key(last) });
        let holder = self.process.to_string();
        control
            .call(async |ledger| ledger.add_pass(1, pass, &holder, NewPass::Again { added: added.as_ref() }).await)
            .await
    }

    async fn reach_unpaused(&self, control: &mut Control, from: RunState, to: RunState) -> Result<bool, Failure> {
        while self.unpaused().await {
            if self.reach(control, &[from], to).await? {
                return Ok(true);
            }
            self.look_again().await;
        }
        Ok(false)
    }

    /// All workers at once, whoever can go on. `false`: the gate stopped before the end. The first failure stops all.
    async fn work_together(&self) -> Result<bool, Failure> {
        let workers = (0..self.job.workers).map(|number| -> Working { Box::pin(work(self.clone(), number)) });
        let mut working: Vec<_> = workers.map(Some).collect();
        let mut first = None;
        poll_fn(|context| {
            let from = self.here.world().chance.below(working.len() as u64) as usize;
            let count = working.len();
            for number in 0..count {
                let worker = &mut working[(from + number) % count];
                let Some(Poll::Ready(ended)) = worker.as_mut().map(|worker| worker.as_mut().poll(context)) else {
                    continue;
                };
                *worker = None;
                if let Err(failure) = ended {
                    self.tell(|| format!("worker {number} failed: {failure}"));
                    self.change(|process| process.stopped = true);
                    first.get_or_insert(failure);
                }
            }
            if working.iter().all(Option::is_none) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        match first {
            Some(failure) => Err(failure),
            None => Ok(!self.here.of(self.process, |process| process.stopped)),
        }
    }
}
