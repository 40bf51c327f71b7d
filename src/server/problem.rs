//! How is a request refused? With a status, a code for programs and words for people. Never with what was sent.

use crate::db::{Class, Failure};
use crate::view;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// Why a request is not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: String,
}

/// A refusal.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct ProblemDocument {
    /// Of the document.
    version: u32,
    /// What is wrong.
    error: ProblemView,
}

/// What is wrong with a request.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct ProblemView {
    /// For programs.
    code: &'static str,
    /// For people.
    message: String,
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// Something in the request.
    pub(super) fn bad(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// Nothing of that name.
    pub(super) fn no_such(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    /// Not now.
    pub(super) fn unavailable(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message)
    }

    pub(super) fn view(&self) -> ProblemView {
        ProblemView { code: self.code, message: self.message.clone() }
    }
}

impl From<Failure> for Problem {
    /// A failure's words hold neither a password nor a row's value.
    fn from(failure: Failure) -> Self {
        match failure.class {
            Class::Fatal | Class::Row => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "database-refused", failure.to_string())
            }
            Class::Retry
            | Class::Locked
            | Class::Shrink
            | Class::Cancelled
            | Class::Reset
            | Class::Lost
            | Class::Ambiguous
            | Class::Wait
            | Class::Login => Self::unavailable("database-away", failure.to_string()),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let document = ProblemDocument { version: view::VERSION, error: self.view() };
        let mut response = (self.status, Json(document)).into_response();
        let headers = response.headers_mut();
        match self.status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::TOO_MANY_REQUESTS => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
            }
            _ => {}
        }
        response
    }
}
