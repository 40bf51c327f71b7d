//! What does the engine ask of a database, and what comes back? The only home of sqlx.
//!
//! Reading order: [`session`] (one connection, the narrow door), [`dialect`] (what is spelled differently),
//! [`statement`] (the statements of a batch), [`ledger`] (the state tables), then an adapter: [`postgres`] or
//! [`sqlite`], each with `connect`, `catalog`, `lane` and `failure`; [`remedy`] adds the next step to errors without one.

mod address;
mod blocker;
mod dialect;
mod failure;
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
use crate::key::{Key, KeyRange};
use crate::pace::{Sensor, Stretch};
use crate::plan::{Facts, Order, Route, SampledBatch, Survey, TableSizes, Work};
use async_trait::async_trait;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

pub use address::{Address, AddressError};
pub use blocker::Blocker;
pub use dialect::{Dialect, reindex};
pub use failure::{Class, Failure, RowFault};
pub(crate) use ledger::MEND;
pub use ledger::{
    Asked, Beat, Happening, Held, Ledger, Move, Moved, NewOverrides, NewPass, NewRun, NewSubmission, Override,
    QuarantinedRow, RecordedEvent, Report, RunRecord, SCHEMA_VERSION, Set, SliceRecord, Submitted, Success, Taken,
    TimeSpent,
};
pub use named::Named;
pub use postgres::PostgresUrl;
pub use preparation::preparation;
pub use sqlite::DemoTable;
pub use tries::Tries;
pub use vacuum::{DeadPart, DeadRows, VacuumEnd};

/// What a simulated server has to understand: the statements of a batch and of the ledger, and the classes of errors. And
/// a file for state tables without a server.
#[cfg(test)]
pub(crate) mod wire {
    pub(crate) use super::failure::{Circumstances, Phase};
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

/// Ready when what was begun is to end.
pub type GiveUp<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// What is to be vacuumed, and how.
#[derive(Clone, Debug)]
pub struct VacuumOrder {
    /// The table, or partitions of it, one after the other.
    pub tables: Vec<TableName>,
    /// No faster than the server's autovacuum.
    pub gently: bool,
    /// The runner's token, by which its vacuum is told from others.
    pub holder: String,
}

/// A database at that address.
///
/// # Errors
/// When the address asks for something that is not done here.
pub fn database(address: &Address) -> Result<Arc<dyn Database>, AddressError> {
    Ok(match address {
        Address::Postgres(url) => Arc::new(postgres::Postgres::new(url)?),
        Address::Sqlite(path) => Arc::new(sqlite::Sqlite::new(path)),
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

/// Which slice a worker has, and the proof that it may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SliceLease {
    /// The run's number.
    pub run: i64,
    /// The pass.
    pub pass: i64,
    /// The slice's place in the pass.
    pub number: i64,
    /// Along what it goes.
    pub route: Route,
    /// The token it was taken with.
    pub token: i64,
    /// The runner that took it.
    pub holder: String,
}

/// A transaction that has begun and knows its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenBatch {
    /// The slice's number of committed batches, read under the lock.
    pub seq: i64,
    /// The rows to change.
    pub range: KeyRange,
    /// Rows in the range where the look-up counted them; `None` where it did not, as for the last range of a slice.
    pub rows: Option<u32>,
    /// Rows of them that the look-up saw in scope; `None` where it did not look at them.
    pub in_scope: Option<u32>,
    /// The slice's partition is none of the table's any more, so none of its rows are.
    pub gone: bool,
    /// Where the server's write-ahead log was; `None` where that cannot be told.
    pub wal_position: Option<i64>,
}

impl OpenBatch {
    /// Rows of its range that were counted: all of them, or those in scope where only they were asked for.
    pub fn counted(&self) -> Option<u32> {
        self.rows.or(self.in_scope)
    }

    /// The same, in whose range the look-up saw so many rows in scope.
    fn with_in_scope(self, rows: u32) -> Self {
        Self { in_scope: Some(rows), ..self }
    }

    /// The same as far as that key: so many rows in scope are enough. How many others there are nobody counted.
    fn ending_at(self, through: Key, in_scope: u32) -> Self {
        Self { range: KeyRange { through, ..self.range }, rows: None, in_scope: Some(in_scope), ..self }
    }
}

/// A session as its server numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionId(pub i64);

/// A row to be set aside.
#[derive(Clone, Copy, Debug)]
pub struct RowAside<'a> {
    /// Why.
    pub failure: &'a Failure,
    /// How many rows of the run may be set aside.
    pub limit: u64,
    /// Whether the server's own words are kept, which repeat the row's values.
    pub keep_detail: bool,
}

/// What became of setting a row aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// The row's key. `None`: there is no such row any more.
    pub key: Option<Key>,
    /// `false`: the limit is reached; roll back.
    pub within_limit: bool,
}

/// What comes of trying a row that was set aside once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TriedAside {
    /// It is changed.
    Changed,
    /// It is there and needs no change any more.
    NotNeeded,
    /// The table has no such row any more.
    Gone,
    /// Nothing was written: somebody else resolved it, or may change the run now. Roll back.
    NotNow,
}

