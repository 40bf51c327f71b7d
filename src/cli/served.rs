//! What does a scheduler's log say? A line for each thing that happens, with the database and the job before it.

use super::bar;
use super::counted;
use super::wording::{count, counted, duration, say};
use crate::engine::{Outcome, Summary};
use crate::metrics::Metrics;
use crate::plan::Refusal;
use crate::scheduler::{Ending, Notice};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;

/// Tells until the scheduler is gone.
pub(super) async fn tell(mut notices: UnboundedReceiver<Notice>, metrics: Arc<Metrics>) {
    let mut shown: HashMap<String, JoinHandle<()>> = HashMap::new();
    while let Some(notice) = notices.recv().await {
        match notice {
            Notice::Begun { database, job, events } => {
                let name = format!("{database}/{job}");
                let view = bar::log(&name, counted::counted(metrics.of(&job, &database), events));
                shown.insert(name, view);
            }
            Notice::Ended { database, job, ending } => {
                let name = format!("{database}/{job}");
                // Its own lines come first.
                if let Some(view) = shown.remove(&name) {
                    let _ = view.await;
                }
                if let Some(words) = of_ending(&ending) {
                    line(&name, &words);
                }
            }
            Notice::DatabaseLost { database, failure } => {
                line(&database, &format!("away, trying again: {failure}"));
            }
            Notice::DatabaseRestored { database } => line(&database, "answers again"),
        }
    }
}

fn line(name: &str, words: &str) {
    let now = humantime::format_rfc3339_seconds(std::time::SystemTime::now());
    say(&format!("{now} {name} {words}"));
}

/// What became of a run; nothing where another scheduler was faster.
fn of_ending(ending: &Ending) -> Option<String> {
    Some(match ending {
        Ending::GivenUp(why) => format!("failed: {why}; mend the cause, then submit it again"),
        Ending::Lost(failure) => format!("not now, tried again later: {failure}"),
        Ending::Of(outcome) => return of_outcome(outcome),
    })
}

fn of_outcome(outcome: &Outcome) -> Option<String> {
    Some(match outcome {
        Outcome::Succeeded(summary, proof) => {
            let aside = match proof.rows_quarantined {
                0 => String::new(),
                rows => format!(", {} set aside", counted(rows.unsigned_abs(), "row")),
            };
            format!("succeeded: {}{aside}", figures(summary))
        }
        Outcome::Stopped(summary, why) => {
            let why = why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
            format!("let go{why}: {}", figures(summary))
        }
        Outcome::Failed(summary, why) => {
            format!("failed: {why}; {}; mend the cause, then submit it again", figures(summary))
        }
        Outcome::LeaseLost(summary) => {
            format!("taken over by another runner while this one was not heard of: {}", figures(summary))
        }
        Outcome::Paused(run) => format!("paused{}; it left its place to others", by(run.actor.as_deref())),
        Outcome::Cancelled(run) => format!("cancelled{}", by(run.actor.as_deref())),
        Outcome::TableBusy(other) => format!("waits: job {} has a run on {}", other.job, other.table_name),
        Outcome::NotOver(run) => format!("waits: its run is {}", run.state),
        Outcome::JobChanged { .. } => "waits: its text has changed".to_owned(),
        Outcome::Refused(refusals) => format!("refused: {}", messages(refusals)),
        Outcome::AlreadySucceeded(_) | Outcome::HeldBy { .. } => return None,
    })
}

fn figures(summary: &Summary) -> String {
    let rows = count(summary.progress.rows_changed);
    format!("{rows} rows changed in {}, {} here", counted(summary.progress.batches, "batch"), duration(summary.took))
}

fn by(actor: Option<&str>) -> String {
    actor.map(|actor| format!(" by {actor}")).unwrap_or_default()
}

fn messages(refusals: &[Refusal]) -> String {
    refusals.iter().map(|refusal| refusal.message.as_str()).collect::<Vec<_>>().join("; ")
}
