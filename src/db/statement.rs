//! Which statements make a batch? Text and order of the statements that every database shares; `dialect` spells the
//! differences. Knows no connection.
//!
//! The walked table is always aliased `t` and its key columns are always qualified: an output column of the same name
//! would capture an unqualified `order by`, and sort numbers as text.

mod change;

use super::dialect::{Dialect, quote};
use super::session::Value;
use crate::job::{Expression, Ident};
use crate::plan::{KeyColumn, Order, Route, Work};

pub use change::{ChangeStatement, CountedBy};

/// Which rows a statement is about. Their keys are bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// `after` (unless the range is open below), then `through`.
    Range {
        /// Whether there is no `after`.
        open_below: bool,
        /// Only those of this lap, of so many; `None`: all.
        lap: Option<(u32, u32)>,
    },
    /// Those of one lap, of so many, in a range that has an `after` and few keys beside its rows.
    Stripes {
        /// Which one.
        lap: u32,
        /// Of how many.
        of: u32,
    },
    /// All of a range without the rows that this run has set aside.
    RangeWithoutQuarantined {
        /// Whether there is no `after`.
        open_below: bool,
        /// The run's number.
        run: i64,
    },
    /// The row of one key.
    One,
}

impl Rows {
    /// All rows of a range.
    pub fn all(open_below: bool) -> Self {
        Self::Range { open_below, lap: None }
    }
}

/// The statements of one [`Work`] along one [`Route`].
#[derive(Clone, Debug)]
pub struct BatchStatements {
    dialect: Dialect,
    work: Work,
    route: Route,
    /// The table as it stands in a statement: the walked one, or the route's partition of it.
    table: String,
    /// What the walk goes by: the key, or the place of a row.
    position: Vec<KeyColumn>,
}

impl BatchStatements {
    /// The statements of this work in that dialect, over the whole table by its key.
    pub fn new(dialect: Dialect, work: Work) -> Self {
        let (table, position) = (dialect.table(&work.table), work.key.clone());
        Self { dialect, work, route: Route::default(), table, position }
    }

    /// The same along a route.
    #[must_use]
    pub fn along(self, route: &Route) -> Self {
        let table = self.dialect.table(route.part.as_ref().unwrap_or(&self.work.table));
        let position = match route.order {
            Order::Key => self.work.key.clone(),
            Order::Physical => vec![self.dialect.row_place()],
        };
        Self { route: route.clone(), table, position, ..self }
    }

    /// Along what they go.
    pub fn route(&self) -> &Route {
        &self.route
    }

    /// The table as it stands in a statement.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// What the walk goes by.
    pub fn position(&self) -> &[KeyColumn] {
        &self.position
    }

    /// In whose words they are.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The work they do.
    pub fn work(&self) -> &Work {
        &self.work
    }

    /// Finds the key `rows` rows after a bound key, not above another: `after` (where the range has one), then
    /// `through`, are bound. No answer means that fewer rows are left, never that none are.
    pub fn boundary(&self, open_below: bool, rows: u32) -> String {
        let condition = self.range_condition(open_below);
        self.boundary_where(&self.position_columns(), &condition, rows)
    }

    /// The same look-up with a condition of the caller's and an output of its own.
    pub fn boundary_where(&self, output: &str, condition: &str, rows: u32) -> String {
        self.boundary_after(output, condition, &rows.max(1).to_string())
    }

    /// The same where an expression says how many rows.
    pub fn boundary_after(&self, output: &str, condition: &str, rows: &str) -> String {
        let (table, order) = (&self.table, self.ordered());
        format!("select {output} from {table} as t where {condition}{order} limit 1 offset {rows} - 1")
    }

    /// Finds the last of at most `most` rows in scope, and how many they are: behind the `columns` columns of `output`. No
    /// row: none is in scope.
    pub fn last_in_scope(&self, output: &str, columns: usize, rows: Rows, most: &str) -> String {
        let (table, order, rows) = (&self.table, self.ordered(), self.rows_of(rows));
        // By its position: a key column may have any name.
        let number = columns + 1;
        format!(
            "select found.*, row_number() over () from \
             (select {output} from {table} as t where {rows}{order} limit {most}) as found order by {number} desc limit 1"
        )
    }

    /// Whether a row of the table is in scope that this run has not set aside. Nothing is bound.
    pub fn any_in_scope(&self, run: i64) -> String {
        let table = self.dialect.table(&self.work.table);
        let aside = self.dialect.is_quarantined(&self.work.key, run);
        let without = aside.map(|aside| format!("not {aside}"));
        let scope = self.work.scope.as_ref().map(enclosed);
        let condition: Vec<_> = scope.into_iter().chain(without).collect();
        format!("select exists (select 1 from {table} as t where {})", condition.join(" and "))
    }

    /// As the rows of a range are visited. Places of rows are in their order by themselves: a sort would read them all.
    fn ordered(&self) -> String {
        match self.route.order {
            Order::Key => format!(" order by {}", self.key_columns()),
            Order::Physical => String::new(),
        }
    }

    /// Counts the rows of a range, its keys bound as for [`BatchStatements::boundary`], and stops at `most`.
    pub fn count_at_most(&self, open_below: bool, most: u64) -> String {
        let table = &self.table;
        let condition = self.range_condition(open_below);
        format!("select count(*) from (select 1 as one from {table} as t where {condition} limit {most}) as counted")
    }

