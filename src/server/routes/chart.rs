//! How did a run go in the last hour?

use super::given::{Addressed, RunPath};
use crate::server::chart::ChartDocument;
use crate::server::office::Office;
use crate::server::problem::{Problem, ProblemDocument};
use axum::Json;
use axum::extract::State;
use std::sync::{Arc, PoisonError};

/// Rate, batch time and signals of a job's newest run in the last hour, from this server's memory: it begins with the
/// server.
#[utoipa::path(get, path = "/api/v1/runs/{database}/{job}/chart", tag = "runs", params(RunPath), responses(
    (status = 200, description = "the samples", body = ChartDocument),
    (status = 404, description = "no run was seen", body = ProblemDocument),
))]
pub(super) async fn chart(
    State(office): State<Arc<Office>>,
    addressed: Addressed,
) -> Result<Json<ChartDocument>, Problem> {
    let database = &addressed.reach.named.name;
    let seen =
        office.latest.borrow().runs().find(|named| named.database == *database && named.run.job == addressed.job);
    let run = addressed.found(seen)?.run.run;
    let charts = office.charts.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(Json(charts.document(database, run)))
}
