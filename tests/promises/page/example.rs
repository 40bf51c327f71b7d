//! What may a server say? Runs in every state, one of them in full, made up as the HTTP API writes them.

use super::made_up::Words;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

/// A run that goes on, to be changed by a test.
pub(super) fn run(job: &str) -> Value {
    json!({
        "database": "shop", "job": job, "run": 7, "run_version": 12, "table": "public.users", "state": "running",
        "runner": {
            "actor": "anna@db1", "host": "db1", "pid": 4711, "alive": true, "since": ago(3900), "expires_in_seconds": 8.2,
        },
        "rows_changed": 1_284_512, "batches": 412, "retries": 3, "rows_quarantined": 0, "progress": 0.4312,
        "eta_seconds": [1520.0, 2210.0], "held": [], "actor": null, "reason": null, "failure": null,
        "created_at": ago(4000), "moved_at": ago(3900), "ended_at": null,
        "overrides": [], "priority": 0, "not_before": null, "submitted": false, "resume_at": null,
        "speed": { "rows_per_second": 20_133.5, "workers": 2, "share": 0.8, "batch_rows": 7594 },
    })
}

/// The run with these fields instead.
pub(super) fn but(mut run: Value, changes: Value) -> Value {
    for (field, value) in changes.as_object().expect("fields") {
        run[field] = value.clone();
    }
    run
}

/// A busy night.
pub(super) fn night() -> Words {
    let runs = vec![
        run("fill-full-name"),
        held(),
        pausing(),
        paused(),
        nobody_runs(but(
            run("rewrite-invoices"),
            json!({
                "state": "failed", "table": "public.invoices", "progress": 0.334,
                "failure": "could not apply the change to (4000, 5000]: permission denied for table invoices",
            }),
        )),
        nobody_runs(but(
            run("parse-addresses"),
            json!({
                "state": "succeeded", "table": "public.addresses", "progress": 1.0, "ended_at": ago(600),
                "rows_changed": 8_000_000, "rows_quarantined": 3,
            }),
        )),
        nobody_runs(but(
            run("expire-carts"),
            json!({
                "state": "queued", "table": "public.carts", "progress": 0.0, "rows_changed": 0, "batches": 0,
                "submitted": true, "priority": 5, "not_before": ago(-7200),
            }),
        )),
    ];
    Words { runs, details: details(64), ..Words::default() }
}

fn held() -> Value {
    let set = json!({
        "knob": "pace.duty", "value": 0.4, "was": 0.8, "actor": "http@10.0.0.7", "reason": "checkout is slow",
        "set_at": ago(900), "expires_at": ago(-2700),
    });
    but(
        run("normalise-order-totals"),
        json!({
            "table": "public.orders", "progress": 0.712, "held": ["replication-lag 4.2s > 2s (replica1)"],
            "speed": { "rows_per_second": 0.0, "workers": 2, "share": 0.4, "batch_rows": 7594 },
            "eta_seconds": null, "overrides": [set],
        }),
    )
}

fn pausing() -> Value {
    but(
        run("copy-event-payloads"),
        json!({
            "database": "audit", "table": "audit.log", "state": "pausing", "actor": "ben@laptop", "reason": "disk",
            "eta_seconds": null,
        }),
    )
}

fn paused() -> Value {
    but(
        run("backfill-event-day"),
        json!({
            "state": "paused", "table": "public.events", "progress": 0.081, "rows_changed": 91_200,
            "actor": "ben@laptop", "reason": "deploy at 15:00", "resume_at": ago(-5400),
            "speed": null, "eta_seconds": null,
        }),
    )
}

fn nobody_runs(run: Value) -> Value {
    but(run, json!({ "runner": null, "speed": null, "eta_seconds": null }))
}

fn details(count: u64) -> std::collections::BTreeMap<&'static str, Value> {
    [("why", why()), ("history", history()), ("slices", slices(count)), ("chart", chart())].into()
}

/// A walk of so many slices that has come to its middle.
pub(super) fn slices(count: u64) -> Value {
    let state = |slice: u64| match slice {
        slice if slice == count / 3 => "set-aside",
        slice if slice < count * 2 / 5 => "done",
        slice if slice <= count * 2 / 5 + 1 => "in-hand",
        _ => "waiting",
    };
    let progress = |slice| match state(slice) {
        "done" => 1.0,
        "in-hand" => 0.3 + 0.4 * (slice % 2) as f64,
        _ => 0.0,
    };
    let slice = |slice| {
        json!({
            "pass": 0, "slice": slice, "state": state(slice), "rows_changed": 20_000, "progress": progress(slice),
        })
    };
    json!({ "version": 1, "slices": (0..count).map(slice).collect::<Vec<_>>() })
}

