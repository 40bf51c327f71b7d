//! Which statements change the rows of a batch? One for each kind of change, in the words of each database. Knows neither
//! how a range is found nor any connection.

mod stripes;

use super::{BatchStatements, Rows, enclosed, list};
use crate::db::dialect::{Dialect, quote};
use crate::job::{Expression, Ident, TableName};
use crate::plan::{Action, Archive, Conflict};
use stripes::ByStripes;

/// One statement of a change, and how its answer is read.
#[derive(Clone, Debug)]
pub struct ChangeStatement {
    /// Its text; the range's keys are bound, `after` first where the range has one.
    pub sql: String,
    /// How many rows it changed.
    pub counted_by: CountedBy,
}

/// Where the number of changed rows stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountedBy {
    /// In the command's tag.
    Tag,
    /// In its one row: rows changed, rows of them that are still in scope.
    Row,
    /// Nowhere; another statement of the change is counted.
    Nothing,
}

impl BatchStatements {
    /// The statements that change these rows, in order.
    pub fn change(&self, rows: Rows) -> Vec<ChangeStatement> {
        let (stripes, rows) = match self.by_stripes(rows) {
            Some(ByStripes { stripes, rows }) => (format!(" from {stripes}"), rows),
            None => (String::new(), self.rows_of(rows)),
        };
        match &self.work.action {
            Action::Set(columns) => self.set(columns, &stripes, &rows),
            Action::Copy { into, columns, conflict } => vec![self.copy(into, columns, conflict, &rows)],
            Action::Delete { archive: None } => {
                let table = &self.table;
                vec![tagged(format!("delete from {table} as t where {rows}"))]
            }
            Action::Delete { archive: Some(archive) } => self.archive(archive, &rows),
        }
    }

    fn set(&self, columns: &[(Ident, Expression)], from: &str, rows: &str) -> Vec<ChangeStatement> {
        let table = &self.table;
        let assigned: Vec<_> =
            columns.iter().map(|(name, value)| format!("{} = {}", quote(name), enclosed(value))).collect();
        let update = format!("update {table} as t set {}{from} where {rows}", assigned.join(", "));
        let sql = match (&self.work.scope, self.dialect) {
            // The new row is asked whether it is still in scope: only then can a sweep tell a row that was never
            // changed from one that the change leaves as it was.
            (Some(scope), Dialect::Postgres) => {
                let again = enclosed(scope);
                return vec![ChangeStatement {
                    sql: format!(
                        "with changed as ({update} returning {again} is true as again) \
                         select count(*), count(*) filter (where again) from changed"
                    ),
                    counted_by: CountedBy::Row,
                }];
            }
            _ => update,
        };
        vec![tagged(sql)]
    }

    fn copy(
        &self,
        into: &TableName,
        columns: &[(Ident, Expression)],
        conflict: &Conflict,
        rows: &str,
    ) -> ChangeStatement {
        let source = &self.table;
        let target = self.dialect.table(into);
        let names = list(columns.iter().map(|(name, _)| name));
        let values: Vec<_> = columns.iter().map(|(_, value)| enclosed(value)).collect();
        // Without the lock a row deleted meanwhile would come back to life in the target.
        let lock = match self.dialect {
            Dialect::Postgres => " for share of t",
            Dialect::Sqlite => "",
        };
        let on_conflict = on_conflict(columns, conflict);
        let values = values.join(", ");
        tagged(format!(
            "insert into {target} ({names}) select {values} from {source} as t where {rows}{lock}{on_conflict}"
        ))
    }

    fn archive(&self, archive: &Archive, rows: &str) -> Vec<ChangeStatement> {
        let table = &self.table;
        let into = self.dialect.table(&archive.into);
        let columns = list(archive.columns.iter());
        let from_t: Vec<_> = archive.columns.iter().map(|name| format!("t.{}", quote(name))).collect();
        let from_t = from_t.join(", ");
        match self.dialect {
            Dialect::Postgres => vec![ChangeStatement {
                sql: format!(
                    "with gone as (delete from {table} as t where {rows} returning {from_t}), \
                     kept as (insert into {into} ({columns}) select {columns} from gone returning 1) \
                     select count(*), 0::bigint from kept"
                ),
                counted_by: CountedBy::Row,
            }],
            // The transaction is the only writer, so both statements see the same rows.
            Dialect::Sqlite => vec![
                ChangeStatement {
                    sql: format!("insert into {into} ({columns}) select {from_t} from {table} as t where {rows}"),
                    counted_by: CountedBy::Nothing,
                },
                tagged(format!("delete from {table} as t where {rows}")),
            ],
        }
    }
}

fn tagged(sql: String) -> ChangeStatement {
    ChangeStatement { sql, counted_by: CountedBy::Tag }
}

fn on_conflict(columns: &[(Ident, Expression)], conflict: &Conflict) -> String {
    match conflict {
        Conflict::Error => String::new(),
        Conflict::Skip(key) => format!(" on conflict ({}) do nothing", list(key.iter())),
        Conflict::Update(key) => {
            let updated: Vec<_> = columns
                .iter()
                .filter(|(name, _)| !key.contains(name))
                .map(|(name, _)| format!("{0} = excluded.{0}", quote(name)))
                .collect();
            match updated.is_empty() {
                true => format!(" on conflict ({}) do nothing", list(key.iter())),
                false => format!(" on conflict ({}) do update set {}", list(key.iter()), updated.join(", ")),
            }
        }
    }
}
