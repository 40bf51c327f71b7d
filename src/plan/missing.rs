//! What if a name of the job stands for nothing, or for something else than a table of rows? The refusals, with what may
//! have been meant.

use super::facts::{ColumnFacts, Owner, TableFacts, TableKind};
use super::refusal::Refusal;
use crate::job::{Ident, TableName};

/// No table has that name.
pub(super) fn no_table(name: &TableName, similar: &[String]) -> Refusal {
    let help = match similar {
        [] => "check the schema and the name; they are taken as written, upper and lower case included".to_owned(),
        similar => format!("did you mean {}?", similar.join(" or ")),
    };
    Refusal::new("no-such-table", format!("there is no table {name} that this role can see"), help)
}

/// What the name stands for is nothing whose rows may be changed.
pub(super) fn no_table_of_rows(name: &TableName, facts: &TableFacts) -> Option<Refusal> {
    match (facts.owner, facts.kind) {
        (Owner::Database, _) => Some(Refusal::new(
            "system-table",
            format!("{name} belongs to the database itself"),
            "name a table of the application",
        )),
        (Owner::Tidegate, _) => Some(Refusal::new(
            "system-table",
            format!("{name} is one of tidegate's own state tables"),
            "name a table of the application",
        )),
        (Owner::Application, TableKind::Other(what)) => Some(Refusal::new(
            "not-a-table",
            format!("{name} is {what}, not a table"),
            "name the table that holds the rows",
        )),
        _ if facts.temporary => Some(Refusal::new(
            "table-temporary",
            format!("{name} is a temporary table: only the session that made it sees its rows"),
            "make it a table that stays",
        )),
        (Owner::Application, TableKind::Table | TableKind::Partitioned) => None,
    }
}

/// The column of that name, or a refusal.
pub(super) fn existing<'a>(
    table: &'a TableFacts,
    name: &TableName,
    column: &Ident,
    refusals: &mut Vec<Refusal>,
) -> Option<&'a ColumnFacts> {
    let found = table.column(column);
    if found.is_none() {
        let near = table
            .columns
            .iter()
            .map(|other| (strsim::jaro_winkler(other.name.as_str(), column.as_str()), &other.name))
            .filter(|(likeness, _)| *likeness > 0.8)
            .max_by(|a, b| a.0.total_cmp(&b.0));
        let help = match near {
            Some((_, near)) => format!("did you mean {near}?"),
            None => format!("{name} has {}", shown(table.columns.iter().map(|column| &column.name))),
        };
        refusals.push(Refusal::new("no-such-column", format!("{name} has no column {column}"), help));
    }
    found
}

/// Names as a list.
pub(super) fn shown<'a>(names: impl IntoIterator<Item = &'a Ident>) -> String {
    names.into_iter().map(Ident::as_str).collect::<Vec<_>>().join(", ")
}
