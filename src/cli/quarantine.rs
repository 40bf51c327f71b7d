//! `tidegate quarantine list|retry JOB`: which rows could not be changed, and what comes of trying them again?

use super::exit::{Exit, database_failed, fail};
use super::job_name::job_name;
use super::target::target;
use super::wording::{count, counted, print, print_json, say, time};
use super::{Output, Shared};
use crate::db::{Database, Failure, QuarantinedRow, RunRecord};
use crate::engine::{self, Retried, Retry, TriedRow};
use crate::view::QuarantineView;
use serde_json::{Value, json};

/// What is to be done about rows that are set aside.
#[derive(clap::Subcommand)]
pub(super) enum QuarantineCommand {
    /// Show the rows that are set aside, each with its error
    List {
        /// A job's name or file
        job: String,
        /// Show the database's own words too, where the job keeps them: they repeat the rows' values
        #[arg(long)]
        detail: bool,
    },
    /// Try the rows again that are set aside, each in a transaction of its own
    Retry {
        /// A job's name or file
        job: String,
    },
}

/// Lists them, or tries them again.
pub(super) async fn quarantine(shared: &Shared, command: &QuarantineCommand) -> Exit {
    match command {
        QuarantineCommand::List { job, detail } => list(shared, job, *detail).await,
        QuarantineCommand::Retry { job } => retry(shared, job).await,
    }
}

/// A run and its rows that are set aside.
struct Aside {
    run: RunRecord,
    rows: Vec<QuarantinedRow>,
}

async fn list(shared: &Shared, job: &str, detail: bool) -> Exit {
    let (database, job) = match (target(shared), job_name(job)) {
        (Ok(database), Ok(job)) => (database, job),
        (Err(exit), _) | (_, Err(exit)) => return exit,
    };
    match aside(database.as_ref(), &job).await {
        Err(failure) => return database_failed(&failure),
        Ok(None) => return no_run(&job, database.as_ref()),
        Ok(Some(aside)) => match shared.output {
            Output::Json => print_json(&aside.view(detail)),
            Output::Text => print(&aside.in_words(detail)),
        },
    }
    Exit::Done
}

async fn aside(database: &dyn Database, job: &str) -> Result<Option<Aside>, Failure> {
    let mut ledger = database.ledger().await?;
    if !ledger.is_installed().await? {
        return Ok(None);
    }
    let Some(run) = ledger.newest_run(job).await? else { return Ok(None) };
    let rows = ledger.quarantined(run.id, i64::MAX).await?;
    Ok(Some(Aside { run, rows }))
}

impl Aside {
    fn view(&self, detail: bool) -> QuarantineView {
        let view = QuarantineView::of(&self.run, &self.rows);
        if detail { view.with_details(&self.rows) } else { view }
    }

    fn in_words(&self, detail: bool) -> String {
        let Self { run, rows } = self;
        let limit = self.view(false).limit.map(|limit| format!(", {} may be", count(limit))).unwrap_or_default();
        let name = format!("{} run {} on {}", run.job, run.id, run.table_name);
        if rows.is_empty() {
            return format!("{name}: no row is set aside{limit}");
        }
        let are = if rows.len() == 1 { "is" } else { "are" };
        let mut lines = vec![format!("{name}: {} {are} set aside{limit}", counted(rows.len() as u64, "row"))];
        let width = rows.iter().map(|row| row.key.to_string().chars().count()).max().unwrap_or_default().clamp(3, 40);
        lines.push(format!("{:<width$}  {:<5} {:>5}  {:<20}  {}", "KEY", "CODE", "TRIES", "SINCE", "WHAT"));
        for row in rows {
            let (key, code, since) = (row.key.to_string(), row.code.as_deref().unwrap_or("-"), time(row.at));
            lines.push(format!("{key:<width$}  {code:<5} {:>5}  {since:<20}  {}", row.tries, row.message));
            lines.extend(row.detail.as_ref().filter(|_| detail).map(|detail| format!("{:width$}  {detail}", "")));
        }
        lines.join("\n")
    }
}

