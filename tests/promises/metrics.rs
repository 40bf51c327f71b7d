//! Do the metrics tell the truth, to whom they may? What a real Prometheus finds in a running job, whether it agrees with
//! the state tables, and who is not answered.
//!
//! [`prometheus`] (every panel, every rule) → [`counters`] (the same numbers as the record) → [`exporter`] (whom
//! `run --metrics-addr` answers, and what it never says).

mod counters;
mod exporter;
mod exposition;
mod prometheus;