/// What a change did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Rows changed.
    pub rows: u64,
    /// Rows of them that are in scope still.
    pub still_in_scope: u64,
}

impl Applied {
    /// What this change of one row means for it.
    ///
    /// # Errors
    /// When it left the row in scope: the quarantine is what tells of rows that are.
    fn to_one_row(self, is_there: bool) -> Result<TriedAside, Failure> {
        match self {
            Self { still_in_scope: 1.., .. } => Err(Failure::new(
                Class::Row,
                "the row still matches `where` after the change, which was rolled back (is a value null?)",
            )),
            Self { rows: 1.., .. } => Ok(TriedAside::Changed),
            _ if is_there => Ok(TriedAside::NotNeeded),
            _ => Ok(TriedAside::Gone),
        }
    }
}

/// A checkpoint that will commit with its rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checkpointed {
    /// Write-ahead log that the server wrote since the batch was opened: at least the batch's own. `None` where the
    /// database has none.
    pub wal_bytes: Option<u64>,
    /// Whether the batch's range was the last of its slice, as the slice is recorded now: another worker may have taken
    /// its upper part since it was read.
    pub ends_slice: bool,
}

/// Where a slice is split, as its taker wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Either part has so many rows at least; otherwise nothing is taken.
    pub least: u64,
    /// How many rows may be left of the slice, as far as anybody can guess.
    pub about: u64,
}

/// What became of a slice that was to be split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Split {
    /// Its upper part is recorded as a slice of its own; commit.
    Made(Box<SplitOff>),
    /// Too little is left of it. Nothing was written.
    TooShort,
    /// It is done, set aside, or not ours to walk now. Nothing was written.
    NotOurs,
}

/// The upper part of a slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitOff {
    /// As a slice of its own, taken with the token of the one it was a part of.
    pub slice: SliceRecord,
    /// Rows that were left of the slice below it, and rows in it, where they were few enough to be counted.
    pub rows: Option<(u64, u64)>,
}

/// One worker's connection. The calls of a batch come in this order: `open`, `apply`, `checkpoint`, `commit`. After any
/// error the caller rolls back and begins anew.
#[async_trait]
pub trait Lane: Send {
    /// Begins the transaction, locks the slice where run, token and holder match, proves that it is still the same
    /// server and table, and finds how far the batch goes. `None`: the slice is not ours to walk now.
    async fn open(&mut self, lease: &SliceLease, stretch: Stretch) -> Result<Option<OpenBatch>, Failure>;

    /// Changes the rows of the range; in a sweep without those that are set aside.
    async fn apply(&mut self, lease: &SliceLease, range: &KeyRange) -> Result<Applied, Failure>;

    /// Records the range as done, as the last statement. `None`: the slice is not ours any more; roll back.
    async fn checkpoint(
        &mut self,
        lease: &SliceLease,
        batch: &OpenBatch,
        applied: Applied,
    ) -> Result<Option<Checkpointed>, Failure>;

    /// Instead of `apply`: sets the range's one row aside.
    async fn set_row_aside(
        &mut self,
        lease: &SliceLease,
        batch: &OpenBatch,
        aside: &RowAside<'_>,
    ) -> Result<SetAside, Failure>;

    /// Instead of `apply` and `checkpoint`: makes the range a slice of its own, to be walked last. `None`: the slice is not
    /// ours any more; roll back.
    async fn carve(&mut self, lease: &SliceLease, batch: &OpenBatch) -> Result<Option<Checkpointed>, Failure>;

    /// Instead of a batch, in a transaction of its own: makes the upper half of what is left of a slice a slice of its own.
    /// Waits for the batch that is in hand there, and finds the middle by index look-ups of bounded length. Then `commit`
    /// or `rollback`.
    async fn split(&mut self, lease: &SliceLease, wanted: Wanted) -> Result<Split, Failure>;

    /// Instead of a batch, in a transaction of its own: changes one row that was set aside, if it still needs it, and takes
    /// it off the quarantine. `holder` is whoever had the run when it was read. Then `commit` or `rollback`.
    async fn try_aside(&mut self, row: &QuarantinedRow, holder: Option<&str>) -> Result<TriedAside, Failure>;

    /// Commits, within the job's statement timeout: the server's own does not end a COMMIT that waits. A failure of the
    /// class `Ambiguous` may be durable: ask [`Lane::committed_seq`] of a new lane.
    async fn commit(&mut self) -> Result<(), Failure>;

    /// Rolls back, or gives the connection up.
    async fn rollback(&mut self);

    /// The slice's number of committed batches by a locking read: it waits for a commit that is still under way,
    /// where a plain read would show the old number. `None`: the slice is not ours any more.
    async fn committed_seq(&mut self, lease: &SliceLease) -> Result<Option<i64>, Failure>;

    /// The server's session that ran the last batch, while it may be asked who blocks it.
    fn session(&self) -> Option<SessionId>;

    /// Whether the connection was given up.
    fn is_closed(&self) -> bool;
}
