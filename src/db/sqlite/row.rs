//! What stands in a row? By each value's own storage class: the column's declared type says little about it.

use super::failure::from_sqlx;
use crate::db::failure::Failure;
use crate::db::session::{Row, Value};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, TypeInfo, ValueRef};

/// All values as they are.
pub(super) fn read(rows: &[SqliteRow]) -> Result<Vec<Row>, Failure> {
    read_by(rows, |row, column, class| match class {
        "BLOB" => Ok(Value::Blob(row.try_get_unchecked(column)?)),
        _ => Ok(Value::Text(row.try_get_unchecked(column)?)),
    })
}

/// Numbers as they are, and the name of the storage class in place of everything else.
pub(super) fn measured(rows: &[SqliteRow]) -> Result<Vec<Row>, Failure> {
    read_by(rows, |_, _, class| Ok(Value::Text(class.to_ascii_lowercase())))
}

fn read_by<F>(rows: &[SqliteRow], no_number: F) -> Result<Vec<Row>, Failure>
where
    F: Fn(&SqliteRow, usize, &str) -> Result<Value, sqlx::Error>,
{
    let value = |row: &SqliteRow, column| {
        let value = row.try_get_raw(column)?;
        match value.type_info().name() {
            _ if value.is_null() => Ok(Value::Null),
            "INTEGER" => Ok(Value::Int(row.try_get_unchecked(column)?)),
            "REAL" => Ok(Value::Real(row.try_get_unchecked(column)?)),
            class => no_number(row, column, class),
        }
    };
    let read = |row: &SqliteRow| (0..row.len()).map(|column| value(row, column)).collect::<Result<_, _>>().map(Row);
    rows.iter().map(read).collect::<Result<_, _>>().map_err(|error| from_sqlx(&error))
}
