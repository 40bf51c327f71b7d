//! Does each event change the series it should, and no other?

use super::*;
use crate::event::{Bucket, Event, Observation, ObservedSignal, Progress, RETRY_CLASSES, Reason};
use crate::key::{Key, KeyRange};
use crate::quantity::Quantity;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

const RUN: &str = r#"backfill="fill",database="shop""#;

fn metrics() -> Metrics {
    Metrics::new(&Registry::new()).unwrap()
}

/// The value of a series of ours; `more` is its third label, as written.
fn value(metrics: &Metrics, name: &str, more: &str) -> Option<f64> {
    let rendered = metrics.render();
    let mut labels: Vec<&str> = RUN.split(',').chain(more.split(',').filter(|label| !label.is_empty())).collect();
    labels.sort_unstable();
    let series = format!("tidegate_{name}{{{}}} ", labels.join(","));
    let line = rendered.lines().find_map(|line| line.strip_prefix(&series));
    line.map(|value| value.parse().unwrap())
}

fn started(state: RunState) -> Event {
    Event::Started {
        run: 7,
        table: "public.users".into(),
        state,
        resumed: true,
        estimated_rows: 1_000,
        rows_quarantined: 2,
        progress: Progress { rows_changed: 100, batches: 10, share: 0.1 },
    }
}

fn committed(batches: u64, share: f64) -> Event {
    Event::BatchCommitted {
        range: KeyRange { after: None, through: Key::new(vec!["c4nary".into()]) },
        rows: 40,
        scanned: 50,
        took: Duration::from_millis(20),
        wal_bytes: Some(1_000),
        progress: Progress { rows_changed: 140, batches, share },
    }
}

fn observation(held: &[&str], apply: u64) -> Observation {
    Observation {
        workers: 2,
        share: 0.5,
        batch_rows: 5_000,
        rows_per_second: 100.0,
        signals: vec![ObservedSignal {
            signal: "replication-lag".into(),
            seen: Some(Quantity::seconds(4.2)),
            max: Quantity::seconds(2.0),
            age: Some(Duration::from_millis(300)),
            holds: true,
        }],
        held: held.iter().map(|signal| (*signal).into()).collect(),
        time: BTreeMap::from([(Bucket::Apply, Duration::from_secs(apply))]),
        eta: Some((60.0, 90.0)),
        window_closes: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000)),
    }
}

