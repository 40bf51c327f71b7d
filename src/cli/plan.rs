//! `tidegate plan JOB`: what would a run do, and may it? Shows the plan; `--sample` measures batches that are rolled
//! back.

use super::exit::{Exit, database_failed};
use super::target::{job, target};
use super::wording::{bytes, count, counted, duration, print, print_json, say, seconds_range};
use super::{Output, Shared};
use crate::engine;
use crate::job::Pace;
use crate::pace::{OnUnknown, Sizes};
use crate::plan::{Estimate, Lapping, Laps, Order, Plan, QueryPlan, Refusal, SampledBatch, Walking};
use crate::quantity::Quantity;
use serde_json::json;
use std::path::Path;
use std::time::Duration;

/// Plans a job and shows it.
pub(super) async fn plan(shared: &Shared, path: &Path, sample: Option<usize>) -> Exit {
    let (job, database) = match (job(path), target(shared)) {
        (Ok(job), Ok(database)) => (job, database),
        (Err(exit), _) | (_, Err(exit)) => return exit,
    };
    let plan = match engine::plan(database.as_ref(), &job).await {
        Ok(Ok(plan)) => plan,
        Ok(Err(refusals)) => {
            if shared.output == Output::Json {
                print_json(
                    &json!({ "version": 1, "job": job.name, "table": job.table.to_string(), "refusals": refusals }),
                );
            }
            say_refusals(&refusals);
            return Exit::Failed;
        }
        Err(failure) => return database_failed(&failure),
    };
    let sampled = match sample.filter(|_| plan.refusals.is_empty()) {
        Some(count) => match engine::sample(database.as_ref(), &plan, count).await {
            Ok(sampled) => sampled,
            Err(failure) => return database_failed(&failure.while_doing("run the sampled batches")),
        },
        None => Vec::new(),
    };
    let estimate = plan.estimate().with_sample(&sampled, plan.workers);
    match shared.output {
        Output::Json => print_json(&record(&plan, &estimate, &sampled)),
        Output::Text => print(&in_words(&plan, &estimate, &sampled)),
    }
    say_refusals(&plan.refusals);
    if plan.refusals.is_empty() { Exit::Done } else { Exit::Failed }
}

/// Says why a job may not run.
pub(super) fn say_refusals(refusals: &[Refusal]) {
    for Refusal { code, message, help } in refusals {
        say(&format!("error[{code}]: {message}\nhelp: {help}"));
    }
}

fn record(plan: &Plan, estimate: &Estimate, sampled: &[SampledBatch]) -> serde_json::Value {
    let key: Vec<_> =
        plan.work.key.iter().map(|part| json!({ "column": part.name.as_str(), "type": part.sql_type })).collect();
    json!({
        "version": 1, "job": plan.job.name, "table": plan.table.full_name,
        "estimated_rows": estimate.rows, "estimated_rows_in_scope": estimate.rows_in_scope,
        "table_bytes": plan.table.bytes, "indexes": plan.table.indexes, "triggers": plan.table.triggers,
        "pace": pace(&plan.job.pace), "quarantine_limit": plan.quarantine_limit(), "key": key,
        "walk": { "order": plan.walking.order, "why": plan.walking.why, "scope_index": plan.walking.scope_index, "parts": plan.survey.legs.len() },
        "laps": { "count": plan.lapping.laps.count, "stripe": plan.lapping.laps.stripe, "why": plan.lapping.why },
        "slices": plan.slices.len(), "workers": plan.workers, "batches": estimate.batches,
        "batch_rows": { "start": plan.sizes.start, "least": plan.sizes.least, "most": plan.sizes.most },
        "seconds": estimate.seconds, "wal_bytes": estimate.wal_bytes,
        "statements": plan.survey.statements,
        "query_plans": { "boundary": plan.survey.boundary_plan, "change": plan.survey.change_plan },
        "refusals": plan.refusals, "notes": plan.notes,
        "sample": (!sampled.is_empty()).then_some(sampled),
    })
}

