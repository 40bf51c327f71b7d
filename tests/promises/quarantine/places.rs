//! Does it matter where the rows at fault are, what their keys are, and what happens meanwhile? At the edges of the table
//! and of its slices, side by side, under keys of several columns, met again by a sweep, through kills.

use super::poison::{CHECK, Kind, Poisoned, keys, sections};
use crate::support::{Target, batches_by, promises, series};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

promises!(on [every_postgres, sqlite]:
    rows_at_the_edges_are_set_aside,
    rows_side_by_side_are_set_aside,
    a_key_of_several_columns_and_texts_is_told_exactly,
    a_sweep_counts_no_row_twice_and_blames_no_other,
    a_kill_while_a_row_is_looked_for_is_not_seen,
    a_copy_sets_aside_what_its_target_refuses,
    a_delete_sets_aside_what_is_pointed_to,
);

/// What a check's violation is called here.
pub(super) fn check(target: &Target) -> Kind {
    Kind { code: target.either("23514", "275"), ..CHECK }
}

/// The first row and the last of the table, and of each slice of it: those that the run will be cut into.
async fn rows_at_the_edges_are_set_aside(target: Target) {
    const ROWS: u64 = 5_000;
    let healthy = Poisoned::new(&target, check(&target), ROWS, [], &sections(2, 0).replace("500", "50")).await;
    target.run(&healthy.job).await;
    let cuts = planned_cuts(&target).await;
    assert!(cuts.len() >= 4, "{cuts:?}");
    let edges: BTreeSet<u64> =
        cuts.iter().flat_map(|cut| [*cut, cut + 1]).chain([1]).filter(|id| *id <= ROWS).collect();

    let items = Poisoned::new(&target, check(&target), ROWS, edges, &sections(2, 99).replace("500", "50")).await;
    target.tidegate(&["run", "--restart", &items.job.path]).await.exits(3);
    assert_eq!(cuts, planned_cuts(&target).await, "the test's rows are at the edges");
    items.only_these_are_aside(&items.poison).await;
}

/// Where the newest run's slices end as they were planned, whatever of them was split off later for a worker without one.
async fn planned_cuts(target: &Target) -> Vec<u64> {
    let ends = format!(
        "select coalesce(split_from, slice), through_key from {} where run_id = (select max(run_id) from {0})",
        target.state("slice")
    );
    let number = |text: &String| text.chars().filter(char::is_ascii_digit).collect::<String>().parse::<u64>().unwrap();
    let mut cuts = BTreeMap::new();
    for row in target.rows(&ends).await {
        let end = cuts.entry(number(&row[0])).or_insert(0);
        *end = number(&row[1]).max(*end);
    }
    cuts.into_values().collect()
}

async fn rows_side_by_side_are_set_aside(target: Target) {
    let poison = (1..=3).chain(700..=740).chain(1_498..=1_500);
    let items = Poisoned::new(&target, check(&target), 1_500, poison, &sections(2, 47)).await;
    items.run().await;
    items.only_these_are_aside(&items.poison).await;
}

async fn a_key_of_several_columns_and_texts_is_told_exactly(target: Target) {
    target
        .execute(
            "create table lines (order_ref text not null, line_no integer not null, applied integer not null default 0, \
             amount integer not null default 0 check (amount >= 0), wanted integer not null default 1, \
             primary key (order_ref, line_no))",
        )
        .await;
    let refs = series(&target, 40).replace("select i from", "select 'R''\"' || i || 'é' as r from");
    let numbers = series(&target, 25);
    target.execute(&format!("insert into lines (order_ref, line_no) select r, i from ({refs}) a, ({numbers}) b")).await;
    target.execute("update lines set wanted = -1 where order_ref = 'R''\"17é' and line_no in (1, 25)").await;
    let job = target.job(
        "lines",
        &format!(
            "[table]\nname = \"lines\"\n[change.set]\napplied = \"applied + 1\"\namount = \"wanted\"\n{}\
             [errors]\nquarantine = 2\n",
            batches_by(2, 60)
        ),
    );
    target.tidegate(&["run", &job.path]).await.exits(3);
    let list = target.tidegate(&["quarantine", "list", &job.path, "--output", "json"]).await.exits(0).json();
    let told: BTreeSet<String> = list["rows"].as_array().unwrap().iter().map(|row| row["key"].to_string()).collect();
    let key = |line: &str| {
        let line = format!("{}{line}", target.either("", "i:"));
        json!([format!("{}R'\"17é", target.either("", "t:")), line]).to_string()
    };
    assert_eq!(told, BTreeSet::from([key("1"), key("25")]));
    assert_eq!(target.number("select count(*) from lines where applied = 1").await, 998);

    target.execute("update lines set wanted = 1").await;
    target.tidegate(&["quarantine", "retry", &job.path]).await.exits(0);
    assert_eq!(target.number("select count(*) from lines where applied = 1 and amount = 1").await, 1_000);
}

