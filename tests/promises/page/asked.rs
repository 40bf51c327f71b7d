//! Does the page ask what its buttons say, once, and of the state that was seen?

use super::example::{but, night, run};
use super::made_up::{MadeUp, Words};
use crate::support::Browser;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conflict_shows_the_state_as_it_is() {
    let mut words = night();
    words
        .answers
        .insert("pause", (409, json!({ "version": 1, "accepted": false, "state": "cancelled", "run_version": 13 })));
    let (server, browser) = (MadeUp::serve(words), Browser::start().await);
    browser.open(&server.url("#/run/shop/fill-full-name")).await;
    browser.click("button[name=pause]").await;
    browser.types("dialog input[name=reason]", "too late").await;
    browser.chooses("dialog select[name=for]", "2h").await;
    // Somebody else is faster, and this page has not heard of it.
    browser.click("dialog button[name=confirm]").await;
    browser.shows("#notice", "the run is cancelled now").await;
    let asked = json!({ "reason": "too late", "for": "2h", "if_version": 12 });
    assert_eq!(server.asked(), [("shop/fill-full-name/pause".to_owned(), asked)]);
    server.says(|words| words.runs[0] = but(run("fill-full-name"), json!({ "state": "cancelled", "run_version": 13 })));
    browser.shows(".title .badge", "cancelled").await;
    assert!(!browser.is_enabled("button[name=pause]").await, "nobody can pause a cancelled run");
    browser.said_nothing_but_failed_requests().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_cancelled_only_by_its_name() {
    let (server, browser) = (MadeUp::serve(night()), Browser::start().await);
    browser.open(&server.url("#/run/shop/fill-full-name")).await;
    browser.click("button[name=cancel]").await;
    browser.types("dialog input[name=job]", "fill-full").await;
    assert!(!browser.is_enabled("dialog button[name=confirm]").await, "half a name is none");
    browser.types("dialog input[name=job]", "-name").await;
    browser.click("dialog button[name=confirm]").await;
    browser.shows("#notice", "fill-full-name").await;
    assert_eq!(server.asked(), [("shop/fill-full-name/cancel".to_owned(), json!({ "if_version": 12 }))]);
    browser.said_nothing().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slower_and_faster_halve_and_double_the_duty_for_an_hour() {
    let (server, browser) = (MadeUp::serve(night()), Browser::start().await);
    browser.open(&server.url("#/run/shop/normalise-order-totals")).await;
    browser.click("button[name=slower]").await;
    browser.shows("#notice", "pace.duty 0.4 → 0.2 for 1h").await;
    browser.click("button[name=faster]").await;
    browser.shows("#notice", "pace.duty 0.4 → 0.8 for 1h").await;
    browser.click(".overrides button").await;
    browser.shows("#notice", "as the job file says").await;
    let values: Vec<_> = server
        .asked()
        .into_iter()
        .map(|(_, body)| (body["values"]["pace.duty"].clone(), body["for"].clone()))
        .collect();
    assert_eq!(values, [(json!(0.2), json!("1h")), (json!(0.8), json!("1h")), (json!(null), json!(null))]);
    browser.said_nothing().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_asked_for_until_it_is_right() {
    let words = Words { token: Some("open sesame, 16 bytes"), ..night() };
    let (server, browser) = (MadeUp::serve(words), Browser::start().await);
    browser.open(&server.url("")).await;
    browser.types("dialog input[name=token]", "a wrong one").await;
    browser.click("dialog button[name=confirm]").await;
    browser.shows("dialog", "was not taken").await;
    browser.types("dialog input[name=token]", "open sesame, 16 bytes").await;
    browser.click("dialog button[name=confirm]").await;
    browser.shows(".runs", "fill-full-name").await;
    browser.said_nothing_but_failed_requests().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_of_all_needs_a_reason_and_says_what_came_of_it() {
    let mut words = night();
    let runs = json!([
        { "job": "fill-full-name", "accepted": true, "state": "pausing" },
        { "job": "rewrite-invoices", "accepted": false, "state": "failed" },
    ]);
    let failures = json!([{ "database": "audit", "message": "connection refused" }]);
    words.answers.insert("pause-all", (503, json!({ "accepted": false, "runs": runs, "failures": failures })));
    let (server, browser) = (MadeUp::serve(words), Browser::start().await);
    browser.open(&server.url("")).await;
    browser.click("button[name=pause-all]").await;
    assert!(!browser.is_enabled("dialog button[name=confirm]").await, "nobody stops everything without a word");
    browser.types("dialog input[name=reason]", "fire").await;
    browser.click("dialog button[name=confirm]").await;
    browser
        .shows("#notice", "1 run; rewrite-invoices is failed; database audit was not asked: connection refused")
        .await;
    assert_eq!(server.asked(), [("pause-all".to_owned(), json!({ "reason": "fire" }))]);
    browser.said_nothing_but_failed_requests().await;
}
