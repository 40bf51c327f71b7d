//! What does a batch cost the network? Five round trips: begin with the lock and the batch's end, two for the
//! change, the checkpoint, commit. Seen by a proxy between the program and the server.

use crate::support::{Counted, Target, TurnCounter, promises};

promises!(on [every_postgres]: a_batch_takes_five_round_trips);

async fn a_batch_takes_five_round_trips(mut target: Target) {
    let rows = 4_000;
    let items = Counted::new(&target, rows, 100).await;
    let mut spent = Vec::new();
    for job in
        [items.job.clone(), target.job("half-the-size", &one_worker(50)), target.job("as-before", &one_worker(100))]
    {
        let counter = TurnCounter::before(&mut target);
        let summary = target.run(&job).await;
        spent.push((summary["batches"].as_u64().unwrap(), counter.busiest_connection()));
        counter.step_aside(&mut target);
    }
    // Whatever a connection costs once (its start, the first slice's open end, a statement's first time) is the same in
    // both, and drops out of the difference.
    let [_, (many, turns_of_many), (few, turns_of_few)] = spent[..] else { panic!("{spent:?}") };
    assert!(few >= 40 && many >= few + 30, "{spent:?}");
    assert_eq!(turns_of_many - turns_of_few, 5 * (many - few), "(batches, round trips): {spent:?}");
}

fn one_worker(rows: u64) -> String {
    crate::support::add_one("items", &crate::support::batches_by(1, rows))
}
