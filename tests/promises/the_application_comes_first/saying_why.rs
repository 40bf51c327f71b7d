//! Can any second of a run be explained? `status` and `why` name the same reasons, the time ledger has no hole, and a
//! hold that lasts is on record.

use super::queries::gauge;
use crate::support::{Counted, Job, SlowRun, Target, add_one, batches, batches_of, promises, stays_held, until};
use serde_json::Value;

promises!(on [postgres_15, sqlite]:
    the_time_ledger_sums_to_the_wall_time,
    a_killed_and_resumed_run_keeps_its_time_ledger,
    why_shows_every_signal_and_every_change_of_speed,
    status_and_the_log_show_why_a_run_is_held,
    a_hold_that_lasts_too_long_is_on_record_once_and_still_holds,
);

async fn the_time_ledger_sums_to_the_wall_time(target: Target) {
    let file = target.folder().join("hold");
    let pace = format!("[pace]\nmax_rows_per_second = 250\nhold_file = \"{}\"\n", file.display());
    let items = Counted::with_job(&target, 2_500, &add_one("items", &(batches_of(20) + &pace))).await;
    let runner = target.start(&["run", &items.job.path]);
    let mut run = SlowRun::after_its_first_batches(&target, items, runner).await;

    std::fs::write(&file, "").expect("a file");
    run.is_held(&target, "hold-file").await;
    stays_held(&target, &run.items, "hold-file").await;
    std::fs::remove_file(&file).expect("the file");
    run.goes_on(&target).await;

    let job = run.items.job.path.clone();
    target.tidegate(&["pause", &job, "--reason", "lunch"]).await.exits(0);
    run.runner.brings("the pause", async || target.status(&run.items.job).await["state"] == "paused").await;
    stays_paused(&target, &run.items.job).await;
    target.tidegate(&["resume", &job, "--reason", "back"]).await.exits(0);
    run.runner.end().await.exits(0);

    let why = target.why(&run.items.job).await;
    for bucket in ["boundary", "apply", "commit", "held:hold-file", "rate", "paused"] {
        assert!(seconds(&why, bucket) > 0.0, "nothing in {bucket}: {why}");
    }
    has_no_hole(&why);
}

async fn a_killed_and_resumed_run_keeps_its_time_ledger(target: Target) {
    let mut run = SlowRun::start(&target, "").await;
    let job = run.items.job.clone();
    let mut before = 0.0;
    run.runner
        .brings("a second on record", async || {
            before = wall(&target.why(&job).await);
            before >= 1.0
        })
        .await;
    run.runner.kill().await;

    until("its last commit is over", async || target.is_quiet().await).await;
    let done = batches(&target).await;
    let mut runner = target.start(&["run", &job.path]);
    runner.brings("batches of its own", async || batches(&target).await > done).await;
    let run = SlowRun { items: run.items, runner };
    run.ends_well(&target).await;
    let why = target.why(&job).await;
    assert!(wall(&why) > before, "{before} s were on record before the kill: {why}");
    has_no_hole(&why);
}

async fn why_shows_every_signal_and_every_change_of_speed(target: Target) {
    let mut run = SlowRun::start(&target, &gauge(&target, "").await).await;
    let job = run.items.job.clone();
    // Near its limit, so that the run becomes slower without a hold.
    target.execute("update gauge set value = 7").await;
    let mut why = Value::Null;
    run.runner
        .brings("a change of speed", async || {
            why = target.why(&job).await;
            queue(&why)["seen"]["value"] == 7.0 && changes_by_queue(&why).next().is_some()
        })
        .await;
    let signal = queue(&why);
    assert_eq!(signal["seen"]["unit"], "number", "{why}");
    assert_eq!(signal["max"]["value"], 8.0, "{why}");
    assert_eq!(signal["holds"], false, "{why}");
    assert_eq!(signal["unknown"], Value::Null, "{why}");
    assert!(signal["age_seconds"].as_f64().is_some_and(|age| (0.0..15.0).contains(&age)), "{why}");
    let change = changes_by_queue(&why).next().expect("a change");
    assert!(["at", "from", "to"].iter().all(|key| !change[key].is_null()), "{why}");
    assert_eq!(why["held"], serde_json::json!([]), "{why}");
    assert_eq!((&why["version"], &why["job"]), (&1.into(), &job.name.as_str().into()));
    for key in ["rows_per_second", "workers", "share", "batch_rows"] {
        assert!(why["speed"][key].is_number(), "no {key} in {why}");
    }
    let words = target.tidegate(&["why", &job.path]).await.exits(0).stdout;
    assert!(words.contains("queue") && words.contains('8'), "for people too: {words}");

    // The record stays when the run is over: ten at most.
    target.execute("update gauge set value = 1").await;
    run.ends_well(&target).await;
    let changes = target.why(&job).await["changes"].as_array().expect("changes").len();
    assert!((1..=10).contains(&changes), "{changes} changes");
}

