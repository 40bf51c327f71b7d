//! Does the page show what is, and do its buttons do what they say? In a real Chromium: against the program and its database,
//! and against a server of made-up words for what no run does on demand.

mod asked;
mod shown;
mod words;

mod pictures;

mod example;
mod made_up;

use crate::support::{Browser, SlowRun, Target, batches, promises, until};

promises!(on [postgres_15]:
    a_run_is_started_watched_paused_by_a_click_and_resumed,
);

async fn a_run_is_started_watched_paused_by_a_click_and_resumed(target: Target) {
    let browser = Browser::start().await;
    // A minute: what a person does takes a while, and what is left at the end is done in a hurry.
    let items = SlowRun::prepare(&target, 20_000, "").await;
    let runner = target.start(&["run", &items.job.path]);
    let slow = SlowRun::after_its_first_batches(&target, items, runner).await;
    let name = slow.items.job.name.clone();
    let operator = async |url: String| {
        browser.open(&url).await;
        browser.shows(".runs .state", "running").await;
        browser.shows(".runs .job", &name).await;
        browser.click(".runs .job a").await;
        browser.shows("h1", &name).await;
        browser.shows(".events", "queued → running").await;
        let seen = browser.text("dl.figures").await;
        until("the figures move", async || browser.text("dl.figures").await != seen).await;

        browser.click("button[name=pause]").await;
        browser.types("dialog input[name=reason]", "deploy at <15:00>").await;
        browser.click("dialog button[name=confirm]").await;
        browser.shows(".title .badge", "paused").await;
        browser.shows(".banner.paused", "deploy at <15:00>").await;
        assert_eq!(state(&target).await, "paused", "in the database");
        let reason =
            format!("select reason from {} where to_state = 'paused' or to_state = 'pausing'", target.state("event"));
        assert!(target.column(&reason).await.contains(&"deploy at <15:00>".to_owned()), "the reason is on record");
        let paused = batches(&target).await;
        browser.shows(".events", "deploy at <15:00>").await;
        assert_eq!(batches(&target).await, paused, "batches after the pause");

        browser.click("button[name=resume]").await;
        browser.shows(".title .badge", "running").await;
        until("batches after the resume", async || batches(&target).await > paused).await;
        browser.said_nothing().await;
    };
    serve(&target, operator).await;
    slow.ends_well(&target).await;
}

/// Lets the operator work at the page of `tidegate serve`.
async fn serve(target: &Target, operator: impl AsyncFnOnce(String)) {
    let server = target.start(&["serve", "--listen", "127.0.0.1:0"]);
    until("the server listens", async || server.what_follows("listening on ").is_some()).await;
    let address = server.what_follows("listening on ").expect("an address");
    operator(format!("{address}/")).await;
}

async fn state(target: &Target) -> String {
    target.column(&format!("select state from {}", target.state("run"))).await.remove(0)
}
