//! Does every type of key survive the checkpoint's text form and back? Each table of the matrix is walked in batches of
//! one to three rows by processes that are killed after every single batch.

mod matrix;

use crate::support::{Target, add_one, batches_by, promises};
use matrix::{KeyCase, POSTGRES, SQLITE};

promises!(on [postgres_14, postgres_15, postgres_18, sqlite]:
    every_row_of_every_key_type_is_visited_once,
);

async fn every_row_of_every_key_type_is_visited_once(target: Target) {
    // A canonical text must not depend on how this database happens to print things.
    let odd_settings = "do $$ declare setting text; begin
        foreach setting in array array['datestyle = ''SQL, DMY''', 'timezone = ''Europe/Berlin''',
            'bytea_output = ''escape''', 'intervalstyle = ''sql_standard''', 'extra_float_digits = -5'] loop
            execute format('alter database %I set %s', current_database(), setting);
        end loop; end $$";
    target.execute(target.either(odd_settings, "select 1")).await;
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
    let kills = target.run_killed_at(&["batch-committed=return"], &job).await;

    let visits = target.rows(&format!("select applied, count(*) from \"{table}\" group by applied")).await;
    assert_eq!(visits, [["1".to_owned(), count.to_string()]], "[visits, rows] of {name}");
    assert!(kills as i64 >= count / batch_rows as i64, "{name}: only {kills} batches for {count} rows");
}
