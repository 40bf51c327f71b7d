//! Is each partition walked by itself, and is it noticed when one comes or goes meanwhile?

use super::{ONCE, killed_after, was_applied_once};
use crate::support::{Counted, Role, Target, batches_by, batches_of, promises, rows_changed};

promises!(on [every_postgres]:
    each_partition_has_slices_of_its_own,
    partitions_are_walked_by_blocks_too,
    a_walk_over_partitions_that_is_killed_anywhere_goes_on,
    the_slices_of_a_partition_that_was_detached_are_done_and_its_rows_left_alone,
    the_slices_of_a_partition_that_was_dropped_are_done,
    a_partition_that_was_attached_is_swept_and_told,
    without_a_sweep_a_partition_that_was_attached_is_told_and_left_alone,
    a_role_without_rights_on_the_partitions_walks_through_the_table,
);

const ROWS: u64 = 6_000;

/// Three levels: two partitions of the table, one of them partitioned again, and one that is empty.
async fn partitioned(target: &Target, sections: &str) -> Counted {
    target
        .execute(&format!(
            "create table items (id integer, part integer, note text, applied integer not null default 0,
                 primary key (part, id)) partition by list (part);
             create table items_0 partition of items for values in (0);
             create table items_rest partition of items for values in (1, 2, 3) partition by list (part);
             create table \"items 1\" partition of items_rest for values in (1);
             create table items_2 partition of items_rest for values in (2, 3);
             create table items_none partition of items for values in (9);
             insert into items (id, part) select i, i % 3 from generate_series(1, {ROWS}) as i;
             analyze items"
        ))
        .await;
    Counted { rows: ROWS, job: target.job("parts", &format!("[table]\nname = \"items\"\n{sections}")) }
}

fn once(batch: &str) -> String {
    format!("{ONCE}{batch}")
}

async fn parts(target: &Target) -> Vec<String> {
    target.column("select distinct part from tidegate.slice where pass = 0 order by 1").await
}

async fn each_partition_has_slices_of_its_own(target: Target) {
    let items = partitioned(&target, &once(&batches_of(100))).await;
    let summary = target.run(&items.job).await;
    items.was_applied_exactly_once(&target).await;
    assert_eq!(parts(&target).await, ["public.\"items 1\"", "public.items_0", "public.items_2"]);
    assert_eq!(summary["proof"]["gaps"], 0);
}

async fn partitions_are_walked_by_blocks_too(target: Target) {
    let items = partitioned(&target, &format!("walk = \"physical\"\n{}", once(&batches_of(100)))).await;
    target.run(&items.job).await;
    items.was_applied_exactly_once(&target).await;
    assert_eq!(parts(&target).await.len(), 3);
    assert_eq!(super::slices_by(&target, 0, "key").await, 0);
}

async fn a_walk_over_partitions_that_is_killed_anywhere_goes_on(target: Target) {
    // Without `where`: nothing but the checkpoints says what is done.
    let items = partitioned(&target, &format!("[change.set]\napplied = \"applied + 1\"\n{}", batches_of(100))).await;
    let points = ["batch-applied=5*off->return", "batch-checkpointed=6*off->return", "batch-committed=4*off->return"];
    let kills = target.run_killed_at(&points, &items.job).await;
    assert!(kills > 4, "only {kills} kills");
    items.was_applied_exactly_once(&target).await;
}

async fn the_slices_of_a_partition_that_was_detached_are_done_and_its_rows_left_alone(target: Target) {
    let items = partitioned(&target, &once(&batches_by(1, 100))).await;
    killed_after(&target, &items, 3).await;
    target.execute("alter table items_rest detach partition items_2").await;
    target.run(&items.job).await;
    was_applied_once(&target, "items", ROWS / 3 * 2).await;
    was_gone(&target, &items).await;
    assert_eq!(target.number("select count(*) from items_2 where applied = 0").await, ROWS as i64 / 3);
}

async fn the_slices_of_a_partition_that_was_dropped_are_done(target: Target) {
    let items = partitioned(&target, &format!("walk = \"physical\"\n{}", once(&batches_by(1, 100)))).await;
    killed_after(&target, &items, 3).await;
    target.execute("drop table items_2").await;
    target.run(&items.job).await;
    was_applied_once(&target, "items", ROWS / 3 * 2).await;
    was_gone(&target, &items).await;
}

async fn was_gone(target: &Target, items: &Counted) {
    assert_eq!(rows_changed(target).await, ROWS as i64 / 3 * 2);
    let history = target.tidegate(&["history", &items.job.name]).await.exits(0).stdout;
    let told: Vec<_> = history.lines().filter(|line| line.contains("partition-gone")).collect();
    assert!(matches!(told.as_slice(), [one] if one.contains("public.items_2")), "once: {history}");
}

/// Rows that come with a partition are in the table, and so they are the sweep's.
const ATTACH: &str = "create table items_4 (like items including all);
    insert into items_4 (id, part) select i, 4 from generate_series(1, 70) as i;
    alter table items attach partition items_4 for values in (4)";

async fn a_partition_that_was_attached_is_swept_and_told(target: Target) {
    let items = partitioned(&target, &once(&batches_by(1, 100))).await;
    killed_after(&target, &items, 3).await;
    target.execute(ATTACH).await;
    target.run(&items.job).await;
    was_applied_once(&target, "items", ROWS + 70).await;
    let history = target.tidegate(&["history", &items.job.name]).await.exits(0).stdout;
    assert!(history.contains("partition-attached") && history.contains("the sweep has visited its rows"), "{history}");
    assert!(!history.contains("items_none"), "it was there from the start: {history}");
}

async fn without_a_sweep_a_partition_that_was_attached_is_told_and_left_alone(target: Target) {
    let sections = format!("[change.set]\napplied = \"applied + 1\"\n{}", batches_by(1, 100));
    let items = partitioned(&target, &sections).await;
    killed_after(&target, &items, 3).await;
    target.execute(ATTACH).await;
    target.tidegate(&["run", &items.job.path]).await.exits(0).says("public.items_4").says("were not visited");
    assert_eq!(target.number("select count(*) from items where applied = 1 and part < 4").await, ROWS as i64);
    assert_eq!(target.number("select sum(applied) from items_4").await, 0);
}

/// Through the table PostgreSQL asks for rights on the table alone.
async fn a_role_without_rights_on_the_partitions_walks_through_the_table(target: Target) {
    let items = partitioned(&target, &once(&batches_of(100))).await;
    let role = Role::new(&target).await;
    role.may_have_state(&target).await;
    target.execute(&format!("grant select, update on items to {}", role.name)).await;
    role.tidegate(&target, &["run", &items.job.path]).await.exits(0);
    items.was_applied_exactly_once(&target).await;
    assert_eq!(parts(&target).await, ["∅"]);
    role.forget(&target).await;
}
