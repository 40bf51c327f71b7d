//! Are the numbers what the state tables say, and what is? While a run is paused or held, seen through its exporter, and at
//! its end, seen from the code that ran it.

use super::exposition::{Exposition, start_exporting};
use super::prometheus::paced;
use crate::support::{Counted, SlowRun, Target, add_one, batches, batches_of, promises, rows_changed, until};
use rustix::process::Signal;
use serde_json::Value;
use tidegate::db::{Address, database};
use tidegate::engine::{self, Options, Outcome};
use tidegate::metrics::{Metrics, Registry};

promises!(on [postgres_15, sqlite]:
    the_counters_of_a_paused_run_are_what_is_recorded,
    the_counters_of_a_run_that_is_over_are_what_is_recorded,
    a_hold_is_exported_with_what_holds_for_as_long_as_it_lasts,
);

async fn the_counters_of_a_paused_run_are_what_is_recorded(target: Target) {
    let items = SlowRun::prepare(&target, 6_000, "").await;
    let (runner, address) = start_exporting(&target, &items.job).await;
    let mut run = SlowRun::after_its_first_batches(&target, items, runner).await;
    let job = run.items.job.clone();
    target.tidegate(&["pause", &job.path]).await.exits(0);
    run.runner.brings("the pause", async || target.status(&job).await["state"] == "paused").await;
    let (rows, committed) = (rows_changed(&target).await as f64, batches(&target).await as f64);
    let progress = target.status(&job).await["progress"].as_f64().expect("a share");
    // Events are on their way for a moment after their batch.
    until("the counters of a run that stands still", async || {
        let exported = Exposition::of(&address).await;
        exported.sum("tidegate_rows_changed_total", "") == rows
            && exported.sum("tidegate_batches_total", "committed") == committed
            && exported.sum("tidegate_batch_duration_seconds_count", "") == committed
            && (exported.sum("tidegate_progress_ratio", "") - progress).abs() < 1e-9
    })
    .await;
    run.runner.signal(Signal::TERM);
    run.runner.end().await.exits(4);
    assert_eq!(rows_changed(&target).await as f64, rows, "batches after the pause");
}

async fn the_counters_of_a_run_that_is_over_are_what_is_recorded(target: Target) {
    let sections = add_one("items", &batches_of(50)) + "\n[errors]\nquarantine = 10\n";
    let items = Counted::with_job(&target, 5_000, &sections).await;
    target.execute(&target.either(
        "alter table items add constraint most check (applied = 0 or id % 1000 <> 7)".to_owned(),
        "create trigger most before update on items when new.id % 1000 = 7 begin select raise(abort, 'not this one'); end".to_owned(),
    ))
    .await;
    let exported = run_here(&target, &std::fs::read_to_string(&items.job.path).expect("a job file")).await;

    let status = target.status(&items.job).await;
    let number = |key: &str| status[key].as_f64().unwrap_or_else(|| panic!("no {key} in {status}"));
    assert_eq!(number("rows_quarantined"), 5.0, "{status}");
    for (series, label, recorded) in [
        ("tidegate_rows_changed_total", "", number("rows_changed")),
        ("tidegate_rows_changed_total", "", rows_changed(&target).await as f64),
        ("tidegate_batches_total", "committed", number("batches")),
        ("tidegate_batch_rows_count", "", number("batches")),
        ("tidegate_quarantined_rows", "", number("rows_quarantined")),
        ("tidegate_retries_total", "", number("retries")),
        ("tidegate_progress_ratio", "", 1.0),
        ("tidegate_state", "succeeded", 1.0),
        ("tidegate_state", "", 1.0),
        ("tidegate_runner_alive", "", 0.0),
    ] {
        assert_eq!(exported.sum(series, label), recorded, "{series} {label}");
    }
    // Every row at fault is found by rolling back.
    assert!(exported.sum("tidegate_batches_total", "rolled-back") >= 5.0);
    times_agree(&exported, &target.why(&items.job).await);
}

async fn a_hold_is_exported_with_what_holds_for_as_long_as_it_lasts(target: Target) {
    const QUEUE: &str = "signal=\"queue\"";
    let items = SlowRun::prepare(&target, 6_000, &paced(&target).await).await;
    let (runner, address) = start_exporting(&target, &items.job).await;
    let run = SlowRun::after_its_first_batches(&target, items, runner).await;
    target.execute("update gauge set value = 12").await;
    until("the hold, and where the time goes", async || {
        let exported = Exposition::of(&address).await;
        exported.sum("tidegate_held", QUEUE) == 1.0
            && exported.sum("tidegate_signal_value", QUEUE) == 12.0
            && exported.sum("tidegate_signal_limit", QUEUE) == 8.0
            && exported.sum("tidegate_time_seconds_total", "bucket=\"held:queue\"") > 0.0
    })
    .await;
    target.execute("update gauge set value = 1").await;
    until("the end of the hold", async || Exposition::of(&address).await.sum("tidegate_held", QUEUE) == 0.0).await;
    run.runner.signal(Signal::TERM);
    run.runner.end().await.exits(4);
}

/// The ledger in `why` was written a moment before the run was let go.
fn times_agree(exported: &Exposition, why: &Value) {
    let wall = why["time"]["wall_seconds"].as_f64().expect("a number");
    let counted = exported.sum("tidegate_time_seconds_total", "");
    assert!(counted > 0.0 && counted >= wall * 0.99, "{counted} s are counted of {wall} s");
    for bucket in ["boundary", "apply", "commit", "retry"] {
        let buckets = why["time"]["buckets"].as_array().expect("buckets");
        let recorded = buckets
            .iter()
            .find(|entry| entry["bucket"] == bucket)
            .map_or(0.0, |entry| entry["seconds"].as_f64().expect("a number"));
        let counted = exported.sum("tidegate_time_seconds_total", &format!("bucket=\"{bucket}\""));
        assert!((counted - recorded).abs() < 1e-6, "{bucket}: {counted} s are counted, {recorded} s are recorded");
    }
}

/// Runs a job to its end in this process; what its events made of the series.
async fn run_here(target: &Target, job: &str) -> Exposition {
    let (job, _) = tidegate::job::parse(job).unwrap_or_else(|problems| panic!("{problems:?}"));
    let database = database(&Address::parse(&target.url).expect("an address of ours")).expect("a database");
    let metrics = Metrics::new(&Registry::new()).expect("an empty registry");
    let mut of_run = metrics.of(&job.name, &database.name());
    let (events, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let (_go_on, stop) = tokio::sync::watch::channel(false);
    let options = Options::default();
    let outcome = engine::run(database, &job, &options, stop, events).await.expect("the database answers");
    assert!(matches!(outcome, Outcome::Succeeded(..)), "{outcome:?}");
    while let Some(event) = heard.recv().await {
        of_run.note(&event);
    }
    Exposition::read(metrics.render())
}
