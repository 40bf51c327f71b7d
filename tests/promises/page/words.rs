//! Does the page decide and write as the program does? Its plain functions, by tables, in the browser that runs them.

use super::example::night;
use super::made_up::MadeUp;
use crate::support::Browser;
use serde_json::{Value, json};

/// What the browser makes of each expression, with the functions of a module as `m`.
async fn table(module: &str, rows: &[(&str, Value)]) {
    let (server, browser) = (MadeUp::serve(night()), Browser::start().await);
    browser.open(&server.url("")).await;
    for (expression, expected) in rows {
        let value = browser.value(&format!("import('/{module}.js').then((m) => {expression})")).await;
        assert_eq!(value, *expected, "{expression}");
    }
    browser.said_nothing().await;
}

/// The same rows as in `cli/wording.rs` and `quantity.rs`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_read_as_the_terminal_writes_them() {
    table(
        "words",
        &[
            ("[0, 999, 1000, 1234567].map(m.count)", json!(["0", "999", "1,000", "1,234,567"])),
            ("[0, 0.43, 0.9999, 1].map(m.percent)", json!(["0.0 %", "43.0 %", "99.9 %", "100 %"])),
            (
                "[0.08, 2.5, 42, 252, 3780, 180000].map(m.duration)",
                json!(["80ms", "2.5s", "42s", "4m 12s", "1h 3m", "2d 2h"]),
            ),
            ("m.durations([60, 60.2])", json!("1m 0s")),
            (
                "[4.2, 0.02, 0.9999, 0].map((value) => m.quantity({ value, unit: 'seconds' }))",
                json!(["4.2s", "20ms", "1s", "0ms"]),
            ),
            (
                "[67108864, 1536, 512].map((value) => m.quantity({ value, unit: 'bytes' }))",
                json!(["64MiB", "1.5KiB", "512B"]),
            ),
            ("m.quantity({ value: 52428800, unit: 'bytes-per-second' })", json!("50MiB/s")),
            ("m.counted(1, 'row') + ', ' + m.counted(2, 'batch')", json!("1 row, 2 batches")),
            ("m.moment('2026-11-21T03:04:05Z', '2026-11-22T00:00:00Z')", json!("2026-11-21 03:04:05")),
            ("m.moment('2026-11-21T03:04:05Z', '2026-11-21T23:00:00Z')", json!("03:04:05")),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_asked_and_what_holds_are_told_apart_from_what_is_reached() {
    table(
        "words",
        &[
            ("m.asked({ state: 'paused' }, 2)", json!(null)),
            ("m.asked({ state: 'pausing' })", json!("pause asked, the batches in hand finish first")),
            ("m.asked({ state: 'pausing' }, 2)", json!("pause asked, up to 2 batches in hand finish first")),
            (
                "m.asked({ state: 'cancelling', speed: { workers: 1 } }, 5)",
                json!("cancel asked, the batch in hand finishes first"),
            ),
            ("m.asked({ state: 'pausing' }, 0)", json!("pause asked, no batch is in hand any more")),
            ("m.standing({ state: 'running', held: ['lag'], runner: { alive: true } }).word", json!("held")),
            ("m.standing({ state: 'sweeping', held: ['lag'], runner: { alive: false } }).word", json!("runner gone")),
            ("m.standing({ state: 'paused', held: ['lag'] }).word", json!("paused")),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neighbours_in_one_state_are_one_stretch_and_a_slice_in_hand_is_its_own() {
    let slices = "['done', 'done', 'in-hand', 'in-hand', 'waiting'].map((state, slice) => ({ state, slice }))";
    let stretches = format!("m.stretches({slices}).map((one) => `${{one.state}} ${{one.from}}+${{one.length}}`)");
    let expected = json!(["waiting 4+1", "done 0+2", "in-hand 2+1", "in-hand 3+1"]);
    table("slices", &[(&stretches, expected)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_axis_ends_at_a_round_number_over_the_most() {
    table(
        "chart",
        &[
            ("[0, 0.022, 1, 2.4, 24000].map((most) => m.niceTop(most, 'seconds'))", json!([1, 0.03, 1, 3, 30000])),
            ("m.niceTop(100 * 1024 * 1024, 'bytes')", json!(100 * 1024 * 1024)),
        ],
    )
    .await;
}
