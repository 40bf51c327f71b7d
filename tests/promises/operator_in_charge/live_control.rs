//! Can how a run goes be changed while it goes: at once, for a while, by several people, without a row or a second lost?

use crate::support::{Counted, Process, SlowRun, Target, add_one, batches, batches_of, promises, rows_changed, until};
use rustix::process::Signal;
use serde_json::Value;

promises!(on [postgres_15, sqlite]:
    a_knob_is_in_force_within_one_batch_and_everybody_sees_who_set_it,
    what_is_set_for_a_time_ends_with_it,
    what_ended_without_a_runner_is_put_on_record_by_the_next,
    what_is_set_survives_the_runner,
    of_two_who_saw_the_same_version_one_is_told_of_the_other,
    a_wrong_value_changes_nothing_and_is_told_as_in_the_job_file,
    a_limit_that_is_raised_lets_a_held_run_go_on,
    what_a_changed_file_does_not_take_is_left_out_and_no_failure,
    a_pause_for_a_time_ends_by_itself,
    a_pause_for_a_time_ends_without_a_runner_too,
    the_last_word_on_a_pause_counts,
    all_runs_are_paused_and_resumed_at_once,
);
promises!(on [postgres_15]:
    more_and_fewer_workers_lose_neither_a_row_nor_a_second,
);

/// Batches of three instead of ten.
const SMALLER: [&str; 3] = ["batch.rows=3", "batch.min_rows=3", "batch.max_rows=3"];

async fn a_knob_is_in_force_within_one_batch_and_everybody_sees_who_set_it(target: Target) {
    let mut run = SlowRun::start(&target, "").await;
    let job = run.items.job.name.clone();
    let duty: &[&str] = &["pace.duty=1", "--reason", "the lag of replica 2"];
    set(&target, &job, &[&SMALLER, duty].concat()).await;
    run.runner.brings_words("batch.rows 10 → 3").await;
    makes_smaller_batches(&target, &mut run.runner).await;

    let status = target.status(&run.items.job).await;
    let rows = of_knob(&status["overrides"], "batch.rows");
    assert_eq!([&rows["value"], &rows["was"], &rows["reason"]], ["3", "10", "the lag of replica 2"], "{status}");
    assert!(rows["actor"].as_str().is_some_and(|actor| actor.contains('@')) && rows["expires_at"].is_null(), "{rows}");
    assert!(of_knob(&status["overrides"], "pace.duty")["was"].is_null(), "the file has none: {status}");
    let words = target.tidegate(&["status", &job]).await.exits(0).stdout;
    assert!(words.contains("batch.rows 3 (job file: 10) by ") && words.contains("the lag of replica 2"), "{words}");
    let listed = target.tidegate(&["set", &job, "--output", "json"]).await.exits(0).json();
    assert_eq!(of_knob(&listed["knobs"], "batch.rows")["source"], "set", "{listed}");
    assert_eq!(of_knob(&listed["knobs"], "batch.workers")["source"], "job-file", "{listed}");

    set(&target, &job, &["batch.rows=default", "batch.min_rows=default", "batch.max_rows=default"]).await;
    run.runner.brings_words("batch.rows 3 → 10").await;
    let told: Vec<_> = events(&target, &job).await.into_iter().filter(|event| event["knob"] == "batch.rows").collect();
    let told: Vec<_> = told.iter().map(|event| [&event["kind"], &event["from"], &event["to"]]).collect();
    assert_eq!(told, [["set", "10", "3"], ["set-back", "3", "10"]]);
    run.ends_well(&target).await;
}

async fn what_is_set_for_a_time_ends_with_it(target: Target) {
    let mut run = SlowRun::start(&target, "").await;
    let job = run.items.job.name.clone();
    set(&target, &job, &[&SMALLER[..], &["--for", "2s"]].concat()).await;
    let set_for_a_time = target.status(&run.items.job).await;
    assert!(of_knob(&set_for_a_time["overrides"], "batch.rows")["expires_at"].is_string(), "{set_for_a_time}");
    run.runner.brings_words("batch.rows 10 → 3").await;
    run.runner.brings_words("batch.rows 3 → 10").await;
    assert_eq!(target.status(&run.items.job).await["overrides"], Value::Array(Vec::new()));
    let ended = has_expired(&target, &job).await.expect("an event that says so");
    assert_eq!([&ended["from"], &ended["to"]], ["3", "10"], "{ended}");
    run.ends_well(&target).await;
}