async fn status_and_the_log_show_why_a_run_is_held(target: Target) {
    let mut run = SlowRun::start(&target, &gauge(&target, "").await).await;
    target.execute("update gauge set value = 12").await;
    run.is_held(&target, "queue 12 > 8").await;
    let words = target.tidegate(&["status", &run.items.job.path]).await.exits(0).stdout;
    assert!(words.contains("running (held: queue 12 > 8)"), "{words}");
    let why = target.why(&run.items.job).await;
    assert_eq!(why["held"], serde_json::json!(["queue 12 > 8"]), "{why}");
    assert_eq!(queue(&why)["holds"], true, "{why}");
    // A log line comes every ten seconds where stderr is no terminal, or at once when the run is held.
    let said = "held: queue 12 > 8";
    until("the reason in the log", async || run.runner.has_said(said)).await;
    target.execute("update gauge set value = 1").await;
    run.ends_well(&target).await;
}

async fn a_hold_that_lasts_too_long_is_on_record_once_and_still_holds(target: Target) {
    let mut run = SlowRun::start(&target, &gauge(&target, "max_hold = \"1s\"\n").await).await;
    target.execute("update gauge set value = 12").await;
    run.is_held(&target, "queue 12 > 8").await;
    run.runner.brings("the record", async || held_too_long(&target, &run.items.job).await.len() == 1).await;
    stays_held(&target, &run.items, "queue 12 > 8").await;
    target.execute("update gauge set value = 1").await;
    run.goes_on(&target).await;
    let items = run.ends_well(&target).await;
    let records = held_too_long(&target, &items.job).await;
    assert_eq!(records.len(), 1, "{records:?}");
    assert!(records[0].to_string().contains("queue"), "{records:?}");
}

/// Seconds in a bucket of `why`; none where it has no such bucket.
pub(super) fn seconds(why: &Value, bucket: &str) -> f64 {
    let found = buckets(why).iter().find(|entry| entry["bucket"] == bucket);
    found.map_or(0.0, |entry| entry["seconds"].as_f64().expect("a number"))
}

fn buckets(why: &Value) -> &Vec<Value> {
    why["time"]["buckets"].as_array().unwrap_or_else(|| panic!("no buckets in {why}"))
}

fn wall(why: &Value) -> f64 {
    why["time"]["wall_seconds"].as_f64().unwrap_or(0.0)
}

/// The promise: within one per cent.
fn has_no_hole(why: &Value) {
    let sum: f64 = buckets(why).iter().map(|entry| entry["seconds"].as_f64().expect("a number")).sum();
    let wall = wall(why);
    assert!(wall > 0.0 && (sum - wall).abs() <= 0.01 * wall, "{sum} s in buckets, {wall} s of wall time: {why}");
}

fn queue(why: &Value) -> &Value {
    let signals = why["signals"].as_array().unwrap_or_else(|| panic!("no signals in {why}"));
    signals.iter().find(|signal| signal["signal"] == "queue").unwrap_or_else(|| panic!("no signal queue in {why}"))
}

/// Changes of speed that the signal is the reason of.
fn changes_by_queue(why: &Value) -> impl Iterator<Item = &Value> {
    let changes = why["changes"].as_array().unwrap_or_else(|| panic!("no changes in {why}"));
    changes.iter().filter(|change| change["why"].as_str().is_some_and(|words| words.contains("queue")))
}

async fn held_too_long(target: &Target, job: &Job) -> Vec<Value> {
    let history = target.tidegate(&["history", &job.name, "--output", "json"]).await.exits(0).json();
    let events = history["events"].as_array().expect("events");
    events.iter().filter(|event| event["kind"] == "held-too-long").cloned().collect()
}

/// A command of the same program takes far longer than a batch.
async fn stays_paused(target: &Target, job: &Job) {
    let before = batches(target).await;
    for _ in 0..5 {
        assert_eq!(target.status(job).await["state"], "paused");
    }
    assert_eq!(batches(target).await, before, "batches after the pause");
}
