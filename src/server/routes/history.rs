//! What happened to a job's runs, and who did it?

use super::given::{Addressed, Last, Parameters, RunPath};
use crate::server::access::Caller;
use crate::server::office::Office;
use crate::server::problem::{Problem, ProblemDocument};
use crate::view::HistoryView;
use axum::extract::State;
use axum::{Extension, Json};
use std::sync::Arc;

/// The events of all runs of a job, the oldest first.
#[utoipa::path(get, path = "/api/v1/runs/{database}/{job}/history", tag = "runs", params(RunPath, Last), responses(
    (status = 200, description = "the events", body = HistoryView),
    (status = 503, description = "the database is away", body = ProblemDocument),
))]
pub(super) async fn history(
    State(office): State<Arc<Office>>,
    Extension(caller): Extension<Caller>,
    addressed: Addressed,
    Parameters(last): Parameters<Last>,
) -> Result<Json<HistoryView>, Problem> {
    let Addressed { reach, job } = addressed;
    let count = last.count();
    let events = reach.ask(move |ledger| Box::pin(async move { ledger.events(Some(&job), count).await })).await?;
    let history = HistoryView::of(&events);
    Ok(Json(if office.shows_keys_to(&caller) { history } else { history.without_keys() }))
}
