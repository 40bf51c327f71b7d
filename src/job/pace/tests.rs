//! What does a `[pace]` mean? Each key by itself, read through the whole reader.

use super::*;
use crate::job::parse;
use crate::pace::{OnUnknown, Statistic, signal_name};
use crate::quantity::Quantity;
use std::time::Duration;

const SMALL: &str = "version = 1\nname = \"a\"\ntable = { name = \"t\" }\nchange = { delete = {} }\n";

fn pace(text: &str) -> Pace {
    parse(&format!("{SMALL}{text}")).unwrap_or_else(|problems| panic!("{text}: {problems:?}")).0.pace
}

fn codes(text: &str) -> Vec<&'static str> {
    let problems = parse(&format!("{SMALL}{text}")).err().unwrap_or_default();
    problems.iter().map(|problem| problem.code.as_str()).collect()
}

#[test]
fn the_plain_keys_are_read_as_written() {
    let pace = pace(
        "[pace]\nmax_rows_per_second = 20_000\nduty = 1\nhold_file = \"/run/hold\"\nwindow = [\"Sat-Sun 00:00-24:00 UTC\"]",
    );
    assert_eq!(pace.max_rows_per_second, NonZeroU32::new(20_000));
    assert_eq!(pace.duty, Some(1.0));
    assert_eq!(pace.hold_file, Some(PathBuf::from("/run/hold")));
    assert_eq!(pace.windows, ["Sat-Sun 00:00-24:00 UTC".parse::<Window>().unwrap()]);
    assert_eq!(pace.signals, []);
}

#[test]
fn every_signal_has_its_source_its_name_and_its_unit() {
    const MIB: f64 = 1024.0 * 1024.0;
    let query = |sql: &str| Query::parse(sql).unwrap();
    let cases: Vec<(&str, Source, &str, Quantity)> = vec![
        ("[pace.wal_rate]\nmax = \"50MiB\"", Source::WalRate, "wal-rate", Quantity::bytes_per_second(50.0 * MIB)),
        ("[pace.retained_wal]\nmax = \"10GiB\"", Source::RetainedWal, "retained-wal", Quantity::bytes(10_240.0 * MIB)),
        ("[pace.archive_backlog]\nmax = 100", Source::ArchiveBacklog, "archive-backlog", Quantity::number(100.0)),
        ("[pace.autovacuum]", Source::Autovacuum, "autovacuum", Quantity::number(0.0)),
        (
            "[pace.oldest_transaction]\nmax = \"10m\"",
            Source::OldestTransaction,
            "oldest-transaction",
            Quantity::seconds(600.0),
        ),
        ("[pace.active_sessions]\nmax = 50", Source::ActiveSessions, "active-sessions", Quantity::number(50.0)),
        ("[pace.lock_waits]\nmax = \"500ms\"", Source::LockWaits, "lock-waits", Quantity::seconds(0.5)),
        (
            "[pace.probe]\nsql = \" select 1\"\nmax = \"20ms\"",
            Source::Probe { sql: query("select 1") },
            "probe",
            Quantity::seconds(0.02),
        ),
        (
            "[[pace.signal]]\nname = \"queue\"\nsql = \"select 2\"\nmax = 0.25",
            Source::Custom { sql: query("select 2") },
            "queue",
            Quantity::number(0.25),
        ),
    ];
    for (text, source, signal, max) in cases {
        let statistic = if signal == signal_name::PROBE { Statistic::P95 } else { Statistic::Latest };
        let max_hold = Duration::from_secs(30 * 60);
        let limit = Limit { signal: signal.into(), max, on_unknown: OnUnknown::Hold, max_hold, statistic };
        assert_eq!(pace(text).signals, [Signal { source: source.clone(), limits: vec![limit.clone()] }], "{text}");

        let said = pace(&format!("{text}\non_unknown = \"ignore\"\nmax_hold = \"30 days\""));
        let max_hold = Duration::from_secs(30 * 24 * 60 * 60);
        let limit = Limit { on_unknown: OnUnknown::Ignore, max_hold, ..limit };
        assert_eq!(said.signals, [Signal { source, limits: vec![limit] }], "{text}");
    }
}

#[test]
fn a_signal_may_be_limited_to_none_at_all() {
    let pace = pace("[[pace.signal]]\nname = \"failures\"\nsql = \"select 2\"\nmax = 0");
    assert_eq!(pace.signals[0].limits[0].max, Quantity::number(0.0));
}

#[test]
fn lag_in_seconds_and_in_bytes_is_one_signal_with_two_limits() {
    let cases: &[(&str, &[&str])] = &[
        ("max = \"2s\"", &["replication-lag 2s"]),
        ("max_bytes = \"64MiB\"", &["replication-bytes 64MiB"]),
        ("max = \"2s\"\nmax_bytes = \"64MiB\"", &["replication-lag 2s", "replication-bytes 64MiB"]),
    ];
    for (text, expected) in cases {
        let pace = pace(&format!("[pace.replication_lag]\n{text}\nmax_hold = \"1s\"\non_unknown = \"ignore\""));
        let [Signal { limits, .. }] = &pace.signals[..] else { panic!("{text}") };
        let shown: Vec<String> = limits.iter().map(|limit| format!("{} {}", limit.signal, limit.max)).collect();
        assert_eq!(shown, *expected);
        for limit in limits {
            assert_eq!((limit.max_hold, limit.on_unknown), (Duration::from_secs(1), OnUnknown::Ignore));
        }
    }
}

