//! What does the engine ask of a database, and what comes back? The only home of sqlx.
//!
//! Reading order: [`session`] (one connection, the narrow door), [`dialect`] (what is spelled differently),
//! [`statement`] (the statements of a batch), [`lane`] (what a worker asks), [`ledger`] (the state tables), then an adapter: [`postgres`] or
//! [`sqlite`], each with `connect`, `catalog`, `lane` and `failure`; [`remedy`] adds the next step to errors without one.

mod address;
mod blocker;
mod dialect;
mod failure;
mod lane;
mod ledger;
mod named;
mod one_number;
mod postgres;
mod preparation;
mod remedy;
mod session;
mod sqlite;
mod statement;
mod tries;
mod vacuum;

use crate::job::{Batch, Job, TableName};
use crate::key::Key;
use crate::pace::Sensor;
use crate::plan::{Facts, Order, SampledBatch, Survey, TableSizes, Work};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;

pub use address::{Address, AddressError};
pub use blocker::Blocker;
pub use dialect::{Dialect, reindex};
pub use failure::{Class, Failure, RowFault};
pub use lane::{
    Applied, Checkpointed, Lane, Lap, OpenBatch, RowAside, SessionId, SetAside, SliceLease, Split, SplitOff,
    TriedAside, Wanted,
};
pub(crate) use ledger::MEND;
pub use ledger::{
    Asked, Beat, Happening, Held, Ledger, Move, Moved, NewOverrides, NewPass, NewRun, NewSubmission, Override,
    QuarantinedRow, RecordedEvent, Report, RunRecord, SCHEMA_VERSION, Set, SliceCircuit, SliceRecord, Submitted,
    Success, Taken, TimeSpent,
};
pub use named::Named;
pub use postgres::PostgresUrl;
pub use preparation::preparation;
pub use sqlite::DemoTable;
pub use tries::Tries;
pub use vacuum::{DeadPart, DeadRows, GiveUp, VacuumEnd, VacuumOrder};

/// What a simulated server has to understand: the statements of a batch and of the ledger, and the classes of errors. And
/// a file for state tables without a server.
#[cfg(test)]
pub(crate) mod wire {
    pub(crate) use super::dialect::places;
    pub(crate) use super::failure::{Circumstances, Phase};
    pub(crate) use super::ledger::checkpoint::statement as checkpoint_statement;
    pub(crate) use super::ledger::{carve, checkpoint, left, locked_seq, set_row_aside, split};
    pub(crate) use super::postgres::class_of;
    pub(crate) use super::session::{Row, Session, Value, first_text};
    pub(crate) use super::sqlite::session as sqlite_session;
    pub(crate) use super::statement::{BatchStatements, Rows};
}

/// A database that can be reached. Holds no connection; every call that needs one opens it.
#[async_trait]
pub trait Database: Send + Sync {
    /// Which database it is.
    fn dialect(&self) -> Dialect;

    /// Where it is, fit for a screen: never a password.
    fn address(&self) -> String;

    /// What it is called beside others, when nobody says otherwise: its own name, or the file's without the extension.
    fn name(&self) -> String;

    /// What somebody should know before it is used, such as a connection that anybody could listen to.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }

    /// What the catalog says about a job's table. Reads only.
    async fn facts(&self, job: &Job) -> Result<Facts, Failure>;

    /// Bounds, cuts into about `slices` parts along a walk in that order, statements and query plans. Reads only, by index
    /// look-ups and statistics; never a scan.
    async fn survey(&self, work: &Work, rows: u32, slices: usize, order: Order) -> Result<Survey, Failure>;

    /// The index that finds the rows in scope in the order of the key, and no others; none where there is no such index.
    async fn scope_index(&self, work: &Work) -> Result<Option<String>, Failure>;

    /// Keys below `bound` that cut the table into about `slices` parts, ascending.
    async fn cuts(&self, work: &Work, bound: &Key, slices: usize) -> Result<Vec<Key>, Failure>;