async fn retry(shared: &Shared, job: &str) -> Exit {
    let (database, job) = match (target(shared), job_name(job)) {
        (Ok(database), Ok(job)) => (database, job),
        (Err(exit), _) | (_, Err(exit)) => return exit,
    };
    let mut tell = |row: &QuarantinedRow, tried: &TriedRow| {
        if let Some(words) = told(tried) {
            say(&format!("row {} {words}", row.key));
        }
    };
    let text = shared.output == Output::Text;
    match engine::retry(database.clone(), &job, &mut tell).await {
        Err(failure) => database_failed(&failure),
        Ok(Retry::Tried(retried)) => {
            if text {
                print(&summary(&job, &retried))
            } else {
                print_json(&retried_record(&job, &retried))
            }
            if retried.left == Some(0) { Exit::Done } else { Exit::Quarantined }
        }
        Ok(Retry::BrokenOff(retried, failure)) => {
            if text {
                print(&summary(&job, &retried))
            } else {
                print_json(&retried_record(&job, &retried))
            }
            database_failed(&failure)
        }
        Ok(Retry::NoRun) => no_run(&job, database.as_ref()),
        Ok(Retry::HeldBy(run, held)) => {
            let (actor, pid, since) = (&held.runner.actor, held.runner.pid, time(held.since));
            let words = format!(
                "{job} is {} by {actor}, process {pid}, since {since}: rows are tried again when nobody runs it",
                run.state
            );
            fail(&words, Exit::Held)
        }
        Ok(Retry::Cancelled(run)) => {
            let since = time(run.moved_at);
            fail(&format!("{job} is cancelled since {since}: what it did not change then stays as it is"), Exit::Failed)
        }
        Ok(Retry::Refused(refusals)) => {
            super::plan::say_refusals(&refusals);
            fail(&format!("{job} may not change this table as it is now; nothing was done"), Exit::Failed)
        }
    }
}

/// What is said of a row while others wait: whatever an operator may not expect of it.
fn told(tried: &TriedRow) -> Option<String> {
    let shown = |failure: &Failure| match &failure.code {
        Some(code) => format!("{} ({code})", failure.message),
        None => failure.message.clone(),
    };
    match tried {
        TriedRow::Changed => None,
        TriedRow::NotNeeded => Some("needs no change any more".to_owned()),
        TriedRow::Gone => Some("is gone from the table".to_owned()),
        TriedRow::ByOthers => Some("was resolved by another retry".to_owned()),
        TriedRow::Failed(failure) => Some(format!("still cannot be changed: {}", shown(failure))),
        TriedRow::InTheWay(failure) => Some(format!("is left as it is: {}", shown(failure))),
    }
}

fn summary(job: &str, retried: &Retried) -> String {
    let Retried { tried, changed, not_needed, gone, by_others, failed: _, left, run } = *retried;
    let mut lines = vec![format!("{job} run {run}: {} tried again", counted(tried, "row"))];
    let mut line = |name: &str, rows: u64, words: &str| {
        if rows > 0 {
            lines.push(format!("  {name:<8} {}{words}", count(rows)));
        }
    };
    line("changed", changed, "");
    line("no need", not_needed, " out of scope by now");
    line("gone", gone, " deleted meanwhile");
    line("others", by_others, " resolved by another retry");
    line("left", left.unwrap_or_default(), &format!(" still set aside: `tidegate quarantine list {job}` says why"));
    if left == Some(0) {
        lines.push("  left     0: no row is set aside".to_owned());
    }
    lines.join("\n")
}

fn retried_record(job: &str, retried: &Retried) -> Value {
    let Retried { run, tried, changed, not_needed, gone, by_others, failed, left } = *retried;
    json!({
        "version": 1, "job": job, "run": run, "tried": tried, "changed": changed, "not_needed": not_needed,
        "gone": gone, "by_others": by_others, "failed": failed, "rows_quarantined": left,
    })
}

fn no_run(job: &str, database: &dyn Database) -> Exit {
    fail(&format!("job {job} has no run in {}", database.address()), Exit::Failed)
}
