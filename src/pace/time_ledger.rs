//! Where does a run's time go? Every moment of every worker falls into one bucket, so the buckets of a run sum to the
//! time it was held; a vacuum beside them has its own. Hears the time; reads no clock.

use crate::event::Bucket;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The time of a run's workers.
///
/// A worker is in one bucket at every moment, `idle` before its first and after its last turn. A second of the run is
/// the mean of its workers' seconds: with two workers, one of which rests, half of the second is rest. When their number
/// changes, what was spent before is restated as if by the new number, so that the mean stays what it was.
pub struct TimeLedger {
    books: Mutex<Books>,
}

struct Books {
    closed: BTreeMap<Bucket, Duration>,
    workers: Vec<Spending>,
    vacuums: Vacuums,
}

/// The time of vacuums beside the workers, which is none of theirs.
#[derive(Default)]
struct Vacuums {
    ended: Duration,
    since: Option<Instant>,
}

/// What one worker spends its time on.
struct Spending {
    bucket: Bucket,
    since: Instant,
    /// The phases of the batch in hand: where they go is known when the batch has ended.
    batch: Option<Vec<(Bucket, Duration)>>,
}

impl TimeLedger {
    /// The ledger of so many workers, all of them idle from now on.
    pub fn new(workers: u32, now: Instant) -> Arc<Self> {
        let idle = || Spending { bucket: Bucket::Idle, since: now, batch: None };
        let workers = (0..workers.max(1)).map(|_| idle()).collect();
        Arc::new(Self { books: Mutex::new(Books { closed: BTreeMap::new(), workers, vacuums: Vacuums::default() }) })
    }

    /// The stopwatch of one worker, counted from 0.
    pub fn stopwatch(self: &Arc<Self>, worker: u32) -> Stopwatch {
        Stopwatch { ledger: Arc::clone(self), worker: worker as usize }
    }

    /// So many workers from now on. Who comes is idle at first; who goes counts no more, not even what it has yet to finish.
    pub fn set_workers(&self, workers: u32, now: Instant) {
        let mut books = self.books();
        let Books { closed, workers: all, .. } = &mut *books;
        let (before, after) = (u32::try_from(all.len()).unwrap_or(1), workers.max(1));
        for spending in all.iter_mut() {
            spending.settle(closed, now);
        }
        for spending in all.drain(all.len().min(after as usize)..) {
            for (phase, took) in spending.batch.into_iter().flatten() {
                *closed.entry(phase).or_default() += took;
            }
        }
        let phases = all.iter_mut().filter_map(|spending| spending.batch.as_mut()).flatten().map(|(_, took)| took);
        for took in closed.values_mut().chain(phases) {
            *took = took.saturating_mul(after) / before;
        }
        all.resize_with(after as usize, || Spending { bucket: Bucket::Idle, since: now, batch: None });
    }

    /// The table is vacuumed from now on, beside the workers.
    pub fn vacuum_begins(&self, now: Instant) {
        self.books().vacuums.since = Some(now);
    }

    /// The vacuum is over.
    pub fn vacuum_ends(&self, now: Instant) {
        let mut books = self.books();
        books.vacuums.ended = books.vacuums.until(now);
        books.vacuums.since = None;
    }

    /// What went where until now; what is still going on is counted where it seems to go.
    pub fn spent(&self, now: Instant) -> BTreeMap<Bucket, Duration> {
        self.sum(now, true)
    }

    /// What went where for good: a batch in hand is not in it, because where its time goes is known when it has ended.
    /// No bucket ever falls.
    pub fn settled(&self, now: Instant) -> BTreeMap<Bucket, Duration> {
        self.sum(now, false)
    }

