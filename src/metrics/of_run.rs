//! What does an event change in the series of its run? Hears what happened; asks nobody.

use super::series::{COMMITTED, ROLLED_BACK, Series};
use crate::event::{Bucket, Event, Observation, Progress, Reason, SignalName};
use crate::run::RunState;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The series of one run, while this process has it.
pub struct RunMetrics {
    series: Arc<Series>,
    backfill: String,
    database: String,
    /// Every signal that has a limit.
    signals: BTreeSet<SignalName>,
    /// What holds the run, beside an operator.
    held: BTreeSet<SignalName>,
    /// Where the time went by what was told last.
    time: BTreeMap<Bucket, Duration>,
    /// Of the newest progress that was told: workers tell of their batches in the order they like.
    batches: u64,
}

impl RunMetrics {
    pub(super) fn new(series: Arc<Series>, backfill: &str, database: &str) -> Self {
        series.begin([backfill, database]);
        let (backfill, database) = (backfill.to_owned(), database.to_owned());
        let (signals, held, time) = Default::default();
        Self { series, backfill, database, signals, held, time, batches: 0 }
    }

    /// Hears what happened.
    pub fn note(&mut self, event: &Event) {
        let (series, run) = (Arc::clone(&self.series), [self.backfill.as_str(), self.database.as_str()]);
        match event {
            Event::Started { table, state, rows_quarantined, progress, .. } => {
                series.run_info.with_label_values(&[run[0], run[1], table]).set(1.0);
                series.runner_alive.with_label_values(&run).set(1.0);
                series.quarantined_rows.with_label_values(&run).set(*rows_quarantined as f64);
                self.reached(*state);
                self.advance(*progress);
            }
            Event::BatchCommitted { rows, scanned, took, wal_bytes, progress, .. } => {
                self.committed(*rows, *scanned, *took, *wal_bytes);
                self.advance(*progress);
            }
            Event::BatchRolledBack => series.batches.with_label_values(&[run[0], run[1], ROLLED_BACK]).inc(),
            Event::BatchRetried { class, .. } => series.retries.with_label_values(&[run[0], run[1], class]).inc(),
            Event::RowQuarantined { .. } => series.quarantined_rows.with_label_values(&run).inc(),
            Event::Moved { to, .. } => self.reached(*to),
            Event::SweepStarted { .. } => self.reached(RunState::Sweeping),
            Event::Held { reasons } => self.held_by(reasons.iter().map(Reason::signal)),
            Event::Released => self.held_by(std::iter::empty()),
            Event::HeldTooLong { reason, .. } => {
                series.held_too_long.with_label_values(&[run[0], run[1], &reason.signal()]).inc();
            }
            Event::Observed(observation) => self.observed(observation),
            Event::LeaseLost => series.lease_lost.with_label_values(&run).inc(),
            Event::LetGo { state, time } => self.let_go(*state, time),
            // Seen in what follows from them.
            Event::RangeSetAside { .. } | Event::PartitionsChanged { .. } | Event::SpeedChanged { .. } => {}
            Event::KnobSet { .. } | Event::KnobIgnored { .. } => {}
            Event::VacuumBegun | Event::Vacuumed { .. } | Event::VacuumHeldBack { .. } | Event::VacuumPutOff { .. } => {
            }
            Event::ConnectionLost { .. } | Event::ConnectionRestored => {}
        }
    }

    fn committed(&self, rows: u64, scanned: u64, took: Duration, wal_bytes: Option<u64>) {
        let (series, run) = (&self.series, self.run());
        series.rows_changed.with_label_values(&run).inc_by(rows);
        series.rows_scanned.with_label_values(&run).inc_by(scanned);
        series.wal_bytes.with_label_values(&run).inc_by(wal_bytes.unwrap_or(0));
        series.batches.with_label_values(&[run[0], run[1], COMMITTED]).inc();
        series.batch_duration.with_label_values(&run).observe(took.as_secs_f64());
        series.batch_rows.with_label_values(&run).observe(scanned as f64);
        series.last_commit.with_label_values(&run).set(since_1970(SystemTime::now()));
    }

