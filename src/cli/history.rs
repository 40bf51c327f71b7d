//! `tidegate history [JOB]`: what happened, and who did it?

use super::exit::{Exit, database_failed};
use super::job_name::job_name;
use super::target::target;
use super::wording::{print, print_json, value};
use super::{Output, Shared};
use crate::db::{Database, Failure, RecordedEvent};
use crate::view::{EventView, HistoryView};

/// Shows the events of one job, or of all.
pub(super) async fn history(shared: &Shared, job: Option<&str>, last: u32) -> Exit {
    let (database, job) = match (target(shared), job.map(job_name).transpose()) {
        (Ok(database), Ok(job)) => (database, job),
        (Err(exit), _) | (_, Err(exit)) => return exit,
    };
    match events(database.as_ref(), job.as_deref(), last).await {
        Err(failure) => database_failed(&failure),
        Ok(events) => {
            match shared.output {
                Output::Json => print_json(&HistoryView::of(&events)),
                Output::Text if events.is_empty() => print("nothing happened yet"),
                Output::Text => events.iter().for_each(|event| print(&line(&EventView::of(event)))),
            }
            Exit::Done
        }
    }
}

async fn events(database: &dyn Database, job: Option<&str>, last: u32) -> Result<Vec<RecordedEvent>, Failure> {
    let mut ledger = database.ledger().await?;
    match ledger.is_installed().await? {
        true => ledger.events(job, last.into()).await,
        false => Ok(Vec::new()),
    }
}

fn line(event: &EventView) -> String {
    let what = match (&event.knob, &event.from, &event.to) {
        (Some(knob), from, to) => {
            format!("{} {knob} {} → {}", event.kind, value(from.as_deref()), value(to.as_deref()))
        }
        (None, Some(from), Some(to)) => format!("{from} → {to}"),
        (None, None, Some(to)) => format!("{} as {to}", event.kind),
        (None, _, None) => event.kind.clone(),
    };
    let more = [&event.reason, &event.detail].into_iter().flatten().map(|text| format!(": {text}"));
    format!("{} {} #{} {what} by {}{}", event.at, event.job, event.run, event.actor, more.collect::<String>())
}
