//! T06, T09: the primary is gone with its last commits, and a standby that has not got them takes over. Do rows and
//! checkpoints fall back together, does the same process go on, and does nobody commit by a token that was given twice?
//!
//! No application writes here: its own last commits would be lost too, and its ledger could not know.

use super::figures::Figures;
use super::proxy::Proxy;
use super::workload::{Scope, Workload, paced};
use super::writers::Ledger;
use crate::support::{
    Process, Random, Replicated, StillIn, Target, amount, batches, batches_of, promises, stall, until,
};
use rustix::process::Signal;

promises!(with Replicated on [postgres_15]:
    a_failover_that_loses_a_tail_is_survived_by_the_same_process,
);
promises!(with Replicated on [postgres_15]:
    of_two_holders_with_the_same_token_one_commits,
);

/// More than a run does between two failovers.
const ROWS_PER_FAILOVER: u64 = 15_000;
const ROWS_PER_SECOND: u64 = 1_000;

/// The program's address stays; the proxy behind it leads to the new primary.
async fn a_failover_that_loses_a_tail_is_survived_by_the_same_process(mut replicated: Replicated) {
    let figures = Figures::of("T06");
    let failovers = amount(2, 50);
    let mut random = Random::new();
    let rows = (failovers + 1) * ROWS_PER_FAILOVER;
    let workload = Workload::prepare(&mut replicated.target, rows, Scope::AtStart).await;
    let proxy = Proxy::before(&mut replicated.target).await;
    let job = workload.job(&replicated.target, &paced(&batches_of(10), ROWS_PER_SECOND));
    let mut runner = replicated.target.start(&["run", &job.path]);
    let mut rewound = 0;
    for _ in 0..failovers {
        goes_on(&replicated.target, &mut runner, 5).await;
        replicated.streams().await;
        replicated.cut_off().await;
        goes_on(&replicated.target, &mut runner, 1 + random.below(20) as i64).await;
        let before = batches(&replicated.target).await;
        let promoted = replicated.fail_over().await;
        let lost = before - batches(&promoted.target).await;
        assert!(lost > 0, "no batch was lost with the tail: the fault is not the one that is meant");
        assert!(workload.agrees_with_its_checkpoints(&promoted.target).await, "rows and checkpoints after a failover");
        rewound += lost;
        proxy.lead_to(promoted.target.cluster());
        goes_on(&promoted.target, &mut runner, 3).await;
        replicated = promoted.with_new_standby().await;
    }
    goes_on(&replicated.target, &mut runner, 3).await;
    runner.signal(Signal::TERM);
    runner.end().await.exits(4);
    ends_well(&replicated.target, &workload).await;
    let rewound = rewound.unsigned_abs();
    figures
        .count(failovers, "failovers")
        .count(rewound, "batches lost with a tail")
        .count(rows, "rows")
        .seed(&random)
        .tell();
}

/// A has the run and dies. B takes it, which the standby never learns, and falls asleep. After the failover C takes it from
/// A, and so gets the number that B has.
async fn of_two_holders_with_the_same_token_one_commits(mut replicated: Replicated) {
    let figures = Figures::of("T09");
    let failovers = amount(2, 50);
    let rows = (failovers + 1) * ROWS_PER_FAILOVER;
    let workload = Workload::prepare(&mut replicated.target, rows, Scope::AtStart).await;
    let proxy = Proxy::before(&mut replicated.target).await;
    let job = workload.job(&replicated.target, &paced(&batches_of(10), ROWS_PER_SECOND));
    let mut a = replicated.target.start(&["run", &job.path]);
    for _ in 0..failovers {
        goes_on(&replicated.target, &mut a, 3).await;
        a.kill().await;
        until("its last commit is over", async || replicated.target.is_quiet().await).await;
        replicated.streams().await;
        replicated.cut_off().await;
        let mut b = replicated.target.start(&["run", &job.path]);
        goes_on(&replicated.target, &mut b, 3).await;
        stall(&replicated.target, &b, StillIn::Batch).await;
        let token_of_b = token(&replicated.target).await;

        let promoted = replicated.fail_over().await;
        proxy.lead_to(promoted.target.cluster());
        let mut c = promoted.target.start(&["run", &job.path]);
        goes_on(&promoted.target, &mut c, 3).await;
        assert_eq!(token(&promoted.target).await, token_of_b, "the fault is not the one that is meant");
        stall(&promoted.target, &c, StillIn::Batch).await;
        let before = batches(&promoted.target).await;
        b.signal(Signal::CONT);
        b.end().await.exits(5);
        assert_eq!(batches(&promoted.target).await, before, "batches by a token that was given twice");
        c.signal(Signal::CONT);
        goes_on(&promoted.target, &mut c, 1).await;
        replicated = promoted.with_new_standby().await;
        a = c;
    }
    a.signal(Signal::TERM);
    a.end().await.exits(4);
    ends_well(&replicated.target, &workload).await;
    figures.count(failovers, "failovers").count(rows, "rows").tell();
}

async fn goes_on(target: &Target, runner: &mut Process, by: i64) {
    let goal = batches(target).await + by;
    runner.brings("batches", async || batches(target).await >= goal).await;
}

async fn token(target: &Target) -> i64 {
    target.number("select token from tidegate.run").await
}

async fn ends_well(target: &Target, workload: &Workload) {
    target.run(&workload.job(target, &batches_of(1_000))).await;
    workload.is_changed_exactly_once(target, &Ledger::at_start(workload)).await;
}
