//! Where the key is a whole number: does a batch count keys instead of reading rows to find its end, and only where nearly
//! every key is a row?

use crate::support::{Counted, Target, add_one, batches_by, note_batches, promises};

promises!(on [every_postgres]:
    among_keys_with_few_gaps_a_batch_counts_keys,
    among_keys_with_many_gaps_a_batch_counts_rows,
    a_batch_that_met_a_gap_is_no_reason_for_small_ones_behind_it,
    the_last_key_of_its_type_ends_the_walk,
);

const ROWS: u64 = 20_000;
const BATCH: i64 = 100;

/// A job over what `gaps` leaves of the rows, and a table of how many each batch of it changed.
async fn items(target: &Target, gaps: &str) -> Counted {
    let sections = add_one("items", &batches_by(1, BATCH as u64));
    let items = Counted::with_job(target, ROWS, &sections).await;
    target.execute(gaps).await;
    note_batches(target).await;
    let rows = target.number("select count(*) from items").await;
    Counted { rows: rows.unsigned_abs(), ..items }
}

/// How many batches had each number of rows, the most frequent first.
async fn sizes(target: &Target) -> Vec<[i64; 2]> {
    let rows = target.rows("select rows, count(*) from batches group by rows order by count(*) desc, rows desc").await;
    rows.iter().map(|row| [row[0].parse().unwrap(), row[1].parse().unwrap()]).collect()
}

async fn among_keys_with_few_gaps_a_batch_counts_keys(target: Target) {
    let items = items(&target, "delete from items where id % 20 = 0").await;
    target.run(&items.job).await;
    items.was_applied_exactly_once(&target).await;
    let sizes = sizes(&target).await;
    assert!(sizes[0][0] == 95 && sizes[0][1] > 100, "[rows, batches]: {sizes:?}");
    assert!(sizes.iter().all(|[rows, _]| *rows <= BATCH), "{sizes:?}");
}

async fn among_keys_with_many_gaps_a_batch_counts_rows(target: Target) {
    let items = items(&target, "delete from items where id % 5 = 0").await;
    target.run(&items.job).await;
    items.was_applied_exactly_once(&target).await;
    let sizes = sizes(&target).await;
    assert!(sizes[0][0] == BATCH && sizes[0][1] > 100, "[rows, batches]: {sizes:?}");
}

async fn a_batch_that_met_a_gap_is_no_reason_for_small_ones_behind_it(target: Target) {
    let items = items(&target, "delete from items where id between 1001 and 19000 and id % 100 > 2").await;
    target.run(&items.job).await;
    items.was_applied_exactly_once(&target).await;
    // Counted in keys, the rows of the gap alone would take 180 batches.
    let batches: i64 = sizes(&target).await.iter().map(|[_, batches]| batches).sum();
    assert!(batches < 100, "{batches} batches");
}

async fn the_last_key_of_its_type_ends_the_walk(target: Target) {
    let items = items(&target, "update items set id = 2147483647 - id + 1").await;
    target.execute("truncate batches").await;
    target.run(&items.job).await;
    items.was_applied_exactly_once(&target).await;
    assert!(sizes(&target).await.iter().all(|[rows, _]| *rows <= BATCH));
}
