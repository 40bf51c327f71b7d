//! How is a key kept as text? Each part with its storage class, because 10 and '10' are two keys of one SQLite column
//! and sort apart. Knows no table; compares nothing.

use crate::db::failure::Failure;
use crate::db::session::{Row, Value};
use crate::db::statement::BatchStatements;
use crate::key::{Key, KeyRange};
use std::fmt::Write;

/// The key in a row that holds nothing else.
pub(super) fn key_of(row: &Row) -> Result<Key, Failure> {
    row.0.iter().map(to_text).collect::<Result<_, _>>().map(Key::new)
}

/// The values of a range, in the order in which the statements bind them.
pub(super) fn bound(range: &KeyRange) -> Result<Vec<Value>, Failure> {
    let after = range.after.as_ref().map(values_of).transpose()?;
    Ok(BatchStatements::bound(after, values_of(&range.through)?))
}

/// A key's parts, each in its storage class.
pub(super) fn values_of(key: &Key) -> Result<Vec<Value>, Failure> {
    key.parts().iter().map(|part| from_text(part)).collect()
}

/// `i:7`, `r:1.5`, `t:seven`, `b:00ff`. One text for each value that SQLite tells apart, and the other way round.
fn to_text(value: &Value) -> Result<String, Failure> {
    Ok(match value {
        Value::Int(int) => format!("i:{int}"),
        // The shortest digits that are read back as the same double; `inf` and `-0.0` have a form of their own.
        Value::Real(real) if !real.is_nan() => format!("r:{real:?}"),
        Value::Text(text) => format!("t:{text}"),
        Value::Blob(bytes) => format!("b:{}", hex(bytes)),
        // SQLite turns NaN into null, and a plan refuses keys that may be null.
        Value::Null | Value::NoReal | Value::Real(_) => {
            return Err(Failure::fatal("a key column is null: its row cannot be visited"));
        }
    })
}

fn from_text(text: &str) -> Result<Value, Failure> {
    let value = match text.split_once(':') {
        Some(("i", digits)) => digits.parse().ok().map(Value::Int),
        Some(("r", digits)) => digits.parse().ok().map(Value::Real),
        Some(("t", text)) => Some(Value::Text(text.to_owned())),
        Some(("b", digits)) => unhex(digits).map(Value::Blob),
        _ => None,
    };
    // A second spelling of the same value would be a second key to whoever compares the texts.
    value
        .filter(|value| to_text(value).is_ok_and(|canonical| canonical == text))
        .ok_or_else(|| Failure::fatal("a stored key is not in the form `i:…`, `r:…`, `t:…` or `b:…`"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Equal in every bit: `-0.0 == 0.0`, and yet they are two texts.
    fn is_same(left: &Value, right: &Value) -> bool {
        match (left, right) {
            (Value::Real(left), Value::Real(right)) => left.to_bits() == right.to_bits(),
            (left, right) => left == right,
        }
    }

    #[test]
    fn each_class_has_its_own_text() {
        let table = [
            (Value::Int(i64::MIN), "i:-9223372036854775808"),
            (Value::Int(i64::MAX), "i:9223372036854775807"),
            (Value::Int(0), "i:0"),
            (Value::Real(0.0), "r:0.0"),
            (Value::Real(-0.0), "r:-0.0"),
            (Value::Real(1.5), "r:1.5"),
            (Value::Real(5e-324), "r:5e-324"),
            (Value::Real(f64::MAX), "r:1.7976931348623157e308"),
            (Value::Real(f64::INFINITY), "r:inf"),
            (Value::Real(f64::NEG_INFINITY), "r:-inf"),
            (Value::Text(String::new()), "t:"),
            (Value::Text("10".into()), "t:10"),
            (Value::Text("i:1".into()), "t:i:1"),
            (Value::Text("a\0'\"b".into()), "t:a\0'\"b"),
            (Value::Blob(Vec::new()), "b:"),
            (Value::Blob(vec![0, 255, 0x27]), "b:00ff27"),
        ];
        for (value, text) in table {
            assert_eq!(to_text(&value).unwrap(), text);
            assert!(is_same(&from_text(text).unwrap(), &value), "{text}");
        }
    }

    #[test]
    fn null_and_nan_are_no_keys() {
        assert!(to_text(&Value::Null).is_err());
        assert!(to_text(&Value::Real(f64::NAN)).is_err());
    }

    #[test]
    fn what_another_hand_wrote_is_refused() {
        let wrong = [
            "",
            "7",
            "i",
            "i:",
            "i:+7",
            "i:07",
            "i:-0",
            "i:9223372036854775808",
            "i:1.0",
            "r:",
            "r:1",
            "r:NaN",
            "r:infinity",
            "r:1.50",
            "b:0",
            "b:FF",
            "b:+f",
            "b:é",
            "b:0g",
            "x:1",
            "I:1",
            " i:1",
            "i:1 ",
        ];
        for text in wrong {
            assert!(from_text(text).is_err(), "{text}");
        }
    }

    fn any_value() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<i64>().prop_map(Value::Int),
            any::<u64>()
                .prop_map(f64::from_bits)
                .prop_filter("SQLite has no NaN", |x| !x.is_nan())
                .prop_map(Value::Real),
            any::<String>().prop_map(Value::Text),
            proptest::collection::vec(any::<u8>(), 0..40).prop_map(Value::Blob),
        ]
    }

    proptest! {
        #[test]
        fn every_key_survives_its_stored_form(values in proptest::collection::vec(any_value(), 1..=8)) {
            let key = key_of(&Row(values.clone())).unwrap();
            let stored = Key::from_stored(&key.to_stored()).unwrap();
            let read = values_of(&stored).unwrap();
            prop_assert_eq!(read.len(), values.len());
            prop_assert!(read.iter().zip(&values).all(|(read, value)| is_same(read, value)));
        }

        #[test]
        fn what_is_read_is_written_the_same(text in "[irtb]:.*") {
            if let Ok(value) = from_text(&text) {
                prop_assert_eq!(to_text(&value).unwrap(), text);
            }
        }
    }
}
