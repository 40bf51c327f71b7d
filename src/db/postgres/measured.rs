//! Which number stands in a row that a user's query returned? Knows the driver's encodings, not what is measured.

use crate::db::session::{Row, Value};
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgRow, PgValueFormat};
use sqlx::{Column, Row as _, TypeInfo, ValueRef};

/// Numbers as they are, and the name of the type in place of everything else.
pub(super) fn read_row(row: &PgRow) -> Result<Row, sqlx::Error> {
    let columns = 0..row.columns().len();
    columns.map(|column| read_value(row, column)).collect::<Result<_, _>>().map(Row)
}

fn read_value(row: &PgRow, column: usize) -> Result<Value, sqlx::Error> {
    if row.try_get_raw(column)?.is_null() {
        return Ok(Value::Null);
    }
    let type_name = row.column(column).type_info().name();
    Ok(match type_name {
        "INT2" => Value::Int(row.try_get::<i16, _>(column)?.into()),
        "INT4" => Value::Int(row.try_get::<i32, _>(column)?.into()),
        "INT8" => Value::Int(row.try_get(column)?),
        "FLOAT4" => Value::Real(row.try_get::<f32, _>(column)?.into()),
        "FLOAT8" => Value::Real(row.try_get(column)?),
        "NUMERIC" => Value::Real(numeric(row, column).map_err(sqlx::Error::Decode)?),
        other => Value::Text(other.to_ascii_lowercase()),
    })
}

fn numeric(row: &PgRow, column: usize) -> Result<f64, BoxDynError> {
    let value = row.try_get_raw(column)?;
    match value.format() {
        PgValueFormat::Text => Ok(value.as_str()?.parse()?),
        PgValueFormat::Binary => number_of(value.as_bytes()?).ok_or_else(|| "a numeric that cannot be read".into()),
    }
}

/// A `numeric` as the server sends it: how many digits, the power of the first, the sign, how many are shown, and the
/// digits to the base of 10,000.
fn number_of(bytes: &[u8]) -> Option<f64> {
    const NEGATIVE: u16 = 0x4000;
    const NAN: u16 = 0xC000;
    const INFINITY: u16 = 0xD000;
    const NEGATIVE_INFINITY: u16 = 0xF000;
    let words: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    let [count, weight, sign, _shown, digits @ ..] = words.as_slice() else { return None };
    if digits.len() != usize::from(*count) {
        return None;
    }
    let first = i32::from(weight.cast_signed());
    let size: f64 = (0..).zip(digits).map(|(place, digit)| f64::from(*digit) * 10_000_f64.powi(first - place)).sum();
    match *sign {
        0 => Some(size),
        NEGATIVE => Some(-size),
        NAN => Some(f64::NAN),
        INFINITY => Some(f64::INFINITY),
        NEGATIVE_INFINITY => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(words: &[u16]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    #[test]
    fn a_numeric_is_read_as_the_server_sends_it() {
        for (words, number) in [
            (&[0, 0, 0, 0][..], 0.0),
            (&[1, 0, 0, 0, 7], 7.0),
            (&[2, 0, 0, 1, 12, 5000], 12.5),
            (&[2, 0, 0x4000, 1, 12, 5000], -12.5),
            (&[2, 1, 0, 0, 1, 2345], 12_345.0),
            (&[1, 2, 0, 0, 3], 300_000_000.0),
            (&[1, 0xFFFF, 0, 2, 2500], 0.25),
            (&[0, 0, 0xD000, 0], f64::INFINITY),
            (&[0, 0, 0xF000, 0], f64::NEG_INFINITY),
        ] {
            assert_eq!(number_of(&sent(words)), Some(number), "{words:?}");
        }
        assert!(number_of(&sent(&[0, 0, 0xC000, 0])).unwrap().is_nan());
        for broken in [&[][..], &[1, 0, 0], &[2, 0, 0, 0, 7], &[0, 0, 0x1234, 0]] {
            assert_eq!(number_of(&sent(broken)), None, "{broken:?}");
        }
    }
}
