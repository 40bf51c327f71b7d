//! Does the application keep its locks, and the run go on around them? The blocker is named, never what it runs.

use crate::support::{Counted, Target, add_one, batches, batches_by, promises, until, within};
use serde_json::Value;
use std::time::Duration;

promises!(on [every_postgres]:
    a_range_that_stays_locked_is_set_aside_and_walked_last,
    the_end_of_a_slice_that_stays_locked_is_walked_last,
    a_table_that_somebody_keeps_holds_the_run_with_their_name,
    a_batch_that_cannot_begin_with_the_commit_of_the_last_is_begun_again,
);
promises!(on [sqlite]:
    a_file_that_somebody_keeps_holds_the_run_until_they_let_go,
);

const ROWS: u64 = 3_000;

/// Batches of a hundred rows by one worker, who waits for a lock no longer than a breath.
async fn impatient(target: &Target) -> Counted {
    let batch = batches_by(1, 100) + "lock_timeout = \"300ms\"\n";
    Counted::with_job(target, ROWS, &add_one("items", &batch)).await
}

/// The same, not over before somebody has locked something.
async fn impatient_and_slow(target: &Target) -> Counted {
    let batch = batches_by(1, 100) + "lock_timeout = \"300ms\"\n[pace]\nmax_rows_per_second = 1000\n";
    Counted::with_job(target, ROWS, &add_one("items", &batch)).await
}

async fn a_range_that_stays_locked_is_set_aside_and_walked_last(target: Target) {
    let items = impatient(&target).await;
    let lock = target.lock("select 1 from items where id = 550 for update").await;
    let mut runner = target.start(&["run", &items.job.path]);
    let changed = "select count(*) from items where applied = 1";
    runner.brings("all rows but the locked range", async || target.number(changed).await == ROWS as i64 - 100).await;
    let aside = "select after_key, through_key from tidegate.slice where set_aside and not done";
    assert_eq!(target.rows(aside).await[0][1], "[\"600\"]");

    let held = shown(&target, &items, "; process ").await;
    assert!(
        held.starts_with("lock: ")
            && held.contains("(test, role postgres, idle in transaction, for ")
            && held.contains("has a row"),
        "{held}"
    );
    assert!(!held.contains("select"), "what somebody else runs is not shown: {held}");
    lock.release().await;
    runner.end().await.exits(0).says("set aside, to be walked last");
    items.was_applied_exactly_once(&target).await;

    let history = target.tidegate(&["history", &items.job.name]).await.exits(0).stdout;
    let told = history.lines().find(|line| line.contains("range-set-aside")).expect("on record");
    assert!(told.contains("(500 .. 600]"), "{told}");
}

/// No slice of its own is needed for what ends with its slice.
async fn the_end_of_a_slice_that_stays_locked_is_walked_last(target: Target) {
    let items = impatient(&target).await;
    let lock = target.lock(&format!("select 1 from items where id = {ROWS} for update")).await;
    let mut runner = target.start(&["run", &items.job.path]);
    let changed = "select count(*) from items where applied = 1";
    runner.brings("all rows but the last range", async || target.number(changed).await == ROWS as i64 - 100).await;
    until("it is set aside", async || target.number("select count(*) from tidegate.slice where set_aside").await == 1)
        .await;
    lock.release().await;
    runner.end().await.exits(0);
    items.was_applied_exactly_once(&target).await;
}

/// A smaller range would not help, so nothing is carved.
async fn a_table_that_somebody_keeps_holds_the_run_with_their_name(target: Target) {
    let items = impatient_and_slow(&target).await;
    let mut runner = target.start(&["run", &items.job.path]);
    runner.brings("a batch", async || batches(&target).await >= 1).await;
    let lock = target.lock("lock table items in share row exclusive mode").await;
    let done = batches(&target).await;
    let held = shown(&target, &items, "has the table").await;
    assert!(held.starts_with("lock: ") && held.contains("(test, "), "{held}");
    assert_eq!(batches(&target).await, done);
    assert_eq!(target.number("select count(*) from tidegate.slice where set_aside").await, 0);
    lock.release().await;
    runner.end().await.exits(0);
    items.was_applied_exactly_once(&target).await;
    let why = target.why(&items.job).await;
    let buckets = why["time"]["buckets"].as_array().expect("buckets");
    assert!(buckets.iter().any(|bucket| bucket["bucket"] == "held:lock"), "{why}");
}

async fn a_file_that_somebody_keeps_holds_the_run_until_they_let_go(target: Target) {
    let items = impatient_and_slow(&target).await;
    let mut runner = target.start(&["run", &items.job.path]);
    runner.brings("a batch", async || batches(&target).await >= 1).await;
    let writer = target.keep_file().await;
    until("the reason in the log", async || runner.has_said("held: lock: ")).await;
    assert!(runner.is_running());
    writer.release().await;
    runner.end().await.exits(0);
    items.was_applied_exactly_once(&target).await;
}

/// The reason with these words, as soon as `status` shows one.
async fn shown(target: &Target, items: &Counted, words: &str) -> String {
    let mut shown = Vec::new();
    let seen = within(Duration::from_secs(60), "the reason in `status`", async || {
        let held = target.tidegate(&["status", &items.job.name, "--output", "json"]).await;
        let held: Value = serde_json::from_str(&held.stdout).unwrap_or_default();
        shown.extend(held["runs"][0]["held"][0].as_str().map(str::to_owned));
        shown.dedup();
        shown.last().is_some_and(|held| held.contains(words))
    });
    seen.await;
    shown.swap_remove(shown.len() - 1)
}

/// Nothing slows the run down, so each batch begins together with the COMMIT of the last: that is answered, whatever becomes of
/// what was begun.
async fn a_batch_that_cannot_begin_with_the_commit_of_the_last_is_begun_again(target: Target) {
    let sections = add_one("items", &(batches_by(1, 20) + "lock_timeout = \"100ms\"\n"));
    let items = Counted::with_job(&target, 40_000, &sections).await;
    let mut runner = target.start(&["run", &items.job.path]);
    for _ in 0..3 {
        let goal = batches(&target).await + 50;
        runner.brings("batches before the next lock", async || batches(&target).await >= goal).await;
        // Asked for while a batch is in hand, as a rule, and granted between its COMMIT and the next look at the table.
        let lock = target.lock("lock table items in access exclusive mode").await;
        let before = batches(&target).await;
        shown(&target, &items, "; process ").await;
        assert_eq!(batches(&target).await, before, "no batch is lost or counted twice while the table is kept");
        lock.release().await;
    }
    runner.end().await.exits(0);
    items.was_applied_exactly_once(&target).await;
}
