//! Does a walk in laps meet each row once, and do the rows that it changes leave the indexes alone?

use super::{ONCE, killed_after, was_applied_once};
use crate::support::{Counted, Target, add_one, batches_by, batches_of, note_batches, promises, rows_changed, until};

promises!(on [every_postgres, postgres_15_behind_pgbouncer]:
    a_walk_in_laps_changes_each_row_once,
);
promises!(on [every_postgres]:
    a_walk_in_laps_that_is_killed_anywhere_goes_on,
    a_walk_by_blocks_in_laps_that_is_killed_anywhere_goes_on,
    partitions_are_walked_in_laps,
    no_batch_of_a_lap_has_more_rows_than_it_may_whatever_the_keys_are,
    laps_go_to_the_ends_of_every_whole_number,
    a_lap_reads_no_row_of_the_others,
    a_row_that_fails_in_a_lap_is_set_aside_and_its_neighbours_are_changed,
    a_range_that_stays_locked_is_carved_out_with_its_circuit,
    rows_that_come_into_scope_behind_a_lap_are_swept,
    a_slice_is_taken_apart_while_its_circuits_are_under_way,
    sparse_rows_are_changed_as_the_walk_comes_by,
    a_plan_says_in_how_many_laps_and_why,
    an_index_that_must_learn_of_the_change_is_found_whatever_it_has_of_the_column,
    laps_are_refused_where_no_key_tells_them,
);
// A server of its own: a transaction of another test that has written keeps old versions in every database of the server.
promises!(on [postgres_15_to_crash]:
    rows_changed_in_laps_leave_the_indexes_alone,
);
promises!(on [sqlite]:
    laps_are_refused_where_rows_are_changed_in_place,
);

const ROWS: u64 = 6_000;

/// Whole numbers around zero, in the order of the rows on disk; about forty of them in a block, so that a batch has several.
async fn numbered(target: &Target, sections: &str) -> Counted {
    numbered_to(target, ROWS, sections).await
}

async fn numbered_to(target: &Target, rows: u64, sections: &str) -> Counted {
    target
        .execute(&format!(
            "create table items (id integer primary key, number integer not null, note text,
                 applied integer not null default 0, body text not null default repeat('x', 150))
                 with (autovacuum_enabled = false);
             create index on items (number);
             insert into items (id, number) select i - {rows} / 2, i from generate_series(1, {rows}) as i;
             analyze items"
        ))
        .await;
    Counted { rows, job: target.job("in-laps", &format!("[table]\nname = \"items\"\n{sections}")) }
}

/// Nothing but the checkpoints says what is done.
fn without_where(laps: u32, batch: &str) -> String {
    format!("laps = \"{laps}\"\n[change.set]\napplied = \"applied + 1\"\n{batch}")
}

fn by_blocks(laps: u32, batch: &str) -> String {
    format!("walk = \"physical\"\nlaps = \"{laps}\"\n{ONCE}{batch}")
}

async fn a_walk_in_laps_changes_each_row_once(target: Target) {
    for laps in [2, 4, 8] {
        let items = numbered(&target, &without_where(laps, &batches_of(100))).await;
        let summary = target.run(&items.job).await;
        items.was_applied_exactly_once(&target).await;
        assert_eq!(summary["proof"]["gaps"], 0);
        let slices = target.rows("select distinct laps, lap, done, circuit_through from tidegate.slice").await;
        assert_eq!(slices, [[laps.to_string(), "0".into(), "t".into(), "∅".into()]]);
        target.execute("drop table items; drop schema tidegate cascade").await;
    }
}

/// Killed before and after every COMMIT, also those with which the cursor goes back.
async fn a_walk_in_laps_that_is_killed_anywhere_goes_on(target: Target) {
    let items = numbered(&target, &without_where(4, &batches_of(100))).await;
    let points = ["batch-begun=7*off->return", "batch-applied=5*off->return", "batch-checkpointed=6*off->return"];
    let kills = target.run_killed_at(&[&points[..], &["batch-committed=4*off->return"]].concat(), &items.job).await;
    assert!(kills > 8, "only {kills} kills");
    items.was_applied_exactly_once(&target).await;
}

