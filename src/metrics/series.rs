//! Which series are there, and what does each say? Names, help, labels, buckets. Knows no events.

use super::shelf::{Forget, PREFIX, Run, Shelf};
use crate::event::{Bucket, RETRY_CLASSES, Reason};
use crate::run::RunState;
use prometheus::{CounterVec, GaugeVec, HistogramVec, IntCounterVec, Opts, Registry};

/// From a batch of a few rows on a warm cache to one that waited for every timeout there is. A batch aims at half a
/// second, so steps are closest around it.
const SECONDS: [f64; 17] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0];

/// From the one row that is looked for after a failure to the largest batch that a job may ask for.
const ROWS: [f64; 13] =
    [1.0, 10.0, 100.0, 250.0, 500.0, 1_000.0, 2_500.0, 5_000.0, 10_000.0, 25_000.0, 50_000.0, 100_000.0, 1_000_000.0];

/// A batch that is durable, and one of which nothing is left.
pub(super) const COMMITTED: &str = "committed";
pub(super) const ROLLED_BACK: &str = "rolled-back";

/// Every series.
pub(super) struct Series {
    pub(super) rows_changed: IntCounterVec,
    pub(super) rows_scanned: IntCounterVec,
    pub(super) batches: IntCounterVec,
    pub(super) batch_duration: HistogramVec,
    pub(super) batch_rows: HistogramVec,
    pub(super) batch_rows_target: GaugeVec,
    pub(super) wal_bytes: IntCounterVec,
    pub(super) retries: IntCounterVec,
    pub(super) quarantined_rows: GaugeVec,
    pub(super) state: GaugeVec,
    pub(super) runner_alive: GaugeVec,
    pub(super) lease_lost: IntCounterVec,
    pub(super) progress: GaugeVec,
    pub(super) eta: GaugeVec,
    pub(super) eta_earliest: GaugeVec,
    pub(super) window_closes: GaugeVec,
    pub(super) last_commit: GaugeVec,
    pub(super) workers: GaugeVec,
    pub(super) worker_share: GaugeVec,
    pub(super) signal_value: GaugeVec,
    pub(super) signal_limit: GaugeVec,
    pub(super) signal_age: GaugeVec,
    pub(super) held: GaugeVec,
    pub(super) held_too_long: IntCounterVec,
    pub(super) time: CounterVec,
    pub(super) run_info: GaugeVec,
    /// The same again, for what is done to all of them.
    all: Vec<Box<dyn Forget>>,
}

