//! What does the database know about the table? Plain values, as read; knows neither where they come from nor what
//! follows from them.

use super::growth::TableSizes;
use super::route::Route;
use super::slices::tile;
use crate::job::Ident;
use crate::key::{Key, KeyRange};
use serde::Serialize;

/// What the catalog says about a job's table and the table it writes to.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// `None`: there is no such table, or this role may not see it.
    pub table: Option<TableFacts>,
    /// The table a copy or an archive writes to, where the job names one.
    pub target: Option<TableFacts>,
    /// Privileges the role lacks, each as the GRANT that mends it.
    pub missing_grants: Vec<String>,
    /// Tables with a name close to the job's, when there is none of that name.
    pub similar_tables: Vec<String>,
    /// Signals of the job that this database cannot give, or not to this role.
    pub unavailable_signals: Vec<UnavailableSignal>,
    /// What somebody should know of the job's signals before the start.
    pub signal_notes: Vec<String>,
    /// Whether the table can be vacuumed beside the batches.
    pub vacuum: VacuumRight,
    /// Whether this database's planner can be held to an index.
    pub can_hold_to_index: bool,
    /// Functions that the job calls and that may run queries.
    pub querying_functions: Vec<String>,
    /// How many batches may run at once: 1 where the database has a single writer.
    pub max_workers: Option<u32>,
}

/// Whether a table can be vacuumed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum VacuumRight {
    /// This database leaves no dead rows behind.
    #[default]
    NotNeeded,
    /// This role may.
    Given,
    /// This role may not.
    Missing {
        /// The GRANT that mends it.
        grant: String,
    },
}

/// A signal that a run would never see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnavailableSignal {
    /// Its name.
    pub signal: String,
    /// Why.
    pub why: String,
    /// What to do about it.
    pub help: String,
    /// Its query would write.
    pub writes: bool,
}

/// One table.
#[derive(Clone, Debug, Default)]
pub struct TableFacts {
    /// Its name with its schema, as the catalog writes it.
    pub full_name: String,
    /// What the name stands for.
    pub kind: TableKind,
    /// Whose it is.
    pub owner: Owner,
    /// Its columns in their order.
    pub columns: Vec<ColumnFacts>,
    /// The primary key's columns, in order.
    pub primary_key: Vec<Ident>,
    /// The columns of each unique index that covers every row and is valid.
    pub unique_keys: Vec<Vec<Ident>>,
    /// Indexes over plain columns that are no key, and why.
    pub unsuited_keys: Vec<UnsuitedKey>,
    /// Rows, from statistics.
    pub estimated_rows: u64,
    /// Bytes on disk, its indexes included.
    pub bytes: u64,
    /// Bytes that a row takes on average, values that are stored apart included; 0 where that is not known.
    pub row_bytes: u64,
    /// Where its rows lie in blocks that can be walked one after the other: how much that is.
    pub heap: Option<Heap>,
    /// Names of its indexes.
    pub indexes: Vec<String>,
    /// Columns that an index must learn of when they change, by value or by its condition. `None`: this database has no way to
    /// change a row without telling the indexes, or it is not known.
    pub indexed_columns: Option<Vec<Ident>>,
    /// Names of its row triggers that fire on the change.
    pub triggers: Vec<String>,
    /// Contents are lost at a crash while the checkpoints are not.
    pub unlogged: bool,
    /// Policies hide rows from this role.
    pub row_security: bool,
    /// Only one session sees its rows.
    pub temporary: bool,
    /// Other tables inherit from it or are its partitions.
    pub has_children: bool,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TableKind {
    /// A table with rows of its own.
    #[default]
    Table,
    /// A table whose rows lie in its partitions.
    Partitioned,
    /// Nothing that can be walked, and what: `a view`, `a sequence`.
    Other(&'static str),
}

/// Whose a table is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Owner {
    /// The application's.
    #[default]
    Application,
    /// The database's own catalog.
    Database,
    /// Our own state.
    Tidegate,
}

/// An index that does not make its columns a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsuitedKey {
    /// The index.
    pub index: String,
    /// Its columns.
    pub columns: Vec<Ident>,
    /// Why.
    pub flaw: KeyFlaw,
}

