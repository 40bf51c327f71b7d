//! Which rows of a run could not be changed?

use super::given::{Addressed, Limit, Parameters, RunPath};
use crate::server::access::Caller;
use crate::server::office::Office;
use crate::server::problem::{Problem, ProblemDocument};
use crate::view::QuarantineView;
use axum::extract::State;
use axum::{Extension, Json};
use std::sync::Arc;

/// The rows that are set aside, the oldest first; their keys and messages for whoever may see keys. Never the database's
/// own words, which repeat values.
#[utoipa::path(get, path = "/api/v1/runs/{database}/{job}/quarantine", tag = "runs", params(RunPath, Limit), responses(
    (status = 200, description = "the rows", body = QuarantineView),
    (status = 404, description = "there is no run", body = ProblemDocument),
    (status = 503, description = "the database is away", body = ProblemDocument),
))]
pub(super) async fn quarantine(
    State(office): State<Arc<Office>>,
    Extension(caller): Extension<Caller>,
    addressed: Addressed,
    Parameters(limit): Parameters<Limit>,
) -> Result<Json<QuarantineView>, Problem> {
    let (job, limit) = (addressed.job.clone(), limit.count());
    let read = addressed.reach.ask(move |ledger| {
        Box::pin(async move {
            let Some(record) = ledger.newest_run(&job).await? else { return Ok(None) };
            let rows = ledger.quarantined(record.id, limit).await?;
            Ok(Some(QuarantineView::of(&record, &rows)))
        })
    });
    let view = addressed.found(read.await?)?;
    Ok(Json(if office.shows_keys_to(&caller) { view } else { view.without_keys() }))
}
