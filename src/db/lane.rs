//! What does a worker ask of its connection? One batch in its steps, and what else is done to a slice: the contract that each
//! adapter keeps. Knows no statement.

use super::{Class, Failure, QuarantinedRow, SliceRecord};
use crate::key::{Key, KeyRange};
use crate::pace::{Stretch, is_dense};
use crate::plan::Route;
use async_trait::async_trait;

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

/// Of which lap a batch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lap {
    /// From 0.
    pub number: u32,
    /// How many laps its circuit has; 1 where rows are sought that are to be changed as the walk comes by.
    pub of: u32,
    /// In the first lap: the circuit ends where this batch does.
    pub closes: bool,
}

impl Lap {
    /// Of a slice that is in this lap of so many. At the beginning of a circuit the batch's stretch says how many that has.
    pub(crate) fn of_batch(number: u32, of: u32, begins: bool, stretch: Stretch) -> Self {
        match begins && number == 0 && stretch.laps == 1 {
            true => Self { number, of: 1, closes: true },
            false => Self { number, of, closes: stretch.closes_circuit },
        }
    }
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
    /// Keys that have room in the range, where they are whole numbers: it has no more rows. `None` where that cannot be told.
    pub span: Option<u64>,
    /// Of which lap it is; `None` where its slice is not walked in laps.
    pub lap: Option<Lap>,
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

    /// How many laps its circuit has; 1 where its rows are changed as the walk comes by.
    pub fn laps(&self) -> u32 {
        self.lap.map_or(1, |lap| lap.of)
    }

    /// Its lap, and of how many, where it changes the rows of that one only.
    pub fn one_of_laps(&self) -> Option<(u32, u32)> {
        self.lap.filter(|lap| lap.of > 1).map(|lap| (lap.number, lap.of))
    }

    /// Whether fewer keys were left than it was to go over.
    pub fn was_short_of_keys(&self, stretch: Stretch) -> bool {
        self.span.is_some_and(|keys| keys < stretch.covers().into())
    }

    /// How many rows it has done with, of which it changed these. The last range of a slice was not counted by its look-up: at
    /// least the changed rows were read. In laps each row is looked at several times, and counts once.
    pub fn rows_scanned(&self, applied: Applied) -> u64 {
        self.rows.filter(|_| self.laps() == 1).map_or(applied.rows, u64::from)
    }

    /// How many of its old versions nothing but a vacuum takes away. In laps that is the first one's share: the old versions of
    /// later ones make room for what comes after them.
    pub fn left_dead(&self, applied: Applied) -> u64 {
        applied.rows.div_ceil(self.laps().into())
    }

    /// Whether it changed nearly every row that may be in its range, when it was to go so far: keys are rows then, and stripes of
    /// the same size. `None`: it ended with its circuit, and what is left there may be rows of another lap.
    pub fn is_dense(&self, stretch: Stretch, applied: Applied) -> Option<bool> {
        let was_cut_short = self.laps() > 1 && self.was_short_of_keys(stretch);
        (!was_cut_short).then(|| is_dense(self.span, applied.rows.saturating_mul(self.laps().into())))
    }

    /// The same, in whose range the look-up saw so many rows in scope.
    pub(super) fn with_in_scope(self, rows: u32) -> Self {
        Self { in_scope: Some(rows), ..self }
    }

    /// The same as far as that key: so many rows in scope are enough. How many others there are nobody counted.
    pub(super) fn ending_at(self, through: Key, in_scope: u32) -> Self {
        Self { range: KeyRange { through, ..self.range }, rows: None, in_scope: Some(in_scope), span: None, ..self }
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
    pub(super) fn to_one_row(self, is_there: bool) -> Result<TriedAside, Failure> {
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

/// One worker's connection. The calls of a batch come in this order: `open`, `apply`, `checkpoint`, and `commit` or
/// `commit_and_go_on`. After any error the caller rolls back and begins anew.
#[async_trait]
pub trait Lane: Send {
    /// Begins the transaction, locks the slice where run, token and holder match, proves that it is still the same
    /// server and table, and finds how far the batch goes. `None`: the slice is not ours to walk now.
    async fn open(&mut self, lease: &SliceLease, stretch: Stretch) -> Result<Option<OpenBatch>, Failure>;

    /// Changes the rows of the batch's range and lap; in a sweep without those that are set aside.
    async fn apply(&mut self, lease: &SliceLease, batch: &OpenBatch) -> Result<Applied, Failure>;

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

    /// The same, and in the same message begins the slice's next batch, as long as this stretch: [`Lane::open`] finds it begun,
    /// and is told of its failures. Whoever does not go on rolls back. A lane that would gain nothing only commits.
    async fn commit_and_go_on(&mut self, _lease: &SliceLease, _stretch: Stretch) -> Result<(), Failure> {
        self.commit().await
    }

    /// Rolls back, or gives the connection up.
    async fn rollback(&mut self);

    /// The slice's number of committed batches by a locking read: it waits for a commit that is still under way,
    /// where a plain read would show the old number. `None`: the slice is not ours any more.
    async fn committed_seq(&mut self, lease: &SliceLease) -> Result<Option<i64>, Failure>;

    /// The worker has no further batch: what went on beside them ends.
    async fn finish(&mut self) {}

    /// The server's session that ran the last batch, while it may be asked who blocks it.
    fn session(&self) -> Option<SessionId>;

    /// Whether the connection was given up.
    fn is_closed(&self) -> bool;
}
