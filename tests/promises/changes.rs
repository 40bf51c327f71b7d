//! Do copy and delete keep the promises that set keeps? Each kind of change ends in exactly the right rows although
//! every process is killed after a few batches.

use crate::support::{Job, Target, batches_of, promises, series};

promises!(on [every_postgres, postgres_15_behind_pgbouncer, sqlite]:
    a_set_of_several_columns_reads_the_old_row,
    a_copy_inserts_each_row_once,
    a_copy_that_meets_a_row_stops_and_goes_on_after_it_is_gone,
    a_copy_that_skips_leaves_what_is_there,
    a_copy_that_updates_replaces_what_is_there,
    a_copy_takes_only_rows_in_scope,
    a_delete_takes_only_rows_in_scope,
    a_delete_with_archive_moves_each_row_once,
);

/// After the third batch, inside a fourth one with its rows changed, and with its checkpoint written.
const KILLS: [&str; 3] =
    ["batch-committed=2*off->return", "batch-applied=3*off->return", "batch-checkpointed=3*off->return"];

const ROWS: i64 = 1_000;

async fn a_set_of_several_columns_reads_the_old_row(target: Target) {
    people(&target).await;
    let job = job(&target, "", "[change.set]\nage = \"id\"\nname = \"name || age\"");
    run_with_kills(&target, &job).await;
    assert_eq!(
        target.number("select count(*) from people where age = cast(id as text) and name = 'p' || id || 'old'").await,
        ROWS
    );
}

/// The target has no key, so a row copied twice would stay.
async fn a_copy_inserts_each_row_once(target: Target) {
    people(&target).await;
    target.execute("create table profiles (person integer, bio text)").await;
    let job = job(&target, "", &copy("error"));
    run_with_kills(&target, &job).await;
    assert_eq!(target.number("select count(*) from profiles").await, ROWS);
    assert_eq!(target.number("select count(distinct person) from profiles where bio = 'p' || person").await, ROWS);
}

async fn a_copy_that_meets_a_row_stops_and_goes_on_after_it_is_gone(target: Target) {
    people(&target).await;
    profiles(&target, 500).await;
    let job = job(&target, "", &copy("error"));
    target.tidegate(&["run", &job.path]).await.exits(1);
    assert_eq!(target.status(&job).await["state"], "failed");
    assert_eq!(target.number("select count(*) from profiles where bio = 'mine'").await, 1);

    target.execute("delete from profiles where bio = 'mine'").await;
    target.run(&job).await;
    assert_eq!(target.number("select count(*) from profiles where bio = 'p' || person").await, ROWS);
}

async fn a_copy_that_skips_leaves_what_is_there(target: Target) {
    people(&target).await;
    profiles(&target, 500).await;
    let job = job(&target, "", &copy("skip"));
    run_with_kills(&target, &job).await;
    assert_eq!(target.column("select person from profiles where bio = 'mine'").await, ["500"]);
    assert_eq!(target.number("select count(*) from profiles where bio = 'p' || person").await, ROWS - 1);
    assert_eq!(target.status(&job).await["rows_changed"], ROWS - 1);
}

async fn a_copy_that_updates_replaces_what_is_there(target: Target) {
    people(&target).await;
    profiles(&target, 500).await;
    let job = job(&target, "", &copy("update"));
    run_with_kills(&target, &job).await;
    assert_eq!(target.number("select count(*) from profiles where bio = 'p' || person").await, ROWS);
    assert_eq!(target.number("select count(*) from profiles").await, ROWS);
}

async fn a_copy_takes_only_rows_in_scope(target: Target) {
    people(&target).await;
    profiles(&target, -1).await;
    let job = job(&target, "where = \"id % 4 = 0\"", &copy("error"));
    run_with_kills(&target, &job).await;
    assert_eq!(target.number("select count(*) from profiles where person % 4 = 0").await, ROWS / 4);
    assert_eq!(target.number("select count(*) from profiles where person > 0").await, ROWS / 4);
}

async fn a_delete_takes_only_rows_in_scope(target: Target) {
    people(&target).await;
    let job = job(&target, "where = \"id % 4 = 0\"", "[change.delete]");
    run_with_kills(&target, &job).await;
    assert_eq!(target.number("select count(*) from people where id % 4 = 0").await, 0);
    assert_eq!(target.number("select count(*) from people").await, ROWS - ROWS / 4);
    assert_eq!(target.status(&job).await["rows_changed"], ROWS / 4);
}

/// The archive has no key, so a row moved twice would stay.
async fn a_delete_with_archive_moves_each_row_once(target: Target) {
    people(&target).await;
    target.execute("create table former (id integer, name text, age text)").await;
    let job = job(&target, "where = \"id <= 700\"", "[change.delete]\narchive_into = \"former\"");
    run_with_kills(&target, &job).await;
    assert_eq!(target.number("select count(*) from people where id <= 700").await, 0);
    assert_eq!(target.number("select count(*) from people").await, ROWS - 700);
    assert_eq!(target.number("select count(*) from former").await, 700);
    assert_eq!(
        target.number("select count(distinct id) from former where name = 'p' || id and age = 'old'").await,
        700
    );
}

async fn people(target: &Target) {
    target.execute("create table people (id integer primary key, name text not null, age text not null)").await;
    let ids = series(target, ROWS as u64);
    target.execute(&format!("insert into people select i, 'p' || i, 'old' from ({ids}) as ids")).await;
}

/// The copy's target, with one row that is there already.
async fn profiles(target: &Target, person: i64) {
    target.execute("create table profiles (person integer primary key, bio text)").await;
    target.execute(&format!("insert into profiles values ({person}, 'mine')")).await;
}

fn copy(on_conflict: &str) -> String {
    format!(
        "[change.copy]\ninto = \"profiles\"\ncolumns = {{ person = \"id\", bio = \"name\" }}\n\
         on_conflict = \"{on_conflict}\""
    )
}

fn job(target: &Target, scope: &str, change: &str) -> Job {
    let batch = batches_of(20);
    target.job("change-people", &format!("[table]\nname = \"people\"\n{scope}\n{change}\n{batch}"))
}

async fn run_with_kills(target: &Target, job: &Job) {
    let kills = target.run_killed_at(&KILLS, job).await;
    assert!(kills >= 6, "each point twice at least, not {kills} kills");
    assert_eq!(target.status(job).await["state"], "succeeded");
}
