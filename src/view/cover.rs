//! What does somebody read who may not see keys? Some of tidegate's own texts name the row or the range they are about, and
//! a key may be a mail address.

/// What stands in place of such a text.
const COVERED: &str = "(names a row; shown with the write token, or to everybody with --show-keys)";

/// The text, or that it is covered.
pub(super) fn covered(text: &str) -> String {
    if names_a_row(text) { COVERED.to_owned() } else { text.to_owned() }
}

/// The text, if there is one, or that it is covered.
pub(super) fn covered_if_any(text: Option<&str>) -> Option<String> {
    text.map(covered)
}

/// A key may hold any text, so whatever may hold a key is covered as a whole, not cut.
fn names_a_row(text: &str) -> bool {
    text.contains("the row ") || text.contains("(.. ") || (text.contains('(') && text.contains(" .. "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Key, KeyRange};

    #[test]
    fn a_text_that_names_a_row_or_a_range_is_covered() {
        let range = |after: Option<&str>| {
            let key = |text: &str| Key::new(vec![text.to_owned()]);
            KeyRange { after: after.map(key), through: key("anna@example.org") }
        };
        for text in [
            "the row anna@example.org cannot be changed: a value is out of range (22003)".to_owned(),
            "could not set the row anna@example.org aside: connection closed".to_owned(),
            format!("{}: process 7 has a row", range(None)),
            format!("more rows than {}", range(Some("a@example.org"))),
        ] {
            assert_eq!(covered(&text), COVERED, "{text}");
        }
        for text in ["replication-lag 4.2s > 2s (replica1)", "database: no space left on device (53100)"] {
            assert_eq!(covered(text), text);
        }
    }
}
