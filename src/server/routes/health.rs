//! Is this process alive, does it take work, and what does it count?

use crate::server::office::Office;
use crate::server::problem::Problem;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use std::sync::Arc;

/// Whether the process answers. Never touches a database: one that is away is no reason to restart this.
#[utoipa::path(get, path = "/livez", tag = "process", responses((status = 200, description = "it does", body = str)))]
pub(super) async fn livez() -> &'static str {
    "ok\n"
}

/// Whether it takes work: not while it stops, nor while no database answers.
#[utoipa::path(get, path = "/readyz", tag = "process", responses(
    (status = 200, description = "it does", body = str),
    (status = 503, description = "not now, and why", body = crate::server::problem::ProblemDocument),
))]
pub(super) async fn readyz(State(office): State<Arc<Office>>) -> Result<&'static str, Problem> {
    if !*office.ready.borrow() {
        return Err(Problem::unavailable("draining", "the server takes no new work: it is about to stop"));
    }
    match office.latest.borrow().any_reachable() {
        true => Ok("ok\n"),
        false => Err(Problem::unavailable("database-away", "no database has answered yet")),
    }
}

/// Everything that is counted, in Prometheus' text format 0.0.4.
#[utoipa::path(get, path = "/metrics", tag = "process", responses((status = 200, description = "samples", body = str)))]
pub(super) async fn metrics(State(office): State<Arc<Office>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], (office.metrics)())
}
