//! How far is the replica behind, and does the run go on meanwhile? The test's own measure, by a clock of its own, so
//! that it does not believe the program. Knows no job.

use super::replica::{CURRENT, REPLAYED, Replicated, number};
use super::target::Target;
use super::until::until;
use sqlx::postgres::PgPool;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// What was seen at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) at: Instant,
    /// The age of the newest position that the standby has replayed.
    pub(crate) lag: Duration,
    /// Committed by then.
    pub(crate) batches: i64,
}

/// Looks at both servers all the time, until it is dropped.
pub(crate) struct LagWatch {
    samples: Arc<Mutex<Vec<Sample>>>,
    looking: JoinHandle<()>,
}

impl LagWatch {
    pub(crate) async fn start(replicated: &Replicated) -> Self {
        let samples = Arc::<Mutex<Vec<Sample>>>::default();
        let primary = PgPool::connect(&replicated.target.url).await.expect("the primary answers");
        let batches = format!("select coalesce(sum(seq), 0)::bigint from {}", replicated.target.state("slice"));
        let looking = tokio::spawn(look(primary, replicated.door(), batches, Arc::clone(&samples)));
        Self { samples, looking }
    }

    /// Looks on for so long.
    pub(crate) async fn looks_on_for(&self, duration: Duration) {
        let begun = Instant::now();
        until("the watch sees more", async || self.samples().last().is_some_and(|last| last.at > begun + duration))
            .await;
    }

    /// Everything seen so far.
    pub(crate) fn samples(&self) -> Vec<Sample> {
        self.samples.lock().unwrap().clone()
    }

    /// When the lag first crossed `max`.
    pub(crate) fn crossed(&self, max: Duration) -> Option<Instant> {
        self.samples().iter().find(|sample| sample.lag > max).map(|sample| sample.at)
    }

    /// Panics when a batch was committed although the lag had been over `max` for longer than `grace`.
    pub(crate) fn saw_no_batch_while_over(&self, max: Duration, grace: Duration) {
        let samples = self.samples();
        let mut over_since: Option<Instant> = None;
        let mut looked_at = 0;
        for pair in samples.windows(2) {
            let [before, now] = pair else { unreachable!("two at a time") };
            over_since = if before.lag > max { over_since.or(Some(before.at)) } else { None };
            let Some(since) = over_since else { continue };
            if before.at > since + grace && now.lag > max {
                looked_at += 1;
                let (lag, over) = (before.lag, before.at - since);
                assert_eq!(
                    before.batches, now.batches,
                    "batches, while the lag was {lag:?} > {max:?}, for {over:?} now"
                );
            }
        }
        assert!(looked_at > 10, "the lag was not over {max:?} for long enough to tell: {looked_at} looks");
    }
}

impl Drop for LagWatch {
    fn drop(&mut self) {
        self.looking.abort();
    }
}

async fn look(primary: PgPool, standby: PgPool, batches: String, samples: Arc<Mutex<Vec<Sample>>>) {
    // When each position was the newest one; the front is the newest that is replayed.
    let mut history = VecDeque::<(Instant, i64)>::new();
    loop {
        let at = Instant::now();
        // The end of the log before it is asked what of it is replayed: lag is never below what it is.
        if let (Some(current), Some(replayed)) = (number(&primary, CURRENT).await, number(&standby, REPLAYED).await) {
            history.push_back((at, current));
            while history.len() > 1 && history[1].1 <= replayed {
                history.pop_front();
            }
            let lag = if replayed >= current { Duration::ZERO } else { at - history[0].0 };
            let batches = number(&primary, &batches).await.unwrap_or(0);
            samples.lock().unwrap().push(Sample { at, lag, batches });
        }
        tokio::time::sleep(BETWEEN_SAMPLES).await;
    }
}

/// Shorter than a batch of a slow run, so that it is known between which two looks a batch was committed.
const BETWEEN_SAMPLES: Duration = Duration::from_millis(20);

impl Target {
    /// Bytes of write-ahead log so far.
    pub(crate) async fn log_end(&self) -> i64 {
        self.number(CURRENT).await
    }
}
