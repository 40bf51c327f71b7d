//! Which runs are there, how far is one, and what holds or slows it?

use super::given::{Addressed, RunPath};
use crate::db::{Failure, Ledger, RunRecord};
use crate::engine::Tally;
use crate::server::access::Caller;
use crate::server::limits::LEDGER_DEADLINE;
use crate::server::office::Office;
use crate::server::problem::{Problem, ProblemDocument};
use crate::server::snapshot::{NamedRun, NamedWhy, RunDocument, RunsDocument};
use crate::view::{RunView, VERSION, WhyView};
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::{Extension, Json};
use std::sync::Arc;

/// The newest run of every job of every database, as they were seen within the last second.
#[utoipa::path(get, path = "/api/v1/runs", tag = "runs", responses(
    (status = 200, description = "the runs", body = RunsDocument),
    (status = 503, description = "nothing was seen yet", body = ProblemDocument),
))]
pub(super) async fn list(
    State(office): State<Arc<Office>>,
    Extension(caller): Extension<Caller>,
) -> Result<impl IntoResponse, Problem> {
    let mut latest = office.latest.subscribe();
    let databases = office.databases.len();
    // Right after the start; what is there by the deadline is better than nothing.
    let _ = tokio::time::timeout(LEDGER_DEADLINE, latest.wait_for(|seen| seen.has_all(databases))).await;
    let snapshot = latest.borrow();
    match snapshot.is_empty() {
        true => Err(Problem::unavailable("database-away", "no database has answered yet")),
        false => {
            let document = snapshot.document(office.shows_keys_to(&caller));
            Ok(([(header::CONTENT_TYPE, "application/json")], document.to_string()))
        }
    }
}

/// One job's newest run, as it is now.
#[utoipa::path(get, path = "/api/v1/runs/{database}/{job}", tag = "runs", params(RunPath), responses(
    (status = 200, description = "the run", body = RunDocument),
    (status = 404, description = "there is none", body = ProblemDocument),
    (status = 503, description = "the database is away", body = ProblemDocument),
))]
pub(super) async fn show(
    State(office): State<Arc<Office>>,
    Extension(caller): Extension<Caller>,
    addressed: Addressed,
) -> Result<Json<RunDocument>, Problem> {
    let job = addressed.job.clone();
    let read = addressed.reach.ask(move |ledger| {
        Box::pin(async move {
            let Some(record) = ledger.newest_run(&job).await? else { return Ok(None) };
            view(ledger, &record).await.map(Some)
        })
    });
    let run = addressed.found(read.await?)?;
    let run = if office.shows_keys_to(&caller) { run } else { run.without_keys() };
    let database = addressed.reach.named.name.clone();
    Ok(Json(RunDocument { version: VERSION, run: NamedRun { database, run } }))
}

async fn view(ledger: &mut Ledger, record: &RunRecord) -> Result<RunView, Failure> {
    let slices = ledger.slices(record.id).await?;
    let progress = Tally::new(&slices, record.estimated_rows).progress();
    let overrides = ledger.overrides(record.id).await?;
    Ok(RunView::of(record, progress, &overrides))
}

/// How fast it is, what holds or slows it, and where its time went.
#[utoipa::path(get, path = "/api/v1/runs/{database}/{job}/why", tag = "runs", params(RunPath), responses(
    (status = 200, description = "why", body = NamedWhy),
    (status = 404, description = "there is no run", body = ProblemDocument),
    (status = 503, description = "the database is away", body = ProblemDocument),
))]
pub(super) async fn why(
    State(office): State<Arc<Office>>,
    Extension(caller): Extension<Caller>,
    addressed: Addressed,
) -> Result<Json<NamedWhy>, Problem> {
    let job = addressed.job.clone();
    let read = addressed.reach.ask(move |ledger| {
        Box::pin(async move {
            let Some(record) = ledger.newest_run(&job).await? else { return Ok(None) };
            let spent = ledger.time_spent(record.id).await?;
            Ok(Some(WhyView::of(&record, &spent)))
        })
    });
    let why = addressed.found(read.await?)?;
    let why = if office.shows_keys_to(&caller) { why } else { why.without_keys() };
    Ok(Json(NamedWhy { database: addressed.reach.named.name.clone(), why }))
}
