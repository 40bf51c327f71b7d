//! May a job be queued over HTTP? Only where the server says so: a job is SQL that runs with the server's rights.

use super::given::Given;
use crate::db::NewSubmission;
use crate::job;
use crate::server::access::Caller;
use crate::server::control;
use crate::server::office::Office;
use crate::server::problem::{Problem, ProblemDocument};
use crate::view::VERSION;
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::UNIX_EPOCH;
use utoipa::ToSchema;

/// What is to be queued.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewJob {
    /// A database of this server, by its short name.
    database: String,
    /// The job file's text.
    job: String,
    /// The higher is taken first; 0 if not said.
    priority: Option<i32>,
    /// Not taken earlier: RFC 3339.
    not_before: Option<String>,
}

/// It waits for a scheduler.
#[derive(Serialize, ToSchema)]
pub(super) struct SubmittedDocument {
    version: u32,
    database: String,
    job: String,
    /// Its run's number.
    run: i64,
    accepted: bool,
}

/// Queue a job.
#[utoipa::path(post, path = "/api/v1/submit", tag = "control", request_body = NewJob, responses(
    (status = 200, description = "it waits for a scheduler", body = SubmittedDocument),
    (status = 400, description = "it is no valid job", body = ProblemDocument),
    (status = 403, description = "the server takes no jobs over HTTP", body = ProblemDocument),
    (status = 409, description = "a run is in its way", body = ProblemDocument),
    (status = 503, description = "the database is away", body = ProblemDocument)))]
pub(super) async fn submit(
    State(office): State<Arc<Office>>,
    Extension(caller): Extension<Caller>,
    Given(new): Given<NewJob>,
) -> Result<Json<SubmittedDocument>, Problem> {
    if !office.allow_submit {
        let words = "this server takes no jobs over HTTP: `tidegate submit`, or start it with --allow-submit";
        return Err(Problem::new(StatusCode::FORBIDDEN, "submit-off", words));
    }
    let reach = office.database(&new.database)?;
    let job = parse(&new.job)?;
    let name = job.name.clone();
    let submission = NewSubmission {
        digest: job.pinned().digest(),
        table_name: job.table.to_string(),
        job: job.name,
        job_text: job.text,
        priority: new.priority.unwrap_or_default().into(),
        not_before: new.not_before.as_deref().map(moment).transpose()?,
        actor: caller.actor(),
    };
    let asked = reach.ask_installing(move |ledger| Box::pin(async move { control::submit(ledger, &submission).await }));
    let run = asked.await??;
    reach.changed.notify_one();
    Ok(Json(SubmittedDocument { version: VERSION, database: new.database, job: name, run, accepted: true }))
}

fn parse(text: &str) -> Result<job::Job, Problem> {
    let said = |problems: Vec<job::Problem>| {
        let records = problems.iter().filter(|problem| problem.is_error()).map(|problem| problem.record(text));
        let lines: Vec<_> = records.map(|record| format!("line {}: {}", record.line, record.message)).collect();
        Problem::bad("job", lines.join("; "))
    };
    job::parse(text).map(|(job, _)| job).map_err(said)
}

/// Seconds since 1970.
fn moment(text: &str) -> Result<f64, Problem> {
    let wrong = |_| Problem::bad("not-before", "`not_before` is no moment such as 2026-11-21T22:00:00Z");
    let at = humantime::parse_rfc3339(text).map_err(wrong)?;
    Ok(at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64())
}
