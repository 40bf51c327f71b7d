//! What did a worker's batches fail of lately, and what follows? Keeps count for [`answer`](super::answer::answer), knows
//! who has a lock, and how long to rest. Touches no database.

use super::answer::{Answer, Streak, Tried, answer};
use super::backoff;
use super::crew::Crew;
use crate::db::{Blocker, Class, Failure, OpenBatch, SliceRecord};
use crate::event::{Bucket, Reason};
use crate::pace::Stretch;
use backon::ExponentialBackoff;
use std::time::Duration;

/// The failures of one worker since its last success.
pub(super) struct Recovery<'a> {
    crew: &'a Crew,
    worker: u32,
    streak: Streak,
    delays: ExponentialBackoff,
    /// Of a wait for somebody who mends the database.
    patience: ExponentialBackoff,
    blockers: Vec<Blocker>,
}

/// Where a failure was met.
pub(super) struct Met<'a> {
    pub(super) slice: &'a SliceRecord,
    /// How far the batch was to go.
    pub(super) stretch: Stretch,
    /// The batch, where it had begun.
    pub(super) batch: Option<OpenBatch>,
    pub(super) settling: bool,
}

impl<'a> Met<'a> {
    /// Before a batch had begun, or after its COMMIT was sent.
    pub(super) fn in_no_batch(slice: &'a SliceRecord, settling: bool) -> Self {
        Self { slice, stretch: Stretch::of_rows(0), batch: None, settling }
    }
}

impl<'a> Recovery<'a> {
    /// Nothing has failed yet.
    pub(super) fn new(crew: &'a Crew, worker: u32) -> Self {
        crew.troubles.set(worker, None);
        let (delays, patience) = (backoff::delays(), backoff::patient_delays());
        Self { crew, worker, streak: Streak::default(), delays, patience, blockers: Vec::new() }
    }

    /// A batch is durable: what was, is over.
    pub(super) fn succeeded(&mut self) {
        if self.streak.tries == 0 {
            return;
        }
        self.streak = Streak::default();
        (self.delays, self.patience) = (backoff::delays(), backoff::patient_delays());
        self.blockers.clear();
        self.crew.troubles.set(self.worker, None);
    }

    /// There is a connection again.
    pub(super) fn connected(&self) {
        self.crew.troubles.set(self.worker, None);
    }

    /// Whether it should be looked who has the lock, when the next batch waits for one again.
    pub(super) fn suspects_a_lock(&self) -> bool {
        self.streak.class == Some(Class::Locked)
    }

    /// Who was seen to have it. Nobody may be seen because the wait was over by then.
    pub(super) fn saw_blockers(&mut self, blockers: Vec<Blocker>) {
        if !blockers.is_empty() {
            self.blockers = blockers;
        }
    }

    /// What the failure asks for.
    pub(super) fn answer(&mut self, failure: &Failure, met: &Met<'_>) -> Answer {
        self.streak.met(failure.class);
        let has_row_locks = self.crew.database.dialect().has_row_locks();
        let has_table = self.blockers.iter().any(|blocker| blocker.has_table);
        answer(Tried {
            class: failure.class,
            in_a_row: self.streak.in_a_row,
            tries: self.streak.tries,
            settling: met.settling,
            is_smallest: has_table
                || met.batch.is_none()
                || self.crew.is_smallest(met.slice, met.stretch, failure.class == Class::Locked),
            can_be_set_aside: met.batch.is_some() && !met.slice.set_aside && has_row_locks && !has_table,
        })
    }

    /// How long to rest before the answer, and what that time counts as. Tells of the trouble.
    pub(super) fn rest(&mut self, answer: Answer, failure: &Failure, met: &Met<'_>) -> (Bucket, Duration) {
        let trouble = match (answer, failure.class) {
            (Answer::Wait, Class::Locked) if !met.settling => {
                Some(Reason::Locked { what: self.lock_in_words(failure) })
            }
            (Answer::Wait | Answer::Reconnect, _) => Some(Reason::Trouble { what: self.in_words(failure, met) }),
            _ => None,
        };
        let delay = match (answer, failure.class) {
            // A lock is let go sooner than a disk is cleared.
            (Answer::Wait, class) if class != Class::Locked => backoff::next(&mut self.patience),
            _ => backoff::next(&mut self.delays),
        };
        let bucket = match (&trouble, answer) {
            (Some(trouble), Answer::Wait) => Bucket::Held(trouble.signal()),
            _ => Bucket::Retry,
        };
        match trouble {
            Some(trouble) => self.crew.troubles.set(self.worker, Some(trouble)),
            None => self.crew.batch_retried(failure.class, self.lock_in_words(failure), delay),
        }
        (bucket, delay)
    }

    /// The failure, and who has the lock that it met.
    pub(super) fn lock_in_words(&self, failure: &Failure) -> String {
        match self.blockers.first().filter(|_| failure.class == Class::Locked) {
            Some(blocker) => format!("{failure}; {blocker}"),
            None => failure.to_string(),
        }
    }

    fn in_words(&self, failure: &Failure, met: &Met<'_>) -> String {
        match met.settling {
            true => format!("whether the last batch was committed is not known yet: {failure}"),
            false => failure.to_string(),
        }
    }
}
