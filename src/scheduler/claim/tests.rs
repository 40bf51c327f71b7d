//! Which runs begin, of those that wait?

use super::*;
use crate::db::Held;
use crate::runner::Runner;
use std::time::{Duration, UNIX_EPOCH};

/// A Monday at noon, UTC.
const NOON: f64 = 1_795_435_200.0;

fn record(id: i64, state: RunState) -> RunRecord {
    RunRecord {
        id,
        job: format!("job-{id}"),
        digest: String::new(),
        job_text: text(""),
        table_name: format!("public.table_{id}"),
        place: String::new(),
        state,
        bound: None,
        ends: Vec::new(),
        swept: false,
        estimated_rows: 0,
        actor: None,
        reason: None,
        failure: None,
        retries: 0,
        rows_quarantined: 0,
        held_seconds: 0.0,
        created_at: NOON - 60.0 + id as f64,
        moved_at: NOON,
        ended_at: None,
        read_at: NOON,
        version: 0,
        submitted: true,
        planned: false,
        priority: 0,
        not_before: None,
        resume_at: None,
        held: None,
        pace: None,
        reported_ago: 0.0,
        sizes_before: None,
    }
}

fn text(pace: &str) -> String {
    format!("version = 1\nname = \"job\"\n[table]\nname = \"items\"\n[change.set]\nnote = \"'x'\"\n{pace}")
}

fn held(expires_in: f64) -> Option<Held> {
    let elsewhere = || "elsewhere".to_owned();
    let (pid, pid_started) = (1, 1);
    let runner =
        Runner { holder: elsewhere(), host: elsewhere(), boot_id: elsewhere(), pid, pid_started, actor: elsewhere() };
    Some(Held { runner, since: NOON - 10.0, expires_in, eta: None })
}

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs_f64(NOON)
}

fn is_candidate(record: &RunRecord) -> bool {
    Candidate::of(0, record, now()).is_some()
}

fn begun(records: &[RunRecord], here: &[i64], max_runs: usize) -> Vec<i64> {
    let candidates = records.iter().filter_map(|record| Candidate::of(0, record, now())).collect();
    let in_use: Vec<_> = records.iter().filter_map(|record| Here::with_table(0, record)).collect();
    let here: Vec<_> = here
        .iter()
        .map(|id| Here {
            place: Place { database: 0, run: *id },
            job: String::new(),
            table: format!("public.table_{id}"),
            walks: true,
        })
        .collect();
    claims(candidates, &here, &in_use, max_runs).iter().map(|candidate| candidate.place.run).collect()
}

#[test]
fn a_run_waits_until_it_is_due_free_and_in_its_window() {
    use RunState::{Cancelled, Cancelling, Failed, Paused, Pausing, Queued, Running, Succeeded, Sweeping};
    for (state, waits) in [
        (Queued, true),
        (Running, true),
        (Sweeping, true),
        (Pausing, true),
        (Cancelling, true),
        (Paused, false),
        (Cancelled, false),
        (Succeeded, false),
        (Failed, false),
    ] {
        assert_eq!(is_candidate(&record(1, state)), waits, "{state}");
        assert!(!is_candidate(&RunRecord { submitted: false, ..record(1, state) }), "{state}, not submitted");
        assert!(!is_candidate(&RunRecord { held: held(5.0), ..record(1, state) }), "{state}, somebody has it");
        assert_eq!(is_candidate(&RunRecord { held: held(-1.0), ..record(1, state) }), waits, "{state}, left behind");
    }
    for (not_before, waits) in [(NOON - 1.0, true), (NOON, true), (NOON + 1.0, false)] {
        assert_eq!(is_candidate(&RunRecord { not_before: Some(not_before), ..record(1, Queued) }), waits);
    }
    for (window, waits) in [("Mon 11:00-13:00 UTC", true), ("Mon 22:00-23:00 UTC", false)] {
        let job_text = text(&format!("[pace]\nwindow = [\"{window}\"]\n"));
        let windowed = |state| RunRecord { job_text: job_text.clone(), ..record(1, state) };
        assert_eq!(is_candidate(&windowed(Queued)), waits, "{window}");
        assert!(is_candidate(&windowed(Cancelling)), "a cancel is reached at any hour");
    }
    assert!(is_candidate(&RunRecord { job_text: "version = 99".into(), ..record(1, Queued) }), "to be said");
    for (resume_at, waits) in [(NOON - 1.0, true), (NOON + 1.0, false)] {
        let paused = RunRecord { resume_at: Some(resume_at), ..record(1, Paused) };
        assert_eq!(is_candidate(&paused), waits, "a pause that is over");
    }
}

#[test]
fn the_higher_priority_begins_first_and_then_the_older() {
    let runs = [
        record(1, RunState::Queued),
        RunRecord { priority: 5, ..record(2, RunState::Queued) },
        RunRecord { priority: -1, ..record(3, RunState::Queued) },
        RunRecord { priority: 5, ..record(4, RunState::Queued) },
    ];
    assert_eq!(begun(&runs, &[], 9), [2, 4, 1, 3]);
    assert_eq!(begun(&runs, &[], 2), [2, 4]);
    assert_eq!(begun(&runs, &[8], 2), [2], "one is here");
    assert_eq!(begun(&runs, &[2, 8], 2), [] as [i64; 0]);
}

#[test]
fn what_was_asked_for_is_reached_without_a_place() {
    let runs = [record(1, RunState::Cancelling), record(2, RunState::Queued)];
    assert_eq!(begun(&runs, &[7, 8], 2), [1]);
    assert_eq!(begun(&runs, &[7], 2), [1, 2]);
}

#[test]
fn never_two_begin_on_one_table() {
    let on = |id, table: &str| RunRecord { table_name: table.to_owned(), ..record(id, RunState::Queued) };
    assert_eq!(begun(&[on(1, "items"), on(2, "items"), on(3, "notes")], &[], 9), [1, 3]);
    assert_eq!(begun(&[on(1, "public.items"), on(2, "items")], &[], 9), [1], "a schema may be left out");
    assert_eq!(begun(&[on(1, "a.items"), on(2, "b.items")], &[], 9), [1, 2]);
    assert_eq!(begun(&[on(1, "public.table_9")], &[9], 9), [] as [i64; 0], "one is here");
    let planned = RunRecord { planned: true, held: held(5.0), ..on(1, "public.items") };
    assert_eq!(begun(&[planned.clone(), on(2, "items")], &[], 9), [] as [i64; 0], "one is elsewhere");
    let left = RunRecord { held: None, ..planned };
    assert_eq!(begun(&[left, on(2, "items")], &[], 9), [1], "it has its table, the other waits");
}
