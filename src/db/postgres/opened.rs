//! Where does an open batch keep its range? In settings of its transaction, so that the change and the checkpoint need no
//! values: their texts have nothing but numbers and names, they show no key to a log or a view of the server, and the
//! server takes each in one message. Knows neither the look-up nor the statements.
//!
//! The settings end with the transaction. In a pooler's session their names stay behind, empty.

/// The end that was looked up; empty where fewer rows are left.
const END: &str = "'tidegate.range_end'";
/// The end of the slice.
const THROUGH: &str = "'tidegate.through'";
/// The cursor; empty where the slice has none.
const AFTER: &str = "'tidegate.after'";

/// Three columns: the stored key that `range_end` looks up, null where there is none, that of `through`, and that of `cursor`;
/// each is kept as it is read. The columns of a locking read are computed anew when the lock had to be waited for, so what is
/// kept is what is answered.
pub(super) fn kept(range_end: &str, through: &str, cursor: &str) -> String {
    format!("{}, {}, {}", keep(END, range_end), keep(THROUGH, through), keep(AFTER, cursor))
}

/// The same of an end that was found later.
pub(super) fn kept_end(range_end: &str) -> String {
    keep(END, range_end)
}

fn keep(name: &str, key: &str) -> String {
    format!("nullif(set_config({name}, coalesce({key}, ''), true), '')")
}

/// The values of the range, as a statement binds them, of a key with so many parts. Nulls where no range is kept: no row is between
/// them.
pub(super) fn values(open_below: bool, parts: usize) -> Vec<String> {
    let kept = |name: &str| format!("nullif(current_setting({name}, true), '')");
    let after = (!open_below).then(|| kept(AFTER));
    let keys = after.into_iter().chain([format!("coalesce({}, {})", kept(END), kept(THROUGH))]);
    keys.flat_map(|key| (0..parts).map(move |part| format!("({key}::json ->> {part})"))).collect()
}

/// Where the batch ends, as a stored key.
pub(super) fn end() -> String {
    format!("coalesce(nullif(current_setting({END}), ''), current_setting({THROUGH}))")
}