fn in_words(plan: &Plan, estimate: &Estimate, sampled: &[SampledBatch]) -> String {
    let mut lines = Vec::new();
    let mut line = |name: &str, words: String| lines.push(format!("{name:<9} {words}"));
    line("job", format!("{} on {}", plan.job.name, plan.table.full_name));
    let size = bytes(plan.table.bytes as f64);
    line("table", format!("about {}, {size} with {}", counted(estimate.rows, "row"), indexes(plan)));
    if let Some(rows) = estimate.rows_in_scope {
        line("scope", format!("about {} match `where`", counted(rows, "row")));
    }
    let key: Vec<_> = plan.work.key.iter().map(|part| format!("{} {}", part.name, part.sql_type)).collect();
    line("key", key.join(", "));
    line("walk", walk(plan));
    line("laps", laps(plan));
    line("slices", format!("{}, cut by {}", plan.slices.len(), plan.survey.cut_by));
    let batch = &plan.job.batch;
    let workers = counted(plan.workers.into(), "worker");
    let Sizes { start, least, most, target_time, max_wal, .. } = plan.sizes;
    let [start, least, most] = [start, least, most].map(|rows| count(rows.into()));
    let (time, wal) = (duration(target_time), Quantity::bytes(max_wal as f64));
    line("batches", format!("about {} of {start} rows at first, {workers}", count(estimate.batches)));
    line("sizes", format!("{least} to {most} rows, as many as take {time} and write {wal} of log"));
    let [statement, lock] = [batch.statement_timeout, batch.lock_timeout].map(duration);
    line("timeouts", format!("statement {statement}, lock {lock}"));
    lines.extend(pace(&plan.job.pace).into_iter().map(|words| format!("{:<9} {words}", "pace")));
    lines.push(format!("{:<9} {}", "errors", errors(plan)));
    estimates(&mut lines, estimate, sampled);
    for note in &plan.notes {
        lines.push(format!("{:<9} {note}", "note"));
    }
    section(&mut lines, "the end of a batch is found by", &plan.survey.statements.boundary, &plan.survey.boundary_plan);
    let changed_by = match plan.lapping.laps.is_one() {
        true => "the rows of a batch are changed by",
        false => "the rows of a batch are changed by this, each lap only its own",
    };
    section(&mut lines, changed_by, &plan.survey.statements.change, &plan.survey.change_plan);
    lines.join("\n")
}

/// In which order, through how many parts, and why so.
fn walk(plan: &Plan) -> String {
    let Walking { order, why, scope_index } = &plan.walking;
    let order = match order {
        Order::Key => "by the key",
        Order::Physical => "as the rows lie on disk",
    };
    let index = scope_index.as_ref().map(|index| format!(" ({index})")).unwrap_or_default();
    let parts = match plan.survey.legs.iter().filter(|leg| leg.route.part.is_some()).count() {
        0 => String::new(),
        parts => format!("; {} one after the other", counted(parts as u64, "partition")),
    };
    format!("{order}{parts}: {why}{index}")
}

/// How often each stretch is gone over, and why so.
fn laps(plan: &Plan) -> String {
    let Lapping { laps: Laps { count, .. }, why } = &plan.lapping;
    format!("{count}: {why}")
}

/// What may slow or hold the run, one thing a line.
fn pace(pace: &Pace) -> Vec<String> {
    let mut lines: Vec<_> = pace.windows.iter().map(|window| format!("begins batches {window}")).collect();
    lines.extend(pace.hold_file.iter().map(|path| format!("held while {} exists", path.display())));
    lines.extend(pace.max_rows_per_second.iter().map(|rows| format!("at most {} rows/s", count(rows.get().into()))));
    lines.extend(pace.duty.iter().map(|share| format!("busy at most {:.0} % of the time", share * 100.0)));
    for limit in pace.signals.iter().flat_map(|signal| &signal.limits) {
        let unknown = match limit.on_unknown {
            OnUnknown::Hold => "above it or unknown",
            OnUnknown::Ignore => "above it",
        };
        lines.push(format!("{} at most {}, held {unknown}", limit.signal, limit.max));
    }
    if lines.is_empty() {
        lines.push("nothing but an operator's pause holds the run: the job names no `[pace]`".to_owned());
    }
    lines
}

/// What becomes of rows that fail.
fn errors(plan: &Plan) -> String {
    match plan.quarantine_limit() {
        0 => "the run stops before the first row that cannot be changed".to_owned(),
        limit => format!("at most {} that cannot be changed set aside", counted(limit, "row")),
    }
}

fn indexes(plan: &Plan) -> String {
    match plan.table.indexes.len() {
        1 => "1 index".to_owned(),
        indexes => format!("{indexes} indexes"),
    }
}

fn estimates(lines: &mut Vec<String>, estimate: &Estimate, sampled: &[SampledBatch]) {
    if sampled.is_empty() {
        lines.push(format!("{:<9} unknown; `plan --sample 10` measures batches and rolls them back", "time"));
        return;
    }
    let each: Vec<_> = sampled.iter().map(|batch| duration(Duration::from_secs_f64(batch.seconds))).collect();
    lines.push(format!("{:<9} {} rolled back: {}", "sample", counted(sampled.len() as u64, "batch"), each.join(", ")));
    if let Some(seconds) = estimate.seconds {
        lines.push(format!("{:<9} {}, if nothing holds the run", "time", seconds_range(seconds.low, seconds.high)));
    }
    if let Some(wal) = estimate.wal_bytes {
        lines.push(format!("{:<9} {} to {} of write-ahead log", "log", bytes(wal.low), bytes(wal.high)));
    }
}

fn section(lines: &mut Vec<String>, title: &str, sql: &str, plan: &QueryPlan) {
    lines.push(format!("\n{title}"));
    lines.extend(sql.lines().map(|line| format!("    {line}")));
    lines.extend(plan.lines.iter().map(|line| format!("  | {line}")));
}