async fn a_walk_by_blocks_in_laps_that_is_killed_anywhere_goes_on(target: Target) {
    let items = numbered(&target, &by_blocks(4, &batches_of(100))).await;
    let points = ["batch-applied=5*off->return", "batch-checkpointed=6*off->return", "batch-committed=4*off->return"];
    let kills = target.run_killed_at(&points, &items.job).await;
    assert!(kills > 8, "only {kills} kills");
    items.was_applied_exactly_once(&target).await;
}

async fn partitions_are_walked_in_laps(target: Target) {
    target
        .execute(&format!(
            "create table items (id integer primary key, note text, applied integer not null default 0)
                 partition by range (id);
             create table items_low partition of items for values from (1) to (2000);
             create table items_high partition of items default;
             insert into items (id) select generate_series(1, {ROWS}); analyze items"
        ))
        .await;
    let sections = format!("[table]\nname = \"items\"\n{}", without_where(4, &batches_of(100)));
    let items = Counted { rows: ROWS, job: target.job("in-laps", &sections) };
    killed_after(&target, &items, 11).await;
    target.run(&items.job).await;
    items.was_applied_exactly_once(&target).await;
}

/// The same job in one lap and in four. A new version goes into every index where it goes to another block, and then the table
/// grows.
async fn rows_changed_in_laps_leave_the_indexes_alone(target: Target) {
    let mut grown = Vec::new();
    for (laps, physical) in [(1, false), (4, false), (1, true), (4, true)] {
        let sections = match physical {
            true => by_blocks(laps, &batches_by(1, 100)),
            false => without_where(laps, &batches_by(1, 100)),
        };
        let items = numbered_to(&target, 4 * ROWS, &sections).await;
        let before = target.number("select pg_relation_size('items')").await;
        target.run(&items.job).await;
        items.was_applied_exactly_once(&target).await;
        grown.push(target.number("select pg_relation_size('items')").await - before);
        target.execute("drop table items; drop schema tidegate cascade").await;
    }
    // A hash spreads the rows of a lap less evenly over the blocks than stripes of the key do.
    let is_less = grown[1] * 2 < grown[0] && grown[3] * 3 < grown[2] * 2;
    assert!(is_less, "bytes grown, in one lap and in four: {grown:?}");
}

/// Every fourth key, all of them of one lap: what the other laps look at has no rows of theirs.
async fn no_batch_of_a_lap_has_more_rows_than_it_may_whatever_the_keys_are(target: Target) {
    let items = numbered(&target, &without_where(4, &batches_by(1, 100))).await;
    target.execute("update items set id = number * 4 + 100000").await;
    note_batches(&target).await;
    target.run(&items.job).await;
    items.was_applied_exactly_once(&target).await;
    let most = target.number("select max(rows) from batches").await;
    assert!(most <= 100, "{most} rows in one batch");
}

/// All numbers of the smallest type, and the last ones of the others: what is reckoned beyond them would be out of range.
async fn laps_go_to_the_ends_of_every_whole_number(target: Target) {
    let ends = |bits: u32| {
        let last = (1_i128 << (bits - 1)) - 1;
        [(-last - 1, -last + 1_500), (-1_000, 1_000), (last - 1_500, last)]
    };
    for (sql_type, keys) in
        [("smallint", vec![(-32_768, 32_767)]), ("integer", ends(32).to_vec()), ("bigint", ends(64).to_vec())]
    {
        let keys: Vec<_> = keys
            .iter()
            .map(|(first, last)| {
                format!(
                    "select (n + {first})::{sql_type} as id from generate_series(0::numeric, {}) as n",
                    last - first
                )
            })
            .collect();
        target
            .execute(&format!(
                "create table items (id {sql_type} primary key, applied integer not null default 0);
                 insert into items (id) {}; analyze items",
                keys.join(" union all ")
            ))
            .await;
        let rows = target.number("select count(*) from items").await as u64;
        let sections = format!("[table]\nname = \"items\"\n{}", without_where(4, &batches_of(150)));
        let items = Counted { rows, job: target.job("in-laps", &sections) };
        target.run(&items.job).await;
        items.was_applied_exactly_once(&target).await;
        target.execute("drop table items; drop schema tidegate cascade").await;
    }
}

