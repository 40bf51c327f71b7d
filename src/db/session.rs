//! How does one connection run a statement? The narrow door through which the shared parts of `db` speak to every
//! database. Knows nothing of runs, slices or batches.

use super::failure::Failure;
use async_trait::async_trait;
use std::time::Duration;

/// A value bound to a statement or read from a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// SQL null; bound, a null text.
    Null,
    /// A null where a double is bound at other times: a prepared statement has one type for each of its parameters.
    NoReal,
    /// Any integer, and booleans as 0 and 1.
    Int(i64),
    /// A double.
    Real(f64),
    /// Text.
    Text(String),
    /// Bytes; only SQLite keys are carried so.
    Blob(Vec<u8>),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// One row of an answer, read by position. Fixed statements know their columns, so a mismatch is our own mistake and
/// is reported as such.
#[derive(Clone, Debug)]
pub struct Row(pub Vec<Value>);

impl Row {
    fn get(&self, column: usize) -> &Value {
        self.0.get(column).unwrap_or(&Value::Null)
    }

    /// Whether there is nothing.
    pub fn is_null(&self, column: usize) -> bool {
        matches!(self.get(column), Value::Null | Value::NoReal)
    }

    /// Text or null.
    pub fn text_or_null(&self, column: usize) -> Option<String> {
        match self.get(column) {
            Value::Text(text) => Some(text.clone()),
            Value::Null | Value::NoReal | Value::Int(_) | Value::Real(_) | Value::Blob(_) => None,
        }
    }

    /// Integer or null.
    pub fn int_or_null(&self, column: usize) -> Option<i64> {
        match self.get(column) {
            Value::Int(int) => Some(*int),
            Value::Null | Value::NoReal | Value::Text(_) | Value::Real(_) | Value::Blob(_) => None,
        }
    }

    /// Number or null, whichever way the database gave it.
    pub fn real_or_null(&self, column: usize) -> Option<f64> {
        match self.get(column) {
            Value::Real(real) => Some(*real),
            Value::Int(int) => Some(*int as f64),
            Value::Null | Value::NoReal | Value::Text(_) | Value::Blob(_) => None,
        }
    }

    /// Text that cannot be null.
    ///
    /// # Errors
    /// When it is not text.
    pub fn text(&self, column: usize) -> Result<String, Failure> {
        self.text_or_null(column).ok_or_else(|| unexpected("a text", column))
    }

    /// Integer that cannot be null.
    ///
    /// # Errors
    /// When it is no integer.
    pub fn int(&self, column: usize) -> Result<i64, Failure> {
        self.int_or_null(column).ok_or_else(|| unexpected("an integer", column))
    }
}

/// The text in the first column of the first row, if there is one.
pub fn first_text(rows: &[Row]) -> Option<String> {
    rows.first().and_then(|row| row.text_or_null(0))
}

/// The count in the first column of the first row; 0 where there is none.
pub fn first_int(rows: &[Row]) -> u64 {
    rows.first().and_then(|row| row.int_or_null(0)).unwrap_or_default().unsigned_abs()
}

fn unexpected(what: &str, column: usize) -> Failure {
    Failure::fatal(format!("column {column} of an answer is not {what}"))
}

/// One connection. Every call has a deadline; a call that misses it closes the connection, because a half-read answer
/// cannot be told from the next one's.
#[async_trait]
pub trait Session: Send {
    /// Runs one statement with bound values; how many rows it touched.
    async fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, Failure>;

    /// Runs one statement with bound values and reads its answer to the end.
    async fn fetch(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, Failure>;

    /// Runs one statement of a user's and reads at most `most` rows of its answer. Numbers come as they are; whatever is
    /// no number comes as the name of its type, because its text would be a row's value.
    async fn measure(&mut self, sql: &str, most: usize) -> Result<Vec<Row>, Failure>;

    /// Runs several statements of our own in one message, without values; never a user's SQL. The rows of all.
    async fn script(&mut self, sql: &str) -> Result<Vec<Row>, Failure>;

    /// How long a call may take before the connection is given up.
    fn set_deadline(&mut self, deadline: Duration);

    /// Whether the connection was given up; it cannot be used again.
    fn is_closed(&self) -> bool;

    /// Ends the transaction in hand, if there is one. Gives the connection up when that has no answer in two seconds:
    /// a rollback does nothing that takes longer.
    async fn rollback(&mut self);
}
