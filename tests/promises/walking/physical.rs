//! Does a walk by blocks meet each row once, although a changed row lies elsewhere?

use super::{ONCE, killed_after, slices, slices_by, was_applied_once};
use crate::support::{Counted, Target, batches_by, batches_of, promises, until};

promises!(on [every_postgres, postgres_15_behind_pgbouncer]:
    a_walk_by_blocks_changes_each_row_once,
);
promises!(on [every_postgres]:
    a_walk_by_blocks_that_is_killed_anywhere_goes_on,
    rows_that_move_behind_a_walk_by_blocks_are_swept_by_their_key,
    a_change_that_keeps_a_row_in_scope_stops_a_walk_by_blocks_at_once,
    a_row_that_fails_in_a_walk_by_blocks_is_set_aside_by_its_key,
    a_range_of_blocks_that_stays_locked_is_walked_last,
    a_plan_says_why_it_walks_as_it_does,
);
promises!(on [sqlite]:
    a_walk_by_blocks_is_refused_where_there_are_none,
);

const ROWS: u64 = 6_000;

/// Random keys, so that neighbours in the key are none on disk.
async fn scattered(target: &Target, batch: &str) -> Counted {
    target
        .execute(&format!(
            "create table items (id uuid primary key, number integer, note text, applied integer not null default 0)
                 with (autovacuum_enabled = false);
             insert into items (id, number) select gen_random_uuid(), i from generate_series(1, {ROWS}) as i;
             analyze items"
        ))
        .await;
    let job = target.job("by-blocks", &format!("[table]\nname = \"items\"\nwalk = \"physical\"\n{ONCE}{batch}"));
    Counted { rows: ROWS, job }
}

async fn a_walk_by_blocks_changes_each_row_once(target: Target) {
    let items = scattered(&target, &batches_of(100)).await;
    let summary = target.run(&items.job).await;
    items.was_applied_exactly_once(&target).await;
    let walk = slices(&target, 0).await;
    assert!(walk.len() > 2 && walk.iter().all(|slice| *slice == ["physical", "t"]), "{walk:?}");
    // A batch ends at a row, not at a block: as many as it was told.
    assert!(summary["batches"].as_i64().expect("a number") >= ROWS as i64 / 100, "{summary}");
}

async fn a_walk_by_blocks_that_is_killed_anywhere_goes_on(target: Target) {
    let items = scattered(&target, &batches_of(100)).await;
    let points = ["batch-begun=7*off->return", "batch-applied=5*off->return", "batch-checkpointed=6*off->return"];
    let kills = target.run_killed_at(&[&points[..], &["batch-committed=4*off->return"]].concat(), &items.job).await;
    assert!(kills > 4, "only {kills} kills");
    items.was_applied_exactly_once(&target).await;
}

/// The application fills holes that its own deletes left below the cursor; the walk has been there.
async fn rows_that_move_behind_a_walk_by_blocks_are_swept_by_their_key(target: Target) {
    let items = scattered(&target, &batches_by(1, 100)).await;
    killed_after(&target, &items, 20).await;
    let walked = target.number("select count(*) from items where applied = 1").await;
    target
        .execute(&format!("delete from items where number <= 500; delete from items where number > {ROWS} - 200"))
        .await;
    // Space of deleted rows is there for others once it is vacuumed.
    target.execute("vacuum (index_cleanup on) items").await;
    target.execute("update items set number = -number where note is null and number > 5000").await;
    let moved = "select count(*) from items where note is null and number < 0 and (ctid::text::point)[0] < 4";
    assert!(target.number(moved).await > 0, "nothing moved behind the {walked} rows of the walk");

    let summary = target.run(&items.job).await;
    was_applied_once(&target, "items", ROWS - 700).await;
    assert_eq!(slices_by(&target, 1, "physical").await, 0, "a place says nothing of a row that moves");
    assert!(
        summary["proof"]["sweep_passes"].as_i64() >= Some(2),
        "the first found the rows, the last found none: {summary}"
    );
}

