//! How long and how much? From statistics before a run, from sampled batches where there are any. Ranges, not points.

use super::facts::SampledBatch;
use serde::Serialize;

/// A range within which a value is expected.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Span {
    /// The better end.
    pub low: f64,
    /// The worse end.
    pub high: f64,
}

/// How much there is to do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// Rows of the table.
    pub rows: u64,
    /// Rows in scope, where the job has a `where`.
    pub rows_in_scope: Option<u64>,
    /// Batches of the walk.
    pub batches: u64,
    /// Seconds of the walk.
    pub seconds: Option<Span>,
    /// Bytes of write-ahead log.
    pub wal_bytes: Option<Span>,
}

impl Estimate {
    /// Rows and batches; time and log are unknown until batches were sampled.
    pub fn from_statistics(rows: u64, rows_in_scope: Option<u64>, rows_per_batch: u32) -> Self {
        let batches = rows.div_ceil(u64::from(rows_per_batch));
        Self { rows, rows_in_scope, batches, seconds: None, wal_bytes: None }
    }

    /// Adds time and log: all batches as fast as the faster sampled ones, to all as slow as the slower ones.
    #[must_use]
    pub fn with_sample(mut self, sampled: &[SampledBatch], workers: u32) -> Self {
        let scale = |span: Span, factor: f64| Span { low: span.low * factor, high: span.high * factor };
        let batches = self.batches as f64;
        self.seconds = span(sampled.iter().map(|batch| batch.seconds))
            .map(|each| scale(each, batches / f64::from(workers.max(1))));
        let wal: Option<Vec<_>> = sampled.iter().map(|batch| batch.wal_bytes.map(|bytes| bytes as f64)).collect();
        self.wal_bytes = wal.and_then(|wal| span(wal.into_iter())).map(|each| scale(each, batches));
        self
    }
}

/// The lower and upper quartile; both ends where there are fewer than four values.
fn span(values: impl Iterator<Item = f64>) -> Option<Span> {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    let quarter = values.len() / 4;
    let (low, high) = (values.get(quarter)?, values.get(values.len() - 1 - quarter)?);
    Some(Span { low: *low, high: *high })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(seconds: f64) -> SampledBatch {
        SampledBatch { rows: 100, seconds, wal_bytes: Some(1000) }
    }

    #[test]
    fn a_sample_makes_a_range_for_the_whole_run() {
        let estimate = Estimate::from_statistics(1_000_000, None, 5_000);
        assert_eq!((estimate.batches, estimate.seconds), (200, None));
        let sampled: Vec<_> = [0.1, 0.2, 0.3, 0.4, 9.0].into_iter().map(batch).collect();
        let estimate = estimate.with_sample(&sampled, 2);
        assert_eq!(estimate.seconds.unwrap(), Span { low: 20.0, high: 40.0 });
        assert_eq!(estimate.wal_bytes.unwrap(), Span { low: 200_000.0, high: 200_000.0 });
    }

    #[test]
    fn no_sample_and_no_log_are_no_range() {
        let estimate = Estimate::from_statistics(10, Some(3), 5).with_sample(&[], 1);
        assert_eq!((estimate.seconds, estimate.wal_bytes), (None, None));
        let without_log = SampledBatch { wal_bytes: None, ..batch(1.0) };
        assert_eq!(Estimate::from_statistics(10, None, 5).with_sample(&[without_log], 1).wal_bytes, None);
    }
}
