//! What is asked? A job file becomes a checked [`Job`], or every [`Problem`] of the file at once.
//! Pure: knows no database and no clock.
//!
//! In reading order:
//! 1. `file`: the words, each with its place. `syntax` makes TOML of the text, `section` takes the words out of it,
//!    `value` knows their types.
//! 2. `validate`: the words become a [`Job`]. `table`, `change`, `batch`, `pace` and `errors` judge the sections, `judge` single
//!    words; `name`, `amount`, `statement` and `query` (over `sql`) read what a user wrote into a word; every number is
//!    in `limit`.
//! 3. `problem`: what is wrong, shown with a caret; its kinds are in `code`, and `secret` keeps passwords out of it.
//! 4. `pinned`: what of a job must not change while it runs. `overridden`: what may, and the job with it. `schema`: the same
//!    format for editors.

mod file;
mod section;
mod syntax;
mod value;

mod batch;
mod change;
mod errors;
mod judge;
mod limit;
mod pace;
mod table;
mod validate;

mod amount;
mod name;
mod query;
mod sql;
mod statement;
mod subquery;

mod code;
mod problem;
mod secret;

mod overridden;
mod pinned;
mod schema;

use std::time::Duration;

pub use code::{Code, Severity};
pub use errors::Errors;
pub use name::{Ident, NameError, TableName};
pub use overridden::{
    Ignored, Knob, Overridden, as_toml, as_typed, overridden, overridden_where_possible, unknown_knobs,
};
pub use pace::{Pace, Signal, Source};
pub use pinned::{Difference, Pinned};
pub use problem::{Problem, ProblemRecord, render};
pub use query::{Query, QueryError};
pub use schema::json_schema;
pub use statement::{Expression, ExpressionError};

/// A job file is read whole; one larger than this is a mistake, not a job.
pub const MAX_FILE_BYTES: usize = 256 * 1024;

/// A checked job. Only [`parse`] makes one, so whoever holds it need not check again.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Unique per database: `[a-z0-9-]`.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// For people: who is asked about it.
    pub owner: Option<String>,
    /// The table that is walked.
    pub table: TableName,
    /// The key to walk by; `None` is the table's primary key.
    pub key: Option<Vec<Ident>>,
    /// Which rows still need the change.
    pub scope: Option<Expression>,
    /// How the table is walked.
    pub walk: Walk,
    /// How often each stretch of it is gone over.
    pub laps: LapCount,
    /// What is done to each row.
    pub change: Change,
    /// How large the transactions are.
    pub batch: Batch,
    /// How fast the run may go, and when not at all.
    pub pace: Pace,
    /// How many rows may be set aside before the run stops.
    pub errors: Errors,
    /// The file's text, kept with the run.
    pub text: String,
}

impl Job {
    /// The user's own expressions.
    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        let columns = match &self.change {
            Change::Set(columns) | Change::Copy { columns, .. } => columns.as_slice(),
            Change::Delete { .. } => &[],
        };
        self.scope.iter().chain(columns.iter().map(|(_, expression)| expression))
    }
}

/// How the table is walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walk {
    /// The plan decides.
    Auto,
    /// Ranges in key order.
    Key,
    /// Ranges of the table's blocks, as they lie on disk.
    Physical,
}

/// How often each stretch of the table is gone over, each time for other rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LapCount {
    /// The plan decides.
    Auto,
    /// So often: 1, 2, 4 or 8 times.
    Of(u32),
}

impl LapCount {
    /// As job files write them.
    const WORDS: [(&'static str, Self); 5] =
        [("auto", Self::Auto), ("1", Self::Of(1)), ("2", Self::Of(2)), ("4", Self::Of(4)), ("8", Self::Of(8))];
}

/// What is done to each row in scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Columns of the walked table take the value of an expression over the same row.
    Set(Vec<(Ident, Expression)>),
    /// Rows are inserted into another table.
    Copy {
        /// The table that receives them.
        into: TableName,
        /// Column of `into`, expression over the walked row.
        columns: Vec<(Ident, Expression)>,
        /// What happens when `into` has the row already.
        on_conflict: OnConflict,
    },
    /// Rows are deleted, and kept in another table first where one is named.
    Delete {
        /// The table that keeps them.
        archive_into: Option<TableName>,
    },
}

/// What a copy does when the target has a row of that primary key already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnConflict {
    /// The batch fails.
    Error,
    /// The target's row stays as it is.
    Skip,
    /// The target's row takes the copied values.
    Update,
}

/// How large the transactions are and how long they may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Rows a batch starts with.
    pub rows: u32,
    /// A batch is not made smaller than this. `None`: the usual least, or less where a table's rows are large.
    pub min_rows: Option<u32>,
    /// A batch is not made larger than this.
    pub max_rows: u32,
    /// A batch that looks for rows in scope does not look at more than this.
    pub scan_rows: u32,
    /// Batches are sized to take this long.
    pub target_time: Duration,
    /// Batches are sized to write at most so many bytes of write-ahead log.
    pub max_wal: u64,
    /// How many slices are walked at once.
    pub workers: u32,
    /// The server gives a statement up after this.
    pub statement_timeout: Duration,
    /// The server gives a wait for one lock up after this; below `statement_timeout`.
    pub lock_timeout: Duration,
    /// Whether the table is vacuumed beside the batches.
    pub vacuum: Vacuum,
}

/// Whether the walked table is vacuumed beside the batches, so that later rows take the place of dead ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vacuum {
    /// Whenever enough rows are dead.
    Auto,
    /// Never.
    Off,
}

impl Vacuum {
    /// As a job file writes them.
    const WORDS: [(&'static str, Self); 2] = [("auto", Self::Auto), ("off", Self::Off)];

    /// As a job file writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Off => "off",
        }
    }
}

/// Reads a job file's text.
///
/// Warnings do not stop a job; they come back beside it.
///
/// # Errors
/// Every problem of the text, in the order of its lines.
pub fn parse(text: &str) -> Result<(Job, Vec<Problem>), Vec<Problem>> {
    let mut problems = Vec::new();
    let job = file::read(text, &mut problems).and_then(|file| validate::validate(file, text, &mut problems));
    syntax::forget_consequences(&mut problems);
    problems.sort_by_key(|problem| problem.span.start);
    match job {
        Some(job) if !problems.iter().any(Problem::is_error) => Ok((job, problems)),
        _ => Err(problems),
    }
}

#[cfg(test)]
mod tests;
