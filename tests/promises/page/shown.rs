//! Does the page show what the server says, nothing else, and say when that may be old?

use super::example::{but, night, run, slices};
use super::made_up::MadeUp;
use crate::support::{Browser, until};
use serde_json::json;

/// What would be an image and a bold word, were it not text.
const MARKUP: &str = "<img src=x onerror=\"document.title='broken'\"><b>bold</b>";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_escaped() {
    let mut words = night();
    let set = json!({ "knob": MARKUP, "value": MARKUP, "was": MARKUP, "actor": MARKUP, "reason": MARKUP });
    words.runs = vec![but(
        run(MARKUP),
        json!({
            "database": MARKUP, "table": MARKUP, "state": "paused", "actor": MARKUP, "reason": MARKUP,
            "failure": MARKUP, "held": [MARKUP], "overrides": [set],
        }),
    )];
    let signal = &mut words.details.get_mut("why").expect("why")["signals"][0];
    *signal = but(signal.clone(), json!({ "signal": MARKUP, "of": MARKUP, "unknown": MARKUP }));
    let event = json!({ "at": MARKUP, "kind": MARKUP, "actor": MARKUP, "reason": MARKUP, "detail": MARKUP });
    words.details.insert("history", json!({ "events": [event] }));
    words.answers.insert("resume", (409, json!({ "accepted": false, "state": MARKUP, "run_version": 13 })));
    let (server, browser) = (MadeUp::serve(words), Browser::start().await);
    browser.open(&server.url("")).await;
    for part in [".job a", ".job small", ".why"] {
        browser.shows(part, MARKUP).await;
    }
    browser.click(".job a").await;
    for part in ["h1", ".title p", ".banner", ".signals", ".overrides", ".events"] {
        browser.shows(part, MARKUP).await;
    }
    browser.click("button[name=resume]").await;
    browser.shows("#notice", MARKUP).await;
    browser.click("button[name=cancel]").await;
    browser.shows("dialog", MARKUP).await;
    assert_eq!(browser.count("body img, body b").await, 0, "elements out of text");
    browser.said_nothing_but_failed_requests().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_server_is_said() {
    let (mut server, browser) = (MadeUp::serve(night()), Browser::start().await);
    browser.open(&server.url("")).await;
    browser.shows("#top", "live").await;
    assert_eq!(browser.text("#connection").await, "");
    server.dies();
    browser.shows("#connection", "No connection to the server since").await;
    browser.shows("#connection", "What you see is from then").await;
    browser.shows("#top", "not connected").await;
    server.says(|words| words.runs[0] = but(run("fill-full-name"), json!({ "state": "succeeded" })));
    server.comes_back();
    browser.shows("#top", "live").await;
    browser.shows("#connection", "").await;
    browser.shows_no("#connection .banner").await;
    browser.shows(".states", "2 succeeded").await;
    browser.said_nothing_but_failed_requests().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_be_old_is_said() {
    let (server, browser) = (MadeUp::serve(night()), Browser::start().await);
    browser.open(&server.url("#/run/shop/fill-full-name")).await;
    browser.shows(".signals", "probe").await;
    server.says(|words| {
        words.databases = vec![json!({ "name": "shop", "reachable": false, "failure": "connection refused" })];
        words.answers.insert("why", (503, json!({ "error": { "code": "unavailable", "message": "no answer in 5s" } })));
    });
    browser.shows("main", "Database shop does not answer: connection refused").await;
    browser.shows("main", "no answer in 5s").await;
    browser.shows("main", "What is below is from").await;
    browser.shows(".signals", "probe").await;
    server.says(|words| {
        words.databases.clear();
        words.answers.clear();
    });
    browser.shows_no("main .banner").await;
    browser.said_nothing_but_failed_requests().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chart_reads_out_the_moment_under_the_keys() {
    let (server, browser) = (MadeUp::serve(night()), Browser::start().await);
    browser.open(&server.url("#/run/shop/fill-full-name")).await;
    browser.shows(".charts", "batch time").await;
    let gaps = "document.querySelector('.chart .curve').getAttribute('d').split('M').length - 1";
    assert_eq!(browser.value(gaps).await, 2, "one gap cuts the line in two");
    browser.types(".chart svg", "\u{e011}").await; // Home: an hour ago.
    until("all charts read out that moment", async || browser.count(".cursor").await == 4).await;
    browser.said_nothing().await;
}

/// The elements that reach over the right edge.
const WIDE: &str = "[...document.querySelectorAll('main *')].filter((e) => e.getBoundingClientRect().right > innerWidth)\
                    .map((e) => `${e.localName}.${e.getAttribute('class')}`).join(' ')";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_slices_and_a_narrow_phone_are_served() {
    let mut words = night();
    words.details.insert("slices", slices(1000));
    let (server, browser) = (MadeUp::serve(words), Browser::start().await);
    browser.looks_like((360, 800), false).await;
    for page in ["", "#/run/shop/normalise-order-totals"] {
        browser.open(&server.url(page)).await;
        browser.shows("main", "normalise-order-totals").await;
        let hidden = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
        until("the page is drawn", async || page.is_empty() || browser.text(".strip").await.contains("1,000 slices"))
            .await;
        let hidden = browser.value(hidden).await;
        assert_eq!(hidden, 0, "pixels that must be scrolled to on {page:?}: {}", browser.value(WIDE).await);
    }
    browser.said_nothing().await;
}
