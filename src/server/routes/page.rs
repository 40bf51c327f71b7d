//! The page: files that are part of the program, each under its own path. They are no part of the API, so no description has
//! them.

use crate::server::office::Office;
use crate::server::page::FILES;
use axum::Router;
use axum::http::header;
use axum::routing::get;
use std::sync::Arc;

/// A route for every file.
pub(super) fn files() -> Router<Arc<Office>> {
    FILES.iter().fold(Router::new(), |router, file| {
        let answer = async || ([(header::CONTENT_TYPE, file.content_type)], file.text);
        router.route(file.path, get(answer))
    })
}
