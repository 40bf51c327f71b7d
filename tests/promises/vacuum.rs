//! Does a table that is vacuumed beside the batches stay small, and does nobody wait for it: neither the application, nor an
//! operator, nor another vacuum?

use crate::support::{Counted, Process, Role, Target, add_one, batches, batches_of, promises, until, within};
use rustix::process::Signal;
use serde_json::Value;
use std::time::{Duration, Instant};

promises!(on [every_postgres]:
    a_table_that_is_vacuumed_beside_the_batches_stays_small,
    a_role_that_may_not_vacuum_is_told_the_grant_and_its_run_is_right,
    a_vacuum_that_can_remove_nothing_says_who_holds_the_rows_back,
);
promises!(on [postgres_15, postgres_15_behind_pgbouncer]:
    a_run_does_not_wait_for_whoever_has_the_table,
    a_pause_ends_a_vacuum,
);
promises!(on [postgres_15]:
    batches_go_on_beside_a_vacuum,
    who_waits_for_the_table_gets_it_from_a_vacuum,
    a_stop_does_not_wait_for_a_vacuum,
    a_runner_that_is_killed_in_a_vacuum_leaves_none_behind,
    partitions_are_vacuumed_each_for_itself,
    a_knob_turns_vacuums_on_and_off,
);
promises!(on [sqlite]: where_no_dead_rows_are_left_there_is_nothing_to_vacuum);

/// A few times what makes the first vacuum due.
const ROWS: u64 = 100_000;

/// In batches so small that the run is not over before the statistics of PostgreSQL 14 have told of its first vacuum.
fn job(batch: &str) -> String {
    add_one("items", &(batches_of(500) + batch))
}

/// A table that only the run vacuums, whose batches take their time while it does: otherwise the run might be over first.
async fn items(target: &Target, rows: u64, batch: &str) -> Counted {
    let items = Counted::with_job(target, rows, &job(batch)).await;
    target.execute("alter table items set (autovacuum_enabled = off)").await;
    let database = target.database();
    let rest = format!(
        "create function rest() returns trigger language plpgsql as $$ begin
           if exists (select from pg_stat_progress_vacuum where datname = '{database}') then perform pg_sleep(0.2); end if;
           return null;
         end $$"
    );
    target.execute(&rest).await;
    target.execute("create trigger rest after update on items for each statement execute function rest()").await;
    items
}

async fn a_table_that_is_vacuumed_beside_the_batches_stays_small(target: Target) {
    let rows = 3 * ROWS;
    let items = items(&target, rows, "vacuum = \"auto\"").await;
    target.execute("create table loose (id integer primary key, applied integer not null default 0)").await;
    target.execute("insert into loose select * from items; alter table loose set (autovacuum_enabled = off)").await;
    let loose = target.job("loose", &job("").replace("\"items\"", "\"loose\""));
    let size = async |table: &str| target.number(&format!("select pg_table_size('{table}')")).await;
    let before = size("items").await;

    target.run(&loose).await;
    let told = target.run(&items.job).await;
    let (small, large) = (size("items").await, size("loose").await);
    assert!(large > before * 19 / 10, "without: {before} → {large}");
    assert!(small < before * 14 / 10, "with: {before} → {small}");
    assert_eq!(told["sizes"]["table_bytes"]["before"].as_i64(), Some(before), "{told}");
    assert_eq!(told["sizes"]["indexes"][0]["name"], "items_pkey", "{told}");
    assert_ne!(happened(&target, "vacuumed").await, [""; 0]);

    let time = &target.why(&items.job).await["time"];
    let buckets = time["buckets"].as_array().expect("a list");
    let seconds = |bucket: &Value| bucket["seconds"].as_f64().expect("a number");
    assert!(buckets.iter().any(|bucket| bucket["bucket"] == "vacuum" && seconds(bucket) > 0.0), "{time}");
    let of_workers = buckets.iter().filter(|bucket| bucket["bucket"] != "vacuum");
    let (sum, wall) = (of_workers.map(seconds).sum::<f64>(), time["wall_seconds"].as_f64().expect("a number"));
    assert!((sum - wall).abs() < 0.01 * wall, "{sum} of {wall} seconds");
    let twice =
        "select count(*) from (select applied from items union all select applied from loose) as a where applied <> 1";
    assert_eq!(target.number(twice).await, 0);
}

