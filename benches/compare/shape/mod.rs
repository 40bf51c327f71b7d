//! Which tables are there to change, and how does each of them want to be changed? Knows the tables and the change, and
//! neither who changes them nor how long that takes.
//!
//! Reading order: this file (what a shape is), [`accounts`], [`keys`], [`sparse`], [`documents`], [`moved`] (the shapes),
//! [`statements`] (the one big statement, and whether nothing was left out).

mod accounts;
mod documents;
mod keys;
mod moved;
mod sparse;
mod statements;

use anyhow::{Result, bail};

pub(crate) use accounts::{INTEGER, NOTE};
pub(crate) use keys::UUID;
pub(crate) use sparse::SPARSE_INDEXED;
pub(crate) use statements::assignments;

/// Every shape, in the order in which `--shape all` takes them.
pub(crate) const ALL: [&Shape; 8] =
    [&INTEGER, &UUID, &keys::TEXT, &sparse::SPARSE, &SPARSE_INDEXED, &documents::WIDE, &moved::COPY, &moved::DELETE];

/// What chooses all of them.
pub(crate) const EVERY: &str = "all";

/// The batches of everybody who has batches, where a shape's rows are of the usual size.
const USUAL_BATCH_ROWS: u32 = 5_000;

/// A table, what is to happen to it, and what the application does with it meanwhile.
pub(crate) struct Shape {
    /// As `--shape` takes it.
    pub(crate) name: &'static str,
    /// What is special about it.
    pub(crate) about: &'static str,
    /// The table whose rows are read; also the one that is changed, unless it is a copy.
    pub(crate) table: &'static str,
    /// Its primary key.
    pub(crate) key: &'static [KeyColumn],
    /// What is to happen.
    pub(crate) change: Change,
    /// Which rows still need it.
    pub(crate) needs: Option<Needs>,
    /// The rows of a batch, for everybody who has batches.
    pub(crate) batch_rows: u32,
    /// One row of it stands for so many of `--scale`, where rows are larger than usual.
    pub(crate) weight: u64,
    /// Of the server, over those that every shape has.
    pub(crate) settings: &'static [(&'static str, &'static str)],
    /// Makes the table with so many rows.
    pub(crate) seed: fn(u64) -> Vec<String>,
    /// The condition that picks the row of that number; the number may be a variable of pgbench.
    pub(crate) row: fn(&str) -> String,
    /// What the application does in one transaction to the row that this condition picks, in statements for pgbench.
    pub(crate) transaction: fn(&str) -> Vec<String>,
}

/// A column of the key.
pub(crate) struct KeyColumn {
    pub(crate) name: &'static str,
    pub(crate) sql_type: &'static str,
    /// An SQL literal that no value comes before.
    pub(crate) before_all: &'static str,
}

/// What is to happen to each row.
pub(crate) enum Change {
    /// These columns take these values.
    Set(&'static [(&'static str, &'static str)]),
    /// A row of another table is made of it: its columns and their values, the key first.
    Copy { into: &'static str, columns: &'static [(&'static str, &'static str)] },
    /// It goes.
    Delete,
}

/// Which rows still need the change.
pub(crate) struct Needs {
    /// True for these rows, false once they are changed.
    pub(crate) predicate: &'static str,
    /// Whether there are others, which must stay as they are.
    pub(crate) only_these: bool,
}

impl Shape {
    /// How many rows its table has.
    pub(crate) fn rows(&self, scaled: u64) -> u64 {
        (scaled / self.weight).max(1)
    }

    /// The table that grows.
    pub(crate) fn written_table(&self) -> &'static str {
        match self.change {
            Change::Copy { into, .. } => into,
            Change::Set(_) | Change::Delete => self.table,
        }
    }

    /// The predicate that everybody must respect.
    pub(crate) fn only(&self) -> Option<&'static str> {
        self.needs.as_ref().filter(|needs| needs.only_these).map(|needs| needs.predicate)
    }
}

/// The shapes of these names, each once, in their own order; [`EVERY`] is all of them.
pub(crate) fn chosen(names: &[String]) -> Result<Vec<&'static Shape>> {
    let is_known = |name: &&String| *name == EVERY || ALL.iter().any(|shape| shape.name == **name);
    if let Some(unknown) = names.iter().find(|name| !is_known(name)) {
        let known: Vec<_> = ALL.iter().map(|shape| shape.name).collect();
        bail!("there is no shape {unknown}; there are {}, and {EVERY}", known.join(", "));
    }
    let is_chosen = |shape: &&Shape| names.iter().any(|name| name == EVERY || name == shape.name);
    Ok(ALL.into_iter().filter(is_chosen).collect())
}

/// What an application does with most tables: it changes one row, and reads it.
fn touch(table: &str, row: &str) -> Vec<String> {
    vec![format!("update {table} set seen = seen + 1 where {row};"), format!("select seen from {table} where {row};")]
}
