//! Is the end proven by one look where that is quick, and by a sweep in batches where it is not?

use super::{ONCE, slices, was_applied_once};
use crate::support::{Counted, Target, batches_by, batches_of, promises};

promises!(on [every_postgres]:
    one_look_proves_that_nothing_is_left,
    where_one_look_takes_too_long_the_rows_are_swept_in_batches,
);

const ROWS: u64 = 1_500;

async fn items(target: &Target, scope: &str, batch: &str) -> Counted {
    let sections = format!("[table]\nname = \"items\"\n{}{batch}", ONCE.replace("note is null", scope));
    let items = Counted::with_job(target, ROWS, &sections).await;
    target.execute("alter table items add column note text").await;
    items
}

async fn one_look_proves_that_nothing_is_left(target: Target) {
    let items = items(&target, "note is null", &batches_of(100)).await;
    let summary = target.run(&items.job).await;
    items.was_applied_exactly_once(&target).await;
    assert_eq!((&summary["proof"]["sweep_passes"], &summary["proof"]["rows_left"]), (&1.into(), &0.into()));
    assert_eq!(slices(&target, 1).await, [["key", "t"]], "one slice, without a batch");
    assert_eq!(target.number("select sum(seq)::bigint from tidegate.slice where pass = 1").await, 0);
}

/// A row takes a millisecond to be judged, so a batch of a hundred is well within the timeout and the table is not.
async fn where_one_look_takes_too_long_the_rows_are_swept_in_batches(target: Target) {
    target
        .execute(
            "create function is_left(note text) returns boolean language plpgsql volatile cost 1 as
                 $$ begin perform pg_sleep(0.001); return note is null; end $$",
        )
        .await;
    // An idle worker would take half of a slice.
    let batch = batches_by(1, 100) + "scan_rows = 100\nstatement_timeout = \"800ms\"\nlock_timeout = \"400ms\"\n";
    let items = items(&target, "is_left(note)", &batch).await;
    target.run(&items.job).await;
    was_applied_once(&target, "items", ROWS).await;
    assert_eq!(slices(&target, 1).await.len(), slices(&target, 0).await.len(), "those of the walk once more");
    assert!(target.number("select sum(seq)::bigint from tidegate.slice where pass = 1").await > 0);
}
