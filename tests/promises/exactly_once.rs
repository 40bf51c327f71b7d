//! Promise 1: the rows of a batch and the checkpoint that covers them commit in one transaction. Does a change that is
//! not idempotent end at exactly 1 on every row, whatever was killed?

use crate::support::{Counted, Random, Target, add_one, batches, batches_of, promises, within};
use std::time::{Duration, Instant};

promises!(on [postgres_15, postgres_15_behind_pgbouncer, sqlite]:
    a_kill_at_a_named_point_is_not_seen,
    fifty_kills_at_random_are_not_seen,
    after_a_kill_on_this_machine_the_next_run_starts_at_once,
    after_a_kill_elsewhere_the_next_run_starts_when_the_lease_is_out,
);
promises!(on [every_postgres]: a_partitioned_table_is_walked_through_its_parent);
promises!(on [every_postgres, postgres_15_behind_pgbouncer, sqlite]:
    an_uninterrupted_run_applies_once,
    a_run_that_is_done_touches_nothing,
);

/// Partitions of partitions, rows in the default one, and one partition that a job of its own walks.
async fn a_partitioned_table_is_walked_through_its_parent(target: Target) {
    target
        .execute(
            "create table items (id integer primary key, applied integer not null default 0) partition by range (id);
             create table low partition of items for values from (1) to (900);
             create table middle partition of items for values from (900) to (2000) partition by range (id);
             create table middle_low partition of middle for values from (900) to (1000);
             create table middle_high partition of middle for values from (1000) to (2000);
             create table rest partition of items default;
             insert into items (id) select generate_series(1, 3000)",
        )
        .await;
    let job = target.job("parent", &add_one("items", &batches_of(50)));
    assert_eq!(target.run_killed_at(&["batch-committed=30*off->return"], &job).await, 2);
    let visits = target.rows("select applied, count(*) from items group by applied").await;
    assert_eq!(visits, [["1".to_owned(), "3000".to_owned()]], "[visits, rows]");
    let job = target.job("one-partition", &add_one("middle_low", &batches_of(50)));
    assert_eq!(target.run(&job).await["rows_changed"], 100);
}

async fn an_uninterrupted_run_applies_once(target: Target) {
    let items = Counted::new(&target, 5_050, 100).await;
    let summary = target.run(&items.job).await;
    assert_eq!(summary["state"], "succeeded");
    assert_eq!(summary["rows_changed"], 5_050);
    items.was_applied_exactly_once(&target).await;
}

async fn a_run_that_is_done_touches_nothing(target: Target) {
    let items = Counted::new(&target, 1_000, 100).await;
    target.run(&items.job).await;
    let again = target.tidegate(&["run", &items.job.path]).await.exits(0);
    assert!(again.stdout.contains("nothing was touched"), "says so: {again}");
    items.was_applied_exactly_once(&target).await;
}

/// Each point, early and late in the run, one after the other on the same run: the next process always resumes.
async fn a_kill_at_a_named_point_is_not_seen(target: Target) {
    const POINTS: [&str; 5] = ["lease-taken", "batch-begun", "batch-applied", "batch-checkpointed", "batch-committed"];
    let items = Counted::new(&target, 10_000, 50).await;
    for (round, passes) in [0, 1, 7].into_iter().enumerate() {
        for point in POINTS {
            // A lease is taken once or twice by a process, so its later passes would never come.
            let passes = if point == "lease-taken" { 0 } else { passes };
            let failpoints = format!("{point}={passes}*off->return");
            let ended = target.start_killed_at(&failpoints, &["run", &items.job.path]).end().await;
            assert!(ended.was_killed(), "{point} in round {round} was not reached: {ended}");
        }
    }
    target.run(&items.job).await;
    items.was_applied_exactly_once(&target).await;
}

async fn fifty_kills_at_random_are_not_seen(target: Target) {
    let mut random = Random::new();
    let items = Counted::new(&target, 30_000, 20).await;
    for kill in 0..50 {
        let goal = batches(&target).await + random.below(6) as i64;
        let mut runner = target.start(&["run", &items.job.path]);
        runner.brings("the next batches", async || batches(&target).await >= goal).await;
        let ended = runner.kill().await;
        assert!(ended.was_killed(), "the run was over before kill {kill}: {ended}");
    }
    target.run(&items.job).await;
    items.was_applied_exactly_once(&target).await;
}

/// The lease still runs for minutes, but its holder is seen dead: same machine, same boot, no such process.
async fn after_a_kill_on_this_machine_the_next_run_starts_at_once(target: Target) {
    let items = killed_after_five_batches(&target, "5m").await;
    let before = batches(&target).await;
    let runner = target.start(&["run", &items.job.path]);
    within(Duration::from_secs(2), "the next run commits", async || batches(&target).await > before).await;
    runner.end().await.exits(0);
    items.was_applied_exactly_once(&target).await;
}

/// The holder's machine cannot be asked, so only the lease tells: not before its end, and not long after.
async fn after_a_kill_elsewhere_the_next_run_starts_when_the_lease_is_out(target: Target) {
    let items = killed_after_five_batches(&target, "5m").await;
    let before = batches(&target).await;
    let lease = Duration::from_secs(3);
    let begun = Instant::now();
    let expiry = target.either("clock_timestamp() + interval '3 s'", "unixepoch('subsec') + 3");
    let heartbeat = target.state("heartbeat");
    target.execute(&format!("update {heartbeat} set boot_id = 'another machine', expires_at = {expiry}")).await;

    let runner = target.start(&["run", &items.job.path]);
    let in_time = lease + Duration::from_secs(2);
    within(in_time, "the next run commits", async || batches(&target).await > before).await;
    assert!(begun.elapsed() >= lease, "the lease was not waited for");
    runner.end().await.exits(0);
    items.was_applied_exactly_once(&target).await;
}

async fn killed_after_five_batches(target: &Target, lease: &str) -> Counted {
    let items = Counted::new(target, 10_000, 50).await;
    let runner = target.start_killed_at("batch-committed=5*off->return", &["run", &items.job.path, "--lease", lease]);
    let ended = runner.end().await;
    assert!(ended.was_killed(), "{ended}");
    items
}
