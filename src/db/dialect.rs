//! What do the databases spell differently in the statements they share? The one list of differences, and the one
//! place where an identifier is quoted. Knows no statement.

use crate::job::{Ident, TableName};
use crate::plan::KeyColumn;

/// Which database speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// PostgreSQL 14 and later.
    Postgres,
    /// SQLite, as bundled with the driver.
    Sqlite,
}

impl Dialect {
    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Sqlite => "SQLite",
        }
    }

    /// One of our own tables: a schema of its own where there are schemas, a prefix where there are none.
    pub fn state_table(self, table: &str) -> String {
        match self {
            Self::Postgres => format!("tidegate.{table}"),
            Self::Sqlite => format!("tidegate_{table}"),
        }
    }

    /// One of our own tables as `on conflict … do update` names the row that is there.
    pub fn row_of(self, table: &str) -> String {
        match self {
            Self::Postgres => table.to_owned(),
            Self::Sqlite => self.state_table(table),
        }
    }

    /// The server's clock at this moment, not at the start of the transaction.
    pub fn now(self) -> &'static str {
        match self {
            Self::Postgres => "clock_timestamp()",
            Self::Sqlite => "unixepoch('subsec')",
        }
    }

    /// The server's clock plus a bound number of milliseconds.
    pub fn now_plus_ms(self, parameter: &str) -> String {
        match self {
            Self::Postgres => format!("clock_timestamp() + {parameter} * interval '1 millisecond'"),
            Self::Sqlite => format!("unixepoch('subsec') + {parameter} / 1000.0"),
        }
    }

    /// A bound number of seconds since 1970 as a time that is stored; null is none.
    pub fn moment(self, parameter: &str) -> String {
        match self {
            Self::Postgres => format!("to_timestamp({parameter})"),
            Self::Sqlite => parameter.to_owned(),
        }
    }

    /// A stored time as seconds since 1970.
    pub fn seconds(self, column: &str) -> String {
        match self {
            Self::Postgres => format!("extract(epoch from {column})::float8"),
            Self::Sqlite => column.to_owned(),
        }
    }

    /// Where the server's write-ahead log is now, as a number of bytes. SQLite's says nothing that could be subtracted: it
    /// begins anew whenever it was copied back.
    pub fn wal_position(self) -> &'static str {
        match self {
            Self::Postgres => "pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint",
            Self::Sqlite => "null",
        }
    }

    /// Whether locks are on rows. SQLite's is on the file, so no range is locked more than another.
    pub fn has_row_locks(self) -> bool {
        match self {
            Self::Postgres => true,
            Self::Sqlite => false,
        }
    }

    /// Locks a row until the end of the transaction, without standing in the way of foreign keys to it. SQLite has one
    /// writer, and every transaction of ours that may write begins as that writer.
    pub fn row_lock(self) -> &'static str {
        match self {
            Self::Postgres => " for no key update",
            Self::Sqlite => "",
        }
    }

    /// Before a condition: no index of its own is used for it. SQLite without ANALYZE prefers an index on any column that
    /// `where` names to the range of the key, and every batch would read all rows in scope.
    pub fn no_index(self) -> &'static str {
        match self {
            Self::Postgres => "",
            Self::Sqlite => "+",
        }
    }

    /// Whether a run has set the row of `t` aside. `None` where a stored key cannot be told by SQL: there a sweep meets such
    /// rows again, and sets them aside again.
    pub fn is_quarantined(self, key: &[KeyColumn], run: i64) -> Option<String> {
        match self {
            Self::Postgres => {
                let same = key.iter().enumerate().map(|(i, column)| {
                    format!("t.{} = (q.key::json ->> {i})::{}", quote(&column.name), column.sql_type)
                });
                Some(format!(
                    "exists (select from tidegate.quarantine as q where q.run_id = {run} and q.resolved_at is null and {})",
                    same.collect::<Vec<_>>().join(" and ")
                ))
            }
            Self::Sqlite => None,
        }
    }

    /// What a physical walk goes by. PostgreSQL's is read by ranges since 14; SQLite's rows lie in the order of their key.
    pub fn row_place(self) -> KeyColumn {
        let (name, sql_type) = match self {
            Self::Postgres => ("ctid", "tid"),
            Self::Sqlite => ("rowid", "integer"),
        };
        KeyColumn { name: Ident::of_ours(name), sql_type: sql_type.to_owned() }
    }

    /// A bound key part in the type of its column. PostgreSQL gets every part as text and casts it; SQLite gets the
    /// value in its own storage class.
    pub fn key_parameter(self, number: usize, column: &KeyColumn) -> String {
        match self {
            Self::Postgres => format!("${number}::text::{}", column.sql_type),
            Self::Sqlite => format!("${number}"),
        }
    }

    /// A table as it stands in a statement.
    pub fn table(self, table: &TableName) -> String {
        match &table.schema {
            Some(schema) => format!("{}.{}", quote(schema), quote(&table.name)),
            None => quote(&table.name),
        }
    }
}

/// Places for the words of a statement that is prepared or bound, numbered from `first` on.
pub(crate) fn places<const N: usize>(first: usize) -> [String; N] {
    std::array::from_fn(|i| format!("${}", first + i))
}

/// What builds an index anew beside the application, as a person runs it. `None`: the name is none.
pub fn reindex(schema: &str, index: &str) -> Option<String> {
    let [schema, index] = [Ident::new(schema).ok()?, Ident::new(index).ok()?];
    Some(format!("reindex index concurrently {}.{}", quote(&schema), quote(&index)))
}

/// Quotes an identifier for every database: double quotes, doubled inside. An [`Ident`] holds no NUL.
pub fn quote(ident: &Ident) -> String {
    format!("\"{}\"", ident.as_str().replace('"', "\"\""))
}

/// Quotes a text of ours as a literal. Only for names from the catalog or a job file; values are bound.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Reads back as the database does: a quote ends the name unless it is doubled.
        #[test]
        fn no_name_ends_its_quotes(name in "[^\0]{1,20}") {
            let Ok(ident) = Ident::new(&name) else { return Ok(()) };
            let quoted = quote(&ident);
            let inside = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap();
            prop_assert!(!inside.replace("\"\"", "").contains('"'));
            prop_assert_eq!(inside.replace("\"\"", "\""), name);
        }
    }

    #[test]
    fn names_are_quoted_as_they_are() {
        let table =
            TableName { schema: Some(Ident::new("odd \" schema").unwrap()), name: Ident::new("Users").unwrap() };
        assert_eq!(Dialect::Postgres.table(&table), "\"odd \"\" schema\".\"Users\"");
        assert_eq!(literal("it's"), "'it''s'");
        let reindex = reindex("odd \" schema", "Key");
        assert_eq!(reindex.as_deref(), Some("reindex index concurrently \"odd \"\" schema\".\"Key\""));
    }
}
