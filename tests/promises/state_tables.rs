//! Are the state tables of another version met as they should be? Older ones are brought up to date with the runs that
//! they hold; newer ones are left alone, with a word on what to do.

mod tampered;

use crate::support::{Counted, Target, promises, rows_changed};
use std::path::Path;
use tidegate::db::SCHEMA_VERSION;

promises!(on [every_postgres, sqlite]:
    the_runs_of_every_released_version_go_on_in_this_one,
    tables_of_a_newer_version_are_not_touched,
    whoever_comes_at_the_same_moment_finds_tables_made_once,
);

/// What a released version left in a database when it was killed.
struct Released {
    version: i64,
    sql: String,
}

async fn the_runs_of_every_released_version_go_on_in_this_one(target: Target) {
    let released = released(target.either("postgres", "sqlite"));
    let versions: Vec<_> = released.iter().map(|released| released.version).collect();
    assert!((1..SCHEMA_VERSION).all(|version| versions.contains(&version)), "only {versions:?} of {SCHEMA_VERSION}");
    for Released { version, sql } in released {
        println!("state tables of version {version}");
        clear(&target).await;
        target.execute(&sql).await;
        go_on(&target, version < SCHEMA_VERSION).await;
    }
}

/// A scheduler and an operator's first command may start together: neither may fail for the other's sake.
async fn whoever_comes_at_the_same_moment_finds_tables_made_once(target: Target) {
    let oldest = released(target.either("postgres", "sqlite")).into_iter().find(|released| released.version == 1);
    for before in [None, Some(oldest.expect("version 1").sql)] {
        clear(&target).await;
        if let Some(sql) = &before {
            target.execute(sql).await;
        }
        let comers: Vec<_> = (0..6).map(|_| target.start(&["init"])).collect();
        for comer in comers {
            comer.end().await.exits(0);
        }
        let versions = target.column(&format!("select version from {} order by version", target.state("meta"))).await;
        let expected: Vec<_> = (1..=SCHEMA_VERSION).map(|version| version.to_string()).collect();
        assert_eq!(versions, expected);
    }
}

/// Each run goes on by the job file that it was started with, and everything ends as if nothing had happened.
async fn go_on(target: &Target, is_older: bool) {
    let text = format!("select job_text from {} order by id", target.state("run"));
    let jobs = target.column(&text).await;
    assert_eq!(jobs.len(), 2, "a walk and a sweep");
    if is_older {
        target.tidegate(&["status"]).await.exits(1).says("tidegate init");
    }
    for (number, text) in jobs.iter().enumerate() {
        let path = target.folder().join(format!("{number}.toml"));
        std::fs::write(&path, text).expect("a job file");
        let path = path.to_str().expect("a plain path");
        target.tidegate(&["run", path]).await.exits(0);
        for command in ["status", "why", "history"] {
            target.tidegate(&[command, path]).await.exits(0);
        }
    }
    let visits = target.rows("select applied, count(*) from items group by applied").await;
    assert_eq!(visits, [["1".to_owned(), "600".to_owned()]], "[visits, rows] of the walk");
    assert_eq!(target.number("select count(*) from notes where note is null").await, 0, "rows left by the sweep");
    assert_eq!(rows_changed(target).await, 600 + 200, "the checkpoints' sum of rows");
    let reasons = format!("select count(*) from {} where reason = 'deploy at 15:00'", target.state("event"));
    assert!(target.number(&reasons).await > 0, "what happened before is still on record");
}

/// `001_postgres.sql` is version 1 on PostgreSQL.
fn released(database: &str) -> Vec<Released> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/state_tables");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    let of_database = files.iter().filter_map(|file| {
        let number = file.file_name()?.to_str()?.strip_suffix(&format!("_{database}.sql"))?;
        let version = number.parse().expect("a file is named after its version");
        Some(Released { version, sql: std::fs::read_to_string(file).expect("plain text") })
    });
    of_database.collect()
}

/// Takes away what the version before left.
async fn clear(target: &Target) {
    if target.either(true, false) {
        return target.execute("drop schema if exists tidegate cascade; drop table if exists items, notes").await;
    }
    // Those that point to others were made after them.
    let tables = "select name from sqlite_schema where type = 'table' and name not like 'sqlite%' order by rowid desc";
    for table in target.column(tables).await {
        target.execute(&format!("drop table {table}")).await;
    }
}

async fn tables_of_a_newer_version_are_not_touched(target: Target) {
    let items = Counted::new(&target, 100, 20).await;
    target.tidegate(&["init"]).await.exits(0);
    target.execute(&format!("insert into {} (version) values (999)", target.state("meta"))).await;
    for command in [&["run", &items.job.path][..], &["status"], &["history"], &["pause", &items.job.name], &["init"]] {
        target.tidegate(command).await.exits(1).says("use the newer tidegate");
    }
    assert_eq!(target.number("select count(*) from items where applied = 0").await, 100);
}
