//! Where does an open batch keep its end? In settings of its transaction, so that the checkpoint needs no values: its text
//! has nothing but numbers, it shows no key to a log or a view of the server, and the server takes it in one message.
//! Knows neither the look-up nor the checkpoint.
//!
//! The settings end with the transaction. In a pooler's session their names stay behind, empty.

/// The end that was looked up; empty where fewer rows are left.
const END: &str = "'tidegate.range_end'";
/// The end of the slice.
const THROUGH: &str = "'tidegate.through'";

/// Two columns: the stored key that `range_end` looks up, null where there is none, and that of `through`; each is kept as it
/// is read. The columns of a locking read are computed anew when the lock had to be waited for, so what is kept is what is
/// answered.
pub(super) fn kept(range_end: &str, through: &str) -> String {
    let keep = |name, key| format!("nullif(set_config({name}, coalesce({key}, ''), true), '')");
    format!("{}, {}", keep(END, range_end), keep(THROUGH, through))
}

/// Where the batch ends, as a stored key.
pub(super) fn end() -> String {
    format!("coalesce(nullif(current_setting({END}), ''), current_setting({THROUGH}))")
}
