//! Who counts what happens? Hands events on while metrics hear them, and tells metrics of runs that others run. Prints nothing.

use crate::event::Event;
use crate::metrics::{Metrics, RunMetrics};
use crate::server::Snapshot;
use std::sync::Arc;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::watch;

/// The same events, counted on their way.
pub(super) fn counted(mut metrics: RunMetrics, mut events: UnboundedReceiver<Event>) -> UnboundedReceiver<Event> {
    let (on, heard) = unbounded_channel();
    tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            metrics.note(&event);
            // Whoever shows them listens to the end.
            let _ = on.send(event);
        }
    });
    heard
}

/// Tells of every run as it is seen, until nobody looks any more: a run that waits, or whose runner is gone, tells nothing
/// itself.
pub(super) async fn states(metrics: Arc<Metrics>, mut snapshots: watch::Receiver<Snapshot>) {
    while snapshots.changed().await.is_ok() {
        let runs: Vec<_> = snapshots.borrow_and_update().runs().collect();
        for seen in runs {
            let (run, database) = (&seen.run, seen.database.as_str());
            let (progress, aside) = (run.progress.unwrap_or_default(), run.rows_quarantined.unsigned_abs());
            metrics.note_state(&run.job, database, run.state, run.is_alive(), progress, aside);
        }
    }
}
