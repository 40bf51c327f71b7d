//! Which address leads where? Every route is written down where it is answered, and `/openapi.json` is made of that.

mod chart;
mod control;
mod events;
mod given;
mod health;
mod history;
mod page;
mod quarantine;
mod runs;
mod slices;
mod submit;

use super::limits::BODY_BYTES;
use super::office::Office;
use super::openapi;
use super::problem::Problem;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Every route, with its description.
pub(super) fn described() -> OpenApiRouter<Arc<Office>> {
    openapi::empty()
        .routes(routes!(health::livez))
        .routes(routes!(health::readyz))
        .routes(routes!(health::metrics))
        .routes(routes!(openapi::openapi))
        .routes(routes!(runs::list))
        .routes(routes!(runs::show))
        .routes(routes!(runs::why))
        .routes(routes!(history::history))
        .routes(routes!(quarantine::quarantine))
        .routes(routes!(slices::slices))
        .routes(routes!(chart::chart))
        .routes(routes!(events::events))
        .routes(routes!(control::pause))
        .routes(routes!(control::resume))
        .routes(routes!(control::cancel))
        .routes(routes!(control::set))
        .routes(routes!(control::pause_all))
        .routes(routes!(control::resume_all))
        .routes(routes!(submit::submit))
}

/// Every route, ready to answer.
pub(super) fn routes(office: Arc<Office>) -> Router {
    let (router, _) = described().split_for_parts();
    router
        .merge(page::files())
        .fallback(async || Problem::no_such("no-route", "nothing is here; /openapi.json lists what there is"))
        .method_not_allowed_fallback(async || {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", "this address has no such method")
        })
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .with_state(office)
}