async fn a_role_that_may_not_vacuum_is_told_the_grant_and_its_run_is_right(target: Target) {
    let items = items(&target, ROWS, "vacuum = \"auto\"").await;
    let (owner, role) = (Role::new(&target).await, Role::new(&target).await);
    target.execute(&format!("alter table items owner to {}", owner.name)).await;
    role.may_run_on_items(&target).await;
    let notes = async || {
        let plan = role.tidegate(&target, &["plan", &items.job.path, "--output", "json"]).await.exits(0).json();
        plan["notes"].to_string()
    };
    let note = notes().await;
    let grant = note.split_once("because this role may not: run `").and_then(|(_, rest)| rest.split_once('`'));
    let grant = grant.unwrap_or_else(|| panic!("no GRANT in {note}")).0.replace("\\\"", "\"");

    role.tidegate(&target, &["run", &items.job.path]).await.exits(0);
    items.was_applied_exactly_once(&target).await;
    let put_off = happened(&target, "vacuum-put-off").await;
    assert_eq!(put_off, [format!("this role may not; `{grant}` lets it")]);
    assert_eq!(vacuums(&target).await, 0);

    target.execute(&grant).await;
    assert!(notes().await.contains("the table is vacuumed beside the batches"), "after {grant}");
    role.tidegate(&target, &["run", &items.job.path, "--restart"]).await.exits(0);
    until("a vacuum is counted", async || vacuums(&target).await > 0).await;
    role.forget(&target).await;
    owner.forget(&target).await;
}

async fn a_vacuum_that_can_remove_nothing_says_who_holds_the_rows_back(target: Target) {
    let items = items(&target, ROWS, "vacuum = \"auto\"").await;
    let view = target.lock("set transaction isolation level repeatable read; select txid_current()").await;
    target.run(&items.job).await;
    view.release().await;
    items.was_applied_exactly_once(&target).await;
    let by = happened(&target, "vacuum-held-back").await;
    let told = target.rows("select kind, detail from tidegate.event where kind like 'vacuum%'").await;
    assert!(by.len() == 1 && by[0].starts_with("a transaction of test, open for "), "{told:?}");
    let vacuumed = happened(&target, "vacuumed").await.len();
    assert!((1..=2).contains(&vacuumed), "each waits longer than the one before: {vacuumed}");
}

/// The lock is that of another vacuum; our own would wait for it, or make an autovacuum cancel itself.
async fn a_run_does_not_wait_for_whoever_has_the_table(target: Target) {
    let items = items(&target, ROWS, "vacuum = \"auto\"").await;
    let lock = target.lock("lock table items in share update exclusive mode").await;
    target.run(&items.job).await;
    lock.release().await;
    items.was_applied_exactly_once(&target).await;
    assert_eq!(happened(&target, "vacuum-put-off").await, ["test has a lock on the table"]);
    assert_eq!(vacuums(&target).await, 0);
}

async fn batches_go_on_beside_a_vacuum(target: Target) {
    let (items, mut runner) = run_in_a_slow_vacuum(&target).await;
    let before = batches(&target).await;
    runner.brings("more batches", async || batches(&target).await > before + 3).await;
    assert_eq!(at_work(&target).await, 1, "the vacuum was over before");
    assert_eq!(happened(&target, "vacuumed").await, [""; 0]);
    assert!(!happened(&target, "vacuum-begun").await.is_empty());
    let status = target.status(&items.job).await;
    assert_eq!((&status["state"], &status["held"]), (&"running".into(), &serde_json::json!([])), "{status}");
    let is_vacuum = |spent: &Value| spent["bucket"] == "vacuum";
    let told =
        async || target.why(&items.job).await["time"]["buckets"].as_array().expect("a list").iter().any(is_vacuum);
    runner.brings("its time in the ledger", told).await;
    ends_without(&target, &items, runner).await;
}

async fn who_waits_for_the_table_gets_it_from_a_vacuum(target: Target) {
    let (items, mut runner) = run_in_a_slow_vacuum(&target).await;
    let waited = Instant::now();
    target.execute("alter table items add column more integer").await;
    assert!(waited.elapsed() < Duration::from_secs(60), "as long as the vacuum: {:?}", waited.elapsed());
    let put_off = async || happened(&target, "vacuum-put-off").await == ["somebody else waited for the table"];
    runner.brings("the reason", put_off).await;
    let before = batches(&target).await;
    runner.brings("more batches", async || batches(&target).await > before).await;
    ends_without(&target, &items, runner).await;
}

async fn a_pause_ends_a_vacuum(target: Target) {
    let (items, mut runner) = run_in_a_slow_vacuum(&target).await;
    let status = target.status(&items.job).await;
    assert_eq!(status["state"], "running", "{status}");
    target.tidegate(&["pause", &items.job.name]).await.exits(0);
    runner.brings("the pause", async || target.status(&items.job).await["state"] == "paused").await;
    assert_eq!(at_work(&target).await, 0, "a pause that is reached");
    target.tidegate(&["resume", &items.job.name]).await.exits(0);
    runner.brings("the vacuum again, due as it was", async || at_work(&target).await == 1).await;
    ends_without(&target, &items, runner).await;
}

