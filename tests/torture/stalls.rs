//! T08: a runner sleeps for twice its lease, as on a frozen machine, and another takes its run over. When it wakes: does
//! it commit anything?

use super::figures::Figures;
use super::workload::{Scope, Workload, paced};
use super::writers::Ledger;
use crate::support::{
    Process, Random, StillIn, Target, amount, batches, batches_of, promises, stall, successor, until,
};
use rustix::process::Signal;
use std::time::{Duration, Instant};
use tokio::task::{JoinSet, LocalSet};

promises!(on [postgres_15, sqlite]:
    a_runner_that_slept_commits_nothing,
);

const LEASE: Duration = Duration::from_secs(1);

/// The promise is the lease and 2 s; far longer, because many stall at once here.
const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(60);

/// Most of a stall is sleep, so several databases stall at once.
async fn a_runner_that_slept_commits_nothing(target: Target) {
    let figures = Figures::of(target.either("T08 PostgreSQL", "T08 SQLite"));
    let (stalls, databases) = (amount(5, 200), amount(2, 8));
    let mut random = Random::new();
    let (mut chains, here) = (JoinSet::new(), LocalSet::new());
    for number in 0..databases {
        let another = target.another().await;
        let share = stalls / databases + u64::from(number < stalls % databases);
        chains.spawn_local_on(chain_of_stalls(another, share, random.fork()), &here);
    }
    let slowest = here.run_until(chains.join_all()).await.into_iter().max().unwrap_or_default();
    figures
        .count(stalls, "stalls")
        .count(databases, "databases")
        .took("slowest taken over", slowest)
        .seed(&random)
        .tell();
}

/// Each successor is the next to stall. How long the slowest taking over took.
async fn chain_of_stalls(mut target: Target, stalls: u64, mut random: Random) -> Duration {
    let rows = stalls * 3_000 + 5_000;
    let workload = Workload::prepare(&mut target, rows, Scope::AtStart).await;
    let job = workload.job(&target, &paced(&batches_of(10), 500));
    let mut runner = target.start(&["run", &job.path, "--lease", "1s"]);
    let mut slowest = Duration::ZERO;
    for _ in 0..stalls {
        let goal = batches(&target).await + 1 + random.below(10) as i64;
        runner.brings("batches before the stall", async || batches(&target).await >= goal).await;
        let still_in = if random.below(2) == 0 { StillIn::Batch } else { StillIn::NoBatch };
        stall(&target, &runner, still_in).await;
        let asleep = Instant::now();
        let mut next = successor(&target, &job, LEASE, TAKEN_OVER_WITHIN).await;
        slowest = slowest.max(asleep.elapsed());
        let taken = batches(&target).await;
        next.brings("its first batch", async || batches(&target).await > taken).await;
        until("it slept for two leases", async || asleep.elapsed() >= 2 * LEASE).await;
        wakes_and_commits_nothing(&target, runner, &next).await;
        runner = next;
    }
    runner.signal(Signal::TERM);
    runner.end().await.exits(4);
    target.run(&workload.job(&target, &batches_of(1_000))).await;
    workload.is_changed_exactly_once(&target, &Ledger::at_start(&workload)).await;
    slowest
}

/// The successor sleeps meanwhile, so whatever is committed is the stale one's.
async fn wakes_and_commits_nothing(target: &Target, stale: Process, successor: &Process) {
    stall(target, successor, StillIn::Batch).await;
    let before = batches(target).await;
    stale.signal(Signal::CONT);
    stale.end().await.exits(5);
    assert_eq!(batches(target).await, before, "batches of a runner that had lost the run");
    successor.signal(Signal::CONT);
}
