//! What is the usual table? The accounts of pgbench, whose note is to be filled.

use super::{Change, KeyColumn, Needs, Shape, USUAL_BATCH_ROWS};

/// As pgbench makes them, with two more indexes, so that none of the updates can be a cheap one within its page. The
/// change is that of the shipped job `fill-account-note`.
pub(crate) const INTEGER: Shape = Shape {
    name: "integer",
    about: "accounts of pgbench, integer key, three indexes",
    table: "pgbench_accounts",
    key: &[KeyColumn { name: "aid", sql_type: "int", before_all: "'-2147483648'::int" }],
    change: Change::Set(&[("note", NOTE)]),
    needs: Some(Needs { predicate: "note is null", only_these: false }),
    batch_rows: USUAL_BATCH_ROWS,
    weight: 1,
    settings: &[],
    seed,
    row: |number| format!("aid = {number}"),
    transaction,
};

/// What is to stand in each account's note.
pub(crate) const NOTE: &str = "'account ' || aid || ' of branch ' || bid";

/// Accounts of one branch.
const BRANCH: u64 = 100_000;

fn seed(rows: u64) -> Vec<String> {
    vec![
        "create table pgbench_history (tid int, bid int, aid int, delta int, mtime timestamp, filler char(22))".into(),
        "create table pgbench_accounts (aid int not null, bid int, abalance int, filler char(84))".into(),
        format!(
            "insert into pgbench_accounts select n, (n - 1) / {BRANCH} + 1, 0, '' from generate_series(1, {rows}) as n"
        ),
        "alter table pgbench_accounts add primary key (aid)".into(),
        "alter table pgbench_accounts add column note text".into(),
        "create index on pgbench_accounts (bid)".into(),
        "create index on pgbench_accounts (abalance)".into(),
    ]
}

/// The transaction that pgbench calls `simple-update`.
fn transaction(row: &str) -> Vec<String> {
    vec![
        format!("update pgbench_accounts set abalance = abalance + 1 where {row};"),
        format!("select abalance from pgbench_accounts where {row};"),
        "insert into pgbench_history (tid, bid, aid, delta, mtime) values (1, 1, :n, 1, current_timestamp);".into(),
    ]
}
