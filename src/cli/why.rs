//! `tidegate why JOB`: how fast is the run, what holds or slows it, and where did its time go?

use super::exit::{Exit, database_failed, fail};
use super::job_name::job_name;
use super::status::state_words;
use super::target::target;
use super::wording::{count, duration, print, print_json};
use super::{Output, Shared};
use crate::db::{Database, Failure, RunRecord};
use crate::event::Bucket;
use crate::pace::{SignalView, Speed, speed_words};
use crate::view::{BucketView, ChangeView, SpeedView, TimeView, WhyView};
use std::time::Duration;

/// What is known of a run's pace.
struct Known {
    run: RunRecord,
    view: WhyView,
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
            Output::Json => print_json(&known.view),
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
    let view = WhyView::of(&run, &spent);
    Ok(Some(Known { run, view }))
}

fn in_words(known: &Known) -> String {
    let Known { run, view } = known;
    let runner_is_gone = run.held.as_ref().is_some_and(|held| !held.is_alive());
    let state = state_words(run.state, runner_is_gone, &view.held);
    let mut lines = vec![format!("{} run {} on {}: {state}", run.job, run.id, run.table_name)];
    match (&view.speed, view.told_seconds_ago) {
        (Some(now), _) => lines.extend(speed(now, run)),
        (None, Some(ago)) => {
            lines.push(format!("  nobody runs it; its last runner told this {} ago", seconds(ago)));
        }
        (None, None) => lines.push("  nobody has told of its pace yet".to_owned()),
    }
    lines.extend(signals(&view.signals));
    lines.extend(where_the_time_went(&view.time));
    lines.extend(changes(&view.changes));
    lines.join("\n")
}

/// What holds it is told here whatever the run's state.
fn speed(now: &SpeedView, run: &RunRecord) -> Vec<String> {
    let held = run.pace.as_ref().map(|pace| pace.held.as_slice()).unwrap_or_default();
    let allowed = speed_words(Speed { workers: now.workers, share: now.share }, !held.is_empty());
    let rows = count(now.rows_per_second as u64);
    vec![
        format!("  speed     {rows} rows/s in batches of {}", count(now.batch_rows.into())),
        format!("  allowed   {allowed}"),
    ]
    .into_iter()
    .chain(held.iter().map(|reason| format!("  held      {reason}")))
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

fn where_the_time_went(time: &TimeView) -> Vec<String> {
    let wall = time.wall_seconds;
    let mut lines = vec![format!("\nwhere the time went ({} in all)", seconds(wall))];
    for BucketView { bucket, seconds: spent } in &time.buckets {
        let share = if wall > 0.0 { spent / wall * 100.0 } else { 0.0 };
        let beside = if *bucket == Bucket::Vacuum.to_string() { ", beside the workers" } else { "" };
        lines.push(format!("{bucket:<28} {share:>5.1} %  {}{beside}", seconds(*spent)));
    }
    lines
}

fn changes(changes: &[ChangeView]) -> Vec<String> {
    if changes.is_empty() {
        return Vec::new();
    }
    let line = |change: &ChangeView| format!("{}  {} → {}: {}", change.at, change.from, change.to, change.why);
    std::iter::once("\nlast changes of speed".to_owned()).chain(changes.iter().map(line)).collect()
}

fn seconds(seconds: f64) -> String {
    duration(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}
