//! Do runs of one database share its limits? Two that watch a signal make room for each other; one that watches none is
//! not slowed.

use super::{Part, serve, stop};
use crate::support::{Job, Target, promises};

promises!(on [postgres_15]:
    runs_with_limits_make_room_for_each_other_and_others_are_not_slowed,
);

/// A limit that is never near.
const LIMIT: &str = "[pace.probe]\nsql = \"select 1\"\nmax = \"2s\"\n";

async fn runs_with_limits_make_room_for_each_other_and_others_are_not_slowed(target: Target) {
    let one = Part::paced(&target, "one", 60_000, LIMIT).await;
    let two = Part::paced(&target, "two", 60_000, LIMIT).await;
    let free = Part::new(&target, "free", 60_000).await;
    for part in [&one, &two, &free] {
        part.submit(&target).await;
    }
    let mut server = serve(&target, &["--max-runs", "3"]);
    server
        .brings("both make room", async || {
            slowed_by_others(&target, &one.job).await > 0.0 && slowed_by_others(&target, &two.job).await > 0.0
        })
        .await;
    assert_eq!(slowed_by_others(&target, &free.job).await, 0.0);
    stop(server).await;
}

/// For how many seconds the run rested for the others.
async fn slowed_by_others(target: &Target, job: &Job) -> f64 {
    let (ledger, run) = (target.state("time_ledger"), target.state("run"));
    let sql = format!(
        "select t.seconds from {ledger} as t join {run} as r on r.id = t.run_id \
         where r.job = '{}' and t.bucket = 'slowed:budget'",
        job.name
    );
    target.column(&sql).await.first().map_or(0.0, |seconds| seconds.parse().expect("a number"))
}
