//! What is a key, and which rows lie in a range of keys? Knows no SQL and never compares two keys:
//! only the database does, in the key's own type and collation.

use serde::{Deserialize, Serialize};
use std::fmt;

/// One row's key: the canonical text of each key column, in key order.
///
/// The text is what the database printed and what it reads back by a cast. It is opaque here: two keys that are
/// equal under the column's collation may differ in text, so keys are carried, stored and shown, never compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(Vec<String>);

impl Key {
    /// A key of these column texts, in key order.
    pub fn new(parts: Vec<String>) -> Self {
        Self(parts)
    }

    /// The canonical text of each key column.
    pub fn parts(&self) -> &[String] {
        &self.0
    }

    /// The form kept in the state tables: a JSON array of texts.
    pub fn to_stored(&self) -> String {
        serde_json::Value::from(self.0.clone()).to_string()
    }

    /// Reads what [`Key::to_stored`] wrote.
    ///
    /// # Errors
    /// When the text is no JSON array of texts: the state tables were changed by another hand.
    pub fn from_stored(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

/// The rows whose key lies in `(after, through]`. Half open, so that ranges tile without a computed successor:
/// `through + 1` overflows at the end of the type and means nothing for text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyRange {
    /// Exclusive; `None` is open below, so that the smallest value of the type is not lost.
    pub after: Option<Key>,
    /// Inclusive.
    pub through: Key,
}

impl fmt::Display for KeyRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.after {
            Some(after) => write!(f, "({after} .. {}]", self.through),
            None => write!(f, "(.. {}]", self.through),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_key_survives_its_stored_form(parts in proptest::collection::vec(".*", 1..=8)) {
            let key = Key::new(parts);
            prop_assert_eq!(Key::from_stored(&key.to_stored()).unwrap(), key);
        }
    }
}
