//! What if rows are large? Documents whose text lies outside the row, and is what changes.

use super::{Change, KeyColumn, Needs, Shape, touch};

/// Four kilobytes each, which are not compressed: the change writes all of them again.
pub(super) const WIDE: Shape = Shape {
    name: "wide",
    about: "rows of four kilobytes, stored outside the table, all of which is rewritten",
    table: "documents",
    key: &[KeyColumn { name: "id", sql_type: "bigint", before_all: "'-9223372036854775808'::bigint" }],
    change: Change::Set(&[("body", "upper(body)"), ("revision", "2")]),
    needs: Some(Needs { predicate: "revision = 1", only_these: false }),
    // As many bytes as 5,000 usual rows write, and more.
    batch_rows: 1_000,
    weight: 20,
    settings: &[],
    seed,
    row: |number| format!("id = {number}"),
    transaction: |row| touch("documents", row),
};

fn seed(rows: u64) -> Vec<String> {
    vec![
        "create table documents (id bigint not null, revision int not null default 1, body text not null, \
         seen int not null default 0)"
            .into(),
        "alter table documents alter column body set storage external".into(),
        format!(
            "insert into documents (id, body) select n, repeat(md5(n::text), 128) from generate_series(1, {rows}) as n"
        ),
        "alter table documents add primary key (id)".into(),
    ]
}
