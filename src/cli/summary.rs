//! How did a run end? Its last words, for people and for programs, and its exit code.

use super::Output;
use super::exit::{Exit, fail};
use super::plan::say_refusals;
use super::wording::{bytes, count, counted, duration, print, print_json, say, time};
use crate::db::{RunRecord, reindex};
use crate::engine::{Outcome, Proof, Summary};
use crate::plan::{Growth, IndexGrowth, SizeChange};
use crate::run::RunState;
use serde_json::json;
use std::time::Duration;

/// Tells how a run ended.
pub(super) fn tell(job: &str, outcome: &Outcome, output: Output) -> Exit {
    if output == Output::Json {
        print_json(&record(job, outcome));
    }
    let text = output == Output::Text;
    match outcome {
        Outcome::Succeeded(summary, proof) => {
            if text {
                print(&format!("{job} is done\n{}\n{}", figures(job, summary), proven(*proof)));
                summary.growth.iter().flat_map(grown).for_each(|line| print(&line));
            }
            done(proof.rows_quarantined)
        }
        Outcome::AlreadySucceeded(run) => {
            let since = time(run.ended_at.unwrap_or(run.moved_at));
            if text {
                print(&format!("{job} is done since {since}; nothing was touched (`run --restart` begins a new run)"));
                aside(job, run.rows_quarantined.unsigned_abs()).iter().for_each(|line| print(line));
            }
            done(run.rows_quarantined)
        }
        Outcome::Stopped(summary, why) => {
            let why = why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            say(&format!("{job} stopped before the end{why}; the same command goes on\n{}", figures(job, summary)));
            Exit::Stopped
        }
        Outcome::Failed(summary, why) => {
            say(&format!(
                "{}\nthe run is failed; mend the cause, then the same command goes on",
                figures(job, summary)
            ));
            fail(why, Exit::Failed)
        }
        Outcome::LeaseLost(summary) => {
            let words = "another runner took the run over while this one was not heard of; it is theirs now";
            say(&figures(job, summary));
            fail(words, Exit::Held)
        }
        other => not_begun(job, other),
    }
}

/// The endings of a command that changed no row.
fn not_begun(job: &str, outcome: &Outcome) -> Exit {
    match outcome {
        Outcome::Paused(run) => {
            fail(&format!("{job} is paused{}; `tidegate resume {job}` lets it go on", since_by(run)), Exit::Stopped)
        }
        Outcome::Cancelled(run) => {
            fail(&format!("{job} is cancelled{}; `run --restart` begins a new run", since_by(run)), Exit::Stopped)
        }
        Outcome::HeldBy { held, .. } => {
            let runner = &held.runner;
            let (actor, pid, since) = (&runner.actor, runner.pid, time(held.since));
            fail(&format!("{job} is held by {actor}, process {pid}, since {since}"), Exit::Held)
        }
        Outcome::TableBusy(run) => fail(
            &format!(
                "job {} has a run on {} that is {}: one run at a time on a table; \
                 wait for its end, or `tidegate cancel {0}`",
                run.job, run.table_name, run.state
            ),
            Exit::Failed,
        ),
        Outcome::NotOver(run) => fail(
            &format!("{job} has a run that is {}; `tidegate cancel {job}` first, then restart", run.state),
            Exit::Failed,
        ),
        Outcome::JobChanged { record, changes } => {
            let changes: Vec<_> = changes.iter().map(|change| format!("  {change}")).collect();
            say(&changes.join("\n"));
            let next = match record.state {
                RunState::Succeeded | RunState::Cancelled | RunState::Failed => {
                    "`run --restart` begins a new run".to_owned()
                }
                _ => format!("`tidegate cancel {job}` and `run --restart` begin a new one"),
            };
            let words = format!(
                "the job file does something else than run {} ({}), which it would go on with; \
                 put the old text back to go on, or {next}",
                record.id, record.state
            );
            fail(&words, Exit::Usage)
        }
        Outcome::Refused(refusals) => {
            say_refusals(refusals);
            fail(&format!("{job} may not run on this table; nothing was done"), Exit::Failed)
        }
        Outcome::Succeeded(..)
        | Outcome::AlreadySucceeded(_)
        | Outcome::Stopped(..)
        | Outcome::Failed(..)
        | Outcome::LeaseLost(_) => Exit::Failed,
    }
}

fn since_by(run: &RunRecord) -> String {
    let by = run.actor.as_ref().map(|actor| format!(" by {actor}")).unwrap_or_default();
    let reason = run.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!(" since {}{by}{reason}", time(run.moved_at))
}

/// Done is not all done where rows are set aside.
fn done(rows_quarantined: i64) -> Exit {
    match rows_quarantined {
        0 => Exit::Done,
        _ => Exit::Quarantined,
    }
}

/// What is to be said of rows that are set aside.
fn aside(job: &str, rows: u64) -> Option<String> {
    let rows = (rows > 0).then(|| counted(rows, "row"))?;
    Some(format!("  aside    {rows} could not be changed: `tidegate quarantine list {job}` says why"))
}