/// Why an index does not make its columns a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFlaw {
    /// Several rows may have the same values.
    NotUnique,
    /// It says nothing of the rows that its `where` leaves out.
    Partial,
    /// It is checked at the end of a transaction.
    Deferrable,
    /// Its building was broken off.
    Invalid,
    /// It tells values apart that the columns take for equal, or the other way round.
    Collation,
}

/// One column.
#[derive(Clone, Debug)]
pub struct ColumnFacts {
    /// Its name.
    pub name: Ident,
    /// Its type as the database writes it, fit for a cast.
    pub sql_type: String,
    /// Whether it may be null.
    pub nullable: bool,
    /// The database computes it; nobody may set it.
    pub generated: bool,
    /// What the text of its values depends on beside the values, where it does.
    pub text_depends_on: Option<&'static str>,
    /// How far its values follow the order of the rows on disk: 1 or -1 wholly, 0 not at all. `None`: not known.
    pub correlation: Option<f64>,
}

impl TableFacts {
    /// The column of that name.
    pub fn column(&self, name: &Ident) -> Option<&ColumnFacts> {
        self.columns.iter().find(|column| column.name == *name)
    }
}

/// What was looked up with the statements of a run at hand.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// Names the server, the table and its watched columns; compared in each batch.
    pub place: String,
    /// The last key of the table: the upper bound of the run. `None`: the table is empty.
    pub last: Option<Key>,
    /// The parts of the walk; one, where the table is walked as a whole.
    pub legs: Vec<Leg>,
    /// Where the cuts come from, for people.
    pub cut_by: &'static str,
    /// Rows in scope, from the planner's statistics.
    pub estimated_scope: Option<u64>,
    /// The statements of a batch, for people.
    pub statements: Statements,
    /// How the database would look up a batch's end.
    pub boundary_plan: QueryPlan,
    /// How the database would run the change.
    pub change_plan: QueryPlan,
    /// What the database says against a statement: code and message.
    pub statement_error: Option<(String, String)>,
    /// How large the table and its indexes are, where the database tells.
    pub sizes: Option<TableSizes>,
}

/// One part of a walk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leg {
    /// Along what it goes.
    pub route: Route,
    /// Its last key. `None`: it has no rows.
    pub last: Option<Key>,
    /// Keys that cut it into slices of about equal rows, ascending, all below `last`.
    pub cuts: Vec<Key>,
}

impl Leg {
    /// Its slices, ascending.
    pub fn slices(&self) -> impl Iterator<Item = (Route, KeyRange)> {
        tile(&self.cuts, self.last.as_ref()).into_iter().map(|range| (self.route.clone(), range))
    }
}

/// How the rows of a table lie on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heap {
    /// Bytes of the rows, without what is stored apart and without indexes.
    pub bytes: u64,
    /// Bytes of the server's own cache.
    pub cache_bytes: u64,
}

/// The statements of a batch as the database gets them.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Statements {
    /// Finds the batch's end.
    pub boundary: String,
    /// Changes the batch's rows.
    pub change: String,
}

/// A query plan, as much of it as decides.
#[derive(Clone, Debug, Default, Serialize)]
pub struct QueryPlan {
    /// The database's own words, a line per node.
    pub lines: Vec<String>,
    /// Whether the walked table is read by an index range.
    pub by_index: bool,
}

/// What batches cost that were run and rolled back.
#[derive(Clone, Debug, Serialize)]
pub struct SampledBatch {
    /// Rows changed.
    pub rows: u64,
    /// From BEGIN to before the ROLLBACK.
    pub seconds: f64,
    /// Write-ahead log written meanwhile by the whole server: an upper bound. `None` where the database has none.
    pub wal_bytes: Option<u64>,
}
