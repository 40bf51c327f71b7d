//! What changes, as it changes? Server-sent events: each is the document of all runs, so a client that missed some has
//! missed nothing.

use crate::server::access::Caller;
use crate::server::office::Office;
use crate::server::problem::{Problem, ProblemDocument};
use crate::server::snapshot::Snapshot;
use axum::Extension;
use axum::extract::State;
use axum::response::sse::{Event, Sse};
use futures_util::stream::{Stream, unfold};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, watch};

/// What stands between does not take a connection for idle, and a client that hears nothing for twice as long knows that
/// it is alone.
const AT_LEAST_EVERY: Duration = Duration::from_secs(15);

/// A client that listens.
struct Listener {
    latest: watch::Receiver<Snapshot>,
    stop: watch::Receiver<bool>,
    with_keys: bool,
    begun: bool,
    _permit: OwnedSemaphorePermit,
}

/// All runs, at once and whenever something changes, and every 15 seconds at least. `id` grows; whatever `Last-Event-ID`
/// says, what comes first is what is newest.
#[utoipa::path(get, path = "/api/v1/events", tag = "runs", responses(
    (status = 200, description = "events named `runs`; their data is the document of /api/v1/runs",
     content_type = "text/event-stream", body = String),
    (status = 503, description = "too many listen", body = ProblemDocument),
))]
pub(super) async fn events(
    State(office): State<Arc<Office>>,
    Extension(caller): Extension<Caller>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let permit = Arc::clone(&office.streams).try_acquire_owned();
    let listener = Listener {
        latest: office.latest.subscribe(),
        stop: office.stop.clone(),
        with_keys: office.shows_keys_to(&caller),
        begun: false,
        _permit: permit.map_err(|_| Problem::unavailable("too-many-streams", "too many clients listen already"))?,
    };
    Ok(Sse::new(unfold(listener, Listener::next)))
}

impl Listener {
    /// The next event. A client that is slow to read is asked for here only when it has read, and then gets what is newest.
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        if self.begun {
            tokio::select! {
                changed = self.latest.changed() => changed.ok()?,
                () = tokio::time::sleep(AT_LEAST_EVERY) => {}
                _ = self.stop.wait_for(|stop| *stop) => return None,
            }
        } else {
            tokio::select! {
                seen = self.latest.wait_for(|seen| !seen.is_empty()) => drop(seen.ok()?),
                _ = self.stop.wait_for(|stop| *stop) => return None,
            }
        }
        self.begun = true;
        let (number, document) = {
            let snapshot = self.latest.borrow_and_update();
            (snapshot.number, snapshot.document(self.with_keys))
        };
        Some((Ok(Event::default().id(number.to_string()).event("runs").data(document)), self))
    }
}
