//! What does the runner tell of its pace and its time? Written by who decides, read by who keeps the lease. Knows no
//! signal.

use super::control::Control;
use crate::db::{Failure, Happening, Report, TimeSpent};
use crate::pace::{PaceReport, TimeLedger};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// What is to be put on record with the next heartbeat.
pub(super) struct Board {
    time: Arc<TimeLedger>,
    /// What earlier runners of the run spent.
    earlier: TimeSpent,
    held_before: Duration,
    begun: Instant,
    news: Mutex<News>,
    urgent: Notify,
}

#[derive(Default)]
struct News {
    pace: Option<PaceReport>,
    happenings: Vec<Happening>,
    sharing: bool,
}

impl Board {
    pub(super) fn new(time: Arc<TimeLedger>, earlier: TimeSpent, held_before: Duration, begun: Instant) -> Self {
        Self { time, earlier, held_before, begun, news: Mutex::default(), urgent: Notify::new() }
    }

    /// The pace now, and whether the run shares the limits of its server. `urgent`: somebody who looks should see it at once.
    pub(super) fn tell(&self, pace: PaceReport, sharing: bool, urgent: bool) {
        let mut news = self.news();
        news.pace = Some(pace);
        // The others have to make room, or may take it.
        let turned = std::mem::replace(&mut news.sharing, sharing) != sharing;
        if urgent || turned {
            self.urgent.notify_one();
        }
    }

    /// Something for the event log.
    pub(super) fn tell_of(&self, happening: Happening) {
        self.news().happenings.push(happening);
        self.urgent.notify_one();
    }

    /// Waits for what should not wait for the next heartbeat.
    pub(super) async fn urgent(&self) {
        self.urgent.notified().await;
    }

    /// What a heartbeat tells.
    pub(super) fn report(&self, eta: Option<(f64, f64)>) -> Report {
        let mut spent = self.earlier.clone();
        let now = Instant::now();
        for (bucket, took) in self.time.spent(now) {
            *spent.entry(bucket.to_string()).or_default() += took.as_secs_f64();
        }
        let held = self.held_before + now.saturating_duration_since(self.begun);
        let (pace, sharing) = {
            let news = self.news();
            (news.pace.clone(), news.sharing)
        };
        Report { eta, pace, spent, held_seconds: held.as_secs_f64(), sharing }
    }

    /// What is to be written into the event log, once.
    pub(super) fn happenings(&self) -> Vec<Happening> {
        std::mem::take(&mut self.news().happenings)
    }

    /// Puts everything on record, before the run is let go: afterwards nobody may.
    pub(super) async fn close_the_books(
        &self,
        control: &mut Control,
        run: i64,
        holder: &str,
        lease: Duration,
    ) -> Result<(), Failure> {
        // What is let go shares nothing any more.
        let (report, happenings) = (Report { sharing: false, ..self.report(None) }, self.happenings());
        control
            .call(async |ledger| {
                ledger.beat(run, holder, lease, &report).await?;
                for happening in &happenings {
                    ledger.note(run, holder, happening).await?;
                }
                Ok(())
            })
            .await
    }

    fn news(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
