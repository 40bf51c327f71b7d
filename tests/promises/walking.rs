//! Does every way through a table meet each row once? By its blocks, partition by partition, past long stretches without
//! a row in scope; and does the proof hold for each.

mod gaps;
mod laps;
mod partitions;
mod physical;
mod proof;
mod sparse;

use crate::support::{Counted, Target};

/// Adds one to `applied` and takes the row out of the scope.
const ONCE: &str = "where = \"note is null\"\n[change.set]\nnote = \"'n'\"\napplied = \"applied + 1\"\n";

/// The summary of every slice of a pass: how it went, and whether it is done.
async fn slices(target: &Target, pass: i64) -> Vec<[String; 2]> {
    let sql = format!("select walk, done from {} where pass = {pass} order by slice", target.state("slice"));
    let rows = target.rows(&sql).await;
    rows.into_iter().map(|row| [row[0].clone(), row[1].clone()]).collect()
}

/// Slices of a pass that go in this order.
async fn slices_by(target: &Target, pass: i64, order: &str) -> usize {
    slices(target, pass).await.iter().filter(|[walk, _]| walk == order).count()
}

/// Every row was changed once, whatever the checkpoints count.
async fn was_applied_once(target: &Target, table: &str, rows: u64) {
    let visits = target.rows(&format!("select applied, count(*) from {table} group by applied order by applied")).await;
    assert_eq!(visits, [["1".to_owned(), rows.to_string()]], "[visits, rows] of {table}");
}

/// A run that was killed after that many batches.
async fn killed_after(target: &Target, items: &Counted, batches: u32) {
    let point = format!("batch-committed={batches}*off->return");
    let ended = target.start_killed_at(&point, &["run", &items.job.path]).end().await;
    assert!(ended.was_killed(), "{ended}");
}
