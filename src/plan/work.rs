//! What exactly is done to which rows? The job's change with every open question answered from the catalog.
//! Knows no SQL spelling; `db` turns it into statements.

use crate::job::{Expression, Ident, TableName};

/// The change of a job, resolved against the table as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// The table that is walked.
    pub table: TableName,
    /// The columns it is walked by, in order.
    pub key: Vec<KeyColumn>,
    /// Which rows still need the change.
    pub scope: Option<Expression>,
    /// What is done to each row.
    pub action: Action,
    /// Whether the server may be held to the key's index while it changes rows.
    pub held_to_index: bool,
}

/// One column of the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyColumn {
    /// Its name.
    pub name: Ident,
    /// Its type as the database writes it, fit for a cast.
    pub sql_type: String,
}

/// What is done to each row in scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Columns take the value of an expression.
    Set(Vec<(Ident, Expression)>),
    /// Rows are inserted into another table.
    Copy {
        /// The table that receives them.
        into: TableName,
        /// Column of `into`, expression over the walked row.
        columns: Vec<(Ident, Expression)>,
        /// What happens when `into` has the row already.
        conflict: Conflict,
    },
    /// Rows are deleted.
    Delete {
        /// Where they are kept.
        archive: Option<Archive>,
    },
}

/// What a copy does with a row that the target has already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// The database's own error ends the batch.
    Error,
    /// The target's row stays; the columns are the target's primary key.
    Skip(Vec<Ident>),
    /// The target's row takes the copied values; the columns are the target's primary key.
    Update(Vec<Ident>),
}

/// Where deleted rows are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    /// The table that keeps them.
    pub into: TableName,
    /// The walked table's columns, each of which `into` has too. Generated columns are left out: the archive
    /// computes its own.
    pub columns: Vec<Ident>,
}

impl KeyColumn {
    /// Whether its values are whole numbers, as PostgreSQL names their types.
    pub fn is_whole_number(&self) -> bool {
        ["smallint", "integer", "bigint"].contains(&self.sql_type.as_str())
    }
}

impl Work {
    /// Columns whose change under a run would change what the run does: the key, and what `set` writes.
    pub fn watched_columns(&self) -> Vec<&Ident> {
        let key = self.key.iter().map(|column| &column.name);
        match &self.action {
            Action::Set(columns) => key.chain(columns.iter().map(|(name, _)| name)).collect(),
            Action::Copy { .. } | Action::Delete { .. } => key.collect(),
        }
    }

    /// The user's own expressions.
    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        let columns = match &self.action {
            Action::Set(columns) | Action::Copy { columns, .. } => columns.as_slice(),
            Action::Delete { .. } => &[],
        };
        self.scope.iter().chain(columns.iter().map(|(_, expression)| expression))
    }

    /// Whether a row that was changed should have left the scope, so that a pass that finds no row in scope proves
    /// the end. A copy leaves its source as it was: for it, `where` only selects.
    pub fn is_swept(&self) -> bool {
        self.scope.is_some() && !matches!(self.action, Action::Copy { .. })
    }
}