#[test]
fn a_run_that_has_not_begun_is_there_at_zero() {
    let metrics = metrics();
    let _run = metrics.of("fill", "shop");
    for (name, more) in [
        ("rows_changed_total", ""),
        ("batches_total", r#"outcome="committed""#),
        ("batches_total", r#"outcome="rolled-back""#),
        ("batch_duration_seconds_count", ""),
        ("batch_duration_seconds_bucket", r#"le="0.001""#),
        ("batch_duration_seconds_bucket", r#"le="300""#),
        ("lease_lost_total", ""),
        ("state", r#"state="running""#),
        ("held", r#"signal="window""#),
        ("time_seconds_total", r#"bucket="held:window""#),
        ("runner_alive", ""),
    ] {
        assert_eq!(value(&metrics, name, more), Some(0.0), "{name} {more}");
    }
    for class in RETRY_CLASSES {
        assert_eq!(value(&metrics, "retries_total", &format!("class=\"{class}\"")), Some(0.0));
    }
    for unknown in ["eta_seconds", "eta_earliest_seconds", "window_closes_timestamp_seconds"] {
        assert!(value(&metrics, unknown, "").unwrap().is_nan(), "{unknown}: zero would say something");
    }
}

#[test]
fn batches_are_counted_by_what_became_of_them() {
    let metrics = metrics();
    let mut run = metrics.of("fill", "shop");
    run.note(&started(RunState::Running));
    run.note(&committed(12, 0.3));
    // A worker that was a little slower to tell.
    run.note(&committed(11, 0.2));
    run.note(&Event::BatchRolledBack);
    run.note(&Event::BatchRetried { class: "locked", failure: "c4nary".into(), delay: Duration::ZERO });
    run.note(&Event::RowQuarantined { key: Key::new(vec!["c4nary".into()]), failure: "c4nary".into() });
    let expected = [
        ("rows_changed_total", "", 80.0),
        ("rows_scanned_total", "", 100.0),
        ("wal_bytes_total", "", 2_000.0),
        ("batches_total", r#"outcome="committed""#, 2.0),
        ("batches_total", r#"outcome="rolled-back""#, 1.0),
        ("retries_total", r#"class="locked""#, 1.0),
        ("batch_duration_seconds_bucket", r#"le="0.01""#, 0.0),
        ("batch_duration_seconds_bucket", r#"le="0.025""#, 2.0),
        ("batch_rows_sum", "", 100.0),
        ("quarantined_rows", "", 3.0),
        ("progress_ratio", "", 0.3),
        ("run_info", r#"table="public.users""#, 1.0),
    ];
    for (name, more, expected) in expected {
        assert_eq!(value(&metrics, name, more), Some(expected), "{name} {more}");
    }
    assert!(value(&metrics, "last_commit_timestamp_seconds", "").unwrap() > 1e9);
    assert!(!metrics.render().contains("c4nary"), "no key, no failure's words");
}

#[test]
fn what_is_observed_is_shown_and_a_hold_ends() {
    let metrics = metrics();
    let mut run = metrics.of("fill", "shop");
    run.note(&started(RunState::Running));
    run.note(&Event::Observed(Box::new(observation(&["replication-lag", "window"], 3))));
    let lag = r#"signal="replication-lag""#;
    let expected = [
        ("workers", "", 2.0),
        ("worker_share_ratio", "", 0.5),
        ("batch_rows_target", "", 5_000.0),
        ("eta_seconds", "", 90.0),
        ("eta_earliest_seconds", "", 60.0),
        ("window_closes_timestamp_seconds", "", 1_000.0),
        ("signal_value", lag, 4.2),
        ("signal_limit", lag, 2.0),
        ("signal_age_seconds", lag, 0.3),
        ("held", lag, 1.0),
        ("held", r#"signal="window""#, 1.0),
        ("held_too_long_total", lag, 0.0),
        ("time_seconds_total", r#"bucket="slowed:replication-lag""#, 0.0),
    ];
    for (name, more, expected) in expected {
        assert_eq!(value(&metrics, name, more), Some(expected), "{name} {more}");
    }
    let reason = Reason::Unknown { signal: "replication-lag".into(), why: "gone".into() };
    run.note(&Event::HeldTooLong { reason, lasted: Duration::from_secs(1_800) });
    run.note(&Event::Released);
    assert_eq!(value(&metrics, "held_too_long_total", lag), Some(1.0));
    assert_eq!(value(&metrics, "held", lag), Some(0.0));
    assert_eq!(value(&metrics, "held", r#"signal="window""#), Some(0.0));
}

#[test]
fn time_is_counted_once_and_never_falls() {
    let metrics = metrics();
    let mut run = metrics.of("fill", "shop");
    for (told, counted) in [(3, 3.0), (5, 5.0), (4, 5.0), (6, 6.0)] {
        run.note(&Event::Observed(Box::new(observation(&[], told))));
        assert_eq!(value(&metrics, "time_seconds_total", r#"bucket="apply""#), Some(counted));
    }
    let time = BTreeMap::from([(Bucket::Apply, Duration::from_secs(8)), (Bucket::Idle, Duration::from_secs(1))]);
    run.note(&Event::LetGo { state: None, time });
    assert_eq!(value(&metrics, "time_seconds_total", r#"bucket="apply""#), Some(8.0));
    assert_eq!(value(&metrics, "time_seconds_total", r#"bucket="idle""#), Some(1.0));
    // The next process of the run begins at nothing; the counter goes on.
    let mut next = metrics.of("fill", "shop");
    next.note(&Event::Observed(Box::new(observation(&[], 2))));
    assert_eq!(value(&metrics, "time_seconds_total", r#"bucket="apply""#), Some(10.0));
}

#[test]
fn a_run_is_in_one_state_at_a_time() {
    let metrics = metrics();
    let mut run = metrics.of("fill", "shop");
    run.note(&started(RunState::Running));
    let moved = |to| Event::Moved { to, reason: None };
    let moves = [
        (moved(RunState::Pausing), "pausing", 1.0),
        (moved(RunState::Paused), "paused", 1.0),
        (moved(RunState::Running), "running", 0.0),
        (Event::SweepStarted { pass: 1 }, "sweeping", 0.0),
        (Event::LetGo { state: Some(RunState::Succeeded), time: BTreeMap::new() }, "succeeded", 0.0),
    ];
    for (event, state, operator) in moves {
        run.note(&event);
        for other in RunState::ALL {
            let label = format!("state=\"{other}\"");
            let expected = f64::from(u8::from(other.as_str() == state));
            assert_eq!(value(&metrics, "state", &label), Some(expected), "{other} after {event:?}");
        }
        assert_eq!(value(&metrics, "held", r#"signal="operator""#), Some(operator), "{state}");
    }
}

#[test]
fn what_is_over_is_measured_no_more_but_stays_until_the_next_run_begins() {
    let metrics = metrics();
    let mut run = metrics.of("fill", "shop");
    run.note(&started(RunState::Running));
    run.note(&committed(11, 0.4));
    run.note(&Event::Observed(Box::new(observation(&["replication-lag"], 3))));
    run.note(&Event::LeaseLost);
    run.note(&Event::LetGo { state: None, time: BTreeMap::new() });
    let lag = r#"signal="replication-lag""#;
    for (name, more, expected) in [
        ("runner_alive", "", 0.0),
        ("workers", "", 0.0),
        ("held", lag, 0.0),
        ("lease_lost_total", "", 1.0),
        ("state", r#"state="running""#, 1.0),
        ("rows_changed_total", "", 40.0),
        ("progress_ratio", "", 0.4),
        ("signal_limit", lag, 2.0),
    ] {
        assert_eq!(value(&metrics, name, more), Some(expected), "{name} {more}");
    }
    for gone in [("signal_value", lag), ("signal_age_seconds", lag), ("eta_seconds", "")] {
        assert!(value(&metrics, gone.0, gone.1).unwrap().is_nan(), "{gone:?}");
    }
    let _next = metrics.of("fill", "shop");
    assert_eq!(value(&metrics, "rows_changed_total", ""), Some(40.0), "what was counted goes on");
    assert_eq!(value(&metrics, "signal_limit", lag), None, "the next job may have other signals");
    assert_eq!(value(&metrics, "run_info", r#"table="public.users""#), None, "and another table");
}

#[test]
fn a_run_of_somebody_else_shows_its_record_and_nothing_that_only_its_runner_knows() {
    let metrics = metrics();
    metrics.note_state("fill", "shop", RunState::Sweeping, false, 1.0, 3);
    assert_eq!(value(&metrics, "state", r#"state="sweeping""#), Some(1.0));
    assert_eq!(value(&metrics, "runner_alive", ""), Some(0.0));
    assert_eq!(value(&metrics, "progress_ratio", ""), Some(1.0));
    assert_eq!(value(&metrics, "quarantined_rows", ""), Some(3.0));
    assert_eq!(value(&metrics, "rows_changed_total", ""), None);
}

#[test]
fn what_is_forgotten_is_gone_and_nothing_else() {
    let metrics = metrics();
    for (backfill, database) in [("fill", "shop"), ("fill", "crm"), ("copy", "shop")] {
        let mut run = metrics.of(backfill, database);
        run.note(&started(RunState::Running));
        run.note(&Event::Observed(Box::new(observation(&["window"], 3))));
    }
    metrics.forget("fill", "shop");
    let rendered = metrics.render();
    assert!(!rendered.contains(RUN), "{rendered}");
    let others = |labels: &str| rendered.lines().filter(|line| line.contains(labels)).count();
    assert_ne!(others(r#"backfill="copy",database="shop""#), 0);
    assert_eq!(others(r#"backfill="fill",database="crm""#), others(r#"backfill="copy",database="shop""#));
}

#[test]
fn what_may_hold_a_run_has_its_name_at_zero() {
    let beside = [
        Reason::OperatorPause { actor: "anna".into(), reason: None },
        Reason::WindowClosed { until: "Mon".into() },
        Reason::HoldFile { path: "/run/hold".into() },
        Reason::Trouble { what: "disk full".into() },
        Reason::Locked { what: "somebody".into() },
    ];
    assert_eq!(beside.map(|reason| reason.signal().to_string()).as_slice(), Reason::BESIDE_SIGNALS);
}