/// It lies elsewhere now, perhaps before the cursor: the next batch could change it again.
async fn a_change_that_keeps_a_row_in_scope_stops_a_walk_by_blocks_at_once(target: Target) {
    let items = scattered(&target, &batches_by(1, 100)).await;
    let keeps = std::fs::read_to_string(&items.job.path).expect("the job");
    let keeps = keeps.replace("note = \"'n'\"", "note = \"case when number <> 150 then 'n' end\"");
    std::fs::write(&items.job.path, keeps).expect("the job");
    target.tidegate(&["run", &items.job.path]).await.exits(1).says("1 rows of the batch").says("walk = \"key\"");
    assert_eq!(target.number("select max(applied) from items where note is null").await, 0, "it was rolled back");
}

async fn a_row_that_fails_in_a_walk_by_blocks_is_set_aside_by_its_key(target: Target) {
    let items = scattered(&target, &format!("[errors]\nquarantine = 5\n{}", batches_of(100))).await;
    target.execute("alter table items add constraint small check (applied = 0 or number not in (333, 4444))").await;
    target.tidegate(&["run", &items.job.path]).await.exits(3);
    let aside = "select count(*) from tidegate.quarantine as q join items as i on i.id::text = q.key::json ->> 0
                 where q.resolved_at is null and i.number in (333, 4444)";
    assert_eq!(target.number(aside).await, 2);
    assert_eq!(target.number("select count(*) from items where applied = 1").await, ROWS as i64 - 2);

    target.execute("alter table items drop constraint small").await;
    target.tidegate(&["quarantine", "retry", &items.job.path]).await.exits(0);
    items.was_applied_exactly_once(&target).await;
}

async fn a_range_of_blocks_that_stays_locked_is_walked_last(target: Target) {
    let items = scattered(&target, &(batches_by(1, 100) + "lock_timeout = \"300ms\"\n")).await;
    let in_one_lap = std::fs::read_to_string(&items.job.path).expect("the job");
    let in_one_lap = in_one_lap.replace("walk = \"physical\"", "walk = \"physical\"\nlaps = \"1\"");
    std::fs::write(&items.job.path, in_one_lap).expect("the job");
    let lock = target.lock("select 1 from items where number = 2222 for update").await;
    let mut runner = target.start(&["run", &items.job.path]);
    let changed = "select count(*) from items where applied = 1";
    runner.brings("all rows but the locked range", async || target.number(changed).await == ROWS as i64 - 100).await;
    until("it is set aside", async || target.number("select count(*) from tidegate.slice where set_aside").await == 1)
        .await;
    lock.release().await;
    runner.end().await.exits(0);
    items.was_applied_exactly_once(&target).await;
}

async fn a_plan_says_why_it_walks_as_it_does(target: Target) {
    let items = scattered(&target, "").await;
    let plan = target.tidegate(&["plan", &items.job.path]).await.exits(0).stdout;
    assert!(plan.contains("as the rows lie on disk: the job says so") && plan.contains("Tid Range Scan"), "{plan}");
    let auto = std::fs::read_to_string(&items.job.path).expect("the job").replace("physical", "auto");
    std::fs::write(&items.job.path, auto).expect("the job");
    let plan = target.tidegate(&["plan", &items.job.path, "--output", "json"]).await.exits(0).json();
    assert_eq!(plan["walk"]["order"], "key");
    let why = plan["walk"]["why"].as_str().expect("a reason");
    assert!(why.starts_with("the rows take ") && why.ends_with(" % of the server's cache"), "{why}");
}

async fn a_walk_by_blocks_is_refused_where_there_are_none(target: Target) {
    target.execute("create table items (id integer primary key, note text, applied integer not null default 0)").await;
    let job = target.job("by-blocks", &format!("[table]\nname = \"items\"\nwalk = \"physical\"\n{ONCE}"));
    target.tidegate(&["plan", &job.path]).await.exits(1).says("physical-walk-unavailable");
    target.tidegate(&["run", &job.path]).await.exits(1).says("physical-walk-unavailable");
}
