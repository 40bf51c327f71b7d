//! What becomes of one row that is tried again, and then the next? Transaction by transaction until that is known. Knows
//! nothing of who may ask for it.

use super::super::{DEFAULT_LEASE, backoff, kill_point};
use super::{Retried, Retry, TriedRow};
use crate::db::{Class, Database, Failure, Happening, Lane, Ledger, QuarantinedRow, RunRecord, TriedAside};
use crate::job::Batch;
use crate::plan::Work;
use crate::run::RunState;
use crate::runner::Runner;
use std::sync::Arc;

/// Who tries, with what.
pub(super) struct Hand {
    pub(super) database: Arc<dyn Database>,
    pub(super) ledger: Ledger,
    pub(super) record: RunRecord,
    pub(super) work: Work,
    pub(super) batch: Batch,
    pub(super) keep_detail: bool,
    pub(super) lane: Option<Box<dyn Lane>>,
}

impl Hand {
    /// Tries every row, as far as that goes; `tell` hears of each.
    pub(super) async fn try_all(
        &mut self,
        rows: &[QuarantinedRow],
        tell: &mut (dyn FnMut(&QuarantinedRow, &TriedRow) + Send),
    ) -> Retry {
        let mut retried = Retried { run: self.record.id, ..Retried::default() };
        match self.try_each(rows, &mut retried, tell).await {
            Ok(()) => Retry::Tried(retried),
            Err(failure) => Retry::BrokenOff(retried, failure),
        }
    }

    async fn try_each(
        &mut self,
        rows: &[QuarantinedRow],
        retried: &mut Retried,
        tell: &mut (dyn FnMut(&QuarantinedRow, &TriedRow) + Send),
    ) -> Result<(), Failure> {
        self.note("retry-begun", format!("{} rows that were set aside", rows.len())).await?;
        let mut ended = Ok(());
        for row in rows {
            match self.try_row(row).await {
                Ok(tried) => {
                    retried.count(&tried);
                    tell(row, &tried);
                }
                Err(failure) => {
                    ended = Err(failure);
                    break;
                }
            }
        }
        let run = self.record.id;
        let record = self.on_record(async |ledger| ledger.run(run).await).await?;
        retried.left = record.map(|record| record.rows_quarantined.unsigned_abs());
        self.note("retry-ended", retried.in_words()).await?;
        ended
    }

    /// Tries a row until it is known what becomes of it.
    async fn try_row(&mut self, row: &QuarantinedRow) -> Result<TriedRow, Failure> {
        let mut delays = backoff::delays();
        let (mut tries, mut may_be_committed) = (0, false);
        loop {
            let failure = match self.try_once(row).await {
                Ok(TriedAside::Changed) => return Ok(TriedRow::Changed),
                Ok(TriedAside::NotNeeded) => return Ok(TriedRow::NotNeeded),
                Ok(TriedAside::Gone) => return Ok(TriedRow::Gone),
                Ok(TriedAside::NotNow) => return self.resolved_by(may_be_committed).await,
                Err(failure) => failure,
            };
            tries += 1;
            may_be_committed |= failure.class == Class::Ambiguous;
            match next(failure.class, tries) {
                Next::Keep => {
                    let keep_detail = self.keep_detail;
                    self.on_record(async |ledger| ledger.note_failed_try(row, &failure, keep_detail).await).await?;
                    return Ok(TriedRow::Failed(failure));
                }
                // It may be our own COMMIT that has the row; the next retry will know.
                Next::Leave if may_be_committed => return Err(failure),
                Next::Leave => return Ok(TriedRow::InTheWay(failure)),
                Next::BreakOff => return Err(failure),
                Next::Reconnect => self.lane = None,
                Next::Again => {}
            }
            tokio::time::sleep(backoff::next(&mut delays)).await;
        }
    }

    /// One transaction. After any error it is over, or its connection is.
    async fn try_once(&mut self, row: &QuarantinedRow) -> Result<TriedAside, Failure> {
        let holder = self.record.held.as_ref().map(|held| held.runner.holder.clone());
        let lane = self.connected().await?;
        let tried = match lane.try_aside(row, holder.as_deref()).await {
            Ok(TriedAside::NotNow) => Ok(TriedAside::NotNow),
            Ok(tried) => {
                kill_point("row-retried");
                let committed = lane.commit().await;
                kill_point("row-resolved");
                committed.map(|()| tried)
            }
            Err(failure) => Err(failure),
        };
        if !matches!(tried, Ok(TriedAside::Changed | TriedAside::NotNeeded | TriedAside::Gone)) {
            lane.rollback().await;
        }
        tried.map_err(|failure| failure.while_doing(format!("change the row {}", row.key)))
    }

