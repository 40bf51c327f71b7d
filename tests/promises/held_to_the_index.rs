//! Does a batch go by the key's index, whatever the server's statistics say? A plan that reads the whole table for each batch
//! is a run that never ends, and one that takes rows in another order than the application's deadlocks with it.

use crate::support::{Counted, Finished, Target, add_one, batches_by, promises, until};

promises!(on [every_postgres]:
    statistics_of_another_day_make_no_batch_read_the_whole_table,
    rows_that_lie_in_disorder_are_still_locked_in_the_order_of_their_keys,
);
promises!(on [postgres_15]:
    a_query_of_the_users_is_planned_as_it_is_elsewhere,
);

const ROWS: u64 = 60_000;

/// What `plan` says of a change that is held.
const HELD: &str = "batches are held to the key's index";

fn shows(plan: Finished, words: &[&str]) {
    for words in words {
        assert!(plan.stdout.contains(words), "does not show {words:?}: {plan}");
    }
}

/// The server believes that every row has one of the first hundred keys: for it, the first batch is the whole table.
async fn as_of_another_day(target: &Target) {
    target
        .execute(
            "create table items (id integer primary key, applied integer not null default 0) with (autovacuum_enabled = off);
             insert into items select generate_series(1, 100); analyze items",
        )
        .await;
    target.execute(&format!("insert into items select generate_series(101, {ROWS})")).await;
}

async fn statistics_of_another_day_make_no_batch_read_the_whole_table(target: Target) {
    as_of_another_day(&target).await;
    let free = add_one("items", &batches_by(1, 1000)).replace("applied + 1", "applied + (select 1)");
    let free = target.tidegate(&["plan", &target.job("free", &free).path]).await.exits(1);
    shows(free.says("change-not-by-index"), &["the server chooses how it reads the rows of a batch"]);

    let held = target.job("held", &add_one("items", &batches_by(1, 1000)));
    let plan = target.tidegate(&["plan", &held.path]).await.exits(0);
    shows(plan, &[HELD, "Index Scan using items_pkey"]);
    let items = Counted { rows: ROWS, job: held };
    target.run(&items.job).await;
    // Counters come late, but all of a session at once: the ranges of the key are seen, and no scan with them but the one that
    // made the index. The sample that cuts the slices is none: it counts as rows that were read.
    let counter = |name| format!("select {name} from pg_stat_user_tables where relname = 'items'");
    until("the batches in the server's counters", async || target.number(&counter("idx_scan")).await >= 60).await;
    let scans = target.number(&counter("seq_scan")).await;
    assert!(scans <= 1, "{scans} scans of the whole table");
    items.was_applied_exactly_once(&target).await;
}

/// Where the rows of a range lie all over the table, the server's own choice is a bitmap: rows in the order they lie in.
async fn rows_that_lie_in_disorder_are_still_locked_in_the_order_of_their_keys(target: Target) {
    target
        .execute(&format!(
            "create table items (id integer primary key, applied integer not null default 0, body text);
             insert into items select id, 0, repeat('x', 200) from generate_series(1, {ROWS}) as id order by md5(id::text)"
        ))
        .await;
    target.execute("analyze items").await;
    let job = target.job("held", &add_one("items", &batches_by(2, 1000)));
    let chosen = target.column("explain update items set applied = 1 where id > 1000 and id <= 2000").await.join("\n");
    assert!(chosen.contains("Bitmap"), "what the server chooses by itself: {chosen}");
    shows(target.tidegate(&["plan", &job.path]).await.exits(0), &["Index Scan using items_pkey"]);

    // An application that takes its rows in the same order waits, and is waited for, and nobody is ever in the way of
    // somebody who stands in his own.
    let mut runner = target.start(&["run", &job.path]);
    let mut taken = 0;
    while runner.is_running() {
        let from = taken * 700 % ROWS;
        let rows = format!(
            "begin; set local enable_seqscan = off; set local enable_bitmapscan = off; \
             select id from items where id > {from} and id <= {from} + 3000 order by id for update; commit"
        );
        target.execute(&rows).await;
        taken += 1;
    }
    runner.end().await.exits(0);
    Counted { rows: ROWS, job }.was_applied_exactly_once(&target).await;
    let deadlocks = "select deadlocks from pg_stat_database where datname = current_database()";
    assert_eq!(target.number(deadlocks).await, 0);
}

/// What holds the change would hold a trigger's queries too, and a pooler's next client would find their plans.
async fn a_query_of_the_users_is_planned_as_it_is_elsewhere(target: Target) {
    let items = Counted::new(&target, 2000, 500).await;
    target
        .execute(
            "create table seen (how text);
             create function look() returns trigger language plpgsql as
             $$ begin insert into seen values (current_setting('enable_seqscan')); return new; end $$;
             create function twice(n integer) returns integer language sql as 'select 2 * n'",
        )
        .await;
    shows(target.tidegate(&["plan", &items.job.path]).await.exits(0), &[HELD]);
    let calls = target.job("calls", &add_one("items", "").replace("applied + 1", "twice(applied) + 1"));
    shows(target.tidegate(&["plan", &calls.path]).await.exits(0), &["functions that may run queries: twice"]);

    target.execute("create trigger look before update on items for each row execute function look()").await;
    shows(target.tidegate(&["plan", &items.job.path]).await.exits(0), &["triggers may run queries: look"]);
    target.run(&items.job).await;
    items.was_applied_exactly_once(&target).await;
    assert_eq!(target.column("select distinct how from seen").await, ["on"]);
}
