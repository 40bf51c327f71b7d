//! How does a run get from its slices to its end? Pass after pass, until [`next_step`] says that it is done. Knows no
//! batch, and nobody who might stop it.

use super::board::Board;
use super::control::Control;
use super::crew::Crew;
use super::step::{Proof, Step, next_step};
use super::worker;
use crate::db::{Failure, Happening, Move, RunRecord, Success};
use crate::event::Event;
use crate::key::KeyRange;
use crate::run::RunState;
use crate::runner::Runner;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::task::JoinSet;

/// Where the passes ended.
pub(super) enum Walked {
    Proven(Proof),
    NotProven(String),
    Stopped,
}

/// What walks a run's passes.
pub(super) struct Passes<'a> {
    pub(super) crew: &'a Arc<Crew>,
    pub(super) control: &'a mut Control,
    pub(super) board: &'a Board,
    pub(super) record: &'a RunRecord,
    pub(super) runner: &'a Runner,
}

impl Passes<'_> {
    /// Pass after pass, as the recorded slices say.
    pub(super) async fn walk(mut self) -> Result<Walked, Failure> {
        let run = self.record.id;
        loop {
            let slices = self.control.call(async |ledger| ledger.slices(run).await).await?;
            self.crew.tally.recount(&slices);
            match next_step(&slices, self.record.bound.as_ref(), self.record.swept) {
                Step::Walk(pass) => {
                    self.crew.lay_out(slices.into_iter().filter(|slice| slice.pass == pass && !slice.done));
                    if !self.work_together().await? {
                        return Ok(Walked::Stopped);
                    }
                }
                Step::Sweep(pass) => {
                    if !self.reach(RunState::Running, RunState::Sweeping).await? {
                        return Ok(Walked::Stopped);
                    }
                    match self.add_pass(pass).await? {
                        true => self.crew.send(Event::SweepStarted { pass }),
                        // Another runner has the run, or a failover took our lease back: the watch knows which.
                        false => self.crew.look_again().await,
                    }
                }
                Step::Done(proof) => {
                    let proof = Proof { rows_quarantined: self.rows_quarantined().await?, ..proof };
                    match self.succeed(proof).await? {
                        Some(Success::Reached) => return Ok(Walked::Proven(proof)),
                        // A crash has taken back what was proven, or a failover the move before this one: what is
                        // recorded now says what comes next.
                        Some(_) => {}
                        None => return Ok(Walked::Stopped),
                    }
                }
                Step::NotProven(why) => return Ok(Walked::NotProven(why)),
            }
        }
    }

    /// Records a pass over the same slices, and over the rows that were added above the bound since it was frozen.
    /// `false`: the run is not ours now.
    async fn add_pass(&mut self, pass: i64) -> Result<bool, Failure> {
        let (run, holder) = (self.record.id, self.runner.holder.as_str());
        let added = match &self.record.bound {
            Some(bound) => {
                let Crew { database, work, .. } = self.crew.as_ref();
                let last = self.control.call(async |_| database.last_key_above(work, bound).await).await?;
                last.map(|through| KeyRange { after: Some(bound.clone()), through })
            }
            None => None,
        };
        self.control.call(async |ledger| ledger.add_pass(run, pass, holder, added.as_ref()).await).await
    }

    /// No worker walks any more, so it stays as it is.
    async fn rows_quarantined(&mut self) -> Result<i64, Failure> {
        let run = self.record.id;
        let record = self.control.call(async |ledger| ledger.run(run).await).await?;
        Ok(record.map_or(0, |record| record.rows_quarantined))
    }

    /// Ends the run with its proof. `None`: the gate stopped first.
    async fn succeed(&mut self, proof: Proof) -> Result<Option<Success>, Failure> {
        if !self.reach(RunState::Running, RunState::Sweeping).await? {
            return Ok(None);
        }
        let Crew { run, holder, lease, actor, .. } = self.crew.as_ref();
        if proof.rows_quarantined > 0 {
            let detail = format!("{} could not be changed", proof.rows_quarantined);
            self.board.tell_of(Happening { kind: "rows-quarantined", actor: actor.clone(), detail });
        }
        self.board.close_the_books(self.control, *run, holder, *lease).await?;
        let (record, actor) = (self.record, &self.runner.actor);
        let proves = |slices: &[_]| matches!(next_step(slices, record.bound.as_ref(), record.swept), Step::Done(_));
        if !self.crew.gate.unpaused().await {
            return Ok(None);
        }
        let success = self.control.call(async |ledger| ledger.succeed(*run, holder, actor, &proves).await).await?;
        if success == Success::NotNow {
            self.crew.look_again().await;
        }
        Ok(Some(success))
    }

    /// Moves the run, as soon as no pause is in the way. `false`: the gate stopped first.
    async fn reach(&mut self, from: RunState, to: RunState) -> Result<bool, Failure> {
        let by = Move::new(to, &self.runner.actor);
        let (run, holder) = (self.record.id, self.runner.holder.as_str());
        while self.crew.gate.unpaused().await {
            if self.control.call(async |ledger| ledger.move_held(run, holder, &[from], &by).await).await? {
                super::kill_point("run-moved");
                return Ok(true);
            }
            self.crew.look_again().await;
        }
        Ok(false)
    }

    /// Lets the workers walk what is laid out. `false`: the gate stopped before the end. The first failure stops all.
    async fn work_together(&self) -> Result<bool, Failure> {
        // Who found nothing to walk is not sent again before there is something, or another number of workers.
        let (mut working, mut at_work, mut idle) = (JoinSet::new(), BTreeSet::new(), BTreeSet::new());
        let mut dials = self.crew.watch_dials();
        let mut first = None;
        loop {
            self.send_to_work(&mut working, &mut at_work, &idle);
            tokio::select! {
                ended = working.join_next() => match ended {
                    None => break,
                    Some(Ok((number, worked))) => {
                        at_work.remove(&number);
                        idle.insert(number);
                        self.stop_at_failure(worked, &mut first);
                    }
                    Some(Err(error)) => {
                        self.stop_at_failure(Err(Failure::fatal(format!("a worker died: {error}"))), &mut first);
                    }
                },
                // The crew lives longer than this, and it has the sender.
                _ = dials.changed() => idle.clear(),
            }
        }
        match first {
            Some(failure) => Err(failure),
            None => Ok(!self.crew.gate.is_stopped()),
        }
    }

    /// Lets every worker walk that there is to be and that does not, while there is something to walk: there may be more of
    /// them than before, and one that was dismissed gives its slice back. Where no slice waits, a new one takes half of
    /// another's.
    fn send_to_work(
        &self,
        working: &mut JoinSet<(u32, Result<(), Failure>)>,
        at_work: &mut BTreeSet<u32>,
        idle: &BTreeSet<u32>,
    ) {
        for number in 0..self.crew.gate.workers() {
            let is_walked = !at_work.is_empty() && !idle.contains(&number);
            if self.crew.gate.is_stopped() || !(self.crew.pool().has_waiting() || is_walked) {
                continue;
            }
            if at_work.insert(number) {
                let crew = Arc::clone(self.crew);
                working.spawn(async move { (number, worker::work(&crew, number).await) });
            }
        }
    }

    fn stop_at_failure(&self, worked: Result<(), Failure>, first: &mut Option<Failure>) {
        if let Err(failure) = worked {
            self.crew.gate.stop();
            first.get_or_insert(failure);
        }
    }
}
