//! Is what HTTP shows what the command line shows, of runs that go on and of those that are over, and when the database is
//! away?

use super::served::Served;
use crate::support::{Counted, SlowRun, Target, promises, until};
use serde_json::Value;

promises!(on [postgres_15, sqlite]:
    what_is_shown_of_a_run_is_what_the_command_line_shows,
    a_run_is_watched_while_it_goes_on,
    what_is_not_there_is_not_found,
);
promises!(on [postgres_15_to_crash]:
    a_database_that_is_away_is_told_as_such_and_found_again,
);

async fn what_is_shown_of_a_run_is_what_the_command_line_shows(target: Target) {
    let items = Counted::new(&target, 1_000, 100).await;
    target.run(&items.job).await;
    let served = Served::of(&target, &[]).await;
    let mut shown = served.run(&items.job).await;
    let (_, all) = served.get("/api/v1/runs").await;
    assert_eq!(all["runs"][0], shown, "{all}");
    assert_eq!(all["databases"][0]["reachable"], true, "{all}");
    assert_eq!(shown.as_object_mut().expect("a run").remove("database"), Some(served.database.clone().into()));
    assert_eq!(shown, target.status(&items.job).await);

    let (_, mut why) = served.get(&served.of_run(&items.job, "/why")).await;
    let mut expected = target.why(&items.job).await;
    for why in [&mut why, &mut expected] {
        let why = why.as_object_mut().expect("why");
        why.remove("database");
        assert!(why.remove("told_seconds_ago").is_some_and(|ago| ago.is_number()), "its age differs by the call");
    }
    assert_eq!(why, expected);
    let (_, history) = served.get(&served.of_run(&items.job, "/history?last=2")).await;
    let expected = target.tidegate(&["history", &items.job.name, "--last", "2", "--output", "json"]).await;
    assert_eq!(history, expected.exits(0).json());
    let (_, quarantine) = served.get(&served.of_run(&items.job, "/quarantine")).await;
    let expected = target.tidegate(&["quarantine", "list", &items.job.name, "--output", "json"]).await;
    assert_eq!(quarantine, expected.exits(0).json());
    let (_, slices) = served.get(&served.of_run(&items.job, "/slices")).await;
    let slices = slices["slices"].as_array().expect("slices").clone();
    assert!(slices.iter().all(|slice| slice["state"] == "done" && slice["progress"] == 1.0), "{slices:?}");
    assert_eq!(slices.iter().filter_map(|slice| slice["rows_changed"].as_i64()).sum::<i64>(), 1_000);
}

async fn a_run_is_watched_while_it_goes_on(target: Target) {
    let served = Served::of(&target, &[]).await;
    // Long enough to be looked at in turn, also on a busy machine.
    let items = SlowRun::prepare(&target, 12_000, "").await;
    let runner = target.start(&["run", &items.job.path]);
    let run = SlowRun::after_its_first_batches(&target, items, runner).await;
    let job = run.items.job.clone();
    let (_, slices) = served.get(&served.of_run(&job, "/slices")).await;
    let states: Vec<_> = slices["slices"].as_array().expect("slices").iter().map(|slice| &slice["state"]).collect();
    assert!(states.contains(&&Value::from("in-hand")) && states.contains(&&Value::from("waiting")), "{slices}");
    let before = served.run(&job).await;
    assert_eq!((&before["state"], &before["runner"]["alive"]), (&"running".into(), &true.into()), "{before}");
    until("more rows are shown", async || {
        served.run(&job).await["rows_changed"].as_u64() > before["rows_changed"].as_u64()
    })
    .await;
    until("a rate is drawn", async || {
        let (_, chart) = served.get(&served.of_run(&job, "/chart")).await;
        let samples = chart["samples"].as_array().cloned().unwrap_or_default();
        samples.iter().any(|sample| {
            sample["rows_per_second"].as_f64() > Some(0.0) && sample["batch_seconds"].as_f64() > Some(0.0)
        })
    })
    .await;
    until("its speed is shown", async || {
        served.get("/api/v1/runs").await.1["runs"][0]["speed"]["batch_rows"].as_u64() == Some(10)
    })
    .await;
    run.ends_well(&target).await;
}

async fn what_is_not_there_is_not_found(target: Target) {
    let served = Served::of(&target, &[]).await;
    let (status, all) = served.get("/api/v1/runs").await;
    assert_eq!((status.as_u16(), &all["runs"]), (200, &serde_json::json!([])), "before there are state tables");
    let items = Counted::new(&target, 100, 100).await;
    target.run(&items.job).await;
    for (path, code) in [
        ("/api/v1/runs/elsewhere/count-visits".to_owned(), "no-database"),
        (format!("/api/v1/runs/{}/no-such-job", served.database), "no-run"),
        (format!("/api/v1/runs/{}/no-such-job/why", served.database), "no-run"),
        ("/api/v2/runs".to_owned(), "no-route"),
        ("/../etc/passwd".to_owned(), "no-route"),
    ] {
        let (status, problem) = served.get(&path).await;
        assert_eq!((status.as_u16(), &problem["error"]["code"]), (404, &code.into()), "{path}: {problem}");
    }
    let (status, problem) = served.get(&served.of_run(&items.job, "/history?last=many")).await;
    assert_eq!((status.as_u16(), &problem["error"]["code"]), (400, &"query".into()), "{problem}");
    every_route_of_the_description_is_there(&served).await;
}

async fn every_route_of_the_description_is_there(served: &Served) {
    let (_, description) = served.get("/openapi.json").await;
    let paths = description["paths"].as_object().expect("paths");
    assert!(paths.len() >= 19, "{:?}", paths.keys());
    for (path, methods) in paths.iter().filter(|(path, _)| path.as_str() != "/api/v1/events") {
        let real = path.replace("{database}", &served.database).replace("{job}", "count-visits");
        let (status, answer) = match methods.get("get") {
            Some(_) => served.get(&real).await,
            None => served.post(&real, &serde_json::json!({ "wrong": 1 })).await,
        };
        assert!(!matches!(answer["error"]["code"].as_str(), Some("no-route" | "method")), "{path}: {status} {answer}");
    }
}

async fn a_database_that_is_away_is_told_as_such_and_found_again(target: Target) {
    let items = Counted::new(&target, 1_000, 100).await;
    target.run(&items.job).await;
    let served = Served::of(&target, &[]).await;
    let before = served.run(&items.job).await;
    until("it is in the list", async || served.get("/api/v1/runs").await.1["runs"][0] == before).await;
    target.cluster().stop_immediate();
    until("it is told", async || {
        let (_, all) = served.get("/api/v1/runs").await;
        all["databases"][0]["reachable"] == false && all["databases"][0]["failure"].is_string()
    })
    .await;
    let (_, all) = served.get("/api/v1/runs").await;
    assert_eq!(all["runs"][0], before, "as it was seen last");
    let (status, problem) = served.get(&served.of_run(&items.job, "")).await;
    assert_eq!((status.as_u16(), &problem["error"]["code"]), (503, &"database-away".into()), "{problem}");
    assert_eq!(served.get("/livez").await.0, 200);
    assert_eq!(served.get("/readyz").await.0, 503);
    target.cluster().start_again();
    until("it is found again", async || served.get("/api/v1/runs").await.1["databases"][0]["reachable"] == true).await;
    assert_eq!(served.run(&items.job).await, before);
    assert_eq!(served.get("/readyz").await.0, 200);
}