/// The sweep passes over rows that are in scope still. Which they are is known; a row that comes into scope meanwhile is
/// changed all the same.
async fn a_sweep_counts_no_row_twice_and_blames_no_other(target: Target) {
    let poison = [5, 6, 700, 1_500];
    let kind = Kind { set: "amount = \"wanted\"\n", ..check(&target) };
    let items = Poisoned::new(&target, kind, 1_500, poison, "").await;
    let text = format!(
        "[table]\nname = \"items\"\nwhere = \"applied = 0\"\n[change.set]\napplied = \"1\"\namount = \"wanted\"\n{}",
        sections(2, 4)
    );
    let job = target.job(&items.job.name, &text);
    let summary = target.tidegate(&["run", &job.path, "--output", "json"]).await.exits(3).json();
    let proof = json!({ "sweep_passes": 1, "rows_left": 0, "rows_quarantined": 4 });
    for (field, expected) in proof.as_object().unwrap() {
        assert_eq!(summary["proof"][field], *expected, "{summary}");
    }
    items.only_these_are_aside(&items.poison).await;
    for row in items.list().await["rows"].as_array().unwrap() {
        assert_eq!(row["tries"], 1, "{row}");
    }
    let again = target.tidegate(&["run", &job.path]).await.exits(3);
    assert!(again.stdout.contains("nothing was touched") && again.stdout.contains("4 rows"), "{again}");
}

/// In the middle of the search, in the transaction that sets a row aside, and right after it.
async fn a_kill_while_a_row_is_looked_for_is_not_seen(target: Target) {
    // All of them in the first two batches: what a process does first is to look for one.
    let items = Poisoned::new(&target, check(&target), 2_000, [100, 230, 301, 302, 490], &sections(1, 5)).await;
    let points = [
        "batch-applied=return",
        "row-quarantined=return",
        "batch-checkpointed=return",
        "batch-checkpointed=1*off->return",
        "row-quarantined=1*off->return",
        "batch-committed=return",
        "batch-checkpointed=return",
        "row-quarantined=return",
    ];
    for point in points {
        let ended = target.start_killed_at(point, &["run", &items.job.path]).end().await;
        assert!(ended.was_killed(), "{point} was not reached: {ended}");
    }
    items.run().await;
    items.only_these_are_aside(&items.poison).await;
}

async fn a_copy_sets_aside_what_its_target_refuses(target: Target) {
    target.execute("create table people (id integer primary key, name text)").await;
    target.execute(&format!("insert into people select i, 'p' || i from ({}) s", series(&target, 1_000))).await;
    target.execute("create table profiles (person integer primary key, bio text)").await;
    target.execute("insert into profiles values (17, 'mine'), (900, 'mine')").await;
    let job = target.job(
        "copy-people",
        &format!(
            "[table]\nname = \"people\"\n[change.copy]\ninto = \"profiles\"\n\
             columns = {{ person = \"id\", bio = \"name\" }}\n{}[errors]\nquarantine = 5\n",
            batches_by(2, 100)
        ),
    );
    target.tidegate(&["run", &job.path]).await.exits(3);
    let list = target.tidegate(&["quarantine", "list", &job.path, "--output", "json"]).await.exits(0).json();
    assert_eq!(keys(&list), BTreeSet::from([17, 900]));
    assert_eq!(list["rows"][0]["code"], target.either("23505", "1555"), "{list}");
    assert_eq!(target.number("select count(*) from profiles where bio = 'p' || person").await, 998);

    target.execute("delete from profiles where person = 17").await;
    target.tidegate(&["quarantine", "retry", &job.path]).await.exits(3);
    assert_eq!(target.number("select count(*) from profiles where bio = 'p' || person").await, 999);
    assert_eq!(target.status(&job).await["rows_changed"], 999);
}

async fn a_delete_sets_aside_what_is_pointed_to(target: Target) {
    target.execute("create table people (id integer primary key, name text)").await;
    target.execute(&format!("insert into people select i, 'p' || i from ({}) s", series(&target, 1_000))).await;
    target.execute("create table letters (person integer references people)").await;
    target.execute("insert into letters values (3), (4), (1000)").await;
    target.execute("create table former (id integer, name text)").await;
    let job = target.job(
        "delete-people",
        &format!(
            "[table]\nname = \"people\"\nwhere = \"id > 2\"\n[change.delete]\narchive_into = \"former\"\n{}\
             [errors]\nquarantine = 5\n",
            batches_by(2, 100)
        ),
    );
    target.tidegate(&["run", &job.path]).await.exits(3);
    assert_eq!(target.column("select id from people order by id").await, ["1", "2", "3", "4", "1000"]);
    assert_eq!(target.number("select count(*) from former").await, 995);

    target.execute("delete from letters where person = 3").await;
    let retried = target.tidegate(&["quarantine", "retry", &job.path, "--output", "json"]).await.exits(3).json();
    assert_eq!((&retried["changed"], &retried["rows_quarantined"]), (&json!(1), &json!(2)), "{retried}");
    target.execute("delete from letters; delete from people where id = 4").await;
    let retried = target.tidegate(&["quarantine", "retry", &job.path, "--output", "json"]).await.exits(0).json();
    assert_eq!((&retried["changed"], &retried["gone"]), (&json!(1), &json!(1)), "{retried}");
    assert_eq!(target.column("select id from people order by id").await, ["1", "2"]);
    assert_eq!(target.number("select count(distinct id) from former").await, 997);
    target.tidegate(&["run", &job.path]).await.exits(0);
}
