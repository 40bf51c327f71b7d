//! How far is each part of the key space?

use super::given::{Addressed, RunPath};
use crate::server::problem::{Problem, ProblemDocument};
use crate::view::SlicesView;
use axum::Json;

/// The slices of a job's newest run, by pass and place; without their keys.
#[utoipa::path(get, path = "/api/v1/runs/{database}/{job}/slices", tag = "runs", params(RunPath), responses(
    (status = 200, description = "the slices", body = SlicesView),
    (status = 404, description = "there is no run", body = ProblemDocument),
    (status = 503, description = "the database is away", body = ProblemDocument),
))]
pub(super) async fn slices(addressed: Addressed) -> Result<Json<SlicesView>, Problem> {
    let job = addressed.job.clone();
    let read = addressed.reach.ask(move |ledger| {
        Box::pin(async move {
            let Some(record) = ledger.newest_run(&job).await? else { return Ok(None) };
            let slices = ledger.slices(record.id).await?;
            Ok(Some(SlicesView::of(&record, &slices)))
        })
    });
    Ok(Json(addressed.found(read.await?)?))
}
