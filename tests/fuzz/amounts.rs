//! Are durations, sizes, windows and numbers of a job file either within their limits or refused? What is accepted is used
//! as a run would use it.

use crate::support::holds_for;
use proptest::prelude::*;
use proptest::sample::select;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tidegate::job::parse;
use tidegate::pace::{Cost, Opening, Sizing, Window, opening};

#[test]
fn what_a_batch_may_be_is_never_beyond_its_own_limits() {
    holds_for((batch(), any::<u64>(), any::<u64>()), |(settings, row_bytes, took)| {
        let text = format!("version = 1\nname = \"a\"\n[table]\nname = \"t\"\n[change.delete]\n[batch]\n{settings}");
        let Ok((job, _)) = parse(&text) else { return Ok(()) };
        let batch = &job.batch;
        prop_assert!(batch.lock_timeout < batch.statement_timeout && batch.target_time < batch.statement_timeout);
        prop_assert!(batch.lock_timeout >= Duration::from_millis(1), "the server would wait for ever");
        prop_assert!(batch.workers >= 1 && batch.max_wal > 0);
        let sizes = batch.sizes(row_bytes);
        prop_assert!(1 <= sizes.least && sizes.least <= sizes.start && sizes.start <= sizes.most, "{sizes:?}");
        let mut sizing = Sizing::of_walk(sizes);
        for rows in [sizes.most, 1, sizes.least] {
            sizing.note(Cost { rows, took: Duration::from_nanos(took), wal_bytes: Some(row_bytes) });
            sizing.shrink(rows);
            prop_assert!((1..=sizes.most).contains(&sizing.rows()));
        }
        Ok(())
    });
}

#[test]
fn a_window_has_a_next_moment_at_any_time_or_is_refused() {
    holds_for((proptest::collection::vec(window(), 1..4), any::<u64>()), |(texts, seconds)| {
        let windows: Vec<Window> = texts.iter().filter_map(|text| text.parse().ok()).collect();
        let now = UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).unwrap_or(SystemTime::now());
        if let Opening::Closed { opens, opens_at } = opening(&windows, now) {
            prop_assert!(!opens.is_empty() && opens_at >= now.min(opens_at));
        }
        for text in &texts {
            if let Err(error) = text.parse::<Window>() {
                prop_assert!(!error.why.is_empty() && !error.help.is_empty(), "{text}");
            }
        }
        Ok(())
    });
}

/// The settings of a batch, each with a value that somebody might write, or would not.
fn batch() -> impl Strategy<Value = String> {
    let rows = || prop_oneof![(0..12_000_i64).boxed(), any::<i64>().boxed()];
    let setting = prop_oneof![
        (select(vec!["rows", "min_rows", "max_rows", "workers"]), rows()).prop_map(|(name, n)| format!("{name} = {n}")),
        (select(vec!["target_time", "statement_timeout", "lock_timeout"]), duration())
            .prop_map(|(name, text)| format!("{name} = {text:?}")),
        size().prop_map(|text| format!("max_wal = {text:?}")),
    ];
    proptest::collection::vec(setting, 0..5).prop_map(|settings| settings.join("\n"))
}

fn duration() -> impl Strategy<Value = String> {
    let unit = select(vec!["ns", "us", "ms", "s", "m", "min", "h", "d", "w", "M", "y", "", "parsec"]);
    prop_oneof![
        ("[0-9]{1,4}|[0-9]{15,30}", unit).prop_map(|(number, unit)| format!("{number}{unit}")),
        "[0-9]{1,3}(s|ms) ?[0-9]{1,3}(us|ns|ms)",
        "\\PC{0,8}"
    ]
}

fn size() -> impl Strategy<Value = String> {
    let unit = select(vec!["B", "KiB", "MiB", "GiB", "TiB", "EiB", "kB", "MB", "", "mib", "XiB"]);
    prop_oneof![
        ("-?[0-9]{1,5}(\\.[0-9]{1,3})?|[0-9]{15,30}", unit).prop_map(|(number, unit)| format!("{number}{unit}")),
        "\\PC{0,8}"
    ]
}

fn window() -> impl Strategy<Value = String> {
    let day = || select(vec!["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "mon", "Day", ""]);
    let zone = select(vec![
        "Europe/Berlin",
        "UTC",
        "Australia/Lord_Howe",
        "Africa/Casablanca",
        "Pacific/Apia",
        "Etc/GMT+1",
        "Berlin",
        "",
        "America/Sao_Paulo",
        "+01:00",
        "Antarctica/Troll",
    ]);
    let time = || "([01][0-9]|2[0-4]):[0-5][0-9]|[0-9]{0,3}:?[0-9]{0,3}";
    prop_oneof![
        6 => (day(), day(), time(), time(), zone).prop_map(|(from, to, opens, closes, zone)| {
            format!("{from}-{to} {opens}-{closes} {zone}")
        }),
        1 => "\\PC{0,30}",
        1 => "[A-Za-z,0-9:/ -]{0,40}",
    ]
}
