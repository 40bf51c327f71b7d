//! What was sent? A body, a query and a run's address, checked; what is wrong with them is said as everything else is.

use crate::server::door::too_large;
use crate::server::limits::{LISTED, REASON_BYTES};
use crate::server::office::Office;
use crate::server::problem::Problem;
use crate::server::reach::Reach;
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;
use utoipa::IntoParams;

/// A JSON body.
pub(super) struct Given<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Arc<Office>> for Given<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, office: &Arc<Office>) -> Result<Self, Problem> {
        match Json::from_request(request, office).await {
            Ok(Json(given)) => Ok(Self(given)),
            Err(JsonRejection::MissingJsonContentType(_)) => {
                let words = "a body is sent with `Content-Type: application/json`";
                Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content-type", words))
            }
            Err(refused) if refused.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(too_large()),
            Err(refused) => Err(Problem::bad("body", refused.body_text())),
        }
    }
}

/// The parameters behind the `?`.
pub(super) struct Parameters<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<Arc<Office>> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(head: &mut Parts, office: &Arc<Office>) -> Result<Self, Problem> {
        let given = Query::<T>::from_request_parts(head, office).await;
        given.map(|Query(given)| Self(given)).map_err(|refused| Problem::bad("query", refused.body_text()))
    }
}

/// A job's newest run in a database of this server.
pub(super) struct Addressed {
    pub(super) reach: Arc<Reach>,
    pub(super) job: String,
}

impl FromRequestParts<Arc<Office>> for Addressed {
    type Rejection = Problem;

    async fn from_request_parts(head: &mut Parts, office: &Arc<Office>) -> Result<Self, Problem> {
        let path = Path::<(String, String)>::from_request_parts(head, office).await;
        let Path((database, job)) = path.map_err(|refused| Problem::bad("path", refused.body_text()))?;
        Ok(Self { reach: Arc::clone(office.database(&database)?), job })
    }
}

impl Addressed {
    /// What was found, or that there is nothing.
    pub(super) fn found<T>(&self, found: Option<T>) -> Result<T, Problem> {
        found.ok_or_else(|| Problem::no_such("no-run", "this job has no run in this database"))
    }
}

/// Where a run is, in a path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[allow(dead_code, reason = "describes the path for /openapi.json; what was sent is read as `Addressed`")]
pub(super) struct RunPath {
    /// A database of this server, by its short name.
    database: String,
    /// A job's name.
    job: String,
}

/// How many are listed.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Last {
    /// How many events, the newest of them; 100 if not said, 1000 at most.
    last: Option<u32>,
}

/// How many are listed.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Limit {
    /// How many rows, the oldest of them; 100 if not said, 1000 at most.
    limit: Option<u32>,
}

impl Last {
    pub(super) fn count(&self) -> i64 {
        count(self.last)
    }
}

impl Limit {
    pub(super) fn count(&self) -> i64 {
        count(self.limit)
    }
}

fn count(asked: Option<u32>) -> i64 {
    asked.unwrap_or(100).min(LISTED).into()
}

/// A reason that people will read.
pub(super) fn reason(given: Option<String>) -> Result<Option<String>, Problem> {
    match given {
        Some(reason) if reason.len() > REASON_BYTES => {
            Err(Problem::bad("reason", format!("a reason has at most {} KiB", REASON_BYTES / 1024)))
        }
        // What PostgreSQL cannot keep, and what a terminal would obey.
        Some(reason) if reason.chars().any(|c| c.is_control() && c != '\n' && c != '\t') => {
            Err(Problem::bad("reason", "a reason has no control characters"))
        }
        reason => Ok(reason),
    }
}

/// A time that something lasts: `2h`.
pub(super) fn lasts(given: Option<&str>) -> Result<Option<Duration>, Problem> {
    let parse = |text| humantime::parse_duration(text).map_err(|error| Problem::bad("for", format!("`for`: {error}")));
    match given.map(parse).transpose()? {
        Some(Duration::ZERO) => Err(Problem::bad("for", "`for`: longer than nothing, such as `2h`")),
        lasts => Ok(lasts),
    }
}
