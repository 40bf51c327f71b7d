//! Does a run cost more than its rows when a table is very large? The real engine plans, records, walks and sweeps tables of
//! 10⁶ to 10¹¹ rows that nobody holds: their keys are whole numbers, so where a batch ends is arithmetic. Real are the
//! planner, the ledger with its state tables (in SQLite, in this process), passes, workers, gate, tally and the protocol of
//! the batch; made up are the table and what a change takes.
//!
//! A walk has as many batches at each scale, of as many more rows: what is asked is what each of them costs, and what is
//! kept, not how long 10¹¹ rows take. That is reckoned in `docs/scale.md`.
//!
//! Each scale runs in a process of its own, because only a process knows its own peak of memory.

#![allow(clippy::print_stdout, reason = "a process tells its figures to the test that started it")]

mod arithmetic;
mod sent;

use super::{Options, Outcome, start};
use crate::event::Event;
use crate::job;
use arithmetic::Arithmetic;
use sent::Sent;
use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;

const SCALES: [u64; 4] = [1_000_000, 100_000_000, 1_000_000_000, 100_000_000_000];

/// Rows of a batch where the table has 10⁶ rows.
const BATCH_ROWS: u64 = 1_000;

/// Batches of a walk.
const BATCHES: u64 = 1_000;

const WORKERS: u64 = 4;

/// In which variable a process finds its scale.
const ROWS: &str = "TIDEGATE_TEST_ROWS";

#[test]
fn a_run_over_a_hundred_billion_rows_keeps_and_sends_no_more_than_one_over_a_million() {
    let figures: Vec<_> = SCALES.iter().map(|rows| measured(*rows)).collect();
    for (rows, of_scale) in SCALES.iter().zip(&figures) {
        println!("{rows:>15} rows: {of_scale:?}");
    }
    let million = &figures[0];
    for large in &figures[1..] {
        assert_eq!(large["planned slices"], million["planned slices"]);
        assert_eq!(large["statements of a batch"], million["statements of a batch"]);
        // Longer numbers in the keys, and nothing else.
        assert!(large["bytes of a batch"] < million["bytes of a batch"] + 60, "{large:?}");
        // Two passes, and what idle workers split off, which depends on who was first.
        assert!(large["state rows"] < 4 * million["planned slices"] + 40, "{large:?}");
        assert!(large["state bytes"] < million["state bytes"] + 64 * 1024, "{large:?}");
        assert!(large["peak memory"] < million["peak memory"] + 8 * 1024 * 1024, "{large:?}");
    }
}

/// The figures of one scale, as a process of its own tells them.
fn measured(rows: u64) -> BTreeMap<String, u64> {
    let test = "engine::scale::one_scale_in_a_process_of_its_own";
    let mut process = Command::new(std::env::current_exe().expect("this program has a file"));
    let told = process.args(["--exact", test, "--ignored", "--nocapture"]).env(ROWS, rows.to_string()).output();
    let told = told.expect("this program starts");
    let words = String::from_utf8_lossy(&told.stdout);
    assert!(told.status.success(), "{rows} rows: {words}{}", String::from_utf8_lossy(&told.stderr));
    let figures = words.lines().filter_map(|line| line.strip_prefix("figure: ")?.split_once(" = "));
    figures.map(|(name, figure)| (name.to_owned(), figure.parse().expect("a whole number"))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a part of the test above, which starts it for each scale"]
async fn one_scale_in_a_process_of_its_own() {
    let rows: u64 = std::env::var(ROWS).map_or(SCALES[0], |rows| rows.parse().expect("a whole number"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let database = Arc::new(Arithmetic::new(folder.path(), rows, rows / (BATCHES * BATCH_ROWS)).await);
    let mut run = start(database.clone(), job(), Options::default());
    let mut batches = 0;
    while let Some(event) = run.next_event().await {
        batches += u64::from(matches!(event, Event::BatchCommitted { .. }));
    }
    let outcome = run.outcome().await.expect("the state tables answer");
    let Outcome::Succeeded(summary, proof) = outcome else { panic!("{outcome:?}") };
    assert_eq!((summary.rows, proof.rows_left), (rows, 0));
    assert!(batches >= 2 * BATCHES, "a walk and a sweep: {batches}");
    let Sent { statements, bytes } = database.sent_by_batches();
    tell("planned slices", database.planned_slices());
    tell("statements of a batch", statements / batches);
    tell("bytes of a batch", bytes / batches);
    tell("slices", proof.slices as u64);
    let (state_rows, state_bytes) = database.state().await;
    tell("state rows", state_rows);
    tell("state bytes", state_bytes);
    tell("peak memory", peak_memory());
}

fn job() -> job::Job {
    let text = format!(
        "version = 1\nname = \"scale\"\n[table]\nname = \"items\"\nwhere = \"applied = 0\"\n\
         [change.set]\napplied = \"1\"\n\
         [batch]\nrows = {BATCH_ROWS}\nmin_rows = {BATCH_ROWS}\nmax_rows = {BATCH_ROWS}\nscan_rows = {BATCH_ROWS}\n\
         workers = {WORKERS}\n"
    );
    job::parse(&text).expect("a job").0
}

fn tell(name: &str, figure: u64) {
    println!("figure: {name} = {figure}");
}

/// Bytes, as the kernel counts them.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a process of Linux");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    1024 * peak.and_then(|peak| peak.parse::<u64>().ok()).expect("the peak of this process's memory")
}
