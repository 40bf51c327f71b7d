//! How does a test look at a run while it goes on? A run whose batches take a while because of a trigger of the test's,
//! which can be told to hurry; and what is said of it while it is held.

use super::counted::{Counted, batches};
use super::job::{add_one, batches_of};
use super::target::Target;
use super::tidegate::Process;
use super::until::until;
use rustix::process::Signal;
use std::time::{Duration, Instant};

/// A run on a table `items`, with its first batches committed. Two workers, ten rows a batch.
pub(crate) struct SlowRun {
    pub(crate) items: Counted,
    pub(crate) runner: Process,
}

/// Long beside what the program needs for a batch, short beside what a test waits for.
const REST: Duration = Duration::from_millis(50);

/// Fifteen seconds: more than pass before any hold. What is left when a test has seen enough is done in a hurry.
pub(crate) const ROWS: u64 = 6_000;

impl SlowRun {
    /// Starts it with these sections of the job file, such as `[pace.probe]`.
    pub(crate) async fn start(target: &Target, pace: &str) -> Self {
        let items = Self::prepare(target, ROWS, pace).await;
        let runner = target.start(&["run", &items.job.path]);
        Self::after_its_first_batches(target, items, runner).await
    }

    /// The table and the job, for a run that a test starts in its own way. On SQLite, where no trigger can rest, the
    /// job's own limit of rows a second makes it as slow; so a test must not set another.
    pub(crate) async fn prepare(target: &Target, rows: u64, pace: &str) -> Counted {
        let pace = target.either(pace.to_owned(), with_slow_rate(pace));
        Self::prepare_with(target, rows, &sections(&pace)).await
    }

    /// The same table, for a job with sections of the test's own.
    pub(crate) async fn prepare_with(target: &Target, rows: u64, sections: &str) -> Counted {
        let items = Counted::with_job(target, rows, sections).await;
        if target.either(true, false) {
            target.execute(&rest_function(REST)).await;
            target
                .execute("create trigger rest after update on items for each statement execute function rest()")
                .await;
        }
        items
    }

    pub(crate) async fn after_its_first_batches(target: &Target, items: Counted, mut runner: Process) -> Self {
        runner.brings("five batches", async || batches(target).await >= 5).await;
        Self { items, runner }
    }

    /// Waits until `status` shows a reason with these words; the reason. A batch may still be in hand.
    pub(crate) async fn shows_within(&mut self, deadline: Duration, target: &Target, words: &str) -> String {
        let begun = Instant::now();
        let mut held = Vec::new();
        self.runner
            .brings(&format!("a hold by {words:?}"), async || {
                held = held_by(target, &self.items).await;
                held.iter().any(|reason| reason.contains(words)) || begun.elapsed() > deadline
            })
            .await;
        let reason = held.iter().find(|reason| reason.contains(words)).cloned();
        reason.unwrap_or_else(|| panic!("not held by {words:?} within {deadline:?}, but by {held:?}"))
    }

    /// Waits until `status` shows a reason with these words, and no batch is in hand any more; the reason.
    pub(crate) async fn is_held_within(&mut self, deadline: Duration, target: &Target, words: &str) -> String {
        let reason = self.shows_within(deadline, target, words).await;
        until("no batch is in hand", async || target.is_quiet().await).await;
        reason
    }

    /// Waits for a hold by that reason, however long it takes to come.
    pub(crate) async fn is_held(&mut self, target: &Target, words: &str) -> String {
        self.is_held_within(Duration::from_secs(60), target, words).await
    }

    /// Waits until batches are committed again, and `status` says so.
    pub(crate) async fn goes_on(&mut self, target: &Target) {
        let before = batches(target).await;
        // More than the workers may have had in hand.
        self.runner.brings("batches after the hold", async || batches(target).await > before + 2).await;
        self.runner.brings("the end of the hold", async || held_by(target, &self.items).await.is_empty()).await;
    }

    /// Lets the run end as fast as it can, and looks at every row: stops it, and lets it go on by the same job without
    /// its pace, which no digest holds against it.
    pub(crate) async fn ends_well(self, target: &Target) -> Counted {
        self.runner.signal(Signal::TERM);
        self.runner.end().await.exits(4);
        hurry(target).await;
        target.run(&target.job(&self.items.job.name, &sections(""))).await;
        self.items.was_applied_exactly_once(target).await;
        self.items
    }

    /// Lets the run end by itself, with its pace, and looks at every row.
    pub(crate) async fn ends_by_itself(self, target: &Target) -> Counted {
        hurry(target).await;
        self.runner.end().await.exits(0);
        self.items.was_applied_exactly_once(target).await;
        self.items
    }
}

/// Panics unless the run is held by that reason, and no other batch is committed, for as long as five calls of the
/// program take: each takes longer than several batches.
pub(crate) async fn stays_held(target: &Target, items: &Counted, words: &str) {
    let before = batches(target).await;
    for _ in 0..5 {
        let held = held_by(target, items).await;
        assert!(held.iter().any(|reason| reason.contains(words)), "held by {words:?} no more, but by {held:?}");
    }
    assert_eq!(batches(target).await, before, "batches while held by {words:?}");
}

/// Every reason that `status` shows.
async fn held_by(target: &Target, items: &Counted) -> Vec<String> {
    let status = target.status(&items.job).await;
    if status.is_null() {
        return Vec::new(); // The program has not come so far.
    }
    let held = status["held"].as_array().unwrap_or_else(|| panic!("no list `held` in {status}"));
    held.iter().map(|reason| reason.as_str().expect("a text").to_owned()).collect()
}

/// From now on batches take no longer than they must.
async fn hurry(target: &Target) {
    if target.either(true, false) {
        target.execute(&rest_function(Duration::ZERO)).await;
    }
}

fn sections(pace: &str) -> String {
    add_one("items", &(batches_of(10) + pace))
}

/// As many rows a second as the trigger lets pass, in the section `[pace]` that is there or in a new one.
fn with_slow_rate(pace: &str) -> String {
    const SLOW: &str = "[pace]\nmax_rows_per_second = 400\n";
    if pace.contains("[pace]\n") { pace.replace("[pace]\n", SLOW) } else { format!("{SLOW}{pace}") }
}

fn rest_function(rest: Duration) -> String {
    let seconds = rest.as_secs_f64();
    format!(
        "create or replace function rest() returns trigger language plpgsql as
         $$ begin perform pg_sleep({seconds}); return null; end $$"
    )
}