    fn sum(&self, now: Instant, with_batches_in_hand: bool) -> BTreeMap<Bucket, Duration> {
        let books = self.books();
        let mut spent = books.closed.clone();
        for spending in books.workers.iter().filter(|spending| with_batches_in_hand || spending.batch.is_none()) {
            for (bucket, took) in spending.batch.iter().flatten() {
                *spent.entry(bucket.clone()).or_default() += *took;
            }
            *spent.entry(spending.bucket.clone()).or_default() += now.saturating_duration_since(spending.since);
        }
        let workers = u32::try_from(books.workers.len()).unwrap_or(1);
        let of_workers = spent.into_iter().map(|(bucket, took)| (bucket, took / workers));
        let beside = [(Bucket::Vacuum, books.vacuums.until(now))];
        of_workers.chain(beside).filter(|(_, took)| !took.is_zero()).collect()
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        // Sums of a panicked worker are whole: nothing here can stop half-way.
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One worker's side of the ledger.
pub struct Stopwatch {
    ledger: Arc<TimeLedger>,
    worker: usize,
}

impl Stopwatch {
    /// From now on the worker's time goes into this bucket.
    pub fn turn_to(&self, bucket: Bucket, now: Instant) {
        self.write(|spending, closed| {
            spending.settle(closed, now);
            spending.bucket = bucket;
        });
    }

    /// A batch begins, with this phase.
    pub fn begin_batch(&self, phase: Bucket, now: Instant) {
        self.end_batch(None, now);
        self.turn_to(phase, now);
        self.write(|spending, _| spending.batch = Some(Vec::new()));
    }

    /// The batch has ended; its phases stand as they are, or all of them were for nothing and go into `instead`.
    pub fn end_batch(&self, instead: Option<Bucket>, now: Instant) {
        self.write(|spending, closed| {
            let last = spending.turn_to(Bucket::Idle, now);
            for (phase, took) in spending.batch.take().unwrap_or_default().into_iter().chain([last]) {
                *closed.entry(instead.clone().unwrap_or(phase)).or_default() += took;
            }
        });
    }

    fn write(&self, write: impl FnOnce(&mut Spending, &mut BTreeMap<Bucket, Duration>)) {
        let mut books = self.ledger.books();
        let Books { closed, workers, .. } = &mut *books;
        if let Some(spending) = workers.get_mut(self.worker) {
            write(spending, closed);
        }
    }
}

impl Vacuums {
    fn until(&self, now: Instant) -> Duration {
        self.ended + self.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }
}

impl Spending {
    /// Writes down where the time went until now; it goes on as before.
    fn settle(&mut self, closed: &mut BTreeMap<Bucket, Duration>, now: Instant) {
        let (bucket, took) = self.turn_to(self.bucket.clone(), now);
        match &mut self.batch {
            Some(phases) => phases.push((bucket, took)),
            None => *closed.entry(bucket).or_default() += took,
        }
    }

    /// Where the time went since the last turn.
    fn turn_to(&mut self, bucket: Bucket, now: Instant) -> (Bucket, Duration) {
        let took = now.saturating_duration_since(self.since);
        // A clock that stands still or goes back must not count a moment twice.
        self.since = self.since.max(now);
        (std::mem::replace(&mut self.bucket, bucket), took)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seconds(spent: &BTreeMap<Bucket, Duration>, bucket: &Bucket) -> f64 {
        spent.get(bucket).map_or(0.0, Duration::as_secs_f64)
    }

    #[test]
    fn a_batch_that_failed_is_counted_as_what_made_it_fail() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let ledger = TimeLedger::new(1, start);
        let watch = ledger.stopwatch(0);
        watch.begin_batch(Bucket::Boundary, at(1));
        watch.turn_to(Bucket::Apply, at(2));
        assert_eq!(seconds(&ledger.spent(at(5)), &Bucket::Apply), 3.0, "while it goes on");
        assert_eq!(seconds(&ledger.settled(at(5)), &Bucket::Apply), 0.0, "not known yet");
        watch.end_batch(Some(Bucket::LockWait), at(5));
        watch.begin_batch(Bucket::Boundary, at(5));
        watch.turn_to(Bucket::Apply, at(6));
        watch.end_batch(None, at(8));
        let spent = ledger.spent(at(8));
        let expected = [(Bucket::Boundary, 1.0), (Bucket::Apply, 2.0), (Bucket::LockWait, 4.0), (Bucket::Idle, 1.0)];
        for (bucket, expected) in expected {
            assert_eq!(seconds(&spent, &bucket), expected, "{bucket}");
        }
    }

    #[test]
    fn a_vacuum_takes_nobodys_time() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let ledger = TimeLedger::new(2, start);
        ledger.vacuum_begins(at(1));
        assert_eq!(seconds(&ledger.spent(at(4)), &Bucket::Vacuum), 3.0, "while it goes on");
        ledger.vacuum_ends(at(5));
        ledger.vacuum_begins(at(8));
        ledger.vacuum_ends(at(9));
        let spent = ledger.spent(at(10));
        assert_eq!((seconds(&spent, &Bucket::Vacuum), seconds(&spent, &Bucket::Idle)), (5.0, 10.0));
    }

    #[test]
    fn a_second_is_shared_by_the_workers() {
        let start = Instant::now();
        let ledger = TimeLedger::new(2, start);
        ledger.stopwatch(0).turn_to(Bucket::Apply, start);
        ledger.stopwatch(1).turn_to(Bucket::Held("probe".into()), start);
        let spent = ledger.spent(start + Duration::from_secs(10));
        assert_eq!(seconds(&spent, &Bucket::Apply), 5.0);
        assert_eq!(seconds(&spent, &Bucket::Held("probe".into())), 5.0);
    }

    #[test]
    fn what_was_spent_before_another_number_of_workers_stays_what_it_was() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let ledger = TimeLedger::new(1, start);
        ledger.stopwatch(0).turn_to(Bucket::Apply, start);
        ledger.set_workers(4, at(10));
        assert_eq!(seconds(&ledger.spent(at(10)), &Bucket::Apply), 10.0);
        assert_eq!(seconds(&ledger.spent(at(14)), &Bucket::Apply), 11.0, "one of four");
        ledger.set_workers(1, at(14));
        let spent = ledger.spent(at(20));
        assert_eq!((seconds(&spent, &Bucket::Apply), seconds(&spent, &Bucket::Idle)), (17.0, 3.0));
        ledger.stopwatch(3).turn_to(Bucket::Retry, at(21));
        assert_eq!(seconds(&ledger.spent(at(30)), &Bucket::Retry), 0.0, "of a worker that was dismissed");
    }

