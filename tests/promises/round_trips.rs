//! What does a batch cost the network? Three round trips: the change, the checkpoint, and COMMIT together with the next
//! batch's lock and end, and the look for its rows. Behind a pooler five: there statements have no names, so the change takes two,
//! as does a look for rows, and a batch begins when the last one is over. Seen by a proxy between the program and the server.

use crate::support::{Counted, Target, TurnCounter, add_one, batches_by, promises};
use serde_json::Value;

promises!(on [every_postgres]: a_batch_takes_three_round_trips, a_batch_whose_rows_are_sought_takes_no_more);
promises!(on [postgres_15_behind_pgbouncer]: a_batch_takes_five_round_trips, a_batch_whose_rows_are_sought_takes_two_more);

/// With fewer batches the connection of the state, which beats while a run lasts, makes as many round trips as the worker's.
const ROWS: u64 = 8_000;

/// Which rows a job is about.
#[derive(Clone, Copy, PartialEq)]
enum Rows {
    Every,
    Sought,
}

async fn a_batch_takes_three_round_trips(target: Target) {
    // The first of a slice has no COMMIT to begin with.
    a_batch_takes(3, 1, Rows::Every, target).await;
}

async fn a_batch_takes_five_round_trips(target: Target) {
    a_batch_takes(5, 0, Rows::Every, target).await;
}

async fn a_batch_whose_rows_are_sought_takes_no_more(target: Target) {
    a_batch_takes(3, 1, Rows::Sought, target).await;
}

async fn a_batch_whose_rows_are_sought_takes_two_more(target: Target) {
    a_batch_takes(7, 0, Rows::Sought, target).await;
}

async fn a_batch_takes(round_trips: u64, more_for_the_first: u64, rows: Rows, mut target: Target) {
    let mut spent = Vec::new();
    for (name, batch_rows) in [("first", 100), ("half-the-size", 50), ("as-before", 100)] {
        target.execute("drop table if exists items").await;
        Counted::new(&target, ROWS, batch_rows).await;
        if rows == Rows::Sought {
            target.execute("alter table items add note text").await;
            target.execute("create index todo on items (id) where note is null; analyze items").await;
        }
        let job = target.job(name, &rows.by_one_worker(batch_rows));
        let counter = TurnCounter::before(&mut target);
        let summary = target.run(&job).await;
        let number = |value: &Value| value.as_u64().expect("a number");
        spent.push((number(&summary["batches"]), number(&summary["proof"]["slices"]), counter.busiest_connection()));
        counter.step_aside(&mut target);
    }
    // Whatever a connection costs once (its start, the first slice's open end, a statement's first time) is the same in
    // both, and drops out of the difference.
    let [_, (many, slices_of_many, turns_of_many), (few, slices_of_few, turns_of_few)] = spent[..] else {
        panic!("{spent:?}")
    };
    assert!(few >= 80 && many >= few + 70, "{spent:?}");
    let of_slices = more_for_the_first * (slices_of_many - slices_of_few);
    let expected = round_trips * (many - few) + of_slices;
    // How often a session is asked for its age depends on how long its answers take: once, up to three times.
    let off_by = (turns_of_many - turns_of_few).abs_diff(expected);
    assert!(off_by <= 2, "off by {off_by} of {expected}; (batches, slices, round trips): {spent:?}");
}

impl Rows {
    fn by_one_worker(self, batch_rows: u64) -> String {
        let scope = "[table]\nname = \"items\"\nwhere = \"note is null\"\n[change.set]\nnote = \"'n'\"\n";
        match self {
            Self::Every => add_one("items", &batches_by(1, batch_rows)),
            Self::Sought => format!("{scope}{}", batches_by(1, batch_rows)),
        }
    }
}
