//! What does everybody's change come to in SQL? The one big statement, and the count that shows whether nothing was left
//! out.

use super::{Change, Shape};

impl Shape {
    /// All of it at once. Whoever writes it by hand leaves out what is true for every row anyway.
    pub(crate) fn big_statement(&self) -> String {
        self.statement(self.only())
    }

    /// The change of the rows that fulfil a condition.
    pub(crate) fn statement(&self, condition: Option<&str>) -> String {
        let table = self.table;
        let condition = condition.map(|condition| format!(" where {condition}")).unwrap_or_default();
        match self.change {
            Change::Set(columns) => format!("update {table} set {}{condition}", assignments(columns)),
            Change::Copy { into, columns } => {
                let (names, values): (Vec<_>, Vec<_>) = columns.iter().copied().unzip();
                let (names, values) = (names.join(", "), values.join(", "));
                format!("insert into {into} ({names}) select {values} from {table}{condition}")
            }
            Change::Delete => format!("delete from {table}{condition}"),
        }
    }

    /// The columns of the key, as a list.
    pub(crate) fn key_list(&self) -> String {
        self.key.iter().map(|column| column.name).collect::<Vec<_>>().join(", ")
    }

    /// Counts the rows that are as they should be, of a table with so many rows of which so many are to be changed: the
    /// latter number, when nothing was left out and nothing else was touched.
    pub(crate) fn count_of_done(&self, rows: u64, to_change: u64) -> String {
        let table = self.table;
        match (&self.change, self.only()) {
            (Change::Set(columns), _) => {
                let as_they_should: Vec<_> = columns.iter().map(|(name, value)| format!("{name} = {value}")).collect();
                format!("select count(*) from {table} where {}", as_they_should.join(" and "))
            }
            (Change::Copy { into, columns }, _) => {
                let meant: Vec<_> = columns.iter().map(|(name, value)| format!("{value} as {name}")).collect();
                let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
                let (meant, names) = (meant.join(", "), names.join(", "));
                format!("select count(*) from {into} join (select {meant} from {table}) as meant using ({names})")
            }
            (Change::Delete, needs) => {
                let (needs, kept) = (needs.unwrap_or("true"), rows - to_change);
                format!(
                    "select {to_change} - count(*) filter (where {needs}) \
                     - ({kept} - count(*) filter (where not ({needs}))) from {table}"
                )
            }
        }
    }
}

/// As they stand behind `set`.
pub(crate) fn assignments(columns: &[(&str, &str)]) -> String {
    columns.iter().map(|(name, value)| format!("{name} = {value}")).collect::<Vec<_>>().join(", ")
}
