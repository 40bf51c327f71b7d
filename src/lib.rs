//! tidegate: batched backfills and data migrations that can be killed, paused, resumed and proven complete.
//!
//! A job file names a table, its rows and a change. The engine walks the table in batches, each one transaction that
//! also holds its checkpoint, so a run can be killed anywhere and goes on exactly once.
//!
//! # Modules in reading order
//! - [`job`]: a job file becomes a checked job. Pure.
//! - [`plan`]: a job and facts about its table become a plan, or refusals. Pure.
//! - [`key`], [`run`], [`event`], [`runner`], [`quantity`]: the words the rest is written in.
//! - [`db`]: what is asked of a database, and its answers. The only home of sqlx.
//! - [`pace`]: how fast a run may go, and whether at all; the gate where its workers wait.
//! - [`engine`]: slices to workers, one batch, retries, intents, sweep, proof.
//! - [`scheduler`]: which of the runs that wait begins now.
//! - [`metrics`]: every series that Prometheus sees, fed by events. The only home of prometheus.
//! - [`view`]: what is shown of a run, for the command line's JSON and for HTTP. Pure.
//! - [`server`]: HTTP: API, live events, the page.
//! - [`cli`]: the only place that prints.
//!
//! Arrows point inward: `cli → server, scheduler → engine → db, plan, job → pace → event, run, key, quantity`, and
//! `cli, server → view → db, engine::Tally, job, pace, run`; `metrics` knows only `event`, `run` and `quantity`.

pub mod cli;
pub mod db;
pub mod engine;
pub mod event;
pub mod job;
pub mod key;
pub mod metrics;
mod moment;
pub mod pace;
pub mod plan;
pub mod quantity;
pub mod run;
pub mod runner;
pub mod scheduler;
mod secret_file;
pub mod server;
pub mod view;
