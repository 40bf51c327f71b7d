//! What if hardly any row needs the change? One in a hundred does, evenly over the table, with and without an index that
//! says which.

use super::{Change, KeyColumn, Needs, Shape, USUAL_BATCH_ROWS, touch};

/// Nothing tells where the rows are but the table.
pub(crate) const SPARSE: Shape = Shape {
    name: "sparse",
    about: "one row in a hundred needs the change, and no index tells which",
    table: "orders",
    key: &[KeyColumn { name: "id", sql_type: "bigint", before_all: "'-9223372036854775808'::bigint" }],
    change: Change::Set(&[("state", "'migrated'")]),
    needs: Some(Needs { predicate: LEGACY, only_these: true }),
    batch_rows: USUAL_BATCH_ROWS,
    weight: 1,
    settings: &[],
    seed: orders,
    row: |number| format!("id = {number}"),
    transaction: |row| touch("orders", row),
};

/// A partial index on the key tells.
pub(crate) const SPARSE_INDEXED: Shape = Shape {
    name: "sparse-indexed",
    about: "one row in a hundred needs the change, and a partial index on the key tells which",
    seed: |rows| {
        let index = format!("create index orders_legacy on orders (id) where {LEGACY}");
        orders(rows).into_iter().chain([index]).collect()
    },
    ..SPARSE
};

const LEGACY: &str = "state = 'legacy'";

fn orders(rows: u64) -> Vec<String> {
    vec![
        "create table orders (id bigint not null, customer int not null, state text not null, filler text not null, \
         seen int not null default 0)"
            .into(),
        format!(
            "insert into orders (id, customer, state, filler) \
             select n, n % 1000, case n % 100 when 37 then 'legacy' else 'current' end, repeat('x', 80) \
             from generate_series(1, {rows}) as n"
        ),
        "alter table orders add primary key (id)".into(),
    ]
}