/// Rows that an index leads to, as the server counts them: once where each is changed. Also where the last ANALYZE saw few of the
/// keys, so that a batch looks like a row or two, which would be asked first.
async fn a_lap_reads_no_row_of_the_others(target: Target) {
    let items = numbered(&target, &without_where(4, &batches_by(1, 100))).await;
    target.execute("create table kept as select * from items where number > 100").await;
    target.execute("delete from items where number > 100").await;
    target.execute("vacuum (full, analyze) items").await;
    target.execute("insert into items select * from kept; drop table kept").await;
    target.run(&items.job).await;
    items.was_applied_exactly_once(&target).await;
    let fetched = "select idx_tup_fetch from pg_stat_user_tables where relname = 'items'";
    until("the server has counted them", async || target.number(fetched).await >= ROWS as i64).await;
    let fetched = target.number(fetched).await;
    assert!(fetched < ROWS as i64 * 3 / 2, "{fetched} rows were read to change {ROWS}");
}

async fn a_row_that_fails_in_a_lap_is_set_aside_and_its_neighbours_are_changed(target: Target) {
    let sections = without_where(4, &format!("[errors]\nquarantine = 5\n{}", batches_of(100)));
    let items = numbered(&target, &sections).await;
    target
        .execute("alter table items add constraint small check (applied = 0 or number not in (333, 335, 4444))")
        .await;
    target.tidegate(&["run", &items.job.path]).await.exits(3);
    let aside = "select count(*) from tidegate.quarantine as q join items as i on i.id::text = q.key::json ->> 0
                 where q.resolved_at is null and i.number in (333, 335, 4444)";
    assert_eq!(target.number(aside).await, 3);
    assert_eq!(target.number("select count(*) from items where applied = 1").await, ROWS as i64 - 3);
    target.execute("alter table items drop constraint small").await;
    target.tidegate(&["quarantine", "retry", &items.job.path]).await.exits(0);
    items.was_applied_exactly_once(&target).await;
}

/// The lock comes while later laps are under way, at the beginning of one: what is carved out goes on there, and the rest of its
/// slice begins behind the circuit, as its rows of earlier laps are done.
async fn a_range_that_stays_locked_is_carved_out_with_its_circuit(target: Target) {
    let sections = without_where(4, &(batches_by(1, 100) + "lock_timeout = \"300ms\"\n"));
    let items = numbered(&target, &sections).await;
    killed_after(&target, &items, 7).await;
    assert!(target.number("select max(lap) from tidegate.slice").await > 0, "a circuit is in hand");
    let lock =
        target.lock("select 1 from items where id = (select min(id) from items where applied = 0) for update").await;
    let mut runner = target.start(&["run", &items.job.path]);
    let aside = "select count(*) from tidegate.slice where set_aside and not done";
    runner.brings("a range is set aside", async || target.number(aside).await == 1).await;
    let others = "select count(*) from tidegate.slice where not set_aside and not done";
    runner.brings("all other slices are done", async || target.number(others).await == 0).await;
    assert!(target.number("select lap from tidegate.slice where set_aside").await > 0, "it goes on in its lap");
    lock.release().await;
    runner.end().await.exits(0);
    items.was_applied_exactly_once(&target).await;
}

async fn rows_that_come_into_scope_behind_a_lap_are_swept(target: Target) {
    let items = numbered(&target, &format!("laps = \"4\"\n{ONCE}{}", batches_by(1, 100))).await;
    target.execute("update items set note = 'done', applied = 1 where number % 3 = 0").await;
    killed_after(&target, &items, 14).await;
    target.execute("update items set note = null, applied = 0 where note = 'n' and number % 5 = 0").await;
    target.run(&items.job).await;
    was_applied_once(&target, "items", ROWS).await;
}

/// All of the table is one slice, whose first circuit is under way when three workers come that have none.
async fn a_slice_is_taken_apart_while_its_circuits_are_under_way(target: Target) {
    let items = numbered(&target, &without_where(4, &batches_by(1, 100))).await;
    killed_after(&target, &items, 7).await;
    assert!(target.number("select max(lap) from tidegate.slice").await > 0, "a circuit is in hand");
    target.execute("delete from tidegate.slice where slice > 0").await;
    target.execute(&format!("update tidegate.slice set through_key = '[\"{}\"]'", ROWS / 2)).await;
    let job = std::fs::read_to_string(&items.job.path).expect("the job").replace("workers = 1", "workers = 4");
    std::fs::write(&items.job.path, job).expect("the job");
    target.run(&items.job).await;
    items.was_applied_exactly_once(&target).await;
    assert!(target.number("select count(*) from tidegate.slice where split_from is not null").await > 0);
}

