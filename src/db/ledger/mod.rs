//! What is recorded of runs, and how does the record change? The state tables, the same for every database. Knows
//! neither how a batch is made nor when a move is right: [`crate::run`] decides, this records.
//!
//! Reading order: `install` (the tables), `runs` (find, create, list), `queue` (runs that wait for a scheduler), `lease` (who holds a run), `moves`
//! (compare-and-set of states), `pauses` (when they end), `overrides` (what operators set over the job file), `slices`
//! (the parts of a pass), `checkpoint`, `quarantine` and `carve` (what a batch records in its own transaction), `split` (how
//! one slice becomes two),
//! `resolve` (rows that were set aside and are tried again), `events` (what happened), `report` (pace and time, as the
//! runner tells); `recorded` (is a row as we wrote it?) is what they read by.

mod carve;
pub(super) mod checkpoint;
mod events;
mod install;
mod lease;
mod moves;
mod overrides;
mod pauses;
mod quarantine;
mod queue;
mod recorded;
mod report;
mod resolve;
mod runs;
mod slices;
mod split;

use super::dialect::Dialect;
use super::failure::Failure;
use super::remedy;
use super::session::{Session, Value};
use std::time::Duration;

pub(crate) use carve::carve;
pub(crate) use checkpoint::{checkpoint, locked_seq};
pub use events::{Happening, RecordedEvent};
pub use install::SCHEMA_VERSION;
pub use lease::{Beat, Held, Taken};
pub use moves::{Asked, Move, Moved, Success};
pub use overrides::{NewOverrides, Override, Set};
pub use quarantine::QuarantinedRow;
pub(crate) use quarantine::set_row_aside;
pub use queue::{NewSubmission, Submitted};
pub(crate) use recorded::MEND;
pub use report::{Report, TimeSpent};
pub(crate) use resolve::{LockedAside, lock_row_aside, resolve};
pub use runs::{NewRun, RunRecord};
pub(crate) use slices::read_key;
pub use slices::{NewPass, SliceCircuit, SliceRecord};
pub(crate) use split::{left, split};

/// State changes are single rows: what takes longer than this waits for somebody else.
const CALL_DEADLINE: Duration = Duration::from_secs(15);

/// The state tables over one connection.
pub struct Ledger {
    session: Box<dyn Session>,
    dialect: Dialect,
}

impl Ledger {
    /// The ledger over that connection.
    pub fn new(mut session: Box<dyn Session>, dialect: Dialect) -> Self {
        session.set_deadline(CALL_DEADLINE);
        Self { session, dialect }
    }

    /// Whether the connection was given up.
    pub fn is_closed(&self) -> bool {
        self.session.is_closed()
    }

    /// Begins a transaction that writes.
    async fn begin(&mut self) -> Result<(), Failure> {
        let begin = match self.dialect {
            // Waits of ours end before the lease does: no wait is worth losing the run.
            Dialect::Postgres => {
                "begin; set local lock_timeout = '5s'; set local statement_timeout = '10s'; \
                 set local idle_in_transaction_session_timeout = '5s'"
            }
            // A transaction that reads first and writes later cannot be granted the writer's place in between.
            Dialect::Sqlite => "begin immediate",
        };
        self.session.script(begin).await.map(drop)
    }

    /// Begins a transaction that only reads.
    async fn begin_reading(&mut self) -> Result<(), Failure> {
        let begin = match self.dialect {
            Dialect::Postgres => {
                "begin transaction read only; set local lock_timeout = '5s'; set local statement_timeout = '10s'; \
                 set local idle_in_transaction_session_timeout = '5s'"
            }
            Dialect::Sqlite => "begin",
        };
        self.session.script(begin).await.map(drop)
    }

    /// Commits what succeeded and rolls back what failed.
    async fn end<T>(&mut self, result: Result<T, Failure>, doing: &str) -> Result<T, Failure> {
        let ended = match result {
            Ok(value) => self.session.script("commit").await.map(|_| value),
            Err(failure) => Err(failure),
        };
        if ended.is_err() {
            self.session.rollback().await;
        }
        ended.map_err(|failure| remedy::of_state_tables(failure).while_doing(doing))
    }

    /// The next number of a table with an identity of its own, from an `insert … returning id`.
    async fn insert_returning_id(&mut self, sql: &str, values: &[Value]) -> Result<i64, Failure> {
        let rows = self.session.fetch(sql, values).await?;
        rows.first().ok_or_else(|| Failure::fatal("an insert returned no row"))?.int(0)
    }
}

/// A duration as the databases add it to a time.
fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
