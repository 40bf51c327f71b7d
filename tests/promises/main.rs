//! Does the engine keep its promises? One module per promise, each on real databases with the real program.
//!
//! Run by `tests/run`, which finds the servers. A missing server fails, by name; nothing is skipped. Every test has a
//! database of its own, so all run at once. `TIDEGATE_TEST_SEED=<n>` repeats a random run that printed its seed.
//!
//! Reading order: [`support`] (servers, databases, the program as a child process), then any promise; [`torture`] breaks
//! them all at once, over and over.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]
#![allow(clippy::print_stdout, reason = "cargo shows what a failed test printed")]

mod support;

mod done_is_proven;
mod exactly_once;
mod kill_it_any_time;
mod look_before_you_leap;
mod no_secret_is_shown;
mod operator_in_charge;
mod same_job_file;
mod the_application_comes_first;

mod batch_size;
mod behind_a_pooler;
mod changes;
mod connection_policy;
mod even_slices;
mod every_key_once;
mod faults;
mod held_to_the_index;
mod http;
mod identifiers;
mod keys;
mod metrics;
mod one_holder;
mod page;
mod quarantine;
mod round_trips;
mod scheduler;
mod seen_live;
mod state_tables;
mod vacuum;
mod walking;

mod job_on_real_input;

#[path = "../torture/mod.rs"]
mod torture;

#[path = "../dashboards/shipped.rs"]
mod shipped;
