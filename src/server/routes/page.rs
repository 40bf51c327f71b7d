//! The page: three files that are part of the program.

use axum::http::header;
use axum::response::IntoResponse;

/// The page for people.
#[utoipa::path(get, path = "/", tag = "page", responses((status = 200, description = "HTML", body = str)))]
pub(super) async fn index() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], include_str!("../page/index.html"))
}

/// How it looks.
#[utoipa::path(get, path = "/page.css", tag = "page", responses((status = 200, description = "CSS", body = str)))]
pub(super) async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("../page/page.css"))
}

/// What it does.
#[utoipa::path(get, path = "/page.js", tag = "page", responses((status = 200, description = "JavaScript", body = str)))]
pub(super) async fn script() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("../page/page.js"))
}
