//! Promise 6: `plan` shows every refusal and never writes. Is nothing written, nothing scanned, and everything refused
//! that could not be done?

mod files;
mod refusals;
mod rights;

use crate::support::{Counted, Target, add_one, batches_of, promises, until};
use refusals::{Impossible, impossible};

promises!(on [every_postgres, sqlite]:
    plan_writes_nothing,
    a_sample_is_rolled_back,
    plan_shows_what_run_would_do,
    what_cannot_be_done_is_refused_by_plan_and_by_run,
);
promises!(on [every_postgres_since_15]:
    the_table_is_never_scanned_before_the_first_batch,
);

async fn plan_writes_nothing(target: Target) {
    let items = Counted::new(&target, 5_000, 100).await;
    let before = everything(&target).await;
    target.tidegate(&["plan", &items.job.path]).await.exits(0);
    assert!(everything(&target).await == before, "plan wrote something");
}

async fn a_sample_is_rolled_back(target: Target) {
    let items = Counted::new(&target, 5_000, 100).await;
    let before = target.number("select sum(applied) from items").await;
    let plan = target.tidegate(&["plan", &items.job.path, "--sample", "3", "--output", "json"]).await.exits(0).json();
    assert_eq!(plan["sample"].as_array().map(Vec::len), Some(3), "{plan}");
    assert_eq!(target.number("select sum(applied) from items").await, before);
    assert_eq!(target.column(target.either(RELATIONS, TABLES)).await, ["items"], "the only table");
}

async fn plan_shows_what_run_would_do(target: Target) {
    let items = Counted::new(&target, 5_000, 100).await;
    target.execute("analyze items").await;
    let plan = target.tidegate(&["plan", &items.job.path, "--output", "json"]).await.exits(0).json();
    assert_eq!(plan["job"], items.job.name.as_str());
    assert_eq!(plan["key"][0]["column"], "id");
    assert!(plan["statements"]["change"].as_str().is_some_and(|sql| sql.contains("applied + 1")), "{plan}");
    assert!(plan["statements"]["boundary"].as_str().is_some_and(|sql| sql.contains("order by")), "{plan}");
    assert_eq!(plan["refusals"], serde_json::json!([]));
    let slices = plan["slices"].as_i64().expect("a number");
    target.run(&items.job).await;
    let planned = format!("select count(*) from {} where split_from is null", target.state("slice"));
    assert_eq!(target.number(&planned).await, slices, "as many slices as planned, beside those that idle workers took");
}

/// `seq_scan` counts the scans that began; a `count(*)` is one. Ours at the end shows that they are counted at all.
async fn the_table_is_never_scanned_before_the_first_batch(target: Target) {
    // One message, so that one session runs it, which is then told to report: others report when they are idle.
    let and_report = "; select pg_stat_force_next_flush()";
    let table = "create table items (id integer primary key, applied integer not null default 0);
                 insert into items (id) select generate_series(1, 20000); analyze items";
    target.execute(&format!("{table}{and_report}")).await;
    let scans = "select seq_scan from pg_stat_user_tables where relname = 'items'";
    let before = target.number(scans).await;

    let job = target.job("add-one", &add_one("items", &batches_of(100)));
    target.tidegate(&["plan", &job.path]).await.exits(0);
    let ended = target.start_killed_at("batch-begun=return", &["run", &job.path]).end().await;
    assert!(ended.was_killed(), "{ended}");
    let sessions = "select count(*) from pg_stat_activity
                    where datname = current_database() and application_name <> 'test'";
    until("the engine's sessions have ended, and so reported", async || target.number(sessions).await == 0).await;

    target.execute(&format!("select sum(applied) from items{and_report}")).await;
    assert_eq!(target.number(scans).await, before + 1, "only our own");
}

/// In the same words by both, all of them, and nothing is written on the way.
async fn what_cannot_be_done_is_refused_by_plan_and_by_run(target: Target) {
    let mut other_words = Vec::new();
    for case in impossible() {
        let Some(Impossible { name, job, says, .. }) = case.set_up(&target).await else { continue };
        let job = target.job(name, job);
        let plan = target.tidegate(&["plan", &job.path]).await.exits(1).stderr;
        let run = target.tidegate(&["run", &job.path]).await.exits(1).stderr;
        if plan != *says || run != format!("{says}error: {name} may not run on this table; nothing was done\n") {
            other_words.push(format!("{name}\n{plan}instead of\n{says}and\n{run}"));
        }
    }
    assert!(other_words.is_empty(), "{}", other_words.join("\n"));
    let state = target.state("run");
    let job = target.job("own-state", &format!("[table]\nname = \"{state}\"\n[change.set]\nstate = \"'queued'\""));
    let says = format!("error[system-table]: {state} is one of tidegate's own state tables\n");
    target.tidegate(&["plan", &job.path]).await.exits(1).says(&says);
    target.tidegate(&["run", &job.path]).await.exits(1).says(&says);
    assert_eq!(target.number(&format!("select count(*) from {state}")).await, 0, "runs");
}

/// Every relation of the database, ours excepted.
const RELATIONS: &str = "select relname from pg_class c join pg_namespace n on n.oid = relnamespace
                         where relkind = 'r' and nspname not in ('pg_catalog', 'information_schema')";
const TABLES: &str = "select name from sqlite_schema where type = 'table'";

/// What changes when anything is written: on PostgreSQL a row's version and place, on SQLite a byte of the file.
async fn everything(target: &Target) -> (Vec<String>, Vec<u8>) {
    let mut words = target.column(target.either(RELATIONS, TABLES)).await;
    let versions = "select md5(string_agg(concat(ctid, xmin, xmax, id, applied), ' ' order by id)) from items";
    words.extend(target.column(target.either(versions, "select sum(applied) from items")).await);
    (words, target.file())
}