    async fn connected(&mut self) -> Result<&mut dyn Lane, Failure> {
        if self.lane.as_ref().is_none_or(|lane| lane.is_closed()) {
            let place = &self.record.place;
            self.lane = Some(self.database.lane(&self.work, place, &self.batch, DEFAULT_LEASE).await?);
        }
        match &mut self.lane {
            Some(lane) => Ok(lane.as_mut()),
            None => Err(Failure::new(Class::Lost, "not connected")),
        }
    }

    /// The row is resolved although not by a try that was answered; unless the run is not ours to touch any more.
    async fn resolved_by(&mut self, may_be_committed: bool) -> Result<TriedRow, Failure> {
        let run = self.record.id;
        let now = self.on_record(async |ledger| ledger.run(run).await).await?;
        let holder = |record: &RunRecord| record.held.as_ref().map(|held| held.runner.holder.clone());
        match now {
            Some(now) if now.state != RunState::Cancelled && holder(&now) == holder(&self.record) => {
                Ok(if may_be_committed { TriedRow::Changed } else { TriedRow::ByOthers })
            }
            _ => Err(Failure::fatal("a runner took the run, or somebody cancelled it; what was changed so far stays")),
        }
    }

    async fn note(&mut self, kind: &'static str, detail: String) -> Result<(), Failure> {
        let event = Happening { kind, actor: Runner::this_process().actor, detail };
        let run = self.record.id;
        self.on_record(async |ledger| ledger.note_by_hand(run, &event).await).await
    }

    /// Asks the ledger, over a new connection where the old one is lost. A note whose answer was lost may be there twice.
    async fn on_record<T>(
        &mut self,
        mut call: impl AsyncFnMut(&mut Ledger) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        match call(&mut self.ledger).await {
            Err(failure) if failure.class == Class::Lost => {
                self.ledger = self.database.ledger().await?;
                call(&mut self.ledger).await
            }
            answered => answered,
        }
    }
}

/// What a failed try of a row asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// Its error is kept; the next row.
    Keep,
    /// The same again, after a short wait.
    Again,
    /// The same over a new connection, which learns what became of a COMMIT.
    Reconnect,
    /// Somebody is in the way: the next row.
    Leave,
    /// No other row would fare better.
    BreakOff,
}

/// Tries of a row that somebody else has locked: an operator waits for the end of it.
const LOCKED_TRIES: u32 = 3;

/// Tries of a row while connections are lost: a server that is restarted is back after some ten seconds.
const LOST_TRIES: u32 = 8;

fn next(class: Class, tries: u32) -> Next {
    match class {
        Class::Row => Next::Keep,
        Class::Retry | Class::Locked | Class::Shrink if tries < LOCKED_TRIES => Next::Again,
        Class::Retry | Class::Locked | Class::Shrink => Next::Leave,
        Class::Lost | Class::Ambiguous | Class::Reset if tries < LOST_TRIES => Next::Reconnect,
        Class::Lost | Class::Ambiguous | Class::Reset => Next::BreakOff,
        Class::Cancelled | Class::Wait | Class::Login | Class::Fatal => Next::BreakOff,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_row_at_fault_gets_a_new_error() {
        let table = [
            (Class::Row, 1, Next::Keep),
            (Class::Locked, 1, Next::Again),
            (Class::Locked, 3, Next::Leave),
            (Class::Retry, 2, Next::Again),
            (Class::Shrink, 3, Next::Leave),
            (Class::Lost, 7, Next::Reconnect),
            (Class::Lost, 8, Next::BreakOff),
            (Class::Ambiguous, 1, Next::Reconnect),
            (Class::Reset, 1, Next::Reconnect),
            (Class::Cancelled, 1, Next::BreakOff),
            (Class::Wait, 1, Next::BreakOff),
            (Class::Login, 1, Next::BreakOff),
            (Class::Fatal, 1, Next::BreakOff),
        ];
        for (class, tries, expected) in table {
            assert_eq!(next(class, tries), expected, "{class:?} after {tries}");
        }
    }
}
