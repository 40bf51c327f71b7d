//! Why is a run as fast as it is? Its speed, its signals, what holds it, and where its time went.

use super::cover::covered;
use super::run::{SpeedView, held};
use super::{VERSION, moment};
use crate::db::{RunRecord, TimeSpent};
use crate::pace::{SignalView, SpeedChange};
use crate::run::RunState;
use serde::Serialize;
use utoipa::ToSchema;

/// What holds or slows a run.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WhyView {
    /// Of the document.
    pub version: u32,
    /// Its job's name.
    pub job: String,
    /// Its number.
    pub run: i64,
    /// Where it is.
    pub state: RunState,
    /// `null` while nobody runs it.
    pub speed: Option<SpeedView>,
    /// Why no batch may begin, in words.
    pub held: Vec<String>,
    /// What its last runner saw, each as old as it is now.
    pub signals: Vec<SignalView>,
    /// Where its time went.
    pub time: TimeView,
    /// The last changes of speed, newest last.
    pub changes: Vec<ChangeView>,
    /// Seconds since a runner told of its pace; `null`: none has yet.
    pub told_seconds_ago: Option<f64>,
}

/// Where the time of all runners went.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TimeView {
    /// For how long runners have held the run.
    pub wall_seconds: f64,
    /// Sum to it, but for `vacuum`, which goes on beside the workers; the largest first.
    pub buckets: Vec<BucketView>,
}

/// A part of that time.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BucketView {
    /// What it was spent on.
    pub bucket: String,
    /// How much.
    pub seconds: f64,
}

/// A change of speed.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ChangeView {
    /// RFC 3339, UTC, by the runner's clock.
    pub at: String,
    /// The speed before, for people.
    pub from: String,
    /// The speed after.
    pub to: String,
    /// Because of what.
    pub why: String,
}

impl WhyView {
    /// What is known of a run's pace and time.
    pub fn of(run: &RunRecord, spent: &TimeSpent) -> Self {
        let pace = run.pace.as_ref();
        let signals = pace.map(|pace| pace.signals.iter().map(|view| aged(view, run.reported_ago)).collect());
        let changes = pace.map(|pace| pace.changes.iter().map(ChangeView::of).collect());
        Self {
            version: VERSION,
            job: run.job.clone(),
            run: run.id,
            state: run.state,
            speed: SpeedView::of(run),
            held: held(run),
            signals: signals.unwrap_or_default(),
            time: TimeView::of(run.held_seconds, spent),
            changes: changes.unwrap_or_default(),
            told_seconds_ago: pace.map(|_| run.reported_ago),
        }
    }

    /// The same without any key.
    #[must_use]
    pub fn without_keys(self) -> Self {
        let held = self.held.iter().map(|reason| covered(reason)).collect();
        let cover = |change: ChangeView| ChangeView { why: covered(&change.why), ..change };
        Self { held, changes: self.changes.into_iter().map(cover).collect(), ..self }
    }
}

impl TimeView {
    fn of(wall_seconds: f64, spent: &TimeSpent) -> Self {
        let bucket = |(bucket, seconds): (&String, &f64)| BucketView { bucket: bucket.clone(), seconds: *seconds };
        let mut buckets: Vec<_> = spent.iter().map(bucket).collect();
        buckets.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        Self { wall_seconds, buckets }
    }
}

impl ChangeView {
    fn of(change: &SpeedChange) -> Self {
        let SpeedChange { at, from, to, why } = change.clone();
        Self { at: moment(at), from, to, why }
    }
}

/// A signal as old as it is now.
fn aged(view: &SignalView, reported_ago: f64) -> SignalView {
    SignalView { age_seconds: view.age_seconds.map(|age| age + reported_ago), ..view.clone() }
}
