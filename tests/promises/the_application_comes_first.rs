//! Promise 4: lag, latency or load over the limit holds the run; a signal that cannot be read holds it too, and says
//! so. Is the application left in peace, by a run that goes on alone when it may?
//!
//! [`replicas`] (what stops a replica, stops the run) → [`slow_replica`] (a replica that keeps up with half) →
//! [`server_signals`] (what else a server shows) → [`queries`] (what the user's own queries tell) → [`asked_for`]
//! (window, hold file, rate, duty: nothing is measured) → [`saying_why`] (status, `why`, the time ledger, the record) →
//! [`unavailable`] (what `plan` refuses) → [`one_writer`] (a SQLite file, which others want to write to).

mod asked_for;
mod one_writer;
mod queries;
mod replicas;
mod saying_why;
mod server_signals;
mod slow_replica;
mod unavailable;

pub(crate) use one_writer::greedy;
