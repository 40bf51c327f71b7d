//! What if the server says just that? A server of made-up words, so that a test can show the page what no run does on
//! demand. It serves the page's own files under the page's own policy, and keeps what it was asked.

#[path = "../../../src/server/page/mod.rs"]
mod files;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::{Stream, stream};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// The policy that the page must get by with.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// What the server says.
#[derive(Clone, Default)]
pub(super) struct Words {
    pub(super) runs: Vec<Value>,
    /// Those that are there and those that are away.
    pub(super) databases: Vec<Value>,
    /// By the resource's name, for every run: `why`, `history`, `slices`, `chart`.
    pub(super) details: BTreeMap<&'static str, Value>,
    /// By the last part of the path: what is answered instead, as status and body.
    pub(super) answers: BTreeMap<&'static str, (u16, Value)>,
    /// Asked for, if there is one.
    pub(super) token: Option<&'static str>,
}

/// A server that says it.
pub(super) struct MadeUp {
    pub(super) address: SocketAddr,
    shared: Arc<Shared>,
    /// Its own, so that it ends as by SIGKILL: with every stream that is open.
    runtime: Option<Runtime>,
}

struct Shared {
    words: watch::Sender<Words>,
    asked: Mutex<Vec<(String, Value)>>,
}

impl MadeUp {
    pub(super) fn serve(words: Words) -> Self {
        let shared = Arc::new(Shared { words: watch::Sender::new(words), asked: Mutex::default() });
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let runtime = Some(start(listener, Arc::clone(&shared)));
        Self { address, shared, runtime }
    }

    pub(super) fn url(&self, fragment: &str) -> String {
        format!("http://{}/{fragment}", self.address)
    }

    /// From now on it says something else, and tells everybody who listens.
    pub(super) fn says(&self, change: impl FnOnce(&mut Words)) {
        self.shared.words.send_modify(change);
    }

    /// Every write that it was asked, as path and body.
    pub(super) fn asked(&self) -> Vec<(String, Value)> {
        self.shared.asked.lock().expect("nobody panicked here").clone()
    }

    /// Is gone, from one moment to the next.
    pub(super) fn dies(&mut self) {
        self.runtime.take().expect("it was alive").shutdown_background();
    }

    /// Is there again, where it was.
    pub(super) fn comes_back(&mut self) {
        let listener = std::net::TcpListener::bind(self.address).expect("the same port");
        self.runtime = Some(start(listener, Arc::clone(&self.shared)));
    }
}

impl Drop for MadeUp {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn start(listener: TcpListener, shared: Arc<Shared>) -> Runtime {
    listener.set_nonblocking(true).expect("a socket of ours");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let mut routes = Router::new();
    for file in files::FILES {
        routes = routes.route(file.path, get(async move || page(file)));
    }
    let routes = routes
        .route("/api/v1/events", get(events))
        .route("/api/v1/runs", get(runs))
        .route("/api/v1/runs/{database}/{job}/{what}", get(detail).post(ask_run))
        .route("/api/v1/{what}", post(ask_all))
        .with_state(shared);
    runtime.spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).expect("a socket of ours");
        axum::serve(listener, routes).await.expect("it serves until it is dropped");
    });
    runtime
}

/// From the folder that `TIDEGATE_PAGE_FOLDER` names, if it does: whoever works on the page need not build for each look.
fn page(file: files::File) -> Response {
    let name = if file.path == "/" { "index.html" } else { &file.path[1..] };
    let folder = std::env::var_os("TIDEGATE_PAGE_FOLDER").map(std::path::PathBuf::from);
    let text =
        folder.map_or(file.text.to_owned(), |folder| std::fs::read_to_string(folder.join(name)).expect("a file"));
    ([(header::CONTENT_TYPE, file.content_type), (header::CONTENT_SECURITY_POLICY, POLICY)], text).into_response()
}

type Served = State<Arc<Shared>>;

async fn events(State(shared): Served, headers: HeaderMap) -> Response {
    if let Err(refusal) = admitted(&shared, &headers) {
        return refusal;
    }
    Sse::new(snapshots(shared.words.subscribe())).keep_alive(KeepAlive::default()).into_response()
}

fn snapshots(mut words: watch::Receiver<Words>) -> impl Stream<Item = Result<Event, Infallible>> {
    words.mark_changed();
    stream::unfold((words, 0_u64), async |(mut words, id)| {
        words.changed().await.ok()?;
        let data = document(&words.borrow_and_update()).to_string();
        Some((Ok(Event::default().id(id.to_string()).event("runs").data(data)), (words, id + 1)))
    })
}

async fn runs(State(shared): Served, headers: HeaderMap) -> Response {
    match admitted(&shared, &headers) {
        Err(refusal) => refusal,
        Ok(()) => axum::Json(document(&shared.words.borrow())).into_response(),
    }
}

async fn detail(State(shared): Served, Path((_, _, what)): Path<(String, String, String)>) -> Response {
    let words = shared.words.borrow();
    if let Some((status, body)) = words.answers.get(what.as_str()) {
        return (StatusCode::from_u16(*status).expect("a status"), axum::Json(body.clone())).into_response();
    }
    let told = words.details.get(what.as_str()).cloned();
    told.map_or(StatusCode::NOT_FOUND.into_response(), |told| axum::Json(told).into_response())
}

async fn ask_run(
    State(shared): Served,
    Path((database, job, what)): Path<(String, String, String)>,
    headers: HeaderMap,
    body: String,
) -> Response {
    answer(&shared, &headers, &format!("{database}/{job}/{what}"), &what, &body)
}

async fn ask_all(State(shared): Served, Path(what): Path<String>, headers: HeaderMap, body: String) -> Response {
    answer(&shared, &headers, &what, &what, &body)
}

fn answer(shared: &Shared, headers: &HeaderMap, path: &str, what: &str, body: &str) -> Response {
    if let Err(refusal) = admitted(shared, headers) {
        return refusal;
    }
    assert_eq!(headers.get(header::CONTENT_TYPE).expect("a type"), "application/json");
    let body = serde_json::from_str(body).expect("JSON");
    shared.asked.lock().expect("nobody panicked here").push((path.to_owned(), body));
    let done = (200, json!({ "version": 1, "accepted": true, "state": format!("{what} reached") }));
    let (status, body) = shared.words.borrow().answers.get(what).cloned().unwrap_or(done);
    (StatusCode::from_u16(status).expect("a status"), axum::Json(body)).into_response()
}

#[allow(clippy::result_large_err, reason = "a refusal is an answer")]
fn admitted(shared: &Shared, headers: &HeaderMap) -> Result<(), Response> {
    let Some(token) = shared.words.borrow().token else { return Ok(()) };
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if given == Some(&format!("Bearer {token}")) {
        return Ok(());
    }
    let error = json!({ "version": 1, "error": { "code": "unauthorized", "message": "a token is needed" } });
    Err((StatusCode::UNAUTHORIZED, Body::from(error.to_string())).into_response())
}

fn document(words: &Words) -> Value {
    json!({ "version": 1, "runs": words.runs, "databases": words.databases })
}