/// Whoever looks for rows does so once.
async fn sparse_rows_are_changed_as_the_walk_comes_by(target: Target) {
    let items = numbered(&target, &format!("laps = \"4\"\n{ONCE}{}", batches_by(1, 100))).await;
    target.execute("update items set note = 'done', applied = 1 where number > 1000 and number % 100 <> 0").await;
    let summary = target.run(&items.job).await;
    was_applied_once(&target, "items", ROWS).await;
    assert_eq!(rows_changed(&target).await, 1_050, "{summary}");
    until("no circuit is left in hand", async || {
        target.number("select count(*) from tidegate.slice where lap > 0 or circuit_through is not null").await == 0
    })
    .await;
}

/// What the plan says of laps; where there are several, its statement is not the whole one.
async fn laps(target: &Target, items: &Counted) -> String {
    let plan = target.tidegate(&["plan", &items.job.path]).await.exits(0).stdout;
    assert_eq!(plan.contains("each lap only its own"), !plan.contains("laps      1: "), "{plan}");
    let line = plan.lines().find(|line| line.starts_with("laps ")).unwrap_or_else(|| panic!("no laps: {plan}"));
    line.trim_start_matches("laps").trim().to_owned()
}

async fn a_plan_says_in_how_many_laps_and_why(target: Target) {
    let items = numbered(&target, &format!("[change.set]\napplied = \"applied + 1\"\n{}", batches_by(1, 100))).await;
    assert!(laps(&target, &items).await.starts_with("4: no index has a column that is changed"));
    let json = target.tidegate(&["plan", &items.job.path, "--output", "json"]).await.exits(0).json();
    assert_eq!(
        (&json["laps"]["count"], &json["laps"]["stripe"]),
        (&4.into(), &8.into()),
        "a block has about forty rows, of which ten are one lap's"
    );
    target.run(&items.job).await;
    items.was_applied_exactly_once(&target).await;
    assert_eq!(target.number("select min(laps) from tidegate.slice").await, 4, "as it was planned");

    target.execute("create function nothing() returns trigger language plpgsql as 'begin return new; end'").await;
    target.execute("create trigger stamp before update on items for each row execute function nothing()").await;
    assert!(laps(&target, &items).await.contains("the trigger stamp may change a column that an index has"));
}

async fn an_index_that_must_learn_of_the_change_is_found_whatever_it_has_of_the_column(target: Target) {
    let items = numbered(&target, &format!("[change.set]\napplied = \"applied + 1\"\n{}", batches_by(1, 100))).await;
    for index in
        ["(number, applied)", "((applied + number))", "(number) where applied = 0", "(number) include (applied)"]
    {
        target.execute(&format!("create index awkward on items {index}")).await;
        let said = laps(&target, &items).await;
        assert!(said.starts_with("1: an index has applied, and must learn of each change anyway"), "{index}: {said}");
        target.execute("drop index awkward").await;
    }
    assert!(laps(&target, &items).await.starts_with("4: "));
}

async fn laps_are_refused_where_no_key_tells_them(target: Target) {
    target.execute("create table items (id text primary key, applied integer not null default 0)").await;
    let job = target.job("in-laps", &format!("[table]\nname = \"items\"\n{}", without_where(4, "")));
    target.tidegate(&["plan", &job.path]).await.exits(1).says("laps-unavailable").says("id is text");
    target.tidegate(&["run", &job.path]).await.exits(1).says("laps-unavailable");
}

async fn laps_are_refused_where_rows_are_changed_in_place(target: Target) {
    let items = Counted::with_job(&target, 10, &add_one("items", "").replace("[change", "laps = \"2\"\n[change")).await;
    target.tidegate(&["plan", &items.job.path]).await.exits(1).says("laps-unavailable");
    target.tidegate(&["run", &items.job.path]).await.exits(1).says("changes rows where they lie");
}
