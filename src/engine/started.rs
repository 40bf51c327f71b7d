//! How does a program that is not tidegate's own start a run, follow it and stop it? A handle over [`run`](super::run), which it
//! drives beside the caller. Decides nothing.

use super::{Options, Outcome, run};
use crate::db::{Database, Failure};
use crate::event::Event;
use crate::job::Job;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};

/// Starts a job's run, or goes on with it, beside whatever else this program does. Must be called within a tokio runtime
/// with more than one thread.
///
/// What is told but not heard is kept: follow [`Started::next_event`] to the end, or ask for [`Started::outcome`].
pub fn start(database: Arc<dyn Database>, job: Job, options: Options) -> Started {
    let (stop, stop_asked) = watch::channel(false);
    let (tell, events) = unbounded_channel();
    let runtime = Handle::current();
    // A thread for the run's control: its calls to the ledger take closures whose futures rustc cannot prove to be `Send`
    // (rust-lang/rust#110338). Workers are tasks of the runtime as ever.
    let ended = spawn_blocking(move || runtime.block_on(run(database, &job, &options, stop_asked, tell)));
    Started { stop, events, ended }
}

/// A run that this program started. To drop it is to ask it to stop.
#[derive(Debug)]
pub struct Started {
    stop: watch::Sender<bool>,
    events: UnboundedReceiver<Event>,
    ended: JoinHandle<Result<Outcome, Failure>>,
}

impl Started {
    /// What happened next; `None` once the run has ended.
    pub async fn next_event(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// Asks the run to stop: no batch begins any more, those in hand are finished or rolled back within ten seconds. Another
    /// start goes on from there.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// When the database could not be reached at the start, or its state tables cannot be used.
    pub async fn outcome(mut self) -> Result<Outcome, Failure> {
        // Nobody listens any more; what would be told is dropped instead of kept.
        self.events.close();
        let ended = (&mut self.ended).await;
        ended.unwrap_or_else(|error| Err(Failure::fatal(format!("the run's thread died: {error}"))))
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        self.stop();
    }
}
