//! Which keys make it hard to cut a table into equal parts? Tables of one key column each, with a row of some hundred bytes.

/// Rows of a table that is cut in a test.
pub(super) const ROWS: u64 = 100_000;

/// The table's name, the key's type, and the key of row `i` of `n`.
pub(super) const SHAPES: [(&str, &str, &str); 5] = [
    ("dense", "bigint", "i"),
    // Nine tenths of the rows in a hundredth of the range.
    ("skewed", "bigint", "case when i <= n / 10 * 9 then i else n / 10 * 9 + (i - n / 10 * 9) * 891 end"),
    // The gaps grow with the keys.
    ("sparse", "bigint", "i * i"),
    ("uuids", "uuid", "md5(i::text)::uuid"),
    // Half of them with the same long beginning, in the order of their arrival.
    (
        "texts",
        "text collate \"C\"",
        "case when i % 2 = 0 then 'customer/' || lpad(i::text, 9, '0') else md5(i::text) end",
    ),
];

/// Makes it.
pub(super) fn create(shape: &str, key: &str, of_row: &str) -> String {
    create_of(ROWS, shape, key, of_row)
}

/// Makes it with so many rows.
pub(super) fn create_of(rows: u64, shape: &str, key: &str, of_row: &str) -> String {
    format!(
        "create table {shape} (id {key}, applied integer not null default 0, filler text);
         insert into {shape} (id, filler)
         select {of_row}, repeat('x', 80) from (select i, {rows}::bigint as n from generate_series(1::bigint, {rows}) as i) as s;
         alter table {shape} add primary key (id);
         analyze {shape}"
    )
}
