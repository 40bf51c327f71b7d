//! What about keys that are no integers in the order of the table? Random ones, and composite ones of text.

use super::{Change, KeyColumn, Needs, Shape, USUAL_BATCH_ROWS, touch};

/// The order of the key is not that of the table, the cache holds neither, and after each of the frequent checkpoints the
/// first change of a page is logged with the whole page: neighbours by key make the most of all three.
pub(crate) const UUID: Shape = Shape {
    name: "uuid",
    about: "random UUIDs as key, a small cache, frequent checkpoints",
    table: "tokens",
    key: &[KeyColumn { name: "id", sql_type: "uuid", before_all: "'00000000-0000-0000-0000-000000000000'::uuid" }],
    change: Change::Set(&[("note", "'token of account ' || account")]),
    needs: Some(Needs { predicate: "note is null", only_these: false }),
    batch_rows: USUAL_BATCH_ROWS,
    weight: 1,
    settings: &[("shared_buffers", "64MB"), ("max_wal_size", "256MB"), ("checkpoint_timeout", "30s")],
    seed: tokens,
    row: |number| format!("id = md5({number}::text)::uuid"),
    transaction: |row| touch("tokens", row),
};

/// A key of two texts, one of them with few values, and rows in another order than its own.
pub(crate) const TEXT: Shape = Shape {
    name: "text",
    about: "a composite text key",
    table: "order_lines",
    key: &[
        KeyColumn { name: "customer", sql_type: "text", before_all: "''::text" },
        KeyColumn { name: "number", sql_type: "text", before_all: "''::text" },
    ],
    change: Change::Set(&[("label", "customer || ' / ' || number || ': ' || amount")]),
    needs: Some(Needs { predicate: "label is null", only_these: false }),
    batch_rows: USUAL_BATCH_ROWS,
    weight: 1,
    settings: &[],
    seed: order_lines,
    row: |number| format!("customer = {} and number = 'line-' || {number}", customer(number)),
    transaction: |row| touch("order_lines", row),
};

/// Hashes are as random as version 4, and the application can tell which there are.
fn tokens(rows: u64) -> Vec<String> {
    vec![
        "create table tokens (id uuid not null, account int not null, payload text not null, \
         seen int not null default 0, note text)"
            .into(),
        format!(
            "insert into tokens (id, account, payload) select md5(n::text)::uuid, n / 10, repeat(md5((-n)::text), 3) \
             from generate_series(1, {rows}) as n"
        ),
        "alter table tokens add primary key (id)".into(),
    ]
}

fn order_lines(rows: u64) -> Vec<String> {
    vec![
        "create table order_lines (customer text not null, number text not null, amount int not null, \
         filler text not null, seen int not null default 0, label text)"
            .into(),
        format!(
            "insert into order_lines (customer, number, amount, filler) \
             select {}, 'line-' || n, n % 1000, repeat('x', 80) from generate_series(1, {rows}) as n",
            customer("n")
        ),
        "alter table order_lines add primary key (customer, number)".into(),
    ]
}

/// One of 997; neighbours in the table are of different ones.
fn customer(number: &str) -> String {
    format!("'customer-' || lpad(({number}::int % 997)::text, 4, '0')")
}
