//! Where few rows are in scope: does a batch look at many and change few, and is an index of theirs used?

use super::ONCE;
use crate::support::{
    Counted, Role, Target, batches, batches_by, batches_of, note_batches, promises, rows_changed, until,
};

promises!(on [every_postgres, sqlite]:
    a_batch_looks_at_more_rows_than_it_changes,
    a_look_goes_no_further_than_the_job_says,
    a_row_that_fails_among_many_out_of_scope_is_found,
);
promises!(on [every_postgres]:
    rows_that_lie_together_make_no_large_batch,
    an_index_of_the_rows_in_scope_is_used_and_nothing_else_is_looked_at,
    an_index_that_has_other_rows_too_is_not_taken_for_one,
    a_walk_goes_on_where_nobody_can_read_behind_it,
    a_range_that_stays_locked_among_rows_out_of_scope_is_walked_last,
);
// Where others' transactions stay open, their old rows are for nobody to mark.
promises!(on [postgres_15_alone]:
    entries_of_changed_rows_are_marked_behind_the_walk,
);

const ROWS: u64 = 20_000;

/// One in a hundred is in scope.
async fn sparse(target: &Target, batch: &str) -> Counted {
    let sections = format!("[table]\nname = \"items\"\n{ONCE}{batch}");
    let items = Counted::with_job(target, ROWS, &sections).await;
    target.execute("alter table items add column note text").await;
    target.execute("update items set note = 'no' where id % 100 <> 0").await;
    Counted { rows: ROWS / 100, ..items }
}

async fn in_scope_once(target: &Target) {
    let visits = "select applied, count(*) from items group by applied order by applied";
    let (in_scope, others) = ((ROWS / 100).to_string(), (ROWS - ROWS / 100).to_string());
    assert_eq!(target.rows(visits).await, [["0".to_owned(), others], ["1".to_owned(), in_scope]]);
    assert_eq!(rows_changed(target).await, ROWS as i64 / 100);
}

async fn a_batch_looks_at_more_rows_than_it_changes(target: Target) {
    let items = sparse(&target, &batches_by(1, 50)).await;
    let summary = target.run(&items.job).await;
    in_scope_once(&target).await;
    // Counting its rows would take 400 batches; a batch or two of each slice come before it is known that they are few.
    let batches = summary["batches"].as_i64().expect("a number");
    assert!(batches < ROWS as i64 / 50 / 2, "{batches} batches");
}

async fn a_look_goes_no_further_than_the_job_says(target: Target) {
    let items = sparse(&target, &(batches_by(1, 50) + "scan_rows = 200\n")).await;
    let summary = target.run(&items.job).await;
    in_scope_once(&target).await;
    let batches = summary["batches"].as_i64().expect("a number");
    assert!(batches >= ROWS as i64 / 200, "{batches} batches");
}

async fn a_row_that_fails_among_many_out_of_scope_is_found(target: Target) {
    let items = sparse(&target, &format!("{}[errors]\nquarantine = 3\n", batches_by(1, 50))).await;
    let guard = target.either(
        "create function no() returns trigger language plpgsql as
             $$ begin if new.id = 12300 then raise 'not this one'; end if; return new; end $$;
         create trigger no before update on items for each row execute function no()",
        "create trigger no before update on items when new.id = 12300 begin select raise(abort, 'not this one'); end",
    );
    target.execute(guard).await;
    target.tidegate(&["run", &items.job.path]).await.exits(3);
    let key = target.column(&format!("select key from {}", target.state("quarantine"))).await;
    assert_eq!(key, [target.either("[\"12300\"]", "[\"i:12300\"]")]);
    assert_eq!(target.number("select count(*) from items where applied = 1").await, ROWS as i64 / 100 - 1);
}

/// After a long stretch without a row, the look is wide; what it meets then is not changed at once.
async fn rows_that_lie_together_make_no_large_batch(target: Target) {
    let items = sparse(&target, &batches_by(1, 100)).await;
    target.execute("update items set note = case when id between 15001 and 18000 then null else 'no' end").await;
    note_batches(&target).await;
    target.run(&items.job).await;
    assert_eq!(target.number("select sum(rows)::bigint from batches").await, 3_000);
    let largest = target.number("select max(rows) from batches").await;
    assert!(largest <= 100, "a batch of {largest} rows");
}

async fn an_index_of_the_rows_in_scope_is_used_and_nothing_else_is_looked_at(target: Target) {
    let items = sparse(&target, &batches_of(50)).await;
    target.execute("create index todo on items (id) where note is null; analyze items").await;
    let plan = target.tidegate(&["plan", &items.job.path, "--output", "json"]).await.exits(0).json();
    assert_eq!(plan["walk"]["scope_index"], "todo");
    target.run(&items.job).await;
    in_scope_once(&target).await;
    assert_eq!(target.number("select sum(rows_scanned)::bigint from tidegate.slice").await, ROWS as i64 / 100);
}

