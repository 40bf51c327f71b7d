//! `tidegate pause|resume|cancel JOB`: what an operator asks. Written into the state tables, so it works from any
//! machine that reaches the database, whether or not a runner is alive.

use super::exit::{Exit, database_failed, fail};
use super::job_name::job_name;
use super::target::target;
use super::wording::{print, print_json};
use super::{Output, Shared};
use crate::db::{Class, Database, Failure, Moved, RunRecord};
use crate::run::{Answer, Intent, RunState};
use crate::runner::Runner;
use serde_json::json;

/// What is asked of which run.
#[derive(clap::Args)]
pub(super) struct ControlArguments {
    /// A job's name or file
    job: String,
    /// Why; kept with your name and shown by `status` and `history`
    #[arg(long)]
    reason: Option<String>,
}

/// Each try waits as long as the ledger waits for a lock. Who stops a run at night should not have to type it twice.
const TRIES: u32 = 6;

/// Asks it, and says what came of it.
pub(super) async fn ask(shared: &Shared, intent: Intent, arguments: &ControlArguments) -> Exit {
    let (database, job) = match (target(shared), job_name(&arguments.job)) {
        (Ok(database), Ok(job)) => (database, job),
        (Err(exit), _) | (_, Err(exit)) => return exit,
    };
    match ask_ledger(database.as_ref(), &job, intent, arguments.reason.as_deref()).await {
        Err(failure) => database_failed(&failure),
        Ok(None) => fail(
            &format!("job {job} has no run in {}; `tidegate status` lists those that have", database.address()),
            Exit::Failed,
        ),
        Ok(Some((record, moved))) => tell(shared.output, intent, &record, moved),
    }
}

async fn ask_ledger(
    database: &dyn Database,
    job: &str,
    intent: Intent,
    reason: Option<&str>,
) -> Result<Option<(RunRecord, Moved)>, Failure> {
    let mut ledger = database.ledger().await?;
    if !ledger.is_installed().await? {
        return Ok(None);
    }
    let Some(record) = ledger.newest_run(job).await? else { return Ok(None) };
    let actor = Runner::this_process().actor;
    for _ in 1..TRIES {
        match ledger.ask(record.id, intent, &actor, reason).await {
            Err(failure) if matches!(failure.class, Class::Retry | Class::Locked) => {}
            answered => return answered.map(|moved| Some((record, moved))),
        }
    }
    let moved = ledger.ask(record.id, intent, &actor, reason).await?;
    Ok(Some((record, moved)))
}

fn tell(output: Output, intent: Intent, record: &RunRecord, moved: Moved) -> Exit {
    let state = match moved.answer {
        Answer::Move(to) => to,
        Answer::AlreadySo | Answer::Refused => moved.from,
    };
    let accepted = moved.answer != Answer::Refused;
    if output == Output::Json {
        let (job, run) = (&record.job, record.id);
        print_json(
            &json!({ "version": 1, "job": job, "run": run, "accepted": accepted, "from": moved.from, "state": state }),
        );
    }
    let name = &record.job;
    if !accepted {
        let word = intent.as_str();
        return fail(&format!("cannot {word} {name}: it is {state}"), Exit::Failed);
    }
    if output == Output::Text {
        print(&format!("{name} is {}", words(state, moved.answer)));
    }
    Exit::Done
}

fn words(state: RunState, answer: Answer) -> String {
    let already = if answer == Answer::AlreadySo { " already" } else { "" };
    let more = match state {
        RunState::Pausing | RunState::Cancelling => "; the batches in hand are finished first",
        RunState::Queued => "; nobody runs it now: `tidegate run JOB` goes on",
        _ => "",
    };
    format!("{state}{already}{more}")
}
