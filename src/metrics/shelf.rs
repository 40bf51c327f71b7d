//! How is a family of series made, registered, and rid of one run? The same way for every kind. Knows no name.

use prometheus::core::{Collector, MetricVec, MetricVecBuilder};
use prometheus::{CounterVec, GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};
use std::collections::HashMap;

/// Before every name.
pub(super) const PREFIX: &str = "tidegate";

/// What tells one run's series from another's: the backfill and its database, in this order everywhere.
pub(super) type Run<'a> = [&'a str; 2];
const RUN: [&str; 2] = ["backfill", "database"];

/// Where series are put once they are made.
pub(super) struct Shelf<'a> {
    pub(super) registry: &'a Registry,
    pub(super) all: Vec<Box<dyn Forget>>,
}

impl Shelf<'_> {
    pub(super) fn count(&mut self, name: &str, help: &str, more: &[&str]) -> Result<IntCounterVec, prometheus::Error> {
        self.put(IntCounterVec::new(opts(name, help), &labels(more))?)
    }

    pub(super) fn seconds(&mut self, name: &str, help: &str, more: &[&str]) -> Result<CounterVec, prometheus::Error> {
        self.put(CounterVec::new(opts(name, help), &labels(more))?)
    }

    pub(super) fn gauge(&mut self, name: &str, help: &str, more: &[&str]) -> Result<GaugeVec, prometheus::Error> {
        self.put(GaugeVec::new(opts(name, help), &labels(more))?)
    }

    pub(super) fn histogram(
        &mut self,
        name: &str,
        help: &str,
        buckets: &[f64],
    ) -> Result<HistogramVec, prometheus::Error> {
        let opts = HistogramOpts::from(opts(name, help)).buckets(buckets.to_vec());
        self.put(HistogramVec::new(opts, &RUN)?)
    }

    fn put<T: MetricVecBuilder + 'static>(&mut self, family: MetricVec<T>) -> Result<MetricVec<T>, prometheus::Error>
    where
        MetricVec<T>: Collector + Clone,
    {
        self.registry.register(Box::new(family.clone()))?;
        self.all.push(Box::new(family.clone()));
        Ok(family)
    }
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace(PREFIX)
}

fn labels<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&RUN, more].concat()
}

/// A family of series that can forget those of one run, whatever their third label says.
pub(super) trait Forget: Send + Sync {
    fn forget(&self, run: Run<'_>);
}

impl<T: MetricVecBuilder> Forget for MetricVec<T>
where
    MetricVec<T>: Collector,
{
    fn forget(&self, run: Run<'_>) {
        for family in self.collect() {
            for metric in family.get_metric() {
                let labels: HashMap<&str, &str> =
                    metric.get_label().iter().map(|label| (label.name(), label.value())).collect();
                if RUN.iter().zip(run).all(|(name, value)| labels.get(name) == Some(&value)) {
                    // It was there a moment ago; that somebody else took it away is as well.
                    let _ = self.remove(&labels);
                }
            }
        }
    }
}