    fn advance(&mut self, progress: Progress) {
        if progress.batches >= self.batches {
            self.batches = progress.batches;
            self.series.progress.with_label_values(&self.run()).set(progress.share);
        }
    }

    fn reached(&self, state: RunState) {
        self.series.set_state(self.run(), state);
    }

    fn observed(&mut self, seen: &Observation) {
        for signal in &seen.signals {
            self.meet(&signal.signal);
            let of_signal = [self.backfill.as_str(), self.database.as_str(), &signal.signal];
            let value = signal.seen.map_or(f64::NAN, |seen| seen.value);
            self.series.signal_value.with_label_values(&of_signal).set(value);
            self.series.signal_limit.with_label_values(&of_signal).set(signal.max.value);
            let age = signal.age.map_or(f64::NAN, |age| age.as_secs_f64());
            self.series.signal_age.with_label_values(&of_signal).set(age);
        }
        self.held_by(seen.held.iter().cloned());
        self.spent(&seen.time);
        let run = self.run();
        self.series.workers.with_label_values(&run).set(f64::from(seen.workers));
        self.series.worker_share.with_label_values(&run).set(seen.share);
        self.series.batch_rows_target.with_label_values(&run).set(f64::from(seen.batch_rows));
        let (earliest, latest) = seen.eta.unwrap_or((f64::NAN, f64::NAN));
        self.series.eta_earliest.with_label_values(&run).set(earliest);
        self.series.eta.with_label_values(&run).set(latest);
        self.series.window_closes.with_label_values(&run).set(seen.window_closes.map_or(f64::NAN, since_1970));
    }

    /// These hold the run, beside an operator, and no other.
    fn held_by(&mut self, holding: impl Iterator<Item = SignalName>) {
        let before = std::mem::replace(&mut self.held, holding.collect());
        for signal in before.union(&self.held) {
            let holds = f64::from(u8::from(self.held.contains(signal)));
            self.series.held.with_label_values(&[&self.backfill, &self.database, signal.as_ref()]).set(holds);
        }
    }

    fn meet(&mut self, signal: &SignalName) {
        if self.signals.insert(SignalName::clone(signal)) {
            self.series.begin_signal(self.run(), signal);
        }
    }

    /// A counter only rises, also where more workers share the time than before.
    fn spent(&mut self, time: &BTreeMap<Bucket, Duration>) {
        for (bucket, now) in time {
            let before = self.time.get(bucket).copied().unwrap_or_default();
            let more = now.saturating_sub(before);
            let label = bucket.to_string();
            self.series.time.with_label_values(&[&self.backfill, &self.database, &label]).inc_by(more.as_secs_f64());
            self.time.insert(bucket.clone(), before + more);
        }
    }

    /// What was measured is measured no more; what was counted stays.
    fn let_go(&mut self, state: Option<RunState>, time: &BTreeMap<Bucket, Duration>) {
        self.spent(time);
        self.held_by(std::iter::empty());
        let run = self.run();
        for gauge in [&self.series.runner_alive, &self.series.workers, &self.series.worker_share] {
            gauge.with_label_values(&run).set(0.0);
        }
        for gauge in [&self.series.eta, &self.series.eta_earliest, &self.series.window_closes] {
            gauge.with_label_values(&run).set(f64::NAN);
        }
        for signal in &self.signals {
            let of_signal = [run[0], run[1], signal.as_ref()];
            self.series.signal_value.with_label_values(&of_signal).set(f64::NAN);
            self.series.signal_age.with_label_values(&of_signal).set(f64::NAN);
        }
        if let Some(state) = state {
            self.reached(state);
        }
    }

    fn run(&self) -> [&str; 2] {
        [&self.backfill, &self.database]
    }
}

fn since_1970(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
