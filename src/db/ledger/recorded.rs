//! Is a row of the state tables as tidegate wrote it? Read by column; what another hand put there is told with its table
//! and its place, never taken for something else. Knows no statement.

use crate::db::failure::Failure;
use crate::db::session::Row;
use crate::job::TableName;
use crate::key::Key;
use crate::plan::{End, Laps, Order};
use crate::run::RunState;

/// What to do about a row of the state tables that cannot be believed.
pub(crate) const MEND: &str = "no row was changed; put it back as tidegate wrote it, then run again";

/// A row of a state table.
pub(super) struct Recorded<'a> {
    row: &'a Row,
    /// For people: `tidegate.slice of run 7, pass 0, slice 3`.
    place: String,
}

impl<'a> Recorded<'a> {
    /// A row of that place.
    pub(super) fn new(row: &'a Row, place: String) -> Self {
        Self { row, place }
    }

    /// Text that cannot be null.
    pub(super) fn text(&self, column: usize, name: &str) -> Result<String, Failure> {
        self.row.text_or_null(column).ok_or_else(|| self.strange(format!("{name} is no text")))
    }

    /// Integer that cannot be null.
    pub(super) fn int(&self, column: usize, name: &str) -> Result<i64, Failure> {
        self.row.int_or_null(column).ok_or_else(|| self.strange(format!("{name} is no whole number")))
    }

    /// Integer, or none.
    pub(super) fn int_or_null(&self, column: usize, name: &str) -> Result<Option<i64>, Failure> {
        let is_null = self.row.is_null(column);
        (!is_null).then(|| self.int(column, name)).transpose()
    }

    /// A key that cannot be null.
    pub(super) fn key(&self, column: usize, name: &str) -> Result<Key, Failure> {
        // Without the parser's words: they repeat the text, and it may be a row's.
        Key::from_stored(&self.text(column, name)?)
            .map_err(|_| self.strange(format!("{name} is no key: a JSON array of texts")))
    }

    /// A key, or none.
    pub(super) fn key_or_null(&self, column: usize, name: &str) -> Result<Option<Key>, Failure> {
        let is_null = self.row.is_null(column);
        (!is_null).then(|| self.key(column, name)).transpose()
    }

    /// In which order a slice goes.
    pub(super) fn order(&self, column: usize, name: &str) -> Result<Order, Failure> {
        let word = self.text(column, name)?;
        Order::from_word(&word).ok_or_else(|| self.strange(format!("{name} is no way to walk")))
    }

    /// In how many laps a slice is walked, and over stripes of how many keys.
    pub(super) fn laps(&self, count: usize, stripe: usize) -> Result<Laps, Failure> {
        let laps = [(count, "laps"), (stripe, "stripe")].map(|(column, name)| self.int(column, name));
        let [count, stripe] = laps.map(|number| number.map(u32::try_from));
        let laps = Laps::new(count?.unwrap_or_default(), stripe?.unwrap_or_default());
        laps.ok_or_else(|| self.strange("laps and stripe are none that a walk has".to_owned()))
    }

    /// The name of a table, or none.
    pub(super) fn table_or_null(&self, column: usize, name: &str) -> Result<Option<TableName>, Failure> {
        if self.row.is_null(column) {
            return Ok(None);
        }
        let table = TableName::parse(&self.text(column, name)?);
        table.map(Some).map_err(|_| self.strange(format!("{name} is no name of a table")))
    }

    /// Where the parts of a walk end; none are recorded of a plain one.
    pub(super) fn ends(&self, column: usize, name: &str) -> Result<Vec<End>, Failure> {
        if self.row.is_null(column) {
            return Ok(Vec::new());
        }
        // Without the parser's words: they repeat the text, and it may be a row's.
        serde_json::from_str(&self.text(column, name)?)
            .map_err(|_| self.strange(format!("{name} are no ends of a walk")))
    }

    /// A run's state.
    pub(super) fn state(&self, column: usize) -> Result<RunState, Failure> {
        let word = self.text(column, "state")?;
        RunState::from_word(&word).ok_or_else(|| self.strange(format!("`{word}` is no state of a run")))
    }

    fn strange(&self, what: String) -> Failure {
        Failure::fatal(format!("{}: {what}; {MEND}", self.place))
    }
}