    /// The partitions whose rows are the table's now; none where it is not partitioned.
    async fn partitions(&self, work: &Work) -> Result<Vec<TableName>, Failure>;

    /// Whether any row is in scope beside those that the run has set aside, seen at one moment. `None`: that cannot be told
    /// within `limit`.
    async fn any_in_scope(&self, work: &Work, run: i64, limit: Duration) -> Result<Option<bool>, Failure>;

    /// Runs one batch of at most `rows` rows after `after` and rolls it back.
    async fn sample(
        &self,
        work: &Work,
        after: Option<&Key>,
        through: &Key,
        batch: &Batch,
    ) -> Result<SampledBatch, Failure>;

    /// The state tables over a connection of their own.
    async fn ledger(&self) -> Result<Ledger, Failure>;

    /// A connection that runs batches of this work.
    ///
    /// A runner that is put to sleep inside a batch gives its locks back within half of `lease`: before another may
    /// take the run over.
    async fn lane(&self, work: &Work, place: &str, batch: &Batch, lease: Duration) -> Result<Box<dyn Lane>, Failure>;

    /// Who keeps this session waiting for a lock, if it waits for one in `delay` from now. Over a connection of its own;
    /// none where a database cannot tell.
    async fn blockers(&self, session: SessionId, delay: Duration) -> Result<Vec<Blocker>, Failure>;

    /// What reads the signals that the job names, each over a connection of its own that it opens when first asked.
    fn sensors(&self, job: &Job) -> Result<Vec<Box<dyn Sensor>>, Failure>;

    /// The first of these slices of a run whose cursor is not one of its own, by its place among them: only the database
    /// can compare keys. Slices without a cursor, or with another number of parts than the key, are not looked at.
    async fn stray(&self, work: &Work, slices: &[SliceRecord]) -> Result<Option<(usize, Stray)>, Failure>;

    /// The last key above `bound`: where a sweep ends, when rows were added since the bound was frozen.
    async fn last_key_above(&self, work: &Work, bound: &Key) -> Result<Option<Key>, Failure>;

    /// How large the table and its indexes are. `None` where a database does not tell.
    async fn sizes(&self, table: &TableName) -> Result<Option<TableSizes>, Failure>;

    /// The table's dead rows. `None`: this database leaves none behind.
    async fn dead_rows(&self, table: &TableName) -> Result<Option<DeadRows>, Failure>;

    /// Who may still see dead rows, so that no vacuum removes them, for people: the one with the oldest view. `None` where
    /// this role may not see anybody.
    async fn oldest_view(&self) -> Result<Option<String>, Failure>;

    /// Vacuums tables, over connections of its own, until all are done, `give_up` is ready, or somebody waits for one of
    /// them. It waits for no lock itself. Dropped before, it closes its connection, and the server ends it.
    async fn vacuum(&self, order: &VacuumOrder, give_up: GiveUp<'_>) -> Result<VacuumEnd, Failure>;
}

/// A database at that address.
///
/// # Errors
/// When the address asks for something that is not done here.
pub fn database(address: &Address) -> Result<Arc<dyn Database>, AddressError> {
    at(address, false)
}

/// The same for a process in which nothing but this crate opens SQLite files. The locks of a file tell only of other
/// processes: whether another library has it open in this one cannot be seen, and where it might, batches leave the file
/// free for it now and then.
///
/// # Errors
/// As for [`database`].
pub fn database_for_us_alone(address: &Address) -> Result<Arc<dyn Database>, AddressError> {
    at(address, true)
}

fn at(address: &Address, alone_in_process: bool) -> Result<Arc<dyn Database>, AddressError> {
    Ok(match address {
        Address::Postgres(url) => Arc::new(postgres::Postgres::new(url)?),
        Address::Sqlite(path) => Arc::new(sqlite::Sqlite::new(path, alone_in_process)),
    })
}

/// Why a cursor is not one of its slice's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stray {
    /// A part of it, or of the slice's ends, is no value of the key column's type.
    Unreadable,
    /// It does not lie between the slice's ends.
    Outside,
}
