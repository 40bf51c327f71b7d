//! `tidegate why JOB`: how fast is the run, what holds or slows it, and where did its time go?

use super::exit::{Exit, database_failed, fail};
use super::job_name::job_name;
use super::status::{held, state};
use super::target::target;
use super::wording::{count, duration, print, print_json, time};
use super::{Output, Shared};
use crate::db::{Database, Failure, RunRecord, TimeSpent};
use crate::pace::{PaceReport, SignalView, SpeedChange, speed_words};
use serde_json::json;
use std::time::Duration;

/// What is known of a run's pace.
struct Known {
    run: RunRecord,
    spent: TimeSpent,
}

/// Shows why a job's run is as fast as it is.
pub(super) async fn why(shared: &Shared, job: &str) -> Exit {
    let (database, job) = match (target(shared), job_name(job)) {
        (Ok(database), Ok(job)) => (database, job),
        (Err(exit), _) | (_, Err(exit)) => return exit,
    };
    match known(database.as_ref(), &job).await {
        Err(failure) => return database_failed(&failure),
        Ok(None) => return fail(&format!("job {job} has no run in {}", database.address()), Exit::Failed),
        Ok(Some(known)) => match shared.output {
            Output::Json => print_json(&record(&known)),
            Output::Text => print(&in_words(&known)),
        },
    }
    Exit::Done
}

async fn known(database: &dyn Database, job: &str) -> Result<Option<Known>, Failure> {
    let mut ledger = database.ledger().await?;
    if !ledger.is_installed().await? {
        return Ok(None);
    }
    let Some(run) = ledger.newest_run(job).await? else { return Ok(None) };
    let spent = ledger.time_spent(run.id).await?;
    Ok(Some(Known { run, spent }))
}

impl Known {
    /// What the last runner told.
    fn pace(&self) -> Option<&PaceReport> {
        self.run.pace.as_ref()
    }

    fn is_alive(&self) -> bool {
        self.run.held.as_ref().is_some_and(|held| held.is_alive())
    }

    /// The signals, each as old as it is now.
    fn signals(&self) -> Vec<SignalView> {
        let aged = |view: &SignalView| SignalView {
            age_seconds: view.age_seconds.map(|age| age + self.run.reported_ago),
            ..view.clone()
        };
        self.pace().map(|pace| pace.signals.iter().map(aged).collect()).unwrap_or_default()
    }

    /// Buckets, the largest first.
    fn buckets(&self) -> Vec<(&str, f64)> {
        let mut buckets: Vec<_> = self.spent.iter().map(|(bucket, seconds)| (bucket.as_str(), *seconds)).collect();
        buckets.sort_by(|a, b| b.1.total_cmp(&a.1));
        buckets
    }
}

fn record(known: &Known) -> serde_json::Value {
    let speed = known.pace().filter(|_| known.is_alive()).map(|pace| {
        json!({
            "rows_per_second": pace.rows_per_second, "workers": pace.speed.workers, "share": pace.speed.share,
            "batch_rows": pace.batch_rows,
        })
    });
    let buckets: Vec<_> =
        known.buckets().iter().map(|(bucket, seconds)| json!({ "bucket": bucket, "seconds": seconds })).collect();
    let change = |change: &SpeedChange| json!({ "at": time(change.at), "from": change.from, "to": change.to, "why": change.why });
    let changes: Vec<_> = known.pace().map(|pace| pace.changes.iter().map(change).collect()).unwrap_or_default();
    json!({
        "version": 1, "job": known.run.job, "run": known.run.id, "state": known.run.state,
        "speed": speed, "held": held(&known.run), "signals": known.signals(),
        "time": { "wall_seconds": known.run.held_seconds, "buckets": buckets }, "changes": changes,
    })
}

fn in_words(known: &Known) -> String {
    let run = &known.run;
    let mut lines = vec![format!("{} run {} on {}: {}", run.job, run.id, run.table_name, state(run))];
    match known.pace() {
        Some(pace) if known.is_alive() => lines.extend(speed(pace)),
        Some(_) => lines.push(format!("  nobody runs it; its last runner told this {} ago", seconds(run.reported_ago))),
        None => lines.push("  nobody has told of its pace yet".to_owned()),
    }
    lines.extend(signals(&known.signals()));
    lines.extend(where_the_time_went(known));
    lines.extend(known.pace().map(|pace| changes(&pace.changes)).unwrap_or_default());
    lines.join("\n")
}

fn speed(pace: &PaceReport) -> Vec<String> {
    let rows = count(pace.rows_per_second as u64);
    vec![
        format!("  speed     {rows} rows/s in batches of {}", count(pace.batch_rows.into())),
        format!("  allowed   {}", speed_words(pace.speed, !pace.held.is_empty())),
    ]
    .into_iter()
    .chain(pace.held.iter().map(|reason| format!("  held      {reason}")))
    .collect()
}

fn signals(signals: &[SignalView]) -> Vec<String> {
    if signals.is_empty() {
        return vec!["\nno signal holds this run: its job names none".to_owned()];
    }
    let mut lines = vec![format!("\n{:<22} {:>9} {:>9} {:>7}  {}", "SIGNAL", "SEEN", "LIMIT", "AGE", "TREND")];
    for view in signals {
        let seen = view.seen.map_or_else(|| "unknown".to_owned(), |seen| seen.to_string());
        let age = view.age_seconds.map_or_else(|| "-".to_owned(), seconds);
        let trend = view.trend.map_or_else(String::new, |trend| format!("{trend:?}").to_lowercase());
        let more = view.unknown.as_ref().or(view.of.as_ref()).map(|more| format!(" ({more})")).unwrap_or_default();
        let holds = if view.holds { ", holds the run" } else { "" };
        let (name, max) = (&view.signal, view.max.to_string());
        let words = format!("{trend}{holds}{more}");
        let words = words.trim_start_matches([',', ' ']);
        lines.push(format!("{name:<22} {seen:>9} {max:>9} {age:>7}  {words}").trim_end().to_owned());
    }
    lines
}

fn where_the_time_went(known: &Known) -> Vec<String> {
    let wall = known.run.held_seconds;
    let mut lines = vec![format!("\nwhere the time went ({} in all)", seconds(wall))];
    for (bucket, spent) in known.buckets() {
        let share = if wall > 0.0 { spent / wall * 100.0 } else { 0.0 };
        lines.push(format!("{bucket:<28} {share:>5.1} %  {}", seconds(spent)));
    }
    lines
}

fn changes(changes: &[SpeedChange]) -> Vec<String> {
    if changes.is_empty() {
        return Vec::new();
    }
    let line = |change: &SpeedChange| format!("{}  {} → {}: {}", time(change.at), change.from, change.to, change.why);
    std::iter::once("\nlast changes of speed".to_owned()).chain(changes.iter().map(line)).collect()
}

fn seconds(seconds: f64) -> String {
    duration(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}