#[test]
fn every_replica_that_is_named_must_be_seen() {
    let cases: &[(&str, u32, &[&str])] = &[
        ("", 1, &[]),
        ("url_env = []", 1, &[]),
        ("url_env = [\"A\"]", 1, &["A"]),
        ("url_env = [\"A\", \"_b9\"]", 2, &["A", "_b9"]),
        ("url_env = [\"A\"]\nreplicas = 3", 3, &["A"]),
        ("replicas = 64", 64, &[]),
    ];
    for (text, seen, named) in cases {
        let pace = pace(&format!("[pace.replication_lag]\nmax = \"2s\"\n{text}"));
        let Source::ReplicationLag { replicas, url_env } = &pace.signals[0].source else { panic!("{text}") };
        assert_eq!(
            (replicas, &url_env[..]),
            (seen, &named.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()[..]),
            "{text}"
        );
    }
}

#[test]
fn what_is_out_of_range_is_refused_at_both_ends() {
    let lag = |text: &str| format!("[pace.replication_lag]\nmax = \"2s\"\n{text}");
    let custom = |text: &str| format!("[[pace.signal]]\nname = \"q\"\nsql = \"select 1\"\n{text}");
    let many: Vec<String> = (0..65).map(|number| format!("\"A{number}\"")).collect();
    for (text, code) in [
        ("[pace]\nmax_rows_per_second = -1".to_owned(), "rate-out-of-range"),
        ("[pace]\nmax_rows_per_second = 4294967296".to_owned(), "rate-out-of-range"),
        ("[pace]\nduty = 0".to_owned(), "duty-out-of-range"),
        ("[pace]\nduty = 0.009".to_owned(), "duty-out-of-range"),
        ("[pace]\nduty = 1.001".to_owned(), "duty-out-of-range"),
        ("[pace]\nduty = nan".to_owned(), "duty-out-of-range"),
        ("[pace]\nhold_file = \"\"".to_owned(), "hold-file"),
        ("[pace]\nhold_file = \"~/hold\"".to_owned(), "hold-file"),
        ("[pace]\nhold_file = \"/run/\\u0000\"".to_owned(), "hold-file"),
        (lag("replicas = 0"), "replicas-out-of-range"),
        (lag("replicas = 65"), "replicas-out-of-range"),
        (lag(&format!("url_env = [{}]", many.join(", "))), "replicas-out-of-range"),
        (custom("max = inf"), "limit-out-of-range"),
        (custom("max = -0.5"), "limit-out-of-range"),
        ("[pace.active_sessions]\nmax = 0".to_owned(), "limit-out-of-range"),
        ("[pace.lock_waits]\nmax = \"25h\"".to_owned(), "duration-too-long"),
        ("[pace.oldest_transaction]\nmax = \"31 days\"".to_owned(), "duration-too-long"),
        ("[pace.probe]\nsql = \"select 1\"\nmax = \"2001ms\"".to_owned(), "duration-too-long"),
        ("[pace.autovacuum]\nmax_hold = \"999ms\"".to_owned(), "duration-too-short"),
        ("[pace.autovacuum]\nmax_hold = \"31 days\"".to_owned(), "duration-too-long"),
    ] {
        assert_eq!(codes(&text), [code], "{text}");
    }
}

#[test]
fn no_signal_is_called_like_another() {
    let named = |name: &str| format!("[[pace.signal]]\nname = \"{name}\"\nsql = \"select 1\"\nmax = 1\n");
    let own = signal_name::ALL.iter().chain(&["window", "hold-file", "operator", "rate", "duty", "idle"]);
    for name in own.copied().chain(["", "Queue", "queue_depth", "größe", &"q".repeat(64)]) {
        assert_eq!(codes(&named(name)), ["signal-name"], "{name}");
    }
    assert_eq!(pace(&(named(&"q".repeat(63)) + &named("5-to-9"))).signals.len(), 2);
    assert_eq!(codes(&(named("a") + &named("b") + &named("a"))), ["signal-name-twice"]);
}

#[test]
fn what_may_hold_a_password_is_never_repeated() {
    for (value, code) in [
        ("postgres://anna:s3cret@db/shop", "address-in-job"),
        ("anna:s3cret@db", "address-in-job"),
        ("host=db password=s3cret", "address-in-job"),
        ("/run/s3cret", "address-in-job"),
        ("REPLICA A", "variable-name"),
        ("9LIVES", "variable-name"),
        ("", "variable-name"),
    ] {
        let text = format!("{SMALL}[pace.replication_lag]\nmax = \"2s\"\nurl_env = [\"{value}\"]");
        let problems = parse(&text).unwrap_err();
        assert_eq!(problems.iter().map(|problem| problem.code.as_str()).collect::<Vec<_>>(), [code], "{value}");
        let shown = format!("{problems:?}{}", crate::job::render("a.toml", &text, &problems, false));
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}

#[test]
fn all_that_is_wrong_in_a_pace_is_told_at_once() {
    let text = "[pace]\nduty = 2\nwindow = []\n[pace.replication_lag]\nmax = \"0s\"\nmax_bytes = \"1\"\nreplicas = 0\n\
                url_env = [\"$A\", \"a b\"]\non_unknown = \"x\"\nmax_hold = \"1\"\n[pace.probe]\nsql = \";\"\nmax = \"1M\"\n\
                [[pace.signal]]\nname = \"duty\"\nsql = \"$1\"\nmax = -1\n";
    let expected = [
        "duty-out-of-range",
        "window-empty",
        "duration-too-short",
        "size-invalid",
        "replicas-out-of-range",
        "variable-name",
        "variable-name",
        "unknown-value",
        "duration-invalid",
        "expression-semicolon",
        "duration-without-length",
        "signal-name",
        "expression-placeholder",
        "limit-out-of-range",
    ];
    assert_eq!(codes(text), expected);
}
