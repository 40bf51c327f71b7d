//! What makes a table unfit to be walked or written to, although every name of the job is right?

use super::facts::{TableFacts, TableKind};
use super::refusal::Refusal;
use crate::job::TableName;

/// What would lose or leave out rows of the walked table.
pub(super) fn of_walked(name: &TableName, table: &TableFacts) -> Vec<Refusal> {
    let mut refusals = of_target(name, table);
    if table.has_children && table.kind == TableKind::Table {
        refusals.push(Refusal::new(
            "table-inherited",
            format!("{name} has child tables: its unique key does not hold for their rows, which it shows as its own"),
            "walk each table that has no children by a job of its own",
        ));
    }
    refusals
}

/// What would lose or refuse rows that a copy or an archive writes.
pub(super) fn of_target(name: &TableName, table: &TableFacts) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    if table.unlogged {
        refusals.push(Refusal::new(
            "table-unlogged",
            format!("{name} is unlogged: a crash empties it while the checkpoints would say it is done"),
            "make it logged first: `alter table … set logged`",
        ));
    }
    if table.row_security {
        refusals.push(Refusal::new(
            "row-security",
            format!("row-level security hides rows of {name} from this role: they would be left out in silence"),
            "run as a role with BYPASSRLS, or as the table's owner where row-level security is not forced",
        ));
    }
    refusals
}
