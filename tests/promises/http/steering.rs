//! Is what an operator asks over HTTP in force as if it were typed, on record with who asked, and refused with the state as it
//! is?

use super::served::{Served, is};
use crate::operator_in_charge::moves_are_legal;
use crate::support::{Counted, SlowRun, Target, batches, promises, rows_changed, until};
use crate::the_application_comes_first::greedy;
use serde_json::json;

promises!(on [postgres_15, sqlite]:
    a_pause_over_http_is_in_force_within_one_batch_and_on_record,
    what_the_state_does_not_allow_is_answered_with_the_state,
    all_runs_are_paused_and_resumed_at_once,
    what_is_no_request_is_refused_and_changes_nothing,
);
promises!(on [sqlite]:
    a_run_that_writes_all_the_time_is_paused_by_the_process_that_runs_it,
);

async fn a_pause_over_http_is_in_force_within_one_batch_and_on_record(target: Target) {
    let served = Served::of(&target, &[]).await;
    let run = SlowRun::start(&target, "").await;
    let job = run.items.job.clone();
    let (status, came) = served.post(&served.of_run(&job, "/pause"), &json!({ "reason": "lunch" })).await;
    let asked = batches(&target).await;
    assert_eq!((status.as_u16(), &came["accepted"]), (200, &true.into()), "{came}");
    assert!(came["state"] == "pausing" || came["state"] == "paused", "asked or reached: {came}");
    is(&served, &job, "paused").await;
    let paused = batches(&target).await;
    assert!(paused <= asked + 2, "two workers may finish one batch each: {asked} batches became {paused}");
    let shown = served.run(&job).await;
    assert_eq!((&shown["reason"], &shown["actor"]), (&"lunch".into(), &"http@127.0.0.1".into()), "{shown}");
    assert_eq!(batches(&target).await, paused, "batches after the pause");

    let (status, came) = served.post(&served.of_run(&job, "/resume"), &json!({})).await;
    assert_eq!((status.as_u16(), &came["state"]), (200, &"running".into()), "{came}");
    let (_, history) = served.get(&served.of_run(&job, "/history")).await;
    let asked = history["events"].as_array().expect("events").iter().find(|event| event["to"] == "pausing");
    let asked = asked.unwrap_or_else(|| panic!("no event says pausing: {history}"));
    assert_eq!((&asked["actor"], &asked["reason"]), (&"http@127.0.0.1".into(), &"lunch".into()), "{asked}");
    run.ends_well(&target).await;
    moves_are_legal(&target, &job).await;
}

async fn what_the_state_does_not_allow_is_answered_with_the_state(target: Target) {
    let items = Counted::new(&target, 1_000, 100).await;
    target.run(&items.job).await;
    let served = Served::of(&target, &[]).await;
    let (status, came) = served.post(&served.of_run(&items.job, "/pause"), &json!({})).await;
    assert_eq!((status.as_u16(), &came["accepted"]), (409, &false.into()), "{came}");
    assert_eq!((&came["state"], &came["error"]["code"]), (&"succeeded".into(), &"refused".into()), "{came}");
    let seen = served.run(&items.job).await["run_version"].as_i64().expect("a version");
    assert_eq!(came["run_version"], seen);
    let stale = json!({ "if_version": seen - 1 });
    let (status, came) = served.post(&served.of_run(&items.job, "/cancel"), &stale).await;
    assert_eq!((status.as_u16(), &came["error"]["code"]), (409, &"conflict".into()), "{came}");
    assert_eq!((&came["state"], &came["run_version"]), (&"succeeded".into(), &seen.into()), "{came}");
    moves_are_legal(&target, &items.job).await;
}

async fn all_runs_are_paused_and_resumed_at_once(target: Target) {
    let served = Served::of(&target, &[]).await;
    let run = SlowRun::start(&target, "").await;
    let job = run.items.job.clone();
    let (status, came) = served.post("/api/v1/pause-all", &json!({ "reason": "incident 7" })).await;
    assert_eq!((status.as_u16(), &came["accepted"], &came["runs"][0]["accepted"]), (200, &true.into(), &true.into()));
    is(&served, &job, "paused").await;
    assert_eq!(served.run(&job).await["reason"], "incident 7");
    let (status, _) = served.post("/api/v1/pause-all", &json!({})).await;
    assert_eq!(status.as_u16(), 400, "nobody stops everything without a word");
    let (status, _) = served.post("/api/v1/resume-all", &json!({ "reason": "over" })).await;
    assert_eq!(status.as_u16(), 200);
    run.ends_well(&target).await;
    moves_are_legal(&target, &job).await;
}

/// Nobody else has the file open, so the run leaves it free for nobody.
async fn a_run_that_writes_all_the_time_is_paused_by_the_process_that_runs_it(mut target: Target) {
    let items = greedy(&target).await;
    target.tidegate(&["submit", &items.job.path]).await.exits(0);
    target.leave_the_file().await;
    let served = Served::of(&target, &[]).await;
    until("a batch", async || served.run(&items.job).await["rows_changed"].as_u64() > Some(0)).await;
    let (status, came) = served.post(&served.of_run(&items.job, "/pause"), &json!({ "reason": "lunch" })).await;
    assert_eq!((status.as_u16(), &came["accepted"]), (200, &true.into()), "{came}");
    is(&served, &items.job, "paused").await;
    served.stop().await;
    let visits = target.number("select sum(applied) from items").await;
    assert_eq!(visits, rows_changed(&target).await);
    assert!(visits < items.rows as i64, "it was paused, not over");
}

async fn what_is_no_request_is_refused_and_changes_nothing(target: Target) {
    let items = Counted::new(&target, 1_000, 100).await;
    target.run(&items.job).await;
    let served = Served::of(&target, &[]).await;
    let pause = served.of_run(&items.job, "/pause");
    for (body, code) in [
        (json!({ "reson": "a typing error" }), "body"),
        (json!({ "reason": 7 }), "body"),
        (json!({ "for": "soon" }), "for"),
        (json!({ "for": "0s" }), "for"),
        (json!({ "reason": "x".repeat(3_000) }), "reason"),
        (json!({ "reason": "\u{1b}[2J" }), "reason"),
    ] {
        let (status, problem) = served.post(&pause, &body).await;
        assert_eq!((status.as_u16(), &problem["error"]["code"]), (400, &code.into()), "{body}: {problem}");
    }
    let plain = served.client.post(served.url(&pause)).body("{}").send().await.expect("an answer");
    assert_eq!(plain.status(), 415, "a form of another site can send text/plain");
    let (status, problem) = served.post("/api/v1/submit", &json!({ "database": served.database, "job": "" })).await;
    assert_eq!((status.as_u16(), &problem["error"]["code"]), (403, &"submit-off".into()), "{problem}");
    let deleted = served.client.delete(served.url(&pause)).send().await.expect("an answer");
    assert_eq!(deleted.status(), 405);
    moves_are_legal(&target, &items.job).await;
}
