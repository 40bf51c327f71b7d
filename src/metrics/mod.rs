//! What does Prometheus see of a run? One [`Metrics`] with every series, fed by events; what each of them says is in
//! [`series`]. Knows neither who runs a run nor who scrapes: only `event`, `run` and `quantity`.
//!
//! Labels are `backfill` (the job's name), `database` (its short name) and at most one more, whose values are words of ours,
//! the names of the job's signals, or its table. Never a key, a value of a row, SQL or a run's number.

mod of_run;
mod series;
mod shelf;

pub use of_run::RunMetrics;
pub use prometheus::Registry;

use crate::run::RunState;
use prometheus::TextEncoder;
use series::Series;
use std::sync::Arc;

/// Every series of this process.
pub struct Metrics {
    registry: Registry,
    series: Arc<Series>,
}

/// The media type of [`Metrics::render`].
pub const TEXT_FORMAT: &str = prometheus::TEXT_FORMAT;

impl Metrics {
    /// Registers every series, and those of the process itself where the system tells them (`process_…`, on Linux).
    ///
    /// # Errors
    /// When the registry has series of these names already.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let series = Arc::new(Series::register(registry)?);
        #[cfg(target_os = "linux")]
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        Ok(Self { registry: registry.clone(), series })
    }

    /// The series of a run that this process begins or goes on with. They are there at once, at zero, so that the first
    /// event is seen as an increase. What an earlier run of the backfill counted here goes on; what it was is forgotten.
    pub fn of(&self, backfill: &str, database: &str) -> RunMetrics {
        RunMetrics::new(Arc::clone(&self.series), backfill, database)
    }

    /// What the state tables say of a run that another process has, or nobody. `rows_quarantined`: how many rows are set
    /// aside.
    pub fn note_state(
        &self,
        backfill: &str,
        database: &str,
        state: RunState,
        runner_alive: bool,
        progress: f64,
        rows_quarantined: u64,
    ) {
        let (series, run) = (&self.series, [backfill, database]);
        series.set_state(run, state);
        series.runner_alive.with_label_values(&run).set(f64::from(u8::from(runner_alive)));
        series.progress.with_label_values(&run).set(progress);
        series.quarantined_rows.with_label_values(&run).set(rows_quarantined as f64);
    }

    /// Takes every series of a backfill away, because the job is gone.
    pub fn forget(&self, backfill: &str, database: &str) {
        self.series.forget([backfill, database]);
    }

    /// Everything in Prometheus' text format 0.0.4.
    pub fn render(&self) -> String {
        // The encoder refuses series without a name or without a value only; a registry gathers neither.
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