async fn what_ended_without_a_runner_is_put_on_record_by_the_next(target: Target) {
    let run = SlowRun::start(&target, "").await;
    let job = run.items.job.name.clone();
    run.runner.kill().await;
    set(&target, &job, &["batch.workers=1", "--for", "1s"]).await;
    until("it has ended", async || target.status(&run.items.job).await["overrides"][0].is_null()).await;
    assert!(has_expired(&target, &job).await.is_none(), "nobody was there to see it");
    let mut next = target.start(&["run", &run.items.job.path]);
    next.brings("the event", async || has_expired(&target, &job).await.is_some()).await;
    next.kill().await;
}

async fn what_is_set_survives_the_runner(target: Target) {
    let mut run = SlowRun::start(&target, "").await;
    set(&target, &run.items.job.name, &SMALLER).await;
    run.runner.brings_words("batch.rows 10 → 3").await;
    run.runner.kill().await;
    let mut runner = target.start(&["run", &run.items.job.path]);
    runner.brings_words("batch.rows 10 → 3").await;
    makes_smaller_batches(&target, &mut runner).await;
    SlowRun { runner, ..run }.ends_well(&target).await;
}

async fn of_two_who_saw_the_same_version_one_is_told_of_the_other(target: Target) {
    let run = SlowRun::start(&target, "").await;
    let job = run.items.job.name.clone();
    let version = target.status(&run.items.job).await["run_version"].to_string();
    let change = |duty| target.start(&["set", &job, duty, "--if-version", &version, "--output", "json"]);
    let (first, second) = (change("pace.duty=0.9"), change("pace.duty=0.8"));
    let ended = [first.end().await, second.end().await];
    let mut codes = ended.each_ref().map(|ended| ended.status.code().expect("an end"));
    codes.sort_unstable();
    assert_eq!(codes, [0, 1], "{} {}", ended[0], ended[1]);
    let [refused] = ended.iter().filter(|ended| ended.status.code() == Some(1)).collect::<Vec<_>>()[..] else {
        panic!("one is refused")
    };
    assert_eq!(
        (&refused.json()["accepted"], &refused.json()["state"]),
        (&false.into(), &"running".into()),
        "{refused}"
    );
    assert!(refused.stderr.contains("somebody did something to it since"), "{refused}");
    for verb in ["pause", "cancel"] {
        let late = target.tidegate(&[verb, &job, "--if-version", &version]).await;
        late.exits(1).says("somebody did something to it since");
    }
    run.ends_well(&target).await;
}

async fn a_wrong_value_changes_nothing_and_is_told_as_in_the_job_file(target: Target) {
    let run = SlowRun::start(&target, "").await;
    let job = run.items.job.name.clone();
    let version = target.status(&run.items.job).await["run_version"].clone();
    for (wrong, words) in [
        ("pace.duty=7", "write a number from 0.01 to 1; 0.5 is half of the time"),
        ("batch.workers=0", "`batch.workers` cannot be 0: nothing would ever be done"),
        ("batch.max_rows=9", "a batch cannot start at 10 rows when it may not go above 9"),
        ("pace.probe.max=1s", "the job limits no signal"),
        ("batch.row=9", "did you mean `batch.rows`?"),
        ("pace.duti=default", "did you mean `pace.duty`?"),
    ] {
        target.tidegate(&["set", &job, "pace.max_rows_per_second=300", wrong]).await.exits(2).says(words);
    }
    let status = target.status(&run.items.job).await;
    assert_eq!((&status["overrides"][0], &status["run_version"]), (&Value::Null, &version));
    run.ends_well(&target).await;
}

async fn a_limit_that_is_raised_lets_a_held_run_go_on(target: Target) {
    let items = Counted::with_job(&target, 1_000, &add_one("items", &(batches_of(10) + QUEUE))).await;
    let mut run = SlowRun { runner: target.start(&["run", &items.job.path]), items };
    run.is_held(&target, "queue 5 > 1").await;
    assert_eq!(batches(&target).await, 0);
    set(&target, &run.items.job.name, &["pace.signal.queue.max=50"]).await;
    run.runner.end().await.exits(0);
    run.items.was_applied_exactly_once(&target).await;
}