fn figures(job: &str, summary: &Summary) -> String {
    let progress = summary.progress;
    let rate = count(rate(summary) as u64);
    let took = duration(summary.took);
    let batches = counted(progress.batches, "batch");
    let mut lines = vec![
        format!("  rows     {} changed in {batches}, {} retried", count(progress.rows_changed), count(summary.retries)),
        format!("  time     {took}, {rate} rows/s"),
    ];
    if progress.rows_changed != summary.rows {
        lines.push(format!("  here     {} of them by this process; the others before", count(summary.rows)));
    }
    lines.extend(aside(job, summary.rows_quarantined));
    lines.join("\n")
}

fn proven(proof: Proof) -> String {
    let slices = counted(proof.slices as u64, "slice");
    let tiles = format!("{slices} tile the key range, 0 gaps");
    let aside = match proof.rows_quarantined {
        0 => String::new(),
        rows => format!(" but the {} set aside", count(rows.unsigned_abs())),
    };
    match proof.sweep_passes {
        0 => format!("  proof    {tiles}"),
        1 => format!("  proof    {tiles}; the sweep found 0 rows left{aside}"),
        passes => format!("  proof    {tiles}; sweep pass {passes} found 0 rows left{aside}"),
    }
}

/// What became of the table's size, and which of its indexes should be built anew.
fn grown(growth: &Growth) -> Vec<String> {
    let change = |SizeChange { before, after }| format!("{} → {}", bytes(before as f64), bytes(after as f64));
    let mut size = format!("  size     table {}", change(growth.table));
    if !growth.indexes.is_empty() {
        let indexes = if growth.indexes.len() == 1 {
            "index".to_owned()
        } else {
            count(growth.indexes.len() as u64) + " indexes"
        };
        size = format!("{size}, {indexes} {}", change(growth.all_indexes()));
    }
    let wanted = growth.wants_reindex();
    let rebuild = |index: &&IndexGrowth| {
        let command = reindex(&index.schema, &index.name).unwrap_or_default();
        format!("  reindex  {} {}: `{command}`", index.name, change(index.bytes))
    };
    let more = wanted.len().saturating_sub(REINDEXED);
    let more = (more > 0).then(|| format!("  reindex  and {more} more; `run --output json` has all of them"));
    std::iter::once(size).chain(wanted.iter().take(REINDEXED).map(rebuild)).chain(more).collect()
}

/// So many indexes are named on a screen; a partitioned table has hundreds.
const REINDEXED: usize = 5;

/// The same for programs.
fn sizes(growth: &Growth) -> serde_json::Value {
    let index = |index: &IndexGrowth| {
        let IndexGrowth { schema, name, bytes } = index;
        let command = index.wants_reindex().then(|| reindex(schema, name)).flatten();
        json!({ "schema": schema, "name": name, "bytes": bytes, "reindex": command })
    };
    json!({ "table_bytes": growth.table, "indexes": growth.indexes.iter().map(index).collect::<Vec<_>>() })
}

/// Rows per second of this process.
fn rate(summary: &Summary) -> f64 {
    summary.rows as f64 / summary.took.max(Duration::from_millis(1)).as_secs_f64()
}

fn record(job: &str, outcome: &Outcome) -> serde_json::Value {
    let rows_quarantined = match outcome {
        Outcome::Succeeded(summary, _)
        | Outcome::Stopped(summary, _)
        | Outcome::Failed(summary, _)
        | Outcome::LeaseLost(summary) => Some(summary.rows_quarantined),
        Outcome::AlreadySucceeded(run) | Outcome::Paused(run) | Outcome::Cancelled(run) => {
            Some(run.rows_quarantined.unsigned_abs())
        }
        _ => None,
    };
    let (state, summary, proof, failure) = match outcome {
        Outcome::Succeeded(summary, proof) => ("succeeded", Some(summary), Some(proof), None),
        Outcome::Stopped(summary, _) => ("stopped", Some(summary), None, None),
        Outcome::Failed(summary, why) => ("failed", Some(summary), None, Some(why)),
        Outcome::LeaseLost(summary) => ("lease-lost", Some(summary), None, None),
        Outcome::AlreadySucceeded(run) | Outcome::Paused(run) | Outcome::Cancelled(run) => {
            (run.state.as_str(), None, None, None)
        }
        Outcome::HeldBy { .. } => ("held", None, None, None),
        Outcome::TableBusy(_) => ("table-busy", None, None, None),
        Outcome::NotOver(_) => ("not-over", None, None, None),
        Outcome::JobChanged { .. } => ("job-changed", None, None, None),
        Outcome::Refused(_) => ("refused", None, None, None),
    };
    json!({
        "version": 1, "job": job, "state": state, "run": summary.map(|s| s.run),
        "rows_changed": summary.map(|s| s.progress.rows_changed), "batches": summary.map(|s| s.progress.batches),
        "retries": summary.map(|s| s.retries), "rows_quarantined": rows_quarantined, "seconds": summary.map(|s| s.took.as_secs_f64()),
        "rows_per_second": summary.map(rate), "proof": proof, "failure": failure,
        "sizes": summary.and_then(|s| s.growth.as_ref()).map(sizes),
        "refusals": match outcome { Outcome::Refused(refusals) => Some(refusals), _ => None },
    })
}
