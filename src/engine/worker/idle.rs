//! What does a worker do that has no slice? Takes one that waits, or the upper half of what another worker has. Knows
//! neither when a half is worth it nor how a slice is split.

use super::Worker;
use crate::db::{Class, Failure, SliceRecord, Split, Wanted};
use crate::engine::backoff;
use crate::engine::halving::{self, Then};
use crate::event::Bucket;
use crate::pace::Passed;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

/// One of those who try to take a part of a slice, until it is dropped.
struct Taker<'a>(&'a AtomicU32);

impl<'a> Taker<'a> {
    fn among(takers: &'a AtomicU32) -> Self {
        takers.fetch_add(1, Ordering::Relaxed);
        Self(takers)
    }
}

impl Drop for Taker<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Worker<'_> {
    /// The slice to walk next; the worker has it from now on. `None`: nothing is left that is worth it, or the gate lets
    /// nobody in any more.
    pub(super) async fn next_slice(&mut self) -> Option<SliceRecord> {
        let waiting = self.crew.pool().next(self.number);
        match waiting {
            Some(slice) => Some(slice),
            None => self.half_of_another().await,
        }
    }

    async fn half_of_another(&mut self) -> Option<SliceRecord> {
        let _taker = Taker::among(&self.crew.takers);
        let (mut too_short, mut tries, mut delays) = (BTreeSet::new(), 0, backoff::delays());
        while let Some((from, about)) = self.crew.largest_of_others(self.number, &too_short) {
            let class = match self.halve(&from, about).await? {
                Ok(Split::Made(off)) => {
                    self.crew.tally.split(from.number, &off);
                    self.crew.pool().has(self.number, off.slice.clone());
                    return Some(off.slice);
                }
                Ok(Split::TooShort) => {
                    too_short.insert(from.number);
                    continue;
                }
                // It is done meanwhile, or the run was paused and the gate did not know yet.
                Ok(Split::NotOurs) => {
                    self.crew.look_again().await;
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
            if !self.rests(Bucket::Idle, backoff::next(&mut delays)).await {
                return None;
            }
        }
        None
    }

    /// Tries to take half of a slice of which about so many rows are left. `None`: the gate lets nobody in any more.
    ///
    /// It passes the gate like a batch: who paused a run and saw it paused may count on slices that stay as they are.
    async fn halve(&mut self, from: &SliceRecord, about: u64) -> Option<Result<Split, Failure>> {
        let crew = self.crew;
        let Passed::InHand(_in_hand) = crew.gate.pass(Some(self.number), &self.time).await else { return None };
        self.time.turn_to(Bucket::Boundary, Instant::now());
        let connected = self.connected().await;
        let least = {
            let sizing = crew.sizing(from.pass);
            halving::least_half(sizing.rows(), sizing.took_lately())
        };
        let split = match (connected, &mut self.lane) {
            (Err(failure), _) => Err(failure),
            (Ok(()), None) => Err(Failure::new(Class::Lost, "not connected")),
            (Ok(()), Some(lane)) => {
                halving::halve(lane.as_mut(), &crew.slice_lease(from), Wanted { least, about }).await
            }
        };
        self.time.turn_to(Bucket::Idle, Instant::now());
        Some(split)
    }
}
