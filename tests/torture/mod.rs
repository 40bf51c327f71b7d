//! What if everything goes wrong, over and over? Kills, crashes, lost answers, failovers, stalls and quarrelling operators
//! against a change that is not idempotent, beside an application that writes; at the end an oracle counts every row.
//!
//! How often is decided by `TIDEGATE_TEST_TIER=smoke|nightly|release` (smoke where nothing is said); every scenario prints
//! its seed, and one line of figures at its end:
//!
//! ```sh
//! tests/run --test promises -- torture                                                  # smoke: minutes
//! TIDEGATE_TEST_TIER=release tests/run --test promises -- torture::stalls --nocapture   # one nemesis, in full
//! ```
//!
//! Reading order: [`workload`] (the table and its job), [`writers`] (the application and its ledger), [`oracle`] (the
//! verdict), [`the_oracle`] (that it can say no), [`proxy`] (faults between two messages), then any nemesis:
//!
//! | nemesis | scenarios |
//! |---|---|
//! | [`kills`] | T01 `kill -9` at every named point and at any message; T02 at random |
//! | [`crashes`] | T03 the server stops at once, a backend is killed |
//! | [`commits`] | T04 COMMIT, or its answer, is lost |
//! | [`resets`] | T05 the connection is reset after every message of a batch |
//! | [`failovers`] | T06 an asynchronous failover loses a tail; T09 two holders with the same token |
//! | [`standbys`] | T07 a synchronous standby is absent |
//! | [`stalls`] | T08 a runner sleeps and another takes over |
//! | [`silence`] | T10 a connection falls silent and stays open |
//! | [`locks`] | T12 an application that deadlocks with the run; T13 one that keeps its locks |
//! | [`operators`] | T25 many pause, resume and cancel at once |
//! | [`files`] | T32 SQLite: several runners in one file, killed at random |
//!
//! Rows that fail (T14, T15), a full disk (T16), revoked rights and changed tables (T19, T20) and poolers (T24) are promises
//! of their own: `quarantine`, `faults`, `behind_a_pooler`. Replicas (T17) are `the_application_comes_first::replicas`.
//!
//! A new nemesis is a module below and a line above; a new kill point is a line in [`kills`].

mod figures;
mod oracle;
mod proxy;
mod workload;
mod writers;

mod the_oracle;

mod commits;
mod crashes;
mod failovers;
mod files;
mod kills;
mod locks;
mod operators;
mod resets;
mod silence;
mod stalls;
mod standbys;
