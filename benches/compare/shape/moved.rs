//! What if rows are not changed in place? They are copied into another table, or deleted.

use super::{Change, KeyColumn, Needs, Shape, USUAL_BATCH_ROWS, touch};

const KEY: &[KeyColumn] = &[KeyColumn { name: "id", sql_type: "bigint", before_all: "'-9223372036854775808'::bigint" }];

/// Every row, into an empty table.
pub(super) const COPY: Shape = Shape {
    name: "copy",
    about: "every row is copied into another table",
    table: "users",
    key: KEY,
    change: Change::Copy {
        into: "user_profiles",
        columns: &[("user_id", "id"), ("bio", "trim(bio)"), ("language", "coalesce(language, 'en')")],
    },
    needs: None,
    batch_rows: USUAL_BATCH_ROWS,
    weight: 1,
    settings: &[],
    seed: users,
    row: |number| format!("id = {number}"),
    transaction: |row| touch("users", row),
};

/// The older half of a table that grew day by day.
pub(super) const DELETE: Shape = Shape {
    name: "delete",
    about: "the older half is deleted",
    table: "visits",
    key: KEY,
    change: Change::Delete,
    needs: Some(Needs { predicate: "day < date '2025-01-01'", only_these: true }),
    batch_rows: USUAL_BATCH_ROWS,
    weight: 1,
    settings: &[],
    seed: visits,
    row: |number| format!("id = {number}"),
    transaction: |row| touch("visits", row),
};

fn users(rows: u64) -> Vec<String> {
    vec![
        "create table users (id bigint not null, bio text not null, language text, seen int not null default 0)".into(),
        "create table user_profiles (user_id bigint primary key, bio text not null, language text not null)".into(),
        format!(
            "insert into users (id, bio, language) \
             select n, ' ' || repeat(md5(n::text), 3), case n % 3 when 0 then null else 'de' end \
             from generate_series(1, {rows}) as n"
        ),
        "alter table users add primary key (id)".into(),
    ]
}

fn visits(rows: u64) -> Vec<String> {
    vec![
        "create table visits (id bigint not null, day date not null, page text not null, seen int not null default 0)"
            .into(),
        // Two years, of which 2024 is a leap year.
        format!(
            "insert into visits (id, day, page) \
             select n, date '2024-01-01' + (n * 732 / {rows})::int, repeat(md5(n::text), 3) \
             from generate_series(1, {rows}::bigint) as n"
        ),
        "alter table visits add primary key (id)".into(),
    ]
}