/// An hour with a lag that twice rises over its limit, and with four minutes of which nothing was told.
fn chart() -> Value {
    let told = (0..3600).step_by(10).filter(|second| !(1500..1740).contains(second));
    json!({ "version": 1, "step_seconds": 10, "samples": told.map(sample).collect::<Vec<_>>() })
}

fn sample(second: i64) -> Value {
    let wave = (second as f64 / 240.0).sin();
    let excess =
        if (2400..2800).contains(&second) || second > 3420 { 1.6 + (second % 2400) as f64 / 450.0 } else { 0.0 };
    let lag = 0.9 + 0.5 * wave + excess;
    let rate = if lag > 2.0 { 0.0 } else { 21_000.0 + 4_000.0 * wave };
    let seconds = |value: f64| json!({ "value": value, "unit": "seconds" });
    let probe = if (1000..1100).contains(&second) { Value::Null } else { seconds(0.004 + 0.002 * wave) };
    json!({
        "at": ago(3600 - second), "rows_per_second": rate, "batch_seconds": 0.42 + 0.1 * wave,
        "signals": { "replication-lag": seconds(lag), "probe": probe },
    })
}

fn why() -> Value {
    let signal = |name: &str, seen: Option<f64>, max: f64, unit: &str, holds: bool| {
        json!({
            "signal": name, "seen": seen.map(|value| json!({ "value": value, "unit": unit })), "of": "replica1",
            "unknown": seen.is_none().then_some("the replica does not answer"),
            "max": { "value": max, "unit": unit }, "age_seconds": 0.3, "trend": "rising", "holds": holds,
        })
    };
    let bucket = |(bucket, seconds): (&str, f64)| json!({ "bucket": bucket, "seconds": seconds });
    let change = json!({
        "at": ago(120), "from": "2 workers, all the time", "to": "held", "why": "replication-lag 4.2s > 2s (replica1)",
    });
    json!({
        "version": 1, "job": "normalise-order-totals", "run": 7, "state": "running", "speed": null, "held": [],
        "signals": [
            signal("replication-lag", Some(4.2), 2.0, "seconds", true),
            signal("probe", Some(0.0043), 0.02, "seconds", false),
            signal("retained-wal", Some(3.1e9), 10.7e9, "bytes", false),
            signal("archive-backlog", None, 20.0, "number", true),
        ],
        "time": { "wall_seconds": 3529.6, "buckets": SPENT.map(bucket) },
        "changes": [change],
    })
}

const SPENT: [(&str, f64); 9] = [
    ("apply", 2301.2),
    ("held:replication-lag", 512.0),
    ("commit", 322.1),
    ("boundary", 160.4),
    ("slowed:probe", 120.9),
    ("duty", 60.0),
    ("paused", 44.0),
    ("retry", 7.0),
    ("idle", 2.0),
];

fn history() -> Value {
    let event = |seconds, kind: &str, from: Option<&str>, to: Option<&str>, reason: Option<&str>| {
        json!({
            "run": 7, "job": "normalise-order-totals", "at": ago(seconds), "kind": kind, "actor": "anna@db1",
            "reason": reason, "from": from, "to": to, "detail": null,
        })
    };
    let moved = |seconds, from, to, reason| event(seconds, "moved", Some(from), Some(to), reason);
    let set = event(900, "set", Some("0.8"), Some("0.4"), Some("checkout is slow"));
    let held = event(130, "held-too-long", None, None, None);
    json!({ "version": 1, "events": [
        event(4000, "created", None, Some("queued"), None),
        moved(3900, "queued", "running", None),
        moved(2000, "running", "pausing", Some("deploy at 15:00")),
        moved(1999, "pausing", "paused", None),
        moved(1955, "paused", "running", Some("back")),
        but(set, json!({ "knob": "pace.duty" })),
        but(held, json!({ "detail": "replication-lag for more than 10m" })),
    ] })
}

/// A moment so many seconds ago; less than none is to come.
fn ago(seconds: i64) -> String {
    let now = SystemTime::now();
    let far = Duration::from_secs(seconds.unsigned_abs());
    humantime::format_rfc3339_seconds(if seconds < 0 { now + far } else { now - far }).to_string()
}
