//! What does an operator do to runs? Each answer has the state that was reached, or the state as it is.

use super::given::{Addressed, Given, RunPath, lasts, reason};
use crate::db::{Asked, NewOverrides};
use crate::run::{Intent, RunState};
use crate::server::access::Caller;
use crate::server::control::{self, Came, Outcome};
use crate::server::office::Office;
use crate::server::problem::{Problem, ProblemDocument, ProblemView};
use crate::server::reach::Reach;
use crate::view::VERSION;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;

/// On what terms something is asked.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Terms {
    /// Why; kept with who asked.
    reason: Option<String>,
    /// How long a pause lasts: `2h`; without it, until somebody resumes.
    r#for: Option<String>,
    /// The run's version that was seen: with another one by now, nothing is done.
    if_version: Option<i64>,
}

/// What is to be set.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Knobs {
    /// Knobs with their values, such as `"pace.duty": 0.5`; `null` takes back what was set.
    values: BTreeMap<String, Value>,
    /// Why; kept with who asked.
    reason: Option<String>,
    /// For how long: `2h`; without it, until somebody takes it back.
    r#for: Option<String>,
    /// The run's version that was seen: with another one by now, nothing is set.
    if_version: Option<i64>,
}

/// Why all runs are asked.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Why {
    /// Kept with who asked.
    reason: String,
}

/// What came of it.
#[derive(Serialize, ToSchema)]
pub(super) struct CameDocument {
    version: u32,
    #[serde(flatten)]
    came: CameView,
}

/// What came of asking one run.
#[derive(Serialize, ToSchema)]
pub(super) struct CameView {
    database: String,
    job: String,
    run: i64,
    /// Whether it is so, by this call or before it.
    accepted: bool,
    /// The state before.
    from: RunState,
    /// The state now; asked and reached are two states.
    state: RunState,
    /// The run's version now.
    run_version: i64,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ProblemView>,
}

/// What came of asking all runs.
#[derive(Serialize, ToSchema)]
pub(super) struct AllDocument {
    version: u32,
    /// Whether every database was asked.
    accepted: bool,
    /// Every run that is not over.
    runs: Vec<CameView>,
    /// Databases that could not be asked, and why.
    failures: Vec<FailureView>,
}

/// A database that could not be asked.
#[derive(Serialize, ToSchema)]
pub(super) struct FailureView {
    database: String,
    message: String,
}

/// Begin no batch until resumed; in force within one batch.
#[utoipa::path(post, path = "/api/v1/runs/{database}/{job}/pause", tag = "control", params(RunPath), request_body = Terms,
    responses((status = 200, description = "asked, or reached", body = CameDocument),
    (status = 404, description = "there is no run", body = ProblemDocument),
    (status = 409, description = "the run's state or version does not allow it", body = CameDocument),
    (status = 503, description = "the database is away", body = ProblemDocument)))]
pub(super) async fn pause(
    Extension(caller): Extension<Caller>,
    addressed: Addressed,
    Given(terms): Given<Terms>,
) -> Result<Response, Problem> {
    ask(&caller, addressed, Intent::Pause, terms).await
}

/// Go on after a pause.
#[utoipa::path(post, path = "/api/v1/runs/{database}/{job}/resume", tag = "control", params(RunPath), request_body = Terms,
    responses((status = 200, description = "it goes on, or waits for a runner", body = CameDocument),
    (status = 404, description = "there is no run", body = ProblemDocument),
    (status = 409, description = "the run's state or version does not allow it", body = CameDocument),
    (status = 503, description = "the database is away", body = ProblemDocument)))]
pub(super) async fn resume(
    Extension(caller): Extension<Caller>,
    addressed: Addressed,
    Given(terms): Given<Terms>,
) -> Result<Response, Problem> {
    ask(&caller, addressed, Intent::Resume, terms).await
}

/// End the run; what was committed stays.
#[utoipa::path(post, path = "/api/v1/runs/{database}/{job}/cancel", tag = "control", params(RunPath), request_body = Terms,
    responses((status = 200, description = "asked, or reached", body = CameDocument),
    (status = 404, description = "there is no run", body = ProblemDocument),
    (status = 409, description = "the run's state or version does not allow it", body = CameDocument),
    (status = 503, description = "the database is away", body = ProblemDocument)))]
pub(super) async fn cancel(
    Extension(caller): Extension<Caller>,
    addressed: Addressed,
    Given(terms): Given<Terms>,
) -> Result<Response, Problem> {
    ask(&caller, addressed, Intent::Cancel, terms).await
}

/// Change how fast a run goes; in force within one batch.
#[utoipa::path(post, path = "/api/v1/runs/{database}/{job}/set", tag = "control", params(RunPath), request_body = Knobs,
    responses((status = 200, description = "set", body = CameDocument),
    (status = 400, description = "the job cannot have these values", body = ProblemDocument),
    (status = 404, description = "there is no run", body = ProblemDocument),
    (status = 409, description = "the run's state or version does not allow it", body = CameDocument),
    (status = 503, description = "the database is away", body = ProblemDocument)))]
