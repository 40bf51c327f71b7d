//! How many rows a second? One limit for all workers of a run, paid after each batch. The only home of governor.
//!
//! A batch's rows are known only once it is done, so they are a debt that is paid off in pieces before the next batch
//! begins. governor refuses to weigh more at once than its burst, and cannot change a limit: pieces are cut to the
//! burst, and another limit is another limiter.

use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A limit is divided into this many turns a second: how often somebody who owes comes back to pay. Often enough that
/// workers share the limit evenly and another one is noticed at once, rarely enough to cost nothing.
const TURNS: u32 = 10;

/// A limit of rows per second that may change while it is in force.
pub struct Rate {
    till: Till<DefaultClock>,
}

impl Rate {
    /// So many rows a second; `None`: as many as there are.
    pub fn new(limit: Option<NonZeroU32>) -> Self {
        Self { till: Till::new(limit, DefaultClock::default()) }
    }

    /// Another limit, from now on. What is owed stays owed. Who waits to pay comes back within a second at most.
    pub fn set(&self, limit: Option<NonZeroU32>) {
        self.till.set(limit);
    }

    /// Whether there is a limit.
    pub fn is_limited(&self) -> bool {
        self.till.is_limited()
    }

    /// Pays as much of `owed` rows as the limit allows now. `None`: all is paid. Else how long until more can be.
    pub fn pay(&self, owed: &mut u64) -> Option<Duration> {
        self.till.pay(owed)
    }
}

/// Where all workers pay. The lock is held for a few comparisons, never while somebody waits.
struct Till<C: Clock> {
    clock: C,
    allowance: Mutex<Option<Allowance<C>>>,
}

impl<C: Clock + Clone> Till<C> {
    fn new(limit: Option<NonZeroU32>, clock: C) -> Self {
        Self { allowance: Mutex::new(limit.map(|limit| Allowance::new(limit, clock.clone()))), clock }
    }

    fn set(&self, limit: Option<NonZeroU32>) {
        let mut allowance = self.allowance.lock().unwrap_or_else(PoisonError::into_inner);
        // The same limit again must not take away what has been saved up.
        if allowance.as_ref().map(|allowance| allowance.limit) != limit {
            *allowance = limit.map(|limit| Allowance::new(limit, self.clock.clone()));
        }
    }

    fn is_limited(&self) -> bool {
        self.allowance.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn pay(&self, owed: &mut u64) -> Option<Duration> {
        let allowance = self.allowance.lock().unwrap_or_else(PoisonError::into_inner);
        match allowance.as_ref() {
            Some(allowance) => allowance.pay(owed, self.clock.now()),
            None => {
                *owed = 0;
                None
            }
        }
    }
}

/// What may be paid under one limit. Saves up to one second's rows: the time that a batch took has then been paid for
/// when the batch ends. With less, a worker whose batches take longer than the burst never reaches its limit; with
/// more, a run that was held for long would go on faster than its limit for as long.
struct Allowance<C: Clock> {
    limit: NonZeroU32,
    /// How long one row takes.
    row: Duration,
    limiter: RateLimiter<NotKeyed, InMemoryState, C, NoOpMiddleware<C::Instant>>,
}

impl<C: Clock> Allowance<C> {
    fn new(limit: NonZeroU32, clock: C) -> Self {
        // governor rounds the other way, which in the long run is more than the limit.
        let row = Duration::from_nanos(1_000_000_000_u64.div_ceil(u64::from(limit.get())));
        let quota = Quota::with_period(row).unwrap_or_else(|| Quota::per_second(limit)).allow_burst(limit);
        let limiter = RateLimiter::direct_with_clock(quota, clock);
        // A new limiter is full: who changes the limit often would never have to wait.
        let _ = limiter.check_n(limit);
        Self { limit, row, limiter }
    }

