//! What does every request pass before it is routed, and every answer before it leaves?

use super::limits::{ANSWER_DEADLINE, BODY_BYTES};
use super::office::Office;
use super::problem::Problem;
use axum::Router;
use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use std::net::IpAddr;
use std::sync::Arc;

/// The way in and out.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) office: Arc<Office>,
    pub(super) routes: TowerToHyperService<Router>,
}

impl Door {
    pub(super) fn new(office: Arc<Office>, routes: Router) -> Self {
        Self { office, routes: TowerToHyperService::new(routes) }
    }

    /// Refuses a request, or has it answered.
    pub(super) async fn pass(&self, peer: IpAddr, request: Request<Incoming>) -> Response {
        let (head, body) = request.into_parts();
        let mut answer = match self.admit(head, body, peer).await {
            Ok(answer) => answer,
            // Whatever else the client wants to send is not waited for.
            Err(problem) => ([(header::CONNECTION, "close")], problem).into_response(),
        };
        secure(answer.headers_mut());
        answer
    }

    async fn admit(&self, mut head: Parts, body: Incoming, peer: IpAddr) -> Result<Response, Problem> {
        let caller = self.office.admit(&head, peer)?;
        refuse_large_body(&head)?;
        head.extensions.insert(caller);
        let answered = self.routes.call(Request::from_parts(head, Body::new(body)));
        match tokio::time::timeout(ANSWER_DEADLINE, answered).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(never)) => match never {},
            Err(_) => Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "too-slow", "the request took too long")),
        }
    }
}

/// A body without a length is counted while it is read.
fn refuse_large_body(head: &Parts) -> Result<(), Problem> {
    let length = head.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    match length {
        Some(length) if length > BODY_BYTES as u64 => Err(too_large()),
        _ => Ok(()),
    }
}

pub(super) fn too_large() -> Problem {
    let words = format!("a body has at most {} KiB", BODY_BYTES / 1024);
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", words)
}

/// What a browser is told about every answer.
fn secure(headers: &mut HeaderMap) {
    for (name, value) in [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; \
             frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
