//! What does the API look like to programs? Made from the routes themselves, so that it cannot say something else.

use super::office::Office;
use super::routes::described;
use axum::http::header;
use axum::response::IntoResponse;
use std::sync::{Arc, LazyLock};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

#[derive(OpenApi)]
#[openapi(info(
    title = "tidegate",
    description = "Watch and steer batched backfills. Every document has `version`; fields may be added within one."
))]
struct Description;

/// A description without routes.
pub(super) fn empty() -> OpenApiRouter<Arc<Office>> {
    OpenApiRouter::with_openapi(Description::openapi())
}

static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    // Names and texts of ours always have a JSON form.
    described().to_openapi().to_pretty_json().unwrap_or_default()
});

/// This description.
#[utoipa::path(get, path = "/openapi.json", tag = "process",
    responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json", body = String)))]
pub(super) async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `UPDATE_EXPECT=1` writes it: a change of the API is seen by whoever reviews it.
    #[test]
    fn the_description_is_the_one_in_docs() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");
        // Without the version, so that a release changes nothing here.
        let version = format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION"));
        let now = DOCUMENT.replace(&version, "\"version\": \"\"") + "\n";
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(path, &now).unwrap();
        }
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        assert!(kept == now, "docs/openapi.json is not what the routes say; UPDATE_EXPECT=1 writes it");
    }
}
