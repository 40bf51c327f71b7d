//! Where does an open batch keep its range? In settings of its transaction, so that the statements after the look-up need
//! no values: their text is the same for every batch, it shows no key to a log or a view of the server, and the server
//! takes it in one message. Knows neither the look-up nor the change.
//!
//! The settings end with the transaction. In a pooler's session their names stay behind, empty.

use crate::db::dialect::literal;
use crate::db::statement::RangeEnds;
use crate::plan::KeyColumn;

/// The end of the range before.
const AFTER: &str = "tidegate.after";
/// The end that was looked up; empty where fewer rows are left.
const END: &str = "tidegate.range_end";
/// The end of the slice.
const THROUGH: &str = "tidegate.through";

/// Stored keys, as expressions over what the opening of a batch reads.
pub(super) struct Opened<'a> {
    pub(super) after: &'a str,
    pub(super) range_end: &'a str,
    pub(super) through: &'a str,
}

impl Opened<'_> {
    /// The same three in a list of columns, in their order, each null where there is none; each is kept as it is read.
    /// The columns of a locking read are computed anew when the lock had to be waited for, so what is kept is what is
    /// answered.
    pub(super) fn kept(&self) -> String {
        let keep = |name, key| format!("nullif(set_config({}, coalesce({key}, ''), true), '')", literal(name));
        format!("{}, {}, {}", keep(AFTER, self.after), keep(END, self.range_end), keep(THROUGH, self.through))
    }
}

/// Where the batch ends, as a stored key.
pub(super) fn end() -> String {
    format!("coalesce(nullif(current_setting({}), ''), current_setting({}))", literal(END), literal(THROUGH))
}

/// Both ends of the range, each part cast to its column's type. The planner knows the values: it evaluates a stable
/// expression for its estimate.
pub(super) fn ends(key: &[KeyColumn]) -> RangeEnds {
    let after = format!("current_setting({})", literal(AFTER));
    RangeEnds { after: stored_key(key, &after), through: stored_key(key, &end()) }
}

/// The parts of a stored key.
pub(super) fn stored_key(key: &[KeyColumn], stored: &str) -> Vec<String> {
    let parts = key.iter().enumerate();
    parts.map(|(i, part)| format!("({stored}::json ->> {i})::{}", part.sql_type)).collect()
}
