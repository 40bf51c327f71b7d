//! How does one worker walk its slices? Gate, batch, answer to a failure; over and over. Decides nothing about states.

use super::batch::{self, Committed, Ended, Interrupted};
use super::crew::Crew;
use super::{backoff, settle};
use crate::db::{Class, Failure, Lane, SliceLease, SliceRecord};
use crate::event::Event;
use crate::pace::{Cost, Sizing};
use backon::ExponentialBackoff;
use std::time::Duration;

/// Tries of one batch before the run fails, resumable. With the longest delay between them that is minutes, longer
/// than a lock of a well-behaved application lasts.
const MAX_TRIES: u32 = 40;

/// A slice that is not ours although the run is: after this many looks the state tables were changed by another hand.
const MAX_STRANGE_LOOKS: u32 = 200;

/// Walks slices until none is left or the gate stops.
pub(super) async fn work(crew: &Crew) -> Result<(), Failure> {
    let mut worker = Worker { crew, lane: None, delays: backoff::delays(), tries: 0, strange_looks: 0, lost: false };
    while let Some(slice) = crew.next_slice() {
        if !worker.walk(&slice).await? {
            return Ok(());
        }
    }
    Ok(())
}

struct Worker<'a> {
    crew: &'a Crew,
    lane: Option<Box<dyn Lane>>,
    delays: ExponentialBackoff,
    tries: u32,
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
    /// The run's state does not let batches begin; wait until that is known here.
    LookAgain,
}

impl Worker<'_> {
    /// Walks one slice to its end. `false`: the gate stopped.
    async fn walk(&mut self, slice: &SliceRecord) -> Result<bool, Failure> {
        let lease = self.crew.slice_lease(slice);
        let mut sizing = self.crew.sizing(slice);
        let mut unsettled = None;
        loop {
            // The batch is in hand only for this turn: whoever waits afterwards does not hold up a pause.
            let turn = {
                let Some(_in_hand) = self.crew.gate.pass().await else { return Ok(false) };
                self.turn(slice, &lease, &mut sizing, &mut unsettled).await?
            };
            match turn {
                Turn::GoOn => {}
                Turn::SliceDone => return Ok(true),
                Turn::LookAgain => self.crew.look_again().await,
                Turn::After(delay) => tokio::select! {
                    () = tokio::time::sleep(delay) => {}
                    () = self.crew.gate.stopped() => return Ok(false),
                },
            }
        }
    }

    async fn turn(
        &mut self,
        slice: &SliceRecord,
        lease: &SliceLease,
        sizing: &mut Sizing,
        unsettled: &mut Option<Committed>,
    ) -> Result<Turn, Failure> {
        let lane = match self.lane().await {
            Ok(lane) => lane,
            Err(failure) => return self.answer(failure, sizing),
        };
        if let Some(sent) = unsettled.take() {
            return match settle::settle(lane.as_mut(), lease, &sent).await {
                Ok(settle::Settled::Committed) => Ok(self.committed(slice, &sent, sizing)),
                Ok(settle::Settled::RolledBack) => Ok(Turn::GoOn),
                Ok(settle::Settled::NotOurs) => Ok(Turn::LookAgain),
                Err(failure) => {
                    *unsettled = Some(sent);
                    self.answer(failure, sizing)
                }
            };
        }
        match batch::run(lane.as_mut(), lease, sizing.rows()).await {
            Ok(Ended::Committed(committed)) => Ok(self.committed(slice, &committed, sizing)),
            Ok(Ended::NotOurs) => self.strange(slice),
            Err(Interrupted::RolledBack(failure)) => self.answer(failure, sizing),
            Err(Interrupted::Ambiguous(sent, failure)) => {
                *unsettled = Some(*sent);
                self.answer(failure, sizing)
            }
        }
    }

    fn committed(&mut self, slice: &SliceRecord, committed: &Committed, sizing: &mut Sizing) -> Turn {
        (self.tries, self.strange_looks, self.delays) = (0, 0, backoff::delays());
        let rows = committed.batch.rows.unwrap_or_else(|| sizing.rows());
        sizing.note(Cost { rows, took: committed.took, wal_bytes: None });
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
    fn answer(&mut self, failure: Failure, sizing: &mut Sizing) -> Result<Turn, Failure> {
        let lost = failure.class == Class::Lost;
        if failure.class == Class::Fatal || (!lost && self.tries >= MAX_TRIES) {
            return Err(failure);
        }
        if failure.class == Class::Shrink {
            sizing.shrink();
        }
        let delay = backoff::next(&mut self.delays);
        if lost {
            self.lane = None;
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
                self.crew.send(Event::ConnectionRestored);
            }
        }
        self.lane.as_mut().ok_or_else(|| Failure::new(Class::Lost, "not connected"))
    }
}
