//! For any keys, any number of workers, any batch size and any interruptions: is every key visited exactly once?
//! Properties instead of examples; on SQLite, where a case takes milliseconds.

use crate::support::{Target, add_one, batches_by};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::collections::BTreeSet;

/// Each case starts several processes; so many fit into half a minute.
const CASES: u32 = 60;

/// One run: the table, how it is walked, where its processes are killed one after the other.
#[derive(Clone, Debug)]
struct Run {
    key: Key,
    batch_rows: u64,
    workers: u64,
    kills: Vec<String>,
}

#[derive(Clone, Debug)]
enum Key {
    Integers(BTreeSet<i64>),
    Texts(BTreeSet<String>),
    Pairs(BTreeSet<(i64, String)>),
}

#[test]
fn every_key_is_visited_exactly_once() {
    let tokio = tokio::runtime::Runtime::new().expect("a runtime");
    // A failing case is printed whole; a file of seeds would have to be kept beside the tests.
    let mut runner = TestRunner::new(Config { cases: CASES, failure_persistence: None, ..Config::default() });
    let property = runner.run(&runs(), |run| {
        tokio.block_on(visited_once(&run));
        Ok(())
    });
    property.unwrap_or_else(|failure| panic!("{failure}"));
}

async fn visited_once(run: &Run) {
    let target = Target::sqlite().await;
    let keys = run.key.create(&target).await;
    let batch = batches_by(run.workers, run.batch_rows);
    let job = target.job("any", &add_one("items", &batch));
    for kill in &run.kills {
        let ended = target.start_killed_at(kill, &["run", &job.path]).end().await;
        if !ended.was_killed() {
            ended.exits(0);
        }
    }
    target.run(&job).await;
    let visits = target.rows("select applied, count(*) from items group by applied").await;
    let expected = if keys == 0 { vec![] } else { vec![vec!["1".to_owned(), keys.to_string()]] };
    assert_eq!(visits, expected, "[visits, rows]");
    let sum = format!("select coalesce(sum(rows_changed), 0) from {}", target.state("slice"));
    assert_eq!(target.number(&sum).await, keys as i64, "the checkpoints' sum of rows");
}

fn runs() -> impl Strategy<Value = Run> {
    (keys(), 1..40_u64, 1..4_u64, vec(kills(), 0..5)).prop_map(|(key, batch_rows, workers, kills)| Run {
        key,
        batch_rows,
        workers,
        kills,
    })
}

fn keys() -> impl Strategy<Value = Key> {
    // Close together, far apart, and the ends of the type.
    let integer = || prop_oneof![-50..50_i64, any::<i64>(), Just(i64::MIN), Just(i64::MAX)];
    let text = || prop_oneof!["[a-c]{0,3}", "\\PC{0,8}"];
    prop_oneof![
        btree_set(integer(), 0..200).prop_map(Key::Integers),
        btree_set(text(), 0..100).prop_map(Key::Texts),
        btree_set((0..5_i64, text()), 0..100).prop_map(Key::Pairs),
    ]
}

fn kills() -> impl Strategy<Value = String> {
    let point = prop::sample::select(vec![
        "lease-taken",
        "batch-begun",
        "batch-applied",
        "batch-checkpointed",
        "batch-committed",
    ]);
    (point, 0..6).prop_map(|(point, passes)| format!("{point}={passes}*off->return"))
}

impl Key {
    /// Makes the table; how many rows it has.
    async fn create(&self, target: &Target) -> usize {
        let (columns, key, rows): (_, _, Vec<String>) = match self {
            Self::Integers(keys) => {
                ("id integer not null", "id", keys.iter().map(|key| format!("({key}, 0)")).collect())
            }
            Self::Texts(keys) => {
                ("id text not null", "id", keys.iter().map(|key| format!("({}, 0)", literal(key))).collect())
            }
            Self::Pairs(keys) => (
                "id integer not null, part text not null",
                "id, part",
                keys.iter().map(|(id, part)| format!("({id}, {}, 0)", literal(part))).collect(),
            ),
        };
        target.execute(&format!("create table items ({columns}, applied integer not null, primary key ({key}))")).await;
        if !rows.is_empty() {
            target.execute(&format!("insert into items values {}", rows.join(", "))).await;
        }
        rows.len()
    }
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