async fn what_a_changed_file_does_not_take_is_left_out_and_no_failure(target: Target) {
    let items = Counted::with_job(&target, 1_000, &add_one("items", &(batches_of(10) + QUEUE))).await;
    let mut run = SlowRun { runner: target.start(&["run", &items.job.path]), items };
    run.is_held(&target, "queue 5 > 1").await;
    let job = run.items.job.name.clone();
    set(&target, &job, &["pace.signal.queue.max=2", "batch.workers=1"]).await;
    run.runner.signal(Signal::TERM);
    run.runner.end().await.exits(4);
    let changed = target.job(&job, &add_one("items", &batches_of(10)));
    let ended = target.tidegate(&["run", &changed.path]).await.exits(0);
    ended.says("batch.workers 2 → 1").says("pace.signal.queue.max stays as the job file has it");
    assert!(events(&target, &job).await.iter().any(|event| event["kind"] == "set-ignored"), "on record");
    run.items.was_applied_exactly_once(&target).await;
}

async fn a_pause_for_a_time_ends_by_itself(target: Target) {
    let mut run = SlowRun::start(&target, "").await;
    let job = run.items.job.name.clone();
    target.tidegate(&["pause", &job, "--for", "2s", "--reason", "deploy"]).await.exits(0);
    run.runner.brings("the pause", async || state(&target, &run.items).await == "paused").await;
    assert!(target.status(&run.items.job).await["resume_at"].is_string());
    run.runner.brings("its end", async || state(&target, &run.items).await == "running").await;
    let log = events(&target, &job).await;
    let moved = |to: &str| log.iter().rfind(|event| event["to"] == to).expect("a move").clone();
    assert_eq!(moved("pausing")["detail"], "for 2s");
    assert_eq!(moved("running")["reason"], "the pause of 2s is over");
    assert_eq!(moved("running")["actor"], moved("pausing")["actor"]);
    run.goes_on(&target).await;
    run.ends_well(&target).await;
}

async fn a_pause_for_a_time_ends_without_a_runner_too(target: Target) {
    let items = Counted::new(&target, 30_000, 20).await;
    let mut runner = target.start(&["run", &items.job.path]);
    runner.brings("a batch", async || batches(&target).await >= 1).await;
    runner.kill().await;
    let pause = ["pause", &items.job.name, "--for"];
    target.tidegate(&[&pause[..], &["1h"]].concat()).await.exits(0);
    target.tidegate(&["run", &items.job.path]).await.exits(4);
    target.tidegate(&[&pause[..], &["1ms"]].concat()).await.exits(0);
    let words = target.tidegate(&["status", &items.job.name]).await.exits(0).stdout;
    assert!(words.contains("its pause is over"), "{words}");
    target.tidegate(&["run", &items.job.path]).await.exits(0);
    let log = events(&target, &items.job.name).await;
    assert!(log.iter().any(|event| event["reason"] == "the pause of 1ms is over"), "{log:?}");
    items.was_applied_exactly_once(&target).await;
}

/// A pause that is to last is not ended by what somebody said before, and neither is one that was resumed.
async fn the_last_word_on_a_pause_counts(target: Target) {
    let mut run = SlowRun::start(&target, "").await;
    let job = run.items.job.name.clone();
    target.tidegate(&["pause", &job, "--for", "1h"]).await.exits(0);
    run.runner.brings("the pause", async || state(&target, &run.items).await == "paused").await;
    target.tidegate(&["pause", &job, "--reason", "until I am back"]).await.exits(0);
    let status = target.status(&run.items.job).await;
    assert_eq!((&status["resume_at"], &status["reason"]), (&Value::Null, &"until I am back".into()));
    target.tidegate(&["pause", &job, "--for", "1h"]).await.exits(0);
    target.tidegate(&["resume", &job]).await.exits(0);
    assert!(target.status(&run.items.job).await["resume_at"].is_null());
    run.goes_on(&target).await;
    run.ends_well(&target).await;
}

