//! Does every type of key survive the checkpoint's text form and back? Each table of the matrix is walked in batches of
//! one to three rows by processes that are killed after every single batch.

mod matrix;

use crate::support::{Job, Random, Target, add_one, batches_by, promises};
use matrix::{KeyCase, POSTGRES, RANDOM_VALUES, SQLITE};

promises!(on [every_postgres, postgres_15_behind_pgbouncer, sqlite]:
    every_row_of_every_key_type_is_visited_once,
    a_key_may_have_the_names_that_we_use,
);
promises!(on [postgres_15]: any_value_of_a_key_type_is_visited_once);

async fn every_row_of_every_key_type_is_visited_once(target: Target) {
    for (number, case) in target.either(POSTGRES, SQLITE).iter().enumerate() {
        walk(&target, case, 1 + number as u64 % 3).await;
    }
}

async fn walk(target: &Target, case: &KeyCase, batch_rows: u64) {
    let KeyCase { name, before, columns, key, options, rows } = case;
    let table = name.replace('-', "_");
    target.execute(before).await;
    target
        .execute(&format!(
            "create table \"{table}\" ({columns}, applied integer not null default 0, primary key ({key})){options};
             insert into \"{table}\" ({key}) values {rows}"
        ))
        .await;
    let count = target.number(&format!("select count(*) from \"{table}\"")).await;
    let job = target.job(name, &add_one(&table, &batches_by(1, batch_rows)));
    println!("{name}: {count} rows, {batch_rows} a batch");
    let kills = run_in_changing_sessions(target, &job).await;

    let visits = target.rows(&format!("select applied, count(*) from \"{table}\" group by applied")).await;
    assert_eq!(visits, [["1".to_owned(), count.to_string()]], "[visits, rows] of {name}");
    assert!(kills >= count.unsigned_abs() / batch_rows, "{name}: only {kills} batches for {count} rows");
}

/// Every process is killed after its first batch. A canonical text must not depend on how a session happens to print
/// things, so each process prints otherwise than the one before. How many were killed.
async fn run_in_changing_sessions(target: &Target, job: &Job) -> u64 {
    for kills in 0.. {
        print_oddly(target, kills % 2 == 0).await;
        let ended = target.start_killed_at("batch-committed=return", &["run", &job.path]).end().await;
        if !ended.was_killed() {
            ended.exits(0);
            return kills;
        }
    }
    unreachable!("the loop has no end of its own")
}

/// Changes what new sessions of this database print where they are not told.
async fn print_oddly(target: &Target, oddly: bool) {
    const SETTINGS: [&str; 5] = [
        "datestyle = 'SQL, DMY'",
        "timezone = 'Europe/Berlin'",
        "bytea_output = 'escape'",
        "intervalstyle = 'sql_standard'",
        "extra_float_digits = -5",
    ];
    if target.either(false, true) {
        return;
    }
    let database = &target.column("select current_database()").await[0];
    let alter = |setting: &str| format!("alter database {database} set {setting};");
    match oddly {
        true => target.execute(&SETTINGS.map(alter).concat()).await,
        false => target.execute(&format!("alter database {database} reset all")).await,
    }
}

/// Values that nobody thought of, made by the server from a seed that is printed; killed after every few batches.
async fn any_value_of_a_key_type_is_visited_once(target: Target) {
    let mut random = Random::new();
    for (name, sql_type, value) in RANDOM_VALUES {
        let (table, seed) = (name.replace('-', "_"), random.below(1_000_000) as f64 / 1e6);
        target
            .execute(&format!(
                "create table {table} (k {sql_type} primary key, applied integer not null default 0);
                 select setseed({seed}); insert into {table} (k) select distinct ({value})::{sql_type}
                 from generate_series(1, 200) as i"
            ))
            .await;
        let count = target.number(&format!("select count(*) from {table}")).await;
        println!("{name}: {count} rows, seed {seed}");
        let job = target.job(name, &add_one(&table, &batches_by(2, 7)));
        assert!(
            target.run_killed_at(&["batch-committed=8*off->return", "batch-checkpointed=5*off->return"], &job).await
                > 1
        );
        let visits = target.rows(&format!("select applied, count(*) from {table} group by applied")).await;
        assert_eq!(visits, [["1".to_owned(), count.to_string()]], "[visits, rows] of {name}");
    }
}

/// Every name that stands in a statement of ours beside the key's own columns.
async fn a_key_may_have_the_names_that_we_use(target: Target) {
    let names = ["part", "stored", "n", "total", "t", "s", "seq", "cursor_key"];
    let columns: Vec<_> = names.iter().map(|name| format!("\"{name}\" integer not null")).collect();
    let key = names.map(|name| format!("\"{name}\"")).join(", ");
    let table =
        format!("create table items ({}, applied integer not null default 0, primary key ({key}))", columns.join(", "));
    target.execute(&table).await;
    let numbers = crate::support::series(&target, 1_000).replace("select i from", "select i as v from");
    let values = ["v"; 8].join(", ");
    target.execute(&format!("insert into items ({key}) select {values} from ({numbers}) as x")).await;

    let job = target.job("our-own-names", &add_one("items", &batches_by(2, 20)));
    assert_eq!(target.run(&job).await["rows_changed"], 1_000);
    let visits = target.rows("select applied, count(*) from items group by applied").await;
    assert_eq!(visits, [["1".to_owned(), "1000".to_owned()]], "[visits, rows]");
}