    proptest! {
        #[test]
        fn the_buckets_sum_to_the_time_that_passed(
            turns in proptest::collection::vec((0..3_u32, 0..7_u8, 0..1000_u64), 0..60)
        ) {
            let start = Instant::now();
            let ledger = TimeLedger::new(3, start);
            let mut now = start;
            for (worker, turn, millis) in turns {
                now += Duration::from_millis(millis);
                let watch = ledger.stopwatch(worker);
                match turn {
                    0 => watch.begin_batch(Bucket::Boundary, now),
                    1 => watch.turn_to(Bucket::Apply, now),
                    2 => watch.end_batch(Some(Bucket::Retry), now),
                    3 => watch.end_batch(None, now),
                    4 => ledger.set_workers(worker + 1, now),
                    _ => watch.turn_to(Bucket::Rate, now),
                }
            }
            now += Duration::from_millis(5);
            let sum: Duration = ledger.spent(now).values().sum();
            let wall = now - start;
            prop_assert!(wall.abs_diff(sum) < Duration::from_micros(1), "{sum:?} of {wall:?}");
        }

        #[test]
        fn what_is_settled_never_falls(turns in proptest::collection::vec((0..3_usize, 0..3_u8, 0..1000_u64), 0..60)) {
            let mut now = Instant::now();
            let ledger = TimeLedger::new(3, now);
            let mut in_batch = [false; 3];
            for (worker, turn, millis) in turns {
                now += Duration::from_millis(millis);
                let (before, watch) = (ledger.settled(now), ledger.stopwatch(worker as u32));
                match (in_batch[worker], turn) {
                    (false, 0) => watch.turn_to(Bucket::Rate, now),
                    (false, _) => watch.begin_batch(Bucket::Boundary, now),
                    (true, 0) => watch.turn_to(Bucket::Apply, now),
                    (true, 1) => watch.end_batch(Some(Bucket::Retry), now),
                    (true, _) => watch.end_batch(None, now),
                }
                in_batch[worker] = turn == 0 && in_batch[worker] || turn > 0 && !in_batch[worker];
                let after = ledger.settled(now);
                for (bucket, before) in before {
                    let after = after.get(&bucket).copied().unwrap_or_default();
                    prop_assert!(after >= before, "{} falls from {:?} to {:?}", bucket, before, after);
                }
            }
        }
    }
}
