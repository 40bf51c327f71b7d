//! A backfill as a part of another program: starts a run, follows its events, stops it in the middle and goes on with it.
//!
//! ```text
//! cargo run --example run_from_code
//! ```
//!
//! It makes a SQLite database of its own. On a database of yours, `Address::parse` takes what DATABASE_URL would hold.

#![allow(clippy::print_stdout, reason = "an example says what it does")]

use std::error::Error;
use std::sync::Arc;
use tidegate::db::{self, Address, Database, DemoTable};
use tidegate::engine::{self, Options, Outcome, Started};
use tidegate::event::Event;
use tidegate::job;

const JOB: &str = r#"
version = 1
name = "fill-full-name"

[table]
name = "users"
where = "full_name is null"

[change.set]
full_name = "first_name || ' ' || last_name"
"#;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("tidegate-example-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let result = run_in(&folder.join("app.db")).await;
    std::fs::remove_dir_all(&folder)?;
    result
}

async fn run_in(path: &std::path::Path) -> Result<(), Box<dyn Error>> {
    DemoTable::make(path, 200_000).await?;
    let database: Arc<dyn Database> = db::database(&Address::Sqlite(path.to_owned()))?;
    // Whatever is wrong with a job file is known before a database is asked, with line and column.
    let (job, warnings) = job::parse(JOB).map_err(|problems| job::render("the job", JOB, &problems, false))?;
    assert!(warnings.is_empty());

    // A stop costs nothing: the next start goes on after the last committed batch.
    let mut first = engine::start(Arc::clone(&database), job.clone(), Options::default());
    stop_after_a_batch(&mut first).await;
    match first.outcome().await? {
        Outcome::Stopped(summary, _) => println!("stopped at {:.0} %", summary.progress.share * 100.0),
        other => println!("it was faster: {other:?}"),
    }

    let mut second = engine::start(database, job, Options::default());
    while let Some(event) = second.next_event().await {
        // The sweep's batches prove that nothing is left; they change nothing.
        if let Event::BatchCommitted { rows: rows @ 1.., took, progress, .. } = event {
            println!("{rows} rows in {took:.1?}, {:.0} % done", progress.share * 100.0);
        }
    }
    match second.outcome().await? {
        Outcome::Succeeded(summary, proof) => {
            println!("{} rows changed, {} left", summary.progress.rows_changed, proof.rows_left);
        }
        other => println!("not done: {other:?}"),
    }
    println!("{} users without a full name, counted by SQLite", DemoTable::rows_without_name(path).await?);
    Ok(())
}

async fn stop_after_a_batch(run: &mut Started) {
    while let Some(event) = run.next_event().await {
        if matches!(event, Event::BatchCommitted { .. }) {
            run.stop();
        }
    }
}