/// Otherwise the proof reads the page of each row that was changed, and those are no longer in memory.
async fn entries_of_changed_rows_are_marked_behind_the_walk(target: Target) {
    let items = sparse(&target, &(batches_by(1, 5) + "[pace]\nmax_rows_per_second = 50\n")).await;
    target.execute("create index todo on items (id) where note is null").await;
    target.execute("alter table items set (autovacuum_enabled = off)").await;
    target.execute("vacuum analyze items").await;
    target.execute("create table others (id serial)").await;
    let mut runner = target.start(&["run", &items.job.path]);
    let nearly_all = async || {
        // Commits like any application's, which wait for the disk: with them the batches before are on it too.
        target.execute("insert into others default values").await;
        batches(&target).await >= 38
    };
    runner.brings("nearly all batches", nearly_all).await;
    runner.kill().await;
    let fetches = dead_rows_visited(&target).await;
    // A commit that comes while the range is read keeps some unmarked.
    assert!(fetches < 60, "{fetches} rows");
}

/// Only the proof takes longer then.
async fn a_walk_goes_on_where_nobody_can_read_behind_it(target: Target) {
    let items = sparse(&target, &(batches_by(1, 5) + "[pace]\nmax_rows_per_second = 50\n")).await;
    target.execute("create index todo on items (id) where note is null").await;
    target.execute("alter table items set (autovacuum_enabled = off)").await;
    target.execute("vacuum analyze items").await;
    // Whoever reads behind the walk asks this first.
    target.execute("revoke execute on function pg_current_wal_flush_lsn() from public").await;
    let role = Role::new(&target).await;
    role.may_run_on_items(&target).await;
    target.execute(&format!("grant update (note) on items to {}", role.name)).await;
    let mut runner = role.start(&target, &["run", &items.job.path]);
    runner.brings("nearly all batches", async || batches(&target).await >= 38).await;
    assert!(!runner.has_said("42501"), "no batch has to do with it");
    let fetches = dead_rows_visited(&target).await;
    assert!(fetches >= 90, "somebody read behind the walk: {fetches}");
    runner.end().await.exits(0);
    in_scope_once(&target).await;
    role.forget(&target).await;
}

/// How many rows of the half that was changed two seconds before, which are 100, a look through the index goes to.
async fn dead_rows_visited(target: &Target) -> u32 {
    let half = format!(
        "set enable_seqscan = off; set enable_bitmapscan = off;
         explain (analyze) select count(*) from items where note is null and id <= {}",
        ROWS / 2
    );
    let plan = target.rows(&half).await.concat().join("\n");
    assert!(plan.contains("using todo"), "{plan}");
    let fetches = plan.split_once("Heap Fetches: ").and_then(|(_, rest)| rest.split_whitespace().next());
    fetches.and_then(|fetches| fetches.parse().ok()).expect("a number of heap fetches")
}

async fn an_index_that_has_other_rows_too_is_not_taken_for_one(target: Target) {
    let items = sparse(&target, &batches_of(50)).await;
    target.execute("create index every on items (id, note); create index notes on items (note); analyze items").await;
    let plan = target.tidegate(&["plan", &items.job.path, "--output", "json"]).await.exits(0).json();
    assert!(plan["walk"]["scope_index"].is_null(), "{}", plan["walk"]);
    target.run(&items.job).await;
    in_scope_once(&target).await;
}

async fn a_range_that_stays_locked_among_rows_out_of_scope_is_walked_last(target: Target) {
    let items = sparse(&target, &(batches_by(1, 50) + "lock_timeout = \"300ms\"\n")).await;
    let lock = target.lock("select 1 from items where id = 12300 for update").await;
    let mut runner = target.start(&["run", &items.job.path]);
    // What is set aside with the row has no more rows in scope than a batch may have.
    let others =
        "select count(*) from items where applied = 1 and id not between 12300 - 50 * 100 and 12300 + 50 * 100";
    let before =
        "select count(*) from items where note is null and id not between 12300 - 50 * 100 and 12300 + 50 * 100";
    let others_done = async || target.number(others).await > 90 && target.number(before).await == 0;
    runner.brings("all rows but those near the locked one", others_done).await;
    until("it is set aside", async || target.number("select count(*) from tidegate.slice where set_aside").await == 1)
        .await;
    lock.release().await;
    runner.end().await.exits(0);
    in_scope_once(&target).await;
}
