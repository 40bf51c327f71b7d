//! How did a run go in the last hour? A ring of samples in memory, fed by what its runner tells. Pure: hears the time.

use crate::pace::PaceReport;
use crate::view::VERSION;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, VecDeque};
use utoipa::ToSchema;

/// Runners tell every few seconds, so a finer step would draw stairs; 720 of these are an hour.
const STEP_SECONDS: u32 = 5;

/// What is kept.
const KEPT_SECONDS: u32 = 3600;

/// The charts of all runs, by database and number.
#[derive(Debug, Default)]
pub(super) struct Charts(HashMap<(String, i64), Chart>);

/// The last hour of one run.
#[derive(Clone, Debug, Default)]
pub(super) struct Chart {
    steps: VecDeque<Step>,
}

#[derive(Clone, Debug)]
struct Step {
    /// Which step since 1970.
    number: u64,
    looks: u32,
    /// Of all looks.
    rows_per_second: f64,
    /// The longest.
    batch_seconds: Option<f64>,
    /// The most of each.
    signals: BTreeMap<String, Option<f64>>,
}

/// The last hour of a run, the oldest first. While nobody ran it, there are no samples.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(super) struct ChartDocument {
    /// Of the document.
    version: u32,
    /// The time from one sample to the next.
    step_seconds: u32,
    /// What was seen.
    samples: Vec<SampleView>,
}

/// A few seconds of a run.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(super) struct SampleView {
    /// When they began. RFC 3339, UTC.
    at: String,
    /// Rows changed a second, on average.
    rows_per_second: f64,
    /// The longest that batches took.
    batch_seconds: Option<f64>,
    /// The most that was seen of each signal, in its unit; `null`: it was unknown.
    signals: BTreeMap<String, Option<f64>>,
}

impl Charts {
    /// Hears what a run's runner told last; `at` is in seconds since 1970.
    pub(super) fn note(&mut self, database: &str, run: i64, at: f64, told: &PaceReport) {
        self.0.entry((database.to_owned(), run)).or_default().note(at, told);
    }

    /// Forgets what nobody ran in the last hour.
    pub(super) fn tidy(&mut self, now: f64) {
        self.0.retain(|_, chart| {
            chart.drop_old(step_of(now));
            !chart.steps.is_empty()
        });
    }

    /// The last hour of a run.
    pub(super) fn document(&self, database: &str, run: i64) -> ChartDocument {
        let chart = self.0.get(&(database.to_owned(), run));
        let samples = chart.map(|chart| chart.steps.iter().map(Step::view).collect()).unwrap_or_default();
        ChartDocument { version: VERSION, step_seconds: STEP_SECONDS, samples }
    }
}

impl Chart {
    fn note(&mut self, at: f64, told: &PaceReport) {
        let number = step_of(at);
        match self.steps.back_mut() {
            // A clock that was set back goes on in the newest step.
            Some(step) if step.number >= number => step.note(told),
            _ => {
                self.drop_old(number);
                let mut step = Step::new(number);
                step.note(told);
                self.steps.push_back(step);
            }
        }
    }

    fn drop_old(&mut self, now: u64) {
        let oldest = now.saturating_sub(u64::from(KEPT_SECONDS / STEP_SECONDS));
        while self.steps.front().is_some_and(|step| step.number <= oldest) {
            self.steps.pop_front();
        }
    }
}

impl Step {
    fn new(number: u64) -> Self {
        Self { number, looks: 0, rows_per_second: 0.0, batch_seconds: None, signals: BTreeMap::new() }
    }

    fn note(&mut self, told: &PaceReport) {
        self.looks += 1;
        self.rows_per_second += told.rows_per_second;
        self.batch_seconds = most(self.batch_seconds, told.batch_seconds);
        for view in &told.signals {
            let seen = self.signals.entry(view.signal.clone()).or_default();
            *seen = most(*seen, view.seen.map(|seen| seen.value));
        }
    }

    fn view(&self) -> SampleView {
        SampleView {
            at: crate::view::moment((self.number * u64::from(STEP_SECONDS)) as f64),
            rows_per_second: self.rows_per_second / f64::from(self.looks.max(1)),
            batch_seconds: self.batch_seconds,
            signals: self.signals.clone(),
        }
    }
}

fn most(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    a.into_iter().chain(b).max_by(f64::total_cmp)
}

fn step_of(at: f64) -> u64 {
    // A cast of what is below zero stops at zero.
    (at / f64::from(STEP_SECONDS)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pace::{SignalView, Speed};
    use crate::quantity::Quantity;

    fn told(rows_per_second: f64, lag: Option<f64>) -> PaceReport {
        let signal = SignalView {
            signal: "replication-lag".into(),
            seen: lag.map(Quantity::seconds),
            of: None,
            unknown: None,
            max: Quantity::seconds(2.0),
            age_seconds: Some(0.1),
            trend: None,
            holds: false,
        };
        PaceReport {
            rows_per_second,
            speed: Speed { workers: 1, share: 1.0 },
            batch_rows: 100,
            batch_seconds: Some(rows_per_second / 100.0),
            held: Vec::new(),
            signals: vec![signal],
            changes: Vec::new(),
        }
    }

    #[test]
    fn a_step_has_the_mean_rate_and_the_worst_of_the_rest() {
        let mut charts = Charts::default();
        for (at, rows, lag) in [(100.0, 10.0, None), (101.5, 20.0, Some(0.5)), (104.9, 60.0, None), (105.0, 7.0, None)]
        {
            charts.note("shop", 1, at, &told(rows, lag));
        }
        let samples = charts.document("shop", 1).samples;
        let lags: Vec<_> = samples.iter().map(|sample| sample.signals["replication-lag"]).collect();
        assert_eq!(samples.iter().map(|sample| sample.rows_per_second).collect::<Vec<_>>(), [30.0, 7.0]);
        assert_eq!((samples[0].batch_seconds, samples[0].at.as_str()), (Some(0.6), "1970-01-01T00:01:40Z"));
        assert_eq!(lags, [Some(0.5), None]);
        assert_eq!(charts.document("shop", 2).samples, []);
    }

    #[test]
    fn an_hour_is_kept_and_no_more() {
        let mut charts = Charts::default();
        for second in 0..4000 {
            charts.note("shop", 1, f64::from(second), &told(1.0, Some(1.0)));
        }
        let samples = charts.document("shop", 1).samples;
        assert_eq!((samples.len(), samples[0].at.as_str()), (720, "1970-01-01T00:06:40Z"));
        charts.tidy(7000.0);
        assert_eq!(charts.0.len(), 1);
        charts.tidy(8000.0);
        assert_eq!(charts.0.len(), 0);
    }
}