impl Series {
    /// Makes and registers all of them.
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        build_info(registry)?;
        let mut all = Shelf { registry, all: Vec::new() };
        Ok(Self {
            rows_changed: all.count("rows_changed_total", "Rows changed by committed batches.", &[])?,
            rows_scanned: all.count(
                "rows_scanned_total",
                "Rows that committed batches looked at, changed or not.",
                &[],
            )?,
            batches: all.count(
                "batches_total",
                "Batches, by what became of them: committed or rolled-back.",
                &["outcome"],
            )?,
            batch_duration: all.histogram(
                "batch_duration_seconds",
                "How long committed batches took, from BEGIN to the answer of COMMIT.",
                &SECONDS,
            )?,
            batch_rows: all.histogram("batch_rows", "Rows that committed batches looked at, each.", &ROWS)?,
            batch_rows_target: all.gauge("batch_rows_target", "Rows that the next batch is meant to have.", &[])?,
            wal_bytes: all.count(
                "wal_bytes_total",
                "Write-ahead log that the server wrote during each committed batch; batches in hand at once count it each.",
                &[],
            )?,
            retries: all.count(
                "retries_total",
                "Batches tried again at once, by the class of the failure: retry, locked or shrink.",
                &["class"],
            )?,
            quarantined_rows: all.gauge(
                "quarantined_rows",
                "Rows that could not be changed and are set aside.",
                &[],
            )?,
            state: all.gauge("state", "1 for the state that the run is in, 0 for every other.", &["state"])?,
            runner_alive: all.gauge("runner_alive", "Whether a process holds the run: 1 or 0.", &[])?,
            lease_lost: all.count("lease_lost_total", "Runs that another process took from this one.", &[])?,
            progress: all.gauge("progress_ratio", "Share of the key space that is walked, 0 to 1.", &[])?,
            eta: all.gauge(
                "eta_seconds",
                "Time until the run may end, at worst; NaN while that cannot be told.",
                &[],
            )?,
            eta_earliest: all.gauge(
                "eta_earliest_seconds",
                "Time until the run may end, at best; NaN while that cannot be told.",
                &[],
            )?,
            window_closes: all.gauge(
                "window_closes_timestamp_seconds",
                "When the open window closes; NaN where none is open, or none closes within two weeks.",
                &[],
            )?,
            last_commit: all.gauge(
                "last_commit_timestamp_seconds",
                "When this process committed its last batch of the run; 0 before the first.",
                &[],
            )?,
            workers: all.gauge("workers", "Workers that may begin batches, once nothing holds the run.", &[])?,
            worker_share: all.gauge(
                "worker_share_ratio",
                "Share of their time that these workers may be busy, 0 to 1.",
                &[],
            )?,
            signal_value: all.gauge(
                "signal_value",
                "What was seen of a signal, in seconds, bytes, bytes per second or a number; NaN while it is unknown.",
                &["signal"],
            )?,
            signal_limit: all.gauge(
                "signal_limit",
                "Above this the signal holds the run; in the unit of its value.",
                &["signal"],
            )?,
            signal_age: all.gauge(
                "signal_age_seconds",
                "Time since the signal was read; NaN before the first reading and after the run.",
                &["signal"],
            )?,
            held: all.gauge(
                "held",
                "Whether this keeps batches from beginning: a signal, operator, window, hold-file, database or lock.",
                &["signal"],
            )?,
            held_too_long: all.count(
                "held_too_long_total",
                "Holds that lasted longer than the max_hold of their signal.",
                &["signal"],
            )?,
            time: all.seconds(
                "time_seconds_total",
                "Where the time of this process went: every second of the run falls into one bucket, and vacuum goes on beside.",
                &["bucket"],
            )?,
            run_info: all.gauge("run_info", "Always 1; the table that the run walks.", &["table"])?,
            all: all.all,
        })
    }

    /// The run is in this state, and in no other; an operator holds it where it is paused.
    pub(super) fn set_state(&self, [backfill, database]: Run<'_>, state: RunState) {
        for other in RunState::ALL {
            let is_it = f64::from(u8::from(other == state));
            self.state.with_label_values(&[backfill, database, other.as_str()]).set(is_it);
        }
        let paused = matches!(state, RunState::Pausing | RunState::Paused);
        self.held.with_label_values(&[backfill, database, "operator"]).set(f64::from(u8::from(paused)));
    }

    /// Every series that can be named before the run begins, at zero or, where zero would say something, at NaN. What an
    /// earlier run counted stays.
    pub(super) fn begin(&self, run: Run<'_>) {
        for gauge in [&self.signal_value, &self.signal_limit, &self.signal_age, &self.held, &self.state, &self.run_info]
        {
            gauge.forget(run);
        }
        let [backfill, database] = run;
        for counter in [&self.rows_changed, &self.rows_scanned, &self.wal_bytes, &self.lease_lost] {
            counter.with_label_values(&run);
        }
        for outcome in [COMMITTED, ROLLED_BACK] {
            self.batches.with_label_values(&[backfill, database, outcome]);
        }
        for class in RETRY_CLASSES {
            self.retries.with_label_values(&[backfill, database, class]);
        }
        for histogram in [&self.batch_duration, &self.batch_rows] {
            histogram.with_label_values(&run);
        }
        for bucket in Bucket::PLAIN {
            self.time.with_label_values(&[backfill, database, &bucket.to_string()]);
        }
        for state in RunState::ALL {
            self.state.with_label_values(&[backfill, database, state.as_str()]);
        }
        for signal in Reason::BESIDE_SIGNALS {
            self.held.with_label_values(&[backfill, database, signal]);
            self.time.with_label_values(&[backfill, database, &Bucket::Held(signal.into()).to_string()]);
        }
        for gauge in [&self.quarantined_rows, &self.runner_alive, &self.progress, &self.last_commit] {
            gauge.with_label_values(&run).set(0.0);
        }
        for gauge in [&self.workers, &self.worker_share, &self.batch_rows_target] {
            gauge.with_label_values(&run).set(0.0);
        }
        for gauge in [&self.eta, &self.eta_earliest, &self.window_closes] {
            gauge.with_label_values(&run).set(f64::NAN);
        }
    }

    /// A signal's series, before anything happened to it.
    pub(super) fn begin_signal(&self, [backfill, database]: Run<'_>, signal: &str) {
        let of_signal = [backfill, database, signal];
        self.held.with_label_values(&of_signal);
        self.held_too_long.with_label_values(&of_signal);
        for bucket in [Bucket::Held(signal.into()), Bucket::Slowed(signal.into())] {
            self.time.with_label_values(&[backfill, database, &bucket.to_string()]);
        }
    }

    /// Nothing is left of this run's series.
    pub(super) fn forget(&self, run: Run<'_>) {
        for family in &self.all {
            family.forget(run);
        }
    }
}

/// Which tidegate this is.
fn build_info(registry: &Registry) -> Result<(), prometheus::Error> {
    let opts = Opts::new("build_info", "Always 1; the version of tidegate.").namespace(PREFIX);
    let info = GaugeVec::new(opts, &["version"])?;
    info.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1.0);
    registry.register(Box::new(info))
}
