//! `tidegate pause|resume|cancel JOB`: what an operator asks of one run, or of all. Written into the state tables, so it
//! works from any machine that reaches the database, whether or not a runner is alive.

use super::exit::{Exit, database_failed, fail};
use super::job_name::job_name;
use super::target::target;
use super::wording::{print, print_json};
use super::{Output, Shared};
use crate::db::{Asked, Failure, Ledger, Moved, RunRecord, Tries};
use crate::run::{self, Answer, Intent, RunState};
use crate::runner::Runner;
use serde_json::json;
use std::time::Duration;

/// A pause, of one run or of all.
#[derive(clap::Args)]
pub(super) struct PauseArguments {
    /// A job's name or file
    #[arg(required_unless_present = "all")]
    job: Option<String>,
    /// Every run that can be paused
    #[arg(long, conflicts_with_all = ["job", "if_version"])]
    all: bool,
    /// Go on by itself after this time, such as 2h
    #[arg(long = "for", value_parser = lasting, value_name = "DURATION")]
    lasts: Option<Duration>,
    #[command(flatten)]
    terms: Terms,
}

/// The end of a pause, of one run or of all.
#[derive(clap::Args)]
pub(super) struct ResumeArguments {
    /// A job's name or file
    #[arg(required_unless_present = "all")]
    job: Option<String>,
    /// Every run that is paused, not only those that `pause --all` paused
    #[arg(long, conflicts_with_all = ["job", "if_version"])]
    all: bool,
    #[command(flatten)]
    terms: Terms,
}

/// The end of a run.
#[derive(clap::Args)]
pub(super) struct CancelArguments {
    /// A job's name or file
    job: String,
    #[command(flatten)]
    terms: Terms,
}

/// What every change of a run is asked with.
#[derive(clap::Args)]
pub(super) struct Terms {
    /// Why; kept with your name and shown by `status` and `history`
    #[arg(long)]
    pub(super) reason: Option<String>,
    /// Only if nobody did anything to the run since it had this `run_version` (in `status --output json`)
    #[arg(long, value_name = "N")]
    pub(super) if_version: Option<i64>,
}

/// What is asked of which runs.
pub(super) struct Request {
    intent: Intent,
    /// `None`: all.
    job: Option<String>,
    asked: Asked,
}

impl Request {
    fn new(intent: Intent, job: Option<String>, terms: Terms, resume_in: Option<Duration>) -> Self {
        let Terms { reason, if_version } = terms;
        let asked = Asked { actor: Runner::this_process().actor, reason, resume_in, if_version };
        Self { intent, job, asked }
    }
}

impl From<PauseArguments> for Request {
    fn from(arguments: PauseArguments) -> Self {
        Self::new(Intent::Pause, arguments.job, arguments.terms, arguments.lasts)
    }
}

impl From<ResumeArguments> for Request {
    fn from(arguments: ResumeArguments) -> Self {
        Self::new(Intent::Resume, arguments.job, arguments.terms, None)
    }
}

impl From<CancelArguments> for Request {
    fn from(arguments: CancelArguments) -> Self {
        Self::new(Intent::Cancel, Some(arguments.job), arguments.terms, None)
    }
}

/// Each try waits as long as the ledger waits for a lock. Who stops a run at night should not have to type it twice.
const TRIES: u32 = 6;

/// Asks it, and says what came of it.
pub(super) async fn ask(shared: &Shared, request: &Request) -> Exit {
    let (database, job) = match (target(shared), request.job.as_deref().map(job_name).transpose()) {
        (Ok(database), Ok(job)) => (database, job),
        (Err(exit), _) | (_, Err(exit)) => return exit,
    };
    let mut ledger = match database.ledger().await {
        Ok(ledger) => ledger,
        Err(failure) => return database_failed(&failure),
    };
    let answered = match &job {
        Some(job) => ask_one(&mut ledger, job, request).await,
        None => return ask_all(&mut ledger, shared.output, request).await,
    };
    match answered {
        Err(failure) => database_failed(&failure),
        Ok(None) => no_run(job.as_deref().unwrap_or_default(), &database.address()),
        Ok(Some((record, moved))) => tell(shared.output, request, &record, moved),
    }
}

/// What to say of a job that has no run.
pub(super) fn no_run(job: &str, address: &str) -> Exit {
    fail(&format!("job {job} has no run in {address}; `tidegate status` lists those that have"), Exit::Failed)
}

