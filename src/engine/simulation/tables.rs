//! What stands in the tables? The walked table, of which a row is a key and how often it was changed, and the state tables
//! as far as decisions depend on them. Knows no transaction.

use crate::db::Lap;
use crate::key::Key;
use crate::run::RunState;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

/// A row's key. The engine sees it as text and never compares two.
pub type RowKey = u16;

/// Who holds a lease: the number of a process.
pub type Holder = u16;

/// What is wrong with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// Its change raises an error.
    AtApply,
    /// A deferred constraint refuses it at COMMIT.
    AtCommit,
}

/// A row of the walked table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// How often the job changed it: `applied = applied + 1`.
    pub applied: u8,
    /// How often it should be in the end: once for each time that it came into scope.
    pub due: u8,
    pub in_scope: bool,
    /// The commit with which it came into scope; 0: before the run.
    pub since: u64,
    pub fault: Fault,
    /// The application had its hands on it.
    pub touched: bool,
}

/// A slice's place: pass and number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SliceId {
    pub pass: i64,
    pub number: i64,
}

/// `tidegate.slice`.
#[derive(Clone, Copy, Debug)]
pub struct Slice {
    pub after: Option<RowKey>,
    pub through: RowKey,
    pub cursor: Option<RowKey>,
    pub laps: u32,
    pub lap: u32,
    pub circuit_after: Option<RowKey>,
    pub circuit_through: Option<RowKey>,
    pub seq: i64,
    pub changed: i64,
    pub scanned: i64,
    pub still_in_scope: i64,
    pub done: bool,
    pub set_aside: bool,
    pub token: i64,
    pub holder: Option<Holder>,
}

impl Slice {
    /// A slice that nobody has begun.
    pub fn new(after: Option<RowKey>, through: RowKey) -> Self {
        Self {
            after,
            through,
            cursor: after,
            laps: 1,
            lap: 0,
            circuit_after: None,
            circuit_through: None,
            seq: 0,
            changed: 0,
            scanned: 0,
            still_in_scope: 0,
            done: false,
            set_aside: false,
            token: 0,
            holder: None,
        }
    }
}

impl Slice {
    /// Where the circuit in hand began: below, all rows are done.
    pub fn done_through(&self) -> Option<RowKey> {
        if self.laps == 1 { self.cursor } else { self.circuit_after.or(self.after) }
    }

    /// Whether the walk has been at a row of the slice.
    pub fn has_passed(&self, key: RowKey) -> bool {
        let is_below = |end: Option<RowKey>| end.is_some_and(|end| key <= end);
        let lap = lap_of(key, self.laps);
        is_below(self.done_through())
            || (lap == self.lap && is_below(self.cursor))
            || (lap < self.lap && is_below(self.circuit_through))
    }

    /// The slice behind a batch that ends there, in this lap.
    pub fn moved_to(self, lap: Option<Lap>, end: RowKey) -> Self {
        let Some(Lap { number, of, closes }) = lap else {
            return Self { cursor: Some(end), done: self.through == end, ..self };
        };
        let at_end = match number {
            0 => closes || self.through == end,
            _ => self.circuit_through == Some(end),
        };
        match (at_end, number + 1 == of) {
            (false, _) => Self { cursor: Some(end), ..self },
            (true, false) => Self {
                cursor: self.circuit_after.or(self.after),
                lap: self.lap + 1,
                circuit_through: Some(end),
                ..self
            },
            (true, true) => Self {
                cursor: Some(end),
                lap: 0,
                circuit_after: Some(end),
                circuit_through: None,
                done: self.through == end,
                ..self
            },
        }
    }
}

/// The lap of so many that changes the row of this key.
pub fn lap_of(key: RowKey, laps: u32) -> u32 {
    u32::from(key) & (laps - 1)
}

/// `tidegate.run`: there is one.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    pub state: RunState,
    pub holder: Option<Holder>,
    pub token: i64,
    pub quarantined: i64,
}

/// `tidegate.heartbeat`: of one run there is one.
#[derive(Clone, Copy, Debug)]
pub struct Beat {
    pub holder: Holder,
    /// Milliseconds, by the server's clock.
    pub expires_at: i64,
}

/// Everything that is committed.
#[derive(Clone, Debug)]
pub struct Tables {
    /// Counts the commits of all histories: no two states share a number.
    pub version: u64,
    /// Shared with the states before it, as long as no row changes.
    pub rows: Arc<BTreeMap<RowKey, Row>>,
    /// The job's changes of rows that are gone.
    pub gone: i64,
    pub run: Run,
    pub slices: BTreeMap<SliceId, Slice>,
    pub beat: Option<Beat>,
    /// `tidegate.quarantine`.
    pub aside: BTreeSet<RowKey>,
    /// The commit that recorded each pass.
    pub passes: BTreeMap<i64, u64>,
}

/// What a transaction wrote, each thing as it stands afterwards.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    pub rows: BTreeMap<RowKey, Option<Row>>,
    pub gone: i64,
    pub run: Option<Run>,
    pub slices: BTreeMap<SliceId, Slice>,
    pub beat: Option<Option<Beat>>,
    pub aside: Vec<RowKey>,
    /// This pass was recorded.
    pub pass: Option<i64>,
}

impl Changes {
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
            && self.run.is_none()
            && self.slices.is_empty()
            && self.beat.is_none()
            && self.aside.is_empty()
    }
}

/// Stands in [`Row::since`] until the commit has a number.
pub const NOW: u64 = u64::MAX;

impl Tables {
    /// The tables with these changes.
    pub fn with(&self, changes: &Changes, version: u64) -> Self {
        let mut next = self.clone();
        next.version = version;
        if !changes.rows.is_empty() {
            let rows = Arc::make_mut(&mut next.rows);
            for (key, row) in &changes.rows {
                match row {
                    Some(row) if row.since == NOW => rows.insert(*key, Row { since: version, ..*row }),
                    Some(row) => rows.insert(*key, *row),
                    None => rows.remove(key),
                };
            }
        }
        next.gone += changes.gone;
        next.run = changes.run.unwrap_or(next.run);
        next.slices.extend(&changes.slices);
        next.beat = changes.beat.unwrap_or(next.beat);
        next.aside.extend(&changes.aside);
        next.passes.extend(changes.pass.map(|pass| (pass, version)));
        next
    }

    /// The rows of `(after, through]`.
    pub fn range(&self, after: Option<RowKey>, through: RowKey) -> impl Iterator<Item = (RowKey, &Row)> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        // A range that ends before it begins is empty, not a panic.
        let through = after.map_or(through, |after| through.max(after));
        self.rows.range((from, Bound::Included(through))).map(|(key, row)| (*key, row))
    }
}

/// A key as the engine carries it.
pub fn key(key: RowKey) -> Key {
    Key::new(vec![key.to_string()])
}

/// The number in a key of the engine's.
pub fn number(key: &Key) -> RowKey {
    key.parts()[0].parse().expect("a key of this table")
}

/// A key as the state tables keep it.
pub fn stored(key: RowKey) -> String {
    format!("[\"{key}\"]")
}

/// Reads it.
pub fn from_stored(text: &str) -> RowKey {
    text.trim_matches(['[', ']', '"']).parse().expect("a key of this table")
}
