//! Promise 3: a run succeeds only when its slices tile the captured key range and the sweep finds no row left. Is the
//! end proven for every shape of table, with rows arriving behind, and is a job that cannot be proven refused?

mod writers;

use crate::support::{Counted, Target, add_one, batches, batches_of, promises, rows_changed};
use rustix::process::Signal;
use serde_json::json;
use writers::{Version, Writers};

promises!(on [every_postgres, postgres_15_behind_pgbouncer, sqlite]:
    an_empty_table_is_done,
    one_row_is_done,
    keys_far_apart_are_walked_quickly,
    the_slices_tile_the_key_range,
    rows_beyond_the_captured_bound_are_left_alone,
    rows_out_of_scope_are_left_alone,
    rows_behind_the_cursor_are_swept,
    a_change_that_leaves_some_rows_in_scope_is_reported_with_their_number,
    a_change_that_leaves_every_row_in_scope_is_rolled_back,
);
promises!(on [postgres_15, sqlite]:
    eight_writers_agree_with_their_ledger_without_a_run,
);
promises!(on [postgres_15, postgres_15_behind_pgbouncer, sqlite]:
    eight_writers_agree_with_their_ledger_after_a_run,
);

/// Rows still to be filled: the scope of the jobs that are swept.
const FILL: &str = "[table]\nname = \"items\"\nwhere = \"note is null\"\n[change.set]\nnote = \"'n' || id\"\n";

async fn an_empty_table_is_done(target: Target) {
    let items = Counted::new(&target, 0, 100).await;
    let summary = target.run(&items.job).await;
    assert_eq!(summary["rows_changed"], 0);
    assert_eq!(summary["state"], "succeeded");
}

async fn one_row_is_done(target: Target) {
    let items = Counted::new(&target, 1, 100).await;
    assert_eq!(target.run(&items.job).await["rows_changed"], 1);
    items.was_applied_exactly_once(&target).await;
}

async fn keys_far_apart_are_walked_quickly(target: Target) {
    target.execute("create table items (id bigint not null primary key, applied integer not null default 0)").await;
    let far = 1_000_000_000_000_i64;
    let keys = [i64::MIN, -far, -1, 0, 1, far, 2 * far, 3 * far, i64::MAX];
    target.execute(&format!("insert into items (id) values ({})", keys.map(|key| key.to_string()).join("), ("))).await;
    let items = Counted { rows: keys.len() as u64, job: target.job("far-apart", &add_one("items", &batches_of(2))) };

    let summary = target.run(&items.job).await;
    items.was_applied_exactly_once(&target).await;
    // A walk that counted its way through the gaps would need 10^10 batches; at most one is empty per slice.
    let slices = summary["proof"]["slices"].as_i64().expect("a number");
    assert!(summary["batches"].as_i64().expect("a number") <= keys.len() as i64 + slices, "{summary}");
}