async fn ask_one(ledger: &mut Ledger, job: &str, request: &Request) -> Result<Option<(RunRecord, Moved)>, Failure> {
    if !ledger.is_installed().await? {
        return Ok(None);
    }
    let Some(record) = ledger.newest_run(job).await? else { return Ok(None) };
    let moved = ask_patiently(ledger, record.id, request).await?;
    Ok(Some((record, moved)))
}

/// Asks every run whose state lets it move, or that is there already. One that does not answer keeps none of the others from
/// being asked.
async fn ask_all(ledger: &mut Ledger, output: Output, request: &Request) -> Exit {
    let (mut results, mut exit) = (Vec::new(), Exit::Done);
    let runs = match all_runs(ledger, request.intent).await {
        Ok(runs) => runs,
        Err(failure) => return database_failed(&failure),
    };
    for record in runs {
        match ask_patiently(ledger, record.id, request).await {
            Ok(moved) => {
                if output == Output::Text {
                    print(&line(request, &record, moved));
                }
                results.push(result(&record, moved));
            }
            Err(failure) => exit = database_failed(&failure.while_doing(format!("asking {}", record.job))),
        }
    }
    match output {
        Output::Json => print_json(&json!({ "version": 1, "runs": results })),
        Output::Text if results.is_empty() && exit == Exit::Done => {
            print(&format!("there is no run to {}", request.intent.as_str()));
        }
        Output::Text => {}
    }
    exit
}

async fn all_runs(ledger: &mut Ledger, intent: Intent) -> Result<Vec<RunRecord>, Failure> {
    if !ledger.is_installed().await? {
        return Ok(Vec::new());
    }
    let runs = ledger.newest_runs().await?;
    let may = |record: &RunRecord| match run::answer(record.state, intent, true) {
        Answer::Move(_) => true,
        // What runs need not be resumed; what is paused may be told until when.
        Answer::AlreadySo => intent == Intent::Pause,
        Answer::Refused | Answer::Conflict => false,
    };
    Ok(runs.into_iter().filter(may).collect())
}

async fn ask_patiently(ledger: &mut Ledger, run: i64, request: &Request) -> Result<Moved, Failure> {
    let mut tries = Tries::of(TRIES);
    loop {
        match ledger.ask(run, request.intent, &request.asked).await {
            Err(failure) if tries.go_on(&failure) => {}
            answered => return answered,
        }
    }
}

fn tell(output: Output, request: &Request, record: &RunRecord, moved: Moved) -> Exit {
    if output == Output::Json {
        let mut result = result(record, moved);
        result["version"] = json!(1);
        print_json(&result);
    }
    let words = line(request, record, moved);
    if !is_accepted(moved) {
        return fail(&words, Exit::Failed);
    }
    if output == Output::Text {
        print(&words);
    }
    Exit::Done
}

fn result(record: &RunRecord, moved: Moved) -> serde_json::Value {
    json!({
        "job": record.job, "run": record.id, "accepted": is_accepted(moved), "from": moved.from,
        "state": state(moved), "run_version": moved.version,
    })
}

fn is_accepted(moved: Moved) -> bool {
    !matches!(moved.answer, Answer::Refused | Answer::Conflict)
}

/// The state as it is now.
fn state(moved: Moved) -> RunState {
    match moved.answer {
        Answer::Move(to) => to,
        Answer::AlreadySo | Answer::Refused | Answer::Conflict => moved.from,
    }
}

fn line(request: &Request, record: &RunRecord, moved: Moved) -> String {
    let (word, job, state) = (request.intent.as_str(), &record.job, state(moved));
    match moved.answer {
        Answer::Refused => format!("cannot {word} {job}: it is {state}"),
        Answer::Conflict => conflict(&format!("{word} {job}"), state, moved.version),
        Answer::Move(_) | Answer::AlreadySo => {
            let lasts = request.asked.resume_in.map(humantime::format_duration);
            let lasts = lasts.map(|lasts| format!(" for {lasts}")).unwrap_or_default();
            format!("{job} is {}{lasts}", words(state, moved.answer))
        }
    }
}

/// What to say to somebody who saw another version than there is.
pub(super) fn conflict(what: &str, state: RunState, version: i64) -> String {
    format!("cannot {what}: somebody did something to it since; it is {state}, at version {version}")
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

/// How long something is to last that an operator sets or asks for.
pub(super) fn lasting(text: &str) -> Result<Duration, String> {
    const MOST: Duration = Duration::from_secs(366 * 24 * 60 * 60);
    match humantime::parse_duration(text).map_err(|error| error.to_string())? {
        none if none.is_zero() => Err("it would be over at once".to_owned()),
        long if long > MOST => Err("write at most 1y, or leave it out to have no end".to_owned()),
        lasts => Ok(lasts),
    }
}
