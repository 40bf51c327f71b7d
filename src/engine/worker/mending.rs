//! What does a worker do about a failure? What its answer says: waits, makes smaller batches, connects anew, asks what became of a
//! COMMIT. Decides nothing: which answer a failure has is [`answer`](crate::engine::answer).

use super::{Strange, Turn, Worker, strange};
use crate::db::{Class, Failure, SliceLease, SliceRecord};
use crate::engine::answer::Answer;
use crate::engine::errand::{Errand, Unsettled};
use crate::engine::recovery::Met;
use crate::engine::settle;
use crate::event::Event;
use crate::pace::InHand;
use std::sync::atomic::Ordering;

impl Worker<'_> {
    /// Asks what became of a COMMIT.
    pub(super) async fn settle(
        &mut self,
        slice: &SliceRecord,
        lease: &SliceLease,
        in_hand: &InHand<'_>,
        unsettled: Unsettled,
    ) -> Result<Turn, Failure> {
        let Some(lane) = &mut self.lane else { return Ok(Turn::GoOn) };
        match settle::settle(lane.as_mut(), lease, &unsettled.sent).await {
            Ok(settle::Settled::Committed) => Ok(self.committed(unsettled.errand, slice, &unsettled.sent, in_hand)),
            Ok(settle::Settled::RolledBack) => {
                self.crew.send(Event::BatchRolledBack);
                if unsettled.sent.took >= self.crew.batch.statement_timeout {
                    self.crew.shrink(slice, unsettled.stretch, false);
                }
                self.next = unsettled.errand.over_another_connection();
                Ok(Turn::GoOn)
            }
            Ok(settle::Settled::NotOurs) => Ok(Turn::LookAgain),
            Err(failure) => {
                self.next = Errand::Settle(Box::new(unsettled));
                self.answer(failure, Met::in_no_batch(slice, true))
            }
        }
    }

    /// The slice matched nothing: the run was paused, cancelled or taken over, or a failover took the slice back.
    pub(super) fn strange(&self, slice: &SliceRecord) -> Result<Turn, Failure> {
        match strange(self.crew.strange_looks.fetch_add(1, Ordering::Relaxed) + 1) {
            Strange::Look => Ok(Turn::LookAgain),
            Strange::Leave => Ok(Turn::SliceDone),
            Strange::GiveUp => {
                let (pass, number) = (slice.pass, slice.number);
                Err(Failure::fatal(format!("slice {number} of pass {pass} is not as this runner left it")))
            }
        }
    }

    /// Does what a failure asks for.
    pub(super) fn answer(&mut self, failure: Failure, met: Met<'_>) -> Result<Turn, Failure> {
        let answer = self.recovery.answer(&failure, &met);
        match answer {
            Answer::Fail => return Err(failure),
            Answer::Isolate => {
                self.next = Errand::row_failed(failure, met.stretch.covers(), met.batch.as_ref())?;
                return Ok(Turn::GoOn);
            }
            Answer::Pause => {
                self.crew.ask_for_pause(&failure);
                return Ok(Turn::LookAgain);
            }
            Answer::SetAside => {
                self.next = Errand::Carve(met.stretch.rows, self.recovery.lock_in_words(&failure));
                return Ok(Turn::GoOn);
            }
            Answer::Smaller => self.crew.shrink(met.slice, met.stretch, failure.class == Class::Locked),
            Answer::Reconnect => self.disconnect(&failure),
            Answer::Wait if failure.class == Class::Login => self.disconnect(&failure),
            Answer::Again | Answer::Wait => {}
        }
        let (bucket, delay) = self.recovery.rest(answer, &failure, &met);
        Ok(Turn::After(bucket, delay))
    }

    fn disconnect(&mut self, failure: &Failure) {
        self.lane = None;
        if !std::mem::replace(&mut self.lost, true) {
            self.crew.send(Event::ConnectionLost { failure: failure.to_string() });
        }
    }

    pub(super) async fn connected(&mut self) -> Result<(), Failure> {
        if self.lane.as_ref().is_none_or(|lane| lane.is_closed()) {
            (self.lane, self.begun) = (None, None);
            self.next = std::mem::take(&mut self.next).over_another_connection();
            self.lane = Some(self.crew.connect().await?);
            if std::mem::take(&mut self.lost) {
                self.recovery.connected();
                self.crew.send(Event::ConnectionRestored);
            }
        }
        Ok(())
    }
}
