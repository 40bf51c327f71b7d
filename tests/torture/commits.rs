//! T04: COMMIT is lost, or its answer is. Does the run find out each time whether the batch is durable, by a locking read,
//! and neither lose nor repeat it?

use super::figures::Figures;
use super::proxy::{Effect, Proxy};
use super::workload::{Scope, Workload, paced};
use super::writers::Writers;
use crate::support::{Random, Target, amount, batches_of, promises};
use rustix::process::Signal;

promises!(on [postgres_15]:
    a_commit_without_an_answer_is_never_guessed,
);

async fn a_commit_without_an_answer_is_never_guessed(mut target: Target) {
    let figures = Figures::of("T04");
    let cuts = amount(20, 500);
    let mut random = Random::new();
    let rows = cuts * 500 + 10_000;
    let workload = Workload::prepare(&mut target, rows, Scope::AtStart).await;
    let proxy = Proxy::before(&mut target).await;
    let writers = Writers::start(&target, &workload, &mut random);
    let job = workload.job(&target, &paced(&batches_of(10), 1_000));
    let mut runner = target.start(&["run", &job.path]);
    let mut kinds = [0; 3];
    for cut in 0..cuts {
        let kind = random.below(3) as usize;
        kinds[kind] += 1;
        arm(&proxy, kind, random.below(3) as u32);
        runner.brings("a lost commit", async || proxy.struck() > cut).await;
    }
    runner.signal(Signal::TERM);
    runner.end().await.exits(4);
    let ledger = writers.stop().await;
    target.run(&workload.job(&target, &batches_of(1_000))).await;
    workload.is_changed_exactly_once(&target, &ledger).await;
    // The last may be on its way when the run is stopped.
    let settled = proxy.locking_reads();
    assert!(settled + 2 >= cuts, "{settled} locking reads after {cuts} lost commits");
    let [answers, commits, both] = kinds;
    figures
        .count(cuts, "cuts")
        .count(answers, "answers lost")
        .count(commits, "commits lost")
        .count(both, "cut behind COMMIT")
        .count(settled, "locking reads")
        .count(rows, "rows")
        .seed(&random)
        .tell();
}

/// Durable for certain, rolled back for certain, or whichever the server comes to.
fn arm(proxy: &Proxy, kind: usize, batches: u32) {
    match kind {
        0 => proxy.strike(Effect::CutBefore, move |seen| seen.answers_commit() && seen.batches >= batches),
        1 => proxy.strike(Effect::CutBefore, move |seen| seen.commits_batch() && seen.batches >= batches),
        _ => proxy.strike(Effect::CutAfter, move |seen| seen.commits_batch() && seen.batches >= batches),
    }
}
