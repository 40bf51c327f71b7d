//! Can another program start a run, follow it and stop it? The crate's own promise; what `examples/run_from_code.rs` shows.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first surprise")]

use std::path::Path;
use std::sync::Arc;
use tidegate::db::{self, Address, Database, DemoTable};
use tidegate::engine::{self, Options, Outcome, Started};
use tidegate::event::Event;
use tidegate::job::{self, Job};

const JOB: &str = "version = 1\nname = \"fill-full-name\"\n[table]\nname = \"users\"\n\
    [change.set]\nfull_name = \"coalesce(full_name, '') || 'x'\"\n[batch]\nworkers = 1\n";

fn job() -> Job {
    job::parse(JOB).unwrap().0
}

async fn database(path: &Path, rows: u32) -> Arc<dyn Database> {
    DemoTable::make(path, rows).await.unwrap();
    db::database(&Address::Sqlite(path.to_owned())).unwrap()
}

/// Follows a run to its first batch.
async fn first_batch(run: &mut Started) {
    while let Some(event) = run.next_event().await {
        if matches!(event, Event::BatchCommitted { .. }) {
            return;
        }
    }
    panic!("the run ended without a batch");
}

/// How many users have this name: the change adds a letter, so a row that was changed twice has two.
async fn named(path: &Path, name: &str) -> i64 {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
    let mut connection = sqlx::ConnectOptions::connect(&options).await.unwrap();
    sqlx::query_scalar("select count(*) from users where full_name = $1")
        .bind(name)
        .fetch_one(&mut connection)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_stopped_goes_on_exactly_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.db");
    let database = database(&path, 100_000).await;

    let mut run = engine::start(Arc::clone(&database), job(), Options::default());
    first_batch(&mut run).await;
    run.stop();
    let outcome = run.outcome().await.unwrap();
    let Outcome::Stopped(stopped, _) = outcome else { panic!("not stopped: {outcome:?}") };
    assert!((1..100_000).contains(&stopped.progress.rows_changed), "{stopped:?}");

    let outcome = engine::start(database, job(), Options::default()).outcome().await.unwrap();
    let Outcome::Succeeded(done, _) = outcome else { panic!("not done: {outcome:?}") };
    assert_eq!(done.progress.rows_changed, 100_000);
    assert_eq!(named(&path, "x").await, 100_000, "every row once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_handle_is_dropped_stops_and_can_be_taken_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.db");
    let database = database(&path, 100_000).await;

    let mut run = engine::start(Arc::clone(&database), job(), Options::default());
    first_batch(&mut run).await;
    drop(run);
    // The one that was dropped may still be letting go.
    let outcome = loop {
        match engine::start(Arc::clone(&database), job(), Options::default()).outcome().await.unwrap() {
            Outcome::HeldBy { .. } => {}
            outcome => break outcome,
        }
    };
    assert!(matches!(outcome, Outcome::Succeeded(..)), "{outcome:?}");
    assert_eq!(named(&path, "x").await, 100_000, "every row once");
}
