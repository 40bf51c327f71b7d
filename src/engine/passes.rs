//! How does a run get from its slices to its end? Pass after pass, until [`next_step`] says that it is done. Knows no
//! batch, and nobody who might stop it.

use super::board::Board;
use super::control::Control;
use super::crew::Crew;
use super::step::{Proof, Step, next_step};
use super::worker;
use crate::db::{Failure, Happening, Move, NewPass, RunRecord, Success};
use crate::event::Event;
use crate::key::KeyRange;
use crate::plan::{Extent, tile};
use crate::run::RunState;
use crate::runner::Runner;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// How long one look at all rows may take that proves the end at once. A longer one would hold back vacuum more than the
/// batches do; then the rows are swept by batches.
const LOOK: Duration = Duration::from_secs(5);

/// Into how many slices a sweep is cut that cannot take those of the walk.
const SWEEP_SLICES: usize = 16;

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
    pub(super) extent: Extent,
    pub(super) runner: &'a Runner,
}

impl Passes<'_> {
    /// Pass after pass, as the recorded slices say.
    pub(super) async fn walk(mut self) -> Result<Walked, Failure> {
        let run = self.record.id;
        loop {
            let slices = self.control.call(async |ledger| ledger.slices(run).await).await?;
            self.crew.tally.recount(&slices);
            match next_step(&slices, &self.extent, self.record.swept) {
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
                    let added = match self.any_left().await? {
                        Some(false) => self.add_proven_pass(pass).await?,
                        Some(true) | None => self.add_pass(pass).await?,
                    };
                    match added {
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

    /// Whether any row is left, where one look tells.
    async fn any_left(&mut self) -> Result<Option<bool>, Failure> {
        let Crew { database, work, batch, .. } = self.crew.as_ref();
        let (run, limit) = (self.record.id, LOOK.min(batch.statement_timeout));
        self.control.call(async |_| database.any_in_scope(work, run, limit).await).await
    }

    /// Records a pass that found nothing, as one look has shown. `false`: the run is not ours now.
    async fn add_proven_pass(&mut self, pass: i64) -> Result<bool, Failure> {
        let Some(bound) = &self.extent.bound else { return Ok(true) };
        let (run, holder) = (self.record.id, self.runner.holder.as_str());
        let whole = KeyRange { after: None, through: bound.clone() };
        self.control.call(async |ledger| ledger.add_pass(run, pass, holder, NewPass::FoundNothing(&whole)).await).await
    }

    /// Records a pass over all keys, and over the rows that were added above the bound since it was frozen. `false`: the
    /// run is not ours now.
    async fn add_pass(&mut self, pass: i64) -> Result<bool, Failure> {
        let (run, holder) = (self.record.id, self.runner.holder.as_str());
        let Crew { database, work, .. } = self.crew.as_ref();
        let Some(bound) = &self.extent.bound else { return Ok(true) };
        let last = self.control.call(async |_| database.last_key_above(work, bound).await).await?;
        let added = last.map(|through| KeyRange { after: Some(bound.clone()), through });
        if self.extent.walk.iter().all(|end| end.route.is_by_key()) {
            let again = NewPass::Again { added: added.as_ref() };
            return self.control.call(async |ledger| ledger.add_pass(run, pass, holder, again).await).await;
        }
        // The slices of the walk have places of rows or keys of one partition: neither says where a row is now.
        let cuts = self.control.call(async |_| database.cuts(work, bound, SWEEP_SLICES).await).await?;
        let ranges: Vec<_> = tile(&cuts, Some(bound)).into_iter().chain(added).collect();
        self.control.call(async |ledger| ledger.add_pass(run, pass, holder, NewPass::Of(&ranges)).await).await
    }

    /// Puts on record which partitions came to the table since the start.
    async fn tell_of_attached(&mut self) -> Result<(), Failure> {
        let known: BTreeSet<_> = self.extent.walk.iter().filter_map(|end| end.route.part.as_ref()).collect();
        if !known.is_empty() {
            let Crew { database, work, .. } = self.crew.as_ref();
            let now = self.control.call(async |_| database.partitions(work).await).await?;
            let attached: Vec<_> = now.into_iter().filter(|part| !known.contains(part)).collect();
            self.crew.partitions_attached(&attached);
        }
        Ok(())
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
        self.tell_of_attached().await?;
        self.board.close_the_books(self.control, *run, holder, *lease).await?;
        let (record, actor) = (self.record, &self.runner.actor);
        let extent = &self.extent;
        let proves = |slices: &[_]| matches!(next_step(slices, extent, record.swept), Step::Done(_));
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
