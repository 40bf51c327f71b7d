//! What do the runs of a database look like now? One look a second over one connection, whoever watches and however many do.

use super::chart::Charts;
use super::reach::Reach;
use super::snapshot::{Seen, Snapshot};
use crate::db::{Failure, Ledger, RunRecord};
use crate::engine::Tally;
use crate::event::Progress;
use crate::run::RunState;
use crate::view::RunView;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

/// People see a pause reached within a breath, and a database does not feel it.
const EVERY: Duration = Duration::from_secs(1);

/// A database that is away is asked less and less often, up to this.
const AT_MOST_EVERY: Duration = Duration::from_secs(10);

/// After something was done to a run, not at once again: a thousand pauses are not a thousand looks.
const AT_LEAST: Duration = Duration::from_millis(250);

/// Looks at one database.
pub(super) struct Lookout {
    pub(super) reach: Arc<Reach>,
    pub(super) latest: Arc<watch::Sender<Snapshot>>,
    pub(super) charts: Arc<Mutex<Charts>>,
    /// The connection, while the database answers.
    pub(super) ledger: Option<Ledger>,
    /// How far runs are that nobody walks: they stay so until something is done to them.
    pub(super) resting: HashMap<i64, (i64, Progress)>,
}

impl Lookout {
    pub(super) fn new(reach: Arc<Reach>, latest: Arc<watch::Sender<Snapshot>>, charts: Arc<Mutex<Charts>>) -> Self {
        Self { reach, latest, charts, ledger: None, resting: HashMap::new() }
    }

    /// Looks until the server stops.
    pub(super) async fn look_on(mut self, mut stop: watch::Receiver<bool>) {
        let mut pause = EVERY;
        loop {
            // A look that is dropped takes its connection with it.
            let looked = tokio::select! {
                looked = self.look() => looked,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            pause = if looked { EVERY } else { (pause * 2).min(AT_MOST_EVERY) };
            tokio::time::sleep(AT_LEAST).await;
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.reach.changed.notified(), if looked => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    /// Whether the database answered.
    async fn look(&mut self) -> bool {
        let looked = self.runs().await;
        let seen = match looked {
            Ok(runs) => Seen { failure: None, runs },
            Err(failure) => {
                self.ledger = None;
                Seen { failure: Some(failure.to_string()), runs: Vec::new() }
            }
        };
        let answered = seen.failure.is_none();
        let millis = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let millis = u64::try_from(millis).unwrap_or(u64::MAX);
        self.latest.send_if_modified(|latest| latest.take_in(&self.reach.named.name, seen, millis));
        answered
    }

    async fn runs(&mut self) -> Result<Vec<RunView>, Failure> {
        let mut ledger = match self.ledger.take() {
            Some(ledger) => ledger,
            None => self.reach.named.database.ledger().await?,
        };
        let mut runs = Vec::new();
        if ledger.is_installed().await? {
            for record in ledger.newest_runs().await? {
                runs.push(self.view(&mut ledger, &record).await?);
            }
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        self.charts.lock().unwrap_or_else(PoisonError::into_inner).tidy(now);
        self.ledger = Some(ledger);
        Ok(runs)
    }

    async fn view(&mut self, ledger: &mut Ledger, record: &RunRecord) -> Result<RunView, Failure> {
        let progress = match self.resting.get(&record.id) {
            Some((version, progress)) if *version == record.version && rests(record) => *progress,
            _ => {
                let slices = ledger.slices(record.id).await?;
                Tally::new(&slices, record.estimated_rows).progress()
            }
        };
        if rests(record) {
            self.resting.insert(record.id, (record.version, progress));
        }
        let alive = record.held.as_ref().is_some_and(|held| held.is_alive());
        if let Some(pace) = record.pace.as_ref().filter(|_| alive) {
            let mut charts = self.charts.lock().unwrap_or_else(PoisonError::into_inner);
            charts.note(&self.reach.named.name, record.id, record.read_at, pace);
        }
        let overrides = if record.state.is_over() { Vec::new() } else { ledger.overrides(record.id).await? };
        Ok(RunView::of(record, progress, &overrides))
    }
}

/// Whether no batch can be in hand.
fn rests(record: &RunRecord) -> bool {
    match record.state {
        RunState::Queued | RunState::Paused | RunState::Cancelled | RunState::Succeeded | RunState::Failed => true,
        RunState::Running | RunState::Pausing | RunState::Cancelling | RunState::Sweeping => false,
    }
}
