//! What does every promise test need? A [`Target`] to work on, the program to run on it, and a way to wait for facts.
//!
//! [`target`] (a database of its own, PostgreSQL or SQLite) ← [`postgres`] (servers) and [`pgbouncer`] (a pooler before
//! one); [`tidegate`] (the program as a
//! child process, given a [`job`]); [`until`](until()) (the one place that waits); [`counted`] (the table that shows a row visited
//! twice or never); [`random`], [`tier`] (how often); [`stall`] (a runner that sleeps, and who takes over); [`replica`] (a primary with a streaming standby), [`lag`] (how far it is behind, by the
//! test's own measure), [`slow`] (a run that takes long enough to be looked at), [`prometheus`] (who looks at one),
//! [`browser`] (a real Chromium).

mod browser;
mod counted;
mod job;
mod lag;
mod pgbouncer;
mod postgres;
mod prometheus;
mod random;
mod replica;
mod role;
mod slow;
mod small_disk;
mod stall;
mod target;
mod tidegate;
mod tier;
mod turns;
mod until;

pub(crate) use browser::{Browser, DESK, PHONE};
pub(crate) use counted::{Counted, batches, note_batches, rows_changed, series, stuck_run};
pub(crate) use job::{Job, add_one, batches_by, batches_of};
pub(crate) use lag::{LagWatch, Sample};
pub(crate) use postgres::{Cluster, postgres_versions, program};
pub(crate) use prometheus::{Prometheus, promtool};
pub(crate) use random::Random;
pub(crate) use replica::Replicated;
pub(crate) use role::Role;
pub(crate) use slow::{ROWS, SlowRun, stays_held};
pub(crate) use small_disk::SmallDisk;
pub(crate) use stall::{StillIn, stall, successor};
pub(crate) use target::{Door, LOCKED, Target};
pub(crate) use tidegate::{Finished, Process};
pub(crate) use tier::amount;
pub(crate) use turns::TurnCounter;
pub(crate) use until::{until, within};

/// Declares a test per promise and per database: `exactly_once::no_kill_is_seen::sqlite`. Each promise is an
/// `async fn(Target)` of the calling module; the list at the top of a module is its table of contents.
///
/// `every_postgres` is one test that keeps the promise on each version of `TIDEGATE_TEST_POSTGRES`, one after the other;
/// `every_postgres_since_15` leaves older ones out. `with Replicated on […]` gives each an `async fn(Replicated)` instead.
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
                $crate::support::promises!(@on $database $promise $given);
            }
        )+
    };
    (@on every_postgres $promise:ident $given:ident) => {
        $crate::support::promises!(@since 14 $promise $given);
    };
    (@on every_postgres_since_15 $promise:ident $given:ident) => {
        $crate::support::promises!(@since 15 $promise $given);
    };
    (@since $oldest:literal $promise:ident $given:ident) => {
        for version in $crate::support::postgres_versions().into_iter().filter(|version| *version >= $oldest) {
            // The last of these lines tells where a promise was broken.
            println!("on PostgreSQL {version}");
            super::$promise($crate::support::$given::postgres(version).await).await;
        }
    };
    (@on $database:ident $promise:ident $given:ident) => {
        super::$promise($crate::support::$given::$database().await).await;
    };
}
pub(crate) use promises;