    /// Finds the last key above a bound one.
    pub fn last_above(&self, output: &str) -> String {
        let table = self.dialect.table(&self.work.table);
        let key = in_row(&self.work.key.iter().map(qualified).collect::<Vec<_>>());
        let descending: Vec<_> = self.work.key.iter().map(|column| format!("{} desc", qualified(column))).collect();
        let order = descending.join(", ");
        let bound = in_row(&self.parameters(1, &self.work.key));
        format!("select {output} from {table} as t where {key} > {bound} order by {order} limit 1")
    }

    /// Counts those of these rows that are in scope.
    pub fn count_in_scope(&self, rows: Rows) -> String {
        let table = &self.table;
        format!("select count(*) from {table} as t where {}", self.rows_of(rows))
    }

    /// Whether the row of a bound key is there, in scope or not.
    pub fn is_there(&self) -> String {
        format!("exists (select 1 from {} as t where {})", self.dialect.table(&self.work.table), self.key_condition())
    }

    /// The columns that the walk goes by, qualified.
    pub fn position_columns(&self) -> String {
        let columns: Vec<_> = self.position.iter().map(qualified).collect();
        columns.join(", ")
    }

    /// The key columns, qualified, as they stand in `order by`.
    pub fn key_columns(&self) -> String {
        let columns: Vec<_> = self.work.key.iter().map(qualified).collect();
        columns.join(", ")
    }

    /// `t.key > left and t.key <= right` with the caller's own words for both sides; row comparison for composites,
    /// which is an index condition where the spelled-out `or` form is a filter.
    pub fn between(&self, after: Option<&[String]>, through: &[String]) -> String {
        let key = in_row(&self.position.iter().map(qualified).collect::<Vec<_>>());
        let above = after.map(|after| format!("{key} > {} and ", in_row(after))).unwrap_or_default();
        format!("{above}{key} <= {}", in_row(through))
    }

    /// The values that [`BatchStatements::boundary`] and [`BatchStatements::change`] bind, from keys that the caller
    /// has turned into values.
    pub fn bound(after: Option<Vec<Value>>, through: Vec<Value>) -> Vec<Value> {
        let mut values = after.unwrap_or_default();
        values.extend(through);
        values
    }

    /// The rows of a range, its keys bound: `after` (where the range has one), then `through`.
    pub fn range_condition(&self, open_below: bool) -> String {
        let after = (!open_below).then(|| self.parameters(1, &self.position));
        let through = self.parameters(if open_below { 1 } else { 1 + self.position.len() }, &self.position);
        self.between(after.as_deref(), &through)
    }

    /// Whether a row is one of those that this lap (an expression) of so many changes: by its key where that has whole numbers,
    /// whose neighbours mostly lie in one block; by its place where the walk goes by places.
    pub fn is_of_lap(&self, lap: &str, of: u32) -> String {
        let last = self.position.last().map(qualified).unwrap_or_default();
        let stripe = match self.route.order {
            // A shift, unlike a division, makes no stripe wider around zero.
            Order::Key => format!("({last} >> {})", self.route.laps.stripe.ilog2()),
            // Neighbours in a block differ in one small number, which nothing but a hash tells cheaply.
            Order::Physical => format!("hashtid({last})"),
        };
        format!("({stripe} & {}) = {lap}", of - 1)
    }

    fn parameters(&self, first: usize, columns: &[KeyColumn]) -> Vec<String> {
        let columns = columns.iter().enumerate();
        columns.map(|(i, column)| self.dialect.key_parameter(first + i, column)).collect()
    }

    fn rows_of(&self, rows: Rows) -> String {
        let of_lap = |open_below, lap: u32, of| {
            format!("{} and {}", self.range_condition(open_below), self.is_of_lap(&lap.to_string(), of))
        };
        let range = match rows {
            Rows::Range { open_below, lap: None } => self.range_condition(open_below),
            Rows::Range { open_below, lap: Some((lap, of)) } => of_lap(open_below, lap, of),
            Rows::Stripes { lap, of } => of_lap(false, lap, of),
            Rows::RangeWithoutQuarantined { open_below, run } => {
                let aside = self.dialect.is_quarantined(&self.work.key, run);
                let without = aside.map(|aside| format!(" and not {aside}")).unwrap_or_default();
                format!("{}{without}", self.range_condition(open_below))
            }
            Rows::One => self.key_condition(),
        };
        self.in_scope(range)
    }

    fn in_scope(&self, rows: String) -> String {
        match &self.work.scope {
            Some(scope) => format!("{rows} and {}{}", self.dialect.no_index(), enclosed(scope)),
            None => rows,
        }
    }

    /// The row of a bound key.
    fn key_condition(&self) -> String {
        let key = in_row(&self.work.key.iter().map(qualified).collect::<Vec<_>>());
        format!("{key} = {}", in_row(&self.parameters(1, &self.work.key)))
    }
}

/// The user's own words in parentheses. The line break ends a comment at their end.
fn enclosed(expression: &Expression) -> String {
    format!("({}\n)", expression.as_sql())
}

fn qualified(column: &KeyColumn) -> String {
    format!("t.{}", quote(&column.name))
}

fn in_row(parts: &[String]) -> String {
    match parts {
        [one] => one.clone(),
        many => format!("({})", many.join(", ")),
    }
}

fn list<'a>(names: impl Iterator<Item = &'a Ident>) -> String {
    names.map(quote).collect::<Vec<_>>().join(", ")
}
