//! What waits in a database? Looks over and over, over one connection; one that is away is tried again with patience, and
//! keeps nobody else waiting. Decides nothing.

use crate::db::{Failure, Ledger, Named, RunRecord};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;

/// Between two looks: a run that is submitted begins within a breath, and one small query is nothing to a server.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A database that is away is looked for this often at least.
const LONGEST: Duration = Duration::from_secs(30);

/// What was seen.
pub(super) struct Look {
    /// Which database, by its place among those of the scheduler.
    pub(super) place: usize,
    /// Whether it was the first look at it.
    pub(super) first: bool,
    /// When the look began.
    pub(super) begun: Instant,
    /// Every run that is not over.
    pub(super) runs: Result<Vec<RunRecord>, Failure>,
}

/// Looks for as long as it lives.
pub(super) struct Lookout {
    wanted: Arc<Notify>,
    /// The task ends with this.
    _looking: JoinSet<()>,
}

impl Lookout {
    /// Begins to look at a database.
    pub(super) fn begin(place: usize, named: &Named, tell: &UnboundedSender<Look>) -> Self {
        let (wanted, mut looking) = (Arc::new(Notify::new()), JoinSet::new());
        looking.spawn(look(place, named.clone(), tell.clone(), Arc::clone(&wanted)));
        Self { wanted, _looking: looking }
    }

    /// Something has changed: does not wait for the next look.
    pub(super) fn look_now(&self) {
        self.wanted.notify_one();
    }
}

async fn look(place: usize, named: Named, tell: UnboundedSender<Look>, wanted: Arc<Notify>) {
    let (mut ledger, mut first, mut wait) = (None, true, LOOK_EVERY);
    loop {
        let begun = Instant::now();
        let runs = unfinished(&named, &mut ledger).await;
        wait = if runs.is_ok() { LOOK_EVERY } else { (wait * 2).min(LONGEST) };
        if tell.send(Look { place, first, begun, runs }).is_err() {
            return;
        }
        first = false;
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = wanted.notified() => {}
        }
    }
}

/// Every run that is not over. The state tables are made when the connection is new, as `run` does it: somebody may have
/// put an older copy of the database in place.
async fn unfinished(named: &Named, ledger: &mut Option<Ledger>) -> Result<Vec<RunRecord>, Failure> {
    if ledger.as_ref().is_none_or(Ledger::is_closed) {
        *ledger = None;
        let mut opened = named.database.ledger().await?;
        opened.install().await?;
        *ledger = Some(opened);
    }
    match ledger {
        Some(ledger) => ledger.unfinished_runs().await,
        None => Ok(Vec::new()),
    }
}
