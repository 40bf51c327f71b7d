//! How does a test wait? For a fact, never for a time. The only sleep that a test waits in is here.

use std::time::{Duration, Instant};

/// Far longer than any awaited fact takes on a loaded machine, so that passing it means "never".
const NEVER: Duration = Duration::from_secs(300);

/// The facts are rows in a database or the end of another process, neither of which can call us back. Short, because
/// tests that kill "after n batches" overshoot by what happens between two looks.
const BETWEEN_LOOKS: Duration = Duration::from_millis(3);

/// Waits for a fact. Panics with its name when it does not come.
pub(crate) async fn until(what: &str, fact: impl AsyncFnMut() -> bool) {
    within(NEVER, what, fact).await;
}

/// Waits for a fact that has a deadline of its own, because the promise names one.
pub(crate) async fn within(deadline: Duration, what: &str, mut fact: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !fact().await {
        assert!(started.elapsed() < deadline, "waited {deadline:?} in vain: {what}");
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}