    fn pay(&self, owed: &mut u64, now: C::Instant) -> Option<Duration> {
        let (owed_before, mut piece) = (*owed, self.limit);
        loop {
            piece = piece.min(rows(*owed)?);
            let too_much = match self.limiter.check_n(piece) {
                Ok(Ok(())) => {
                    *owed -= u64::from(piece.get());
                    continue;
                }
                Ok(Err(too_much)) => Some(too_much),
                // No piece is larger than the burst, and what is refused is halved like what is too much.
                Err(_) => None,
            };
            // What is there is paid down to the last row: who waited for a large piece would starve beside small ones.
            match NonZeroU32::new(piece.get() / 2) {
                Some(half) => piece = half,
                None => {
                    let one_row = too_much.map_or(self.row, |too_much| too_much.wait_time_from(now));
                    // Of two who come back at the same time the second finds nothing: it comes back between two turns
                    // of the first, or it would find nothing for as long as the first owes.
                    let turns = if *owed == owed_before { 2 * TURNS } else { TURNS };
                    let turn = rows(*owed)?.get().min(self.limit.get() / turns);
                    return Some(one_row + self.row * turn.saturating_sub(1));
                }
            }
        }
    }
}

/// As many as fit; `None`: none are owed.
fn rows(owed: u64) -> Option<NonZeroU32> {
    NonZeroU32::new(u32::try_from(owed).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use governor::clock::FakeRelativeClock;
    use proptest::prelude::*;

    fn till(limit: u32) -> (Till<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        (Till::new(NonZeroU32::new(limit), clock.clone()), clock)
    }

    /// Pays all of it, moving the clock on as told; how long that took.
    fn pay_all(till: &Till<FakeRelativeClock>, clock: &FakeRelativeClock, rows: u64) -> Duration {
        let (mut owed, mut waited) = (rows, Duration::ZERO);
        while let Some(wait) = till.pay(&mut owed) {
            assert!(Duration::ZERO < wait && wait <= Duration::from_secs(1), "{wait:?}");
            clock.advance(wait);
            waited += wait;
        }
        assert_eq!(owed, 0);
        waited
    }

    #[test]
    fn a_batch_far_larger_than_the_burst_is_paid_at_the_limit() {
        for (limit, rows, seconds) in
            [(1, 10_000, 10_000.0), (7, 10_000, 10_000.0 / 7.0), (1_000, 10_000, 10.0), (20_000, 5_000, 0.25)]
        {
            let (till, clock) = till(limit);
            let took = pay_all(&till, &clock, rows).as_secs_f64();
            assert!((seconds..seconds * 1.001).contains(&took), "{limit}/s: {took} s for {rows} rows");
        }
    }

    #[test]
    fn no_limit_is_free() {
        let (till, _) = till(0);
        let mut owed = u64::MAX;
        assert_eq!((till.pay(&mut owed), owed), (None, 0));
    }

    #[test]
    fn the_time_a_batch_took_counts_towards_its_rows() {
        let (till, clock) = till(20_000);
        let mut elapsed = Duration::ZERO;
        for _ in 0..100 {
            clock.advance(Duration::from_millis(200));
            elapsed += Duration::from_millis(200) + pay_all(&till, &clock, 5_000);
        }
        let reached = 500_000.0 / elapsed.as_secs_f64();
        assert!((19_990.0..=20_000.0).contains(&reached), "{reached} rows/s");
    }

    #[test]
    fn two_workers_share_one_limit_evenly() {
        let (till, clock) = till(1_000);
        // Owed, paid, and when to come back. The first always comes first.
        let mut workers = [(10_000_u64, 0_u64, Duration::ZERO); 2];
        let mut now = Duration::ZERO;
        while now < Duration::from_secs(600) {
            for (owed, paid, back) in workers.iter_mut().filter(|worker| worker.2 <= now) {
                let before = *owed;
                let wait = till.pay(owed);
                *paid += before - *owed;
                // The next batch takes no time worth speaking of.
                *owed = if wait.is_none() { 10_000 } else { *owed };
                *back = now + wait.unwrap_or_default();
            }
            clock.advance(Duration::from_millis(1));
            now += Duration::from_millis(1);
        }
        let [first, second] = workers.map(|worker| worker.1);
        assert!((599_000..=600_000).contains(&(first + second)), "{first} + {second}");
        assert!(first.min(second) > 250_000, "{first} beside {second}");
    }

    #[test]
    fn another_limit_holds_at_once_and_grants_nothing_anew() {
        let (till, clock) = till(1);
        let mut owed = 10_000;
        assert_eq!(till.pay(&mut owed), Some(Duration::from_secs(1)));
        till.set(NonZeroU32::new(1_000));
        assert_eq!((till.pay(&mut owed), owed), (Some(Duration::from_millis(50)), 10_000));
        clock.advance(Duration::from_secs(1));
        assert_eq!((till.pay(&mut owed).is_some(), owed), (true, 9_000));
        for limit in [2_000, 3_000, 2_000, 1] {
            till.set(NonZeroU32::new(limit));
            assert_eq!((till.pay(&mut owed).is_some(), owed), (true, 9_000));
        }
        clock.advance(Duration::from_secs(3));
        assert_eq!((till.pay(&mut owed), owed), (Some(Duration::from_secs(1)), 8_999));
        till.set(None);
        assert_eq!((till.pay(&mut owed), owed), (None, 0));
    }

    #[test]
    fn the_same_limit_again_takes_nothing_away() {
        let (till, clock) = till(1_000);
        clock.advance(Duration::from_millis(500));
        till.set(NonZeroU32::new(1_000));
        let mut owed = 500;
        assert_eq!((till.pay(&mut owed), owed), (None, 0));
    }

    proptest! {
        #[test]
        fn no_more_is_ever_paid_than_the_limit_and_one_second_allow(
            limit in 1..3_000_000_u32,
            steps in prop::collection::vec((0..50_000_u64, 0..3_000_000_000_u64), 1..200),
        ) {
            let (till, clock) = till(limit);
            let (mut owed, mut paid, mut elapsed) = (0_u64, 0_u64, 0_u64);
            for (rows, nanos) in steps {
                owed += rows;
                let before = owed;
                till.pay(&mut owed);
                paid += before - owed;
                prop_assert!(u128::from(paid) * 1_000_000_000 <= u128::from(limit) * u128::from(elapsed));
                clock.advance(Duration::from_nanos(nanos));
                elapsed += nanos;
            }
        }
    }
}
