//! Is this answer one number? A user's query is asked for nothing else. Knows no database.

use super::session::{Row, Value};
use crate::job::Query;

/// The query as it is sent: as it was written, with nothing around it.
pub(super) fn sent(query: &Query) -> String {
    query.as_sql().to_owned()
}

/// So many rows are read of a query that should return one: enough to say what is wrong with it.
pub(super) const ROWS_READ: usize = 3;

/// So many rows are read of a query that is only timed; one that returns more is no probe.
pub(super) const ROWS_TIMED: usize = 1000;

/// The number that a query returned, whose first [`ROWS_READ`] rows these are.
///
/// # Errors
/// Why it is none.
pub(super) fn one_number(rows: &[Row]) -> Result<f64, String> {
    let values = match rows {
        [] => return Err("the query returned no row".to_owned()),
        [Row(values)] => values.as_slice(),
        [_, _] => return Err("the query returned 2 rows".to_owned()),
        _ => return Err("the query returned more than 2 rows".to_owned()),
    };
    let number = match values {
        [Value::Int(int)] => *int as f64,
        [Value::Real(real)] => *real,
        [Value::Null | Value::NoReal] => return Err("the query returned NULL".to_owned()),
        [Value::Text(type_name)] => return Err(format!("the query returned {type_name}")),
        [Value::Blob(_)] => return Err("the query returned bytes".to_owned()),
        values => return Err(format!("the query returned {} columns", values.len())),
    };
    match number {
        number if number.is_nan() => Err("the query returned NaN".to_owned()),
        number if number.is_infinite() => Err("the query returned infinity".to_owned()),
        number => Ok(number),
    }
}

/// Whether a query that was timed is fit for it, by how many rows were read.
///
/// # Errors
/// Why it is not.
pub(super) fn is_short(rows: &[Row]) -> Result<(), String> {
    match rows.len() {
        ROWS_TIMED.. => Err(format!("the query returned {ROWS_TIMED} rows or more")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_finite_number_is_a_number() {
        let one = |value| vec![Row(vec![value])];
        let says = |what: &str| Err(format!("the query returned {what}"));
        let table = [
            (one(Value::Int(-3)), Ok(-3.0)),
            (one(Value::Real(0.5)), Ok(0.5)),
            (one(Value::Null), says("NULL")),
            (one("text".into()), says("text")),
            (one("interval".into()), says("interval")),
            (one(Value::Real(f64::NAN)), says("NaN")),
            (one(Value::Real(f64::NEG_INFINITY)), says("infinity")),
            (vec![], says("no row")),
            (vec![Row(vec![1.into()]); 2], says("2 rows")),
            (vec![Row(vec![1.into()]); ROWS_READ], says("more than 2 rows")),
            (vec![Row(vec![1.into(), 2.into()])], says("2 columns")),
            (vec![Row(vec![])], says("0 columns")),
        ];
        for (rows, expected) in table {
            assert_eq!(one_number(&rows), expected, "{rows:?}");
        }
    }

    #[test]
    fn a_probe_reads_a_page_and_not_a_table() {
        assert_eq!(is_short(&vec![Row(vec![]); ROWS_TIMED - 1]), Ok(()));
        assert_eq!(is_short(&vec![Row(vec![]); ROWS_TIMED]), Err("the query returned 1000 rows or more".to_owned()));
    }
}
