//! Window, hold file, rate and duty: is the run held, or as slow as the job file asks, although nothing is measured?

use crate::support::{
    Counted, SlowRun, Target, add_one, batches, batches_by, batches_of, promises, stays_held, within,
};
use rustix::process::Signal;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

promises!(on [postgres_15]: a_hold_leaves_no_transaction_open);
promises!(on [postgres_15, sqlite]:
    outside_its_windows_a_run_is_held_until_the_next_one,
    until_window_closes_ends_at_once_where_none_is_open,
    within_its_window_a_run_goes_on,
    a_hold_file_stops_the_run_within_one_batch,
    rows_per_second_stay_under_their_limit,
    duty_leaves_the_rest_of_the_time_to_others,
);

async fn outside_its_windows_a_run_is_held_until_the_next_one(target: Target) {
    let opens = closed_hour();
    let items = Counted::with_job(&target, 1_000, &in_window(&format!("Mon-Sun {opens}:00-{opens}:30 UTC"))).await;
    let mut run = SlowRun { runner: target.start(&["run", &items.job.path]), items };
    let reason = run.is_held(&target, "held until").await;
    assert!(reason.contains(&format!("{opens}:00 UTC")), "says when it opens: {reason}");
    stays_held(&target, &run.items, "held until").await;
    assert_eq!(batches(&target).await, 0, "batches outside the window");
    run.runner.signal(Signal::TERM);
    run.runner.end().await.exits(4);
}

async fn until_window_closes_ends_at_once_where_none_is_open(target: Target) {
    let opens = closed_hour();
    let items = Counted::with_job(&target, 1_000, &in_window(&format!("Mon-Sun {opens}:00-{opens}:30 UTC"))).await;
    target.tidegate(&["run", &items.job.path, "--until-window-closes"]).await.exits(4).says("window");
    assert_eq!(batches(&target).await, 0, "batches outside the window");
}

async fn within_its_window_a_run_goes_on(target: Target) {
    let items = Counted::with_job(&target, 1_000, &in_window("Mon-Sun 00:00-24:00 UTC")).await;
    target.tidegate(&["run", &items.job.path, "--until-window-closes"]).await.exits(0);
    items.was_applied_exactly_once(&target).await;
}

async fn a_hold_file_stops_the_run_within_one_batch(target: Target) {
    let file = target.folder().join("hold");
    let pace = format!("[pace]\nhold_file = \"{}\"\n", file.display());
    let mut run = SlowRun::start(&target, &pace).await;
    std::fs::write(&file, "").expect("a file");
    let asked = batches(&target).await;
    let reason = run.is_held(&target, "hold-file").await;
    assert!(reason.contains(file.to_str().unwrap()), "names the file: {reason}");
    let held = batches(&target).await;
    assert!(held <= asked + 2, "two workers may finish one batch each: {asked} batches became {held}");
    stays_held(&target, &run.items, "hold-file").await;

    std::fs::remove_file(&file).expect("the file");
    run.goes_on(&target).await;
    // On SQLite only the rate makes it slow, and it would be for long.
    if target.either(true, false) {
        run.ends_by_itself(&target).await;
    } else {
        run.ends_well(&target).await;
    }
}

/// A batch begins with the COMMIT of the last. What a hold finds begun is given back, or it would keep its locks for as long.
async fn a_hold_leaves_no_transaction_open(target: Target) {
    let file = target.folder().join("hold");
    let pace = format!("[pace]\nhold_file = \"{}\"\n", file.display());
    let items = Counted::with_job(&target, 100_000, &add_one("items", &(batches_of(10) + &pace))).await;
    // The server would end a transaction that nobody goes on with, but not before half of the lease.
    let mut run = SlowRun { runner: target.start(&["run", &items.job.path, "--lease", "5m"]), items };
    // Not before the run has come to its full speed.
    let goes_on =
        "select count(*) from pg_stat_activity where datname = current_database() and query like 'commit; begin%'";
    run.runner.brings("a batch that begins with a COMMIT", async || target.number(goes_on).await > 0).await;
    std::fs::write(&file, "").expect("a file");
    let a_minute = Duration::from_secs(60);
    run.shows_within(a_minute, &target, "hold-file").await;
    within(a_minute, "no transaction is open", async || target.is_quiet().await).await;
    target.execute("select from tidegate.slice for update nowait").await;
    std::fs::remove_file(&file).expect("the file");
    run.goes_on(&target).await;
    run.ends_well(&target).await;
}

/// An upper bound of a speed, and so no matter of how fast this machine is.
async fn rows_per_second_stay_under_their_limit(target: Target) {
    const LIMIT: f64 = 1_000.0;
    const BATCH: u64 = 50;
    let pace = format!("[pace]\nmax_rows_per_second = {LIMIT}\n");
    let items = Counted::with_job(&target, 3_000, &add_one("items", &(batches_of(BATCH) + &pace))).await;
    let mut runner = target.start(&["run", &items.job.path]);
    let mut begun = Instant::now();
    // Until then nothing was committed, so nothing was before `begun`.
    runner
        .brings("its first batch", async || {
            let looked = Instant::now();
            let came = batches(&target).await > 0;
            begun = if came { begun } else { looked };
            came
        })
        .await;
    runner.end().await.exits(0);
    let seconds = begun.elapsed().as_secs_f64();
    let speed = (items.rows - 2 * BATCH) as f64 / seconds;
    assert!(speed <= LIMIT * 1.2, "{speed:.0} rows/s, limit {LIMIT}, over {seconds:.1} s");
    items.was_applied_exactly_once(&target).await;
}

async fn duty_leaves_the_rest_of_the_time_to_others(target: Target) {
    let pace = "[pace]\nduty = 0.25\n";
    let items = Counted::with_job(&target, 2_000, &add_one("items", &(batches_by(1, 50) + pace))).await;
    target.run(&items.job).await;
    let why = target.why(&items.job).await;
    let seconds = |name: &str| super::saying_why::seconds(&why, name);
    let busy = seconds("boundary") + seconds("apply") + seconds("commit");
    assert!(busy > 0.0, "{why}");
    // Three times as long as it worked; some of the last rest is cut off by the end.
    assert!(seconds("duty") > 2.4 * busy, "{} s of rest for {busy} s of work: {why}", seconds("duty"));
    items.was_applied_exactly_once(&target).await;
}

fn in_window(window: &str) -> String {
    add_one("items", &(batches_of(10) + &format!("[pace]\nwindow = [\"{window}\"]\n")))
}

/// An hour of the day, in UTC, that does not begin within the next two.
fn closed_hour() -> String {
    let hours = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs() / 3600;
    format!("{:02}", (hours + 3) % 24)
}