pub(super) async fn set(
    Extension(caller): Extension<Caller>,
    addressed: Addressed,
    Given(knobs): Given<Knobs>,
) -> Result<Response, Problem> {
    let Knobs { values, reason: why, r#for, if_version } = knobs;
    let values: BTreeMap<_, _> = values.into_iter().map(|(knob, value)| (knob, typed(value))).collect();
    let lasts = lasts(r#for.as_deref())?;
    let new = NewOverrides { values, actor: caller.actor(), reason: reason(why)?, lasts, if_version };
    let job = addressed.job.clone();
    let set =
        addressed.reach.ask(move |ledger| Box::pin(async move { control::set(ledger, &job, &new).await })).await?;
    addressed.reach.changed.notify_one();
    let came = addressed.found(set)??;
    Ok(answer(&addressed.reach, &addressed.job, &came, "set"))
}

/// Pause every run that is not over, in every database.
#[utoipa::path(post, path = "/api/v1/pause-all", tag = "control", request_body = Why, responses(
    (status = 200, description = "asked of all", body = AllDocument),
    (status = 503, description = "some database could not be asked", body = AllDocument)))]
pub(super) async fn pause_all(
    State(office): State<Arc<Office>>,
    Extension(caller): Extension<Caller>,
    Given(why): Given<Why>,
) -> Result<Response, Problem> {
    ask_all(&office, &caller, Intent::Pause, why).await
}

/// Let every paused run go on, in every database.
#[utoipa::path(post, path = "/api/v1/resume-all", tag = "control", request_body = Why, responses(
    (status = 200, description = "asked of all", body = AllDocument),
    (status = 503, description = "some database could not be asked", body = AllDocument)))]
pub(super) async fn resume_all(
    State(office): State<Arc<Office>>,
    Extension(caller): Extension<Caller>,
    Given(why): Given<Why>,
) -> Result<Response, Problem> {
    ask_all(&office, &caller, Intent::Resume, why).await
}

async fn ask(caller: &Caller, addressed: Addressed, intent: Intent, terms: Terms) -> Result<Response, Problem> {
    let Terms { reason: why, r#for, if_version } = terms;
    let resume_in = lasts(r#for.as_deref())?;
    if resume_in.is_some() && intent != Intent::Pause {
        return Err(Problem::bad("for", "only a pause can end by itself"));
    }
    let asked = Asked { actor: caller.actor(), reason: reason(why)?, resume_in, if_version };
    let job = addressed.job.clone();
    let came = addressed
        .reach
        .ask(move |ledger| Box::pin(async move { control::ask(ledger, &job, intent, &asked).await }))
        .await?;
    addressed.reach.changed.notify_one();
    let came = addressed.found(came)?;
    Ok(answer(&addressed.reach, &addressed.job, &came, intent.as_str()))
}

async fn ask_all(office: &Office, caller: &Caller, intent: Intent, why: Why) -> Result<Response, Problem> {
    let asked = Asked::by(&caller.actor(), reason(Some(why.reason))?.as_deref());
    let each = office.databases.values().map(|reach| {
        let asked = asked.clone();
        async move {
            let asking =
                reach.ask(move |ledger| Box::pin(async move { control::ask_all(ledger, intent, &asked).await }));
            let came = asking.await;
            reach.changed.notify_one();
            (reach, came)
        }
    });
    let mut document = AllDocument { version: VERSION, accepted: true, runs: Vec::new(), failures: Vec::new() };
    // All at once: one database that is away keeps nobody from stopping the others.
    for (reach, came) in futures_util::future::join_all(each).await {
        match came {
            Ok(came) => {
                document.runs.extend(came.iter().map(|(job, came)| view(reach, job, came, intent.as_str())));
            }
            Err(problem) if problem.code == "no-run" => {}
            Err(problem) => {
                let database = reach.named.name.clone();
                document.failures.push(FailureView { database, message: problem.message });
            }
        }
    }
    document.accepted = document.failures.is_empty();
    let status = if document.accepted { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Ok((status, Json(document)).into_response())
}

fn answer(reach: &Reach, job: &str, came: &Came, verb: &str) -> Response {
    let status = if came.of == Outcome::Done { StatusCode::OK } else { StatusCode::CONFLICT };
    let document = CameDocument { version: VERSION, came: view(reach, job, came, verb) };
    (status, Json(document)).into_response()
}

fn view(reach: &Reach, job: &str, came: &Came, verb: &str) -> CameView {
    let Came { run, of, from, state, run_version } = *came;
    let conflict = |code, message: String| Some(Problem::new(StatusCode::CONFLICT, code, message).view());
    let error = match of {
        Outcome::Done => None,
        Outcome::Refused => conflict("refused", format!("cannot {verb} {job}: it is {state}")),
        Outcome::Conflict => conflict("conflict", format!("{job} changed meanwhile: look again, then decide")),
    };
    CameView {
        database: reach.named.name.clone(),
        job: job.to_owned(),
        run,
        accepted: of == Outcome::Done,
        from,
        state,
        run_version,
        error,
    }
}

/// A value as an operator would type it.
fn typed(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}