async fn the_slices_tile_the_key_range(target: Target) {
    let items = Counted::new(&target, 5_000, 100).await;
    let summary = target.run(&items.job).await;
    let slices = target
        .rows(&format!(
            "select coalesce(after_key, 'below'), through_key, cursor_key, done from {} order by slice",
            target.state("slice")
        ))
        .await;
    assert!(slices.len() > 2, "more slices than workers: {slices:?}");
    let mut reached = "below";
    for slice in &slices {
        let [after, through, cursor, done] = slice.as_slice() else { panic!("four columns: {slice:?}") };
        assert_eq!(after, reached, "a gap or an overlap in {slices:?}");
        assert_eq!(cursor, through, "a cursor short of its end in {slices:?}");
        assert!(["t", "1"].contains(&done.as_str()), "a slice is not done in {slices:?}");
        reached = through;
    }
    assert_eq!(reached, target.either(r#"["5000"]"#, r#"["i:5000"]"#));
    assert_eq!(
        summary["proof"],
        json!({ "slices": slices.len(), "gaps": 0, "sweep_passes": 0, "rows_left": 0, "rows_quarantined": 0 })
    );
}

async fn rows_beyond_the_captured_bound_are_left_alone(target: Target) {
    let items = Counted::new(&target, 1_000, 20).await;
    interrupted(&target, &items).await;
    target.execute("insert into items (id) values (5000), (6000)").await;
    target.run(&items.job).await;
    assert_eq!(target.number("select count(*) from items where applied = 0").await, 2);
    target.execute("delete from items where applied = 0").await;
    items.was_applied_exactly_once(&target).await;
}

async fn rows_out_of_scope_are_left_alone(target: Target) {
    let items = to_fill(&target, 1_000).await;
    target.execute("update items set note = 'mine' where id % 3 = 0").await;
    assert_eq!(target.run(&items.job).await["rows_changed"], 667);
    assert_eq!(target.number("select count(*) from items where note = 'mine'").await, 333);
    assert_eq!(target.number("select count(*) from items where note = 'n' || id").await, 667);
}

async fn rows_behind_the_cursor_are_swept(target: Target) {
    let items = to_fill(&target, 2_000).await;
    interrupted(&target, &items).await;
    // Below everything, and in ranges that may have been walked already.
    target.execute("insert into items (id) values (-5), (0)").await;
    target.execute("update items set note = null where id <= 100").await;
    let summary = target.run(&items.job).await;
    assert_eq!(target.number("select count(*) from items where note is null").await, 0);
    assert_eq!(summary["proof"]["rows_left"], 0);
    assert!(summary["proof"]["sweep_passes"].as_i64() >= Some(1), "{summary}");
}

/// Some rows leave the scope, some do not, so only the end of the walk tells.
async fn a_change_that_leaves_some_rows_in_scope_is_reported_with_their_number(target: Target) {
    let scope = "where = \"applied < 1 or id > 766\"\n[change.set]";
    let sections = add_one("items", &batches_of(50)).replace("[change.set]", scope);
    let items = Counted::with_job(&target, 2_000, &sections).await;
    target.tidegate(&["run", &items.job.path]).await.exits(1).says("1234 rows");
    let status = target.status(&items.job).await;
    assert_eq!(status["state"], "failed");
    assert!(status["failure"].as_str().is_some_and(|failure| failure.contains("1234 rows")), "{status}");
    items.was_applied_exactly_once(&target).await;
}

/// A large batch of which no row leaves the scope is no chance: nothing of it stays.
async fn a_change_that_leaves_every_row_in_scope_is_rolled_back(target: Target) {
    let scope = "where = \"applied < 1000\"\n[change.set]";
    let sections = add_one("items", &batches_of(200)).replace("[change.set]", scope);
    let items = Counted::with_job(&target, 2_000, &sections).await;
    target.tidegate(&["run", &items.job.path]).await.exits(1).says("all 200 rows");
    assert_eq!(target.number("select max(applied) from items").await, 0);
    assert_eq!(target.status(&items.job).await["state"], "failed");
}

/// The ledger must hold by itself, or it proves nothing about the run.
async fn eight_writers_agree_with_their_ledger_without_a_run(target: Target) {
    let target = writers::table(target).await;
    let mut writers = Writers::start(&target, Version::Old);
    writers.have_written(400).await;
    writers.stop().await.agree_with(&target).await;
}

/// First the application does not know the new column, as before its release; then it does, and the run must find
/// every row that the old one left behind.
async fn eight_writers_agree_with_their_ledger_after_a_run(target: Target) {
    let target = writers::table(target).await;
    let job = writers::job(&target);
    let mut runner = target.start(&["run", &job.path]);
    let mut writers = Writers::start(&target, Version::Old);
    writers.have_written(200).await;
    runner.brings("half of the batches", async || batches(&target).await >= 100).await;
    runner.signal(Signal::TERM);
    runner.end().await.exits(4);

    writers.become_version(Version::New).await;
    let summary = target.run(&job).await;
    writers.stop().await.agree_with(&target).await;
    assert_eq!(summary["proof"]["rows_left"], 0);
    assert_eq!(target.number("select count(*) from accounts where doubled is null").await, 0);
    assert_eq!(target.number("select count(*) from accounts where doubled <> 2 * balance").await, 0);
    assert!(rows_changed(&target).await > 0);
}

async fn to_fill(target: &Target, rows: u64) -> Counted {
    let items = Counted::with_job(target, rows, &format!("{FILL}{}", batches_of(20))).await;
    target.execute("alter table items add column note text").await;
    items
}

/// A run that was killed after its eleventh batch.
async fn interrupted(target: &Target, items: &Counted) {
    let ended = target.start_killed_at("batch-committed=10*off->return", &["run", &items.job.path]).end().await;
    assert!(ended.was_killed(), "{ended}");
}
