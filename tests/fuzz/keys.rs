//! Does a key survive its stored form, and is any other text refused? The rows around it are tried where they are read, in
//! `db/ledger/slices.rs`, and the values of each type on real servers, in `tests/promises/keys.rs`.

use crate::support::holds_for;
use proptest::collection::vec;
use proptest::prelude::*;
use tidegate::key::{Key, KeyRange};

#[test]
fn a_key_is_read_as_it_was_stored() {
    holds_for(vec(".{0,20}|[\"\\\\\u{0}\u{7f}\u{2028}é🦀]{0,8}", 0..=9), |parts| {
        let key = Key::new(parts);
        prop_assert_eq!(Key::from_stored(&key.to_stored()).unwrap(), key);
        Ok(())
    });
}

#[test]
fn a_stored_text_is_a_key_or_is_refused() {
    holds_for(stored(), |text| {
        if let Ok(key) = Key::from_stored(&text) {
            prop_assert_eq!(Key::from_stored(&key.to_stored()).unwrap(), key.clone());
            prop_assert_eq!(key.parts().len(), serde_json::from_str::<Vec<String>>(&text).unwrap().len());
            let _ = KeyRange { after: Some(key.clone()), through: key }.to_string();
        }
        Ok(())
    });
}

/// Arrays of texts, and what is almost one: other types, deeper arrays, a text that was cut.
fn stored() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => ".{0,6}".prop_map(|text| serde_json::Value::from(text).to_string()),
        1 => "null|true|[0-9]{1,30}|-?[0-9]e[0-9]{1,4}|\\[\\]|\\{\\}|\"",
    ];
    let array = vec(part, 0..5).prop_map(|parts| format!("[{}]", parts.join(",")));
    let cut = (array.clone(), any::<prop::sample::Index>()).prop_map(|(text, at)| {
        let end = text.floor_char_boundary(at.index(text.len() + 1));
        text[..end].to_owned()
    });
    let deep = (0..400_usize).prop_map(|depth| "[".repeat(depth));
    prop_oneof![4 => array, 2 => cut, 1 => deep, 1 => ".{0,30}"]
}
