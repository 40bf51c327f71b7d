//! What is taken when, of what waits?

use super::{Part, becomes, held_runs, job_on, order_of_takings, serve, state, stop, submit};
use crate::support::{Target, promises};
use std::time::{SystemTime, UNIX_EPOCH};

promises!(on [postgres_15, sqlite]:
    a_submitted_job_is_run_and_changes_every_row_once,
    the_higher_priority_is_taken_first,
    a_job_is_not_taken_before_its_time,
    two_jobs_on_one_table_are_done_one_after_the_other,
    a_job_whose_window_is_closed_is_not_taken,
);
promises!(on [postgres_15]:
    no_more_runs_at_once_than_allowed,
    jobs_that_are_submitted_at_once_are_one_run,
);

async fn a_submitted_job_is_run_and_changes_every_row_once(target: Target) {
    let part = Part::new(&target, "items", 2_000).await;
    let submitted = target.tidegate(&["submit", &part.job.path, "--output", "json"]).await.exits(0).json();
    assert_eq!((&submitted["accepted"], &submitted["state"]), (&true.into(), &"queued".into()), "{submitted}");
    let status = target.status(&part.job).await;
    assert_eq!((&status["state"], &status["progress"]), (&"queued".into(), &serde_json::Value::Null), "{status}");
    // Rows that come while it waits are not missed.
    target.execute("insert into items (id) values (5000)").await;

    let mut server = serve(&target, &[]);
    becomes(&target, &mut server, &part.job, "succeeded").await;
    stop(server).await;
    Part { rows: 2_001, ..part }.was_applied(&target, 1).await;
}

async fn the_higher_priority_is_taken_first(target: Target) {
    let mut parts = Vec::new();
    for (table, priority) in [("low", "-3"), ("high", "7"), ("middle", "0")] {
        let part = Part::new(&target, table, 200).await;
        submit(&target, &part.job, &["--priority", priority]).await;
        parts.push(part);
    }
    let mut server = serve(&target, &["--max-runs", "1"]);
    for part in &parts {
        becomes(&target, &mut server, &part.job, "succeeded").await;
    }
    stop(server).await;
    assert_eq!(order_of_takings(&target).await, ["count-high", "count-middle", "count-low"]);
}

async fn a_job_is_not_taken_before_its_time(target: Target) {
    let (later, now) = (Part::new(&target, "later", 100).await, Part::new(&target, "now", 100).await);
    submit(&target, &later.job, &["--not-before", "2100-01-01T00:00:00Z", "--priority", "9"]).await;
    now.submit(&target).await;
    let mut server = serve(&target, &[]);
    becomes(&target, &mut server, &now.job, "succeeded").await;
    assert_eq!(state(&target, &later.job).await, "queued");
    // Submitted again, its time is another.
    submit(&target, &later.job, &["--not-before", "2020-01-01T00:00:00Z"]).await;
    becomes(&target, &mut server, &later.job, "succeeded").await;
    stop(server).await;
    later.was_applied(&target, 1).await;
}

async fn two_jobs_on_one_table_are_done_one_after_the_other(target: Target) {
    let part = Part::new(&target, "items", 2_000).await;
    let with_schema = target.either("public.items", "items");
    let second = job_on(&target, "count-again", with_schema, "");
    part.submit(&target).await;
    submit(&target, &second, &[]).await;
    let mut server = serve(&target, &["--max-runs", "5"]);
    server
        .brings("both are done", async || {
            assert!(held_runs(&target).await <= 1, "two runs on one table");
            state(&target, &part.job).await == "succeeded" && state(&target, &second).await == "succeeded"
        })
        .await;
    stop(server).await;
    part.was_applied(&target, 2).await;
    assert_eq!(order_of_takings(&target).await, ["count-items", "count-again"]);
}

async fn a_job_whose_window_is_closed_is_not_taken(target: Target) {
    let closed = Part::paced(&target, "closed", 100, &format!("[pace]\nwindow = [\"{}\"]\n", day_after(3))).await;
    let open =
        Part::paced(&target, "open", 100, &format!("[pace]\nwindow = [\"{}\"]\n", "Mon-Sun 00:00-24:00 UTC")).await;
    closed.submit(&target).await;
    open.submit(&target).await;
    let mut server = serve(&target, &[]);
    becomes(&target, &mut server, &open.job, "succeeded").await;
    stop(server).await;
    assert_eq!(state(&target, &closed.job).await, "queued");
    assert_eq!(order_of_takings(&target).await, ["count-open"]);
}

async fn no_more_runs_at_once_than_allowed(target: Target) {
    let mut parts = Vec::new();
    for table in ["one", "two", "three", "four"] {
        let part = Part::slow(&target, table, 800).await;
        part.submit(&target).await;
        parts.push(part);
    }
    let (mut server, mut most) = (serve(&target, &["--max-runs", "2"]), 0);
    for part in &parts {
        server
            .brings("it is done", async || {
                most = most.max(held_runs(&target).await);
                state(&target, &part.job).await == "succeeded"
            })
            .await;
    }
    stop(server).await;
    assert_eq!(most, 2);
}

async fn jobs_that_are_submitted_at_once_are_one_run(target: Target) {
    let part = Part::new(&target, "items", 100).await;
    target.tidegate(&["init"]).await.exits(0);
    let submissions: Vec<_> = (0..6).map(|_| target.start(&["submit", &part.job.path])).collect();
    for submission in submissions {
        let ended = submission.end().await;
        assert!(matches!(ended.status.code(), Some(0 | 75)), "{ended}");
    }
    assert_eq!(target.number("select count(*) from tidegate.run").await, 1);
}

/// The whole of the day that comes so many days after today, as a window.
fn day_after(days: u64) -> String {
    // The first day of all was a Thursday.
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    let today = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs() / 86_400;
    format!("{} 00:00-24:00 UTC", DAYS[((today + days) % 7) as usize])
}
