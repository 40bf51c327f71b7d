//! What does every promise test need? A [`Target`] to work on, the program to run on it, and a way to wait for facts.
//!
//! [`target`] (a database of its own, PostgreSQL or SQLite) ← [`postgres`] (servers) and [`pgbouncer`] (a pooler before
//! one); [`tidegate`] (the program as a
//! child process, given a [`job`]); [`until`](until()) (the one place that waits); [`counted`] (the table that shows a row visited
//! twice or never); [`random`]; [`replica`] (a primary with a streaming standby), [`lag`] (how far it is behind, by the
//! test's own measure), [`slow`] (a run that takes long enough to be looked at).

mod counted;
mod job;
mod lag;
mod pgbouncer;
mod postgres;
mod random;
mod replica;
mod role;
mod slow;
mod small_disk;
mod target;
mod tidegate;
mod turns;
mod until;

pub(crate) use counted::{Counted, batches, rows_changed, series, stuck_run};
pub(crate) use job::{Job, add_one, batches_by, batches_of};
pub(crate) use lag::{LagWatch, Sample};
pub(crate) use postgres::program;
pub(crate) use random::{Random, rounds};
pub(crate) use replica::Replicated;
pub(crate) use role::Role;
pub(crate) use slow::{ROWS, SlowRun, stays_held};
pub(crate) use small_disk::SmallDisk;
pub(crate) use target::{LOCKED, Target};
pub(crate) use tidegate::{Finished, Process};
pub(crate) use turns::TurnCounter;
pub(crate) use until::{until, within};

/// Declares a test per promise and per database: `exactly_once::no_kill_is_seen::postgres_15`. Each promise is an
/// `async fn(Target)` of the calling module; the list at the top of a module is its table of contents.
///
/// `with Replicated on […]` gives each an `async fn(Replicated)` instead.
macro_rules! promises {
    (on $databases:tt: $($promise:ident),+ $(,)?) => {
        $crate::support::promises!(with Target on $databases: $($promise),+);
    };
    (with $given:ident on $databases:tt: $($promise:ident),+ $(,)?) => {
        $(mod $promise { $crate::support::promises!(@each $promise $given $databases); })+
    };
    (@each $promise:ident $given:ident [$($database:ident),+]) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $database() {
                super::$promise($crate::support::$given::$database().await).await;
            }
        )+
    };
}
pub(crate) use promises;