async fn all_runs_are_paused_and_resumed_at_once(target: Target) {
    target.tidegate(&["pause"]).await.exits(2);
    target.tidegate(&["pause", "--all"]).await.exits(0);
    target.execute("create table done (id integer primary key, applied integer not null default 0)").await;
    target.run(&target.job("done-before", &add_one("done", &batches_of(10)))).await;
    let mut run = SlowRun::start(&target, "").await;

    let paused = target.tidegate(&["pause", "--all", "--reason", "incident", "--output", "json"]).await.exits(0).json();
    assert_eq!(paused["runs"].as_array().map(Vec::len), Some(1), "one that is done is not asked: {paused}");
    assert_eq!((&paused["runs"][0]["job"], &paused["runs"][0]["accepted"]), (&"count-visits".into(), &true.into()));
    run.runner.brings("the pause", async || state(&target, &run.items).await == "paused").await;
    let resumed = target.tidegate(&["resume", "--all"]).await.exits(0).stdout;
    assert!(resumed.contains("count-visits is running"), "{resumed}");
    run.goes_on(&target).await;
    run.ends_well(&target).await;
}

async fn more_and_fewer_workers_lose_neither_a_row_nor_a_second(target: Target) {
    let mut run = SlowRun::start(&target, "").await;
    let job = run.items.job.name.clone();
    set(&target, &job, &["batch.workers=4"]).await;
    // Each of their batches sleeps in the trigger of the test.
    let at_work = async || {
        let asleep =
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'";
        target.number(asleep).await
    };
    run.runner.brings("four at work", async || at_work().await == 4).await;
    set(&target, &job, &["batch.workers=1"]).await;
    run.runner.brings_words("batch.workers 4 → 1").await;
    run.runner.brings("their batches' end", async || at_work().await <= 1).await;
    let before = batches(&target).await;
    run.runner
        .brings("batches of one worker", async || {
            assert!(at_work().await <= 1, "more than one at work");
            batches(&target).await > before + 10
        })
        .await;
    set(&target, &job, &["batch.workers=3"]).await;
    run.runner.brings("three at work", async || at_work().await == 3).await;
    let items = run.ends_by_itself(&target).await;

    let time = target.why(&items.job).await["time"].clone();
    let buckets = time["buckets"].as_array().expect("buckets");
    let sum: f64 = buckets.iter().map(|bucket| bucket["seconds"].as_f64().expect("seconds")).sum();
    let wall = time["wall_seconds"].as_f64().expect("seconds");
    assert!((sum - wall).abs() < 0.01 * wall, "{sum} of {wall} seconds: {time}");
}

/// Held from the start, for good.
const QUEUE: &str = "[[pace.signal]]\nname = \"queue\"\nsql = \"select 5\"\nmax = 1\n";

/// Panics unless every batch that begins from now on has three rows.
async fn makes_smaller_batches(target: &Target, runner: &mut Process) {
    let so_far = async || (batches(target).await, rows_changed(target).await);
    let before = so_far().await;
    runner.brings("twenty batches", async || batches(target).await >= before.0 + 20).await;
    let after = so_far().await;
    // Read one after the other while batches go on, and two of ten rows may have been in hand.
    let (more, rows) = (after.0 - before.0, after.1 - before.1);
    assert!(rows <= 3 * (more + 4) + 2 * 10, "{rows} rows in {more} batches");
}

async fn set(target: &Target, job: &str, values: &[&str]) {
    target.tidegate(&[&["set", job][..], values].concat()).await.exits(0);
}

/// That of a list of objects with a `knob`; null where there is none.
fn of_knob(list: &Value, knob: &str) -> Value {
    let list = list.as_array().unwrap_or_else(|| panic!("no list: {list}"));
    list.iter().find(|one| one["knob"] == knob).cloned().unwrap_or_default()
}

async fn has_expired(target: &Target, job: &str) -> Option<Value> {
    events(target, job).await.into_iter().find(|event| event["kind"] == "set-expired")
}

async fn events(target: &Target, job: &str) -> Vec<Value> {
    let log = target.tidegate(&["history", job, "--last", "1000", "--output", "json"]).await.exits(0).json();
    log["events"].as_array().expect("events").clone()
}

async fn state(target: &Target, items: &Counted) -> String {
    target.status(&items.job).await["state"].as_str().expect("a state").to_owned()
}