async fn a_stop_does_not_wait_for_a_vacuum(target: Target) {
    let (items, runner) = run_in_a_slow_vacuum(&target).await;
    runner.signal(Signal::TERM);
    let begun = Instant::now();
    runner.end().await.exits(4);
    assert!(begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
    assert_eq!(target.status(&items.job).await["state"], "queued");
    within(Duration::from_secs(10), "the vacuum is over", async || at_work(&target).await == 0).await;
    finish(&target, &items).await;
}

/// The server notices by itself that nobody waits for the vacuum any more.
async fn a_runner_that_is_killed_in_a_vacuum_leaves_none_behind(target: Target) {
    let (items, runner) = run_in_a_slow_vacuum(&target).await;
    runner.kill().await;
    within(Duration::from_secs(30), "the vacuum is over", async || at_work(&target).await == 0).await;
    target.execute(&as_fast_as_ever(&target)).await;
    let points = ["vacuum-begun=return", "vacuum-begun=1*off->return"];
    assert!(target.run_killed_at(&points, &items.job).await > 0, "no vacuum began");
    items.was_applied_exactly_once(&target).await;
}

/// By the job's rate, so that the statistics, which come late, tell where the dead rows are before the run is over.
async fn partitions_are_vacuumed_each_for_itself(target: Target) {
    let partitioned = format!(
        "create table items (id integer primary key, applied integer not null default 0) partition by range (id);
         create table first partition of items for values from (minvalue) to ({ROWS}) with (autovacuum_enabled = off);
         create table last partition of items for values from ({ROWS}) to (maxvalue) with (autovacuum_enabled = off)"
    );
    target.execute(&partitioned).await;
    target.execute(&format!("insert into items (id) select i from generate_series(1, {}) i", 2 * ROWS)).await;
    let paced = job("vacuum = \"auto\"\n[pace]\nmax_rows_per_second = 40000\n");
    let items = Counted { rows: 2 * ROWS, job: target.job("count-visits", &paced) };
    target.run(&items.job).await;
    items.was_applied_exactly_once(&target).await;
    for part in ["first", "last"] {
        let vacuumed = format!("select vacuum_count from pg_stat_user_tables where relname = '{part}'");
        until("a vacuum of the partition is counted", async || target.number(&vacuumed).await > 0).await;
    }
}

async fn a_knob_turns_vacuums_on_and_off(target: Target) {
    let items = items(&target, ROWS, "vacuum = \"off\"").await;
    target.execute(&slowly(&target)).await;
    target.tidegate(&["submit", &items.job.path]).await.exits(0);
    target.tidegate(&["set", &items.job.name, "batch.vacuum=auto"]).await.exits(0);
    let mut runner = target.start(&["run", &items.job.path]);
    runner.brings("a vacuum", async || at_work(&target).await == 1).await;
    target.tidegate(&["set", &items.job.name, "batch.vacuum=default"]).await.exits(0);
    runner.end().await.exits(0);
    items.was_applied_exactly_once(&target).await;
    assert_eq!(vacuums(&target).await, 0);
}

async fn where_no_dead_rows_are_left_there_is_nothing_to_vacuum(target: Target) {
    let items = Counted::with_job(&target, 1_000, &job("vacuum = \"auto\"")).await;
    let plan = target.tidegate(&["plan", &items.job.path]).await.exits(0);
    assert!(plan.stdout.contains("`batch.vacuum` does nothing here"), "{plan}");
    let told = target.run(&items.job).await;
    assert!(told["sizes"].is_null(), "{told}");
    items.was_applied_exactly_once(&target).await;
}

/// A run in the middle of a vacuum that would last for minutes.
async fn run_in_a_slow_vacuum(target: &Target) -> (Counted, Process) {
    let items = items(target, ROWS, "vacuum = \"auto\"").await;
    target.execute(&slowly(target)).await;
    let mut runner = target.start(&["run", &items.job.path]);
    runner.brings("a vacuum", async || at_work(target).await == 1).await;
    (items, runner)
}

/// Vacuums of sessions to come look at ten blocks a second.
fn slowly(target: &Target) -> String {
    let database = target.database();
    format!(
        "alter database {database} set vacuum_cost_delay = 100; alter database {database} set vacuum_cost_limit = 1"
    )
}

fn as_fast_as_ever(target: &Target) -> String {
    let database = target.database();
    format!("alter database {database} reset vacuum_cost_delay; alter database {database} reset vacuum_cost_limit")
}

/// Stops it in whatever it does, and lets it go on without vacuums, which no digest holds against it.
async fn ends_without(target: &Target, items: &Counted, runner: Process) {
    runner.signal(Signal::TERM);
    runner.end().await.exits(4);
    finish(target, items).await;
}

async fn finish(target: &Target, items: &Counted) {
    target.run(&target.job(&items.job.name, &job("vacuum = \"off\""))).await;
    items.was_applied_exactly_once(target).await;
}

/// How many vacuums are at work in this database.
async fn at_work(target: &Target) -> i64 {
    target.number("select count(*) from pg_stat_progress_vacuum where datname = current_database()").await
}

/// How often `items` was vacuumed, by the statistics.
async fn vacuums(target: &Target) -> i64 {
    target.number("select vacuum_count + autovacuum_count from pg_stat_user_tables where relname = 'items'").await
}

/// The details of all events of that kind.
async fn happened(target: &Target, kind: &str) -> Vec<String> {
    target.column(&format!("select detail from tidegate.event where kind = '{kind}' order by id")).await
}
