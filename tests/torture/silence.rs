//! T10: a connection falls silent in the middle of a batch and stays open, as behind a network that drops packets. Is the
//! silence noticed, and does nothing come of what was held back when it arrives late?
//!
//! Only between a question and its answer, or before a question as a whole: a server that got a part of one waits for the
//! rest without any timeout of its own, and learns from the kernel's keepalives alone that nobody is there. This proxy's
//! kernel always answers those.

use super::figures::Figures;
use super::proxy::{Effect, Proxy, Side};
use super::workload::{Scope, Workload, paced};
use super::writers::Ledger;
use crate::support::{Random, Target, amount, batches, batches_by, promises};
use rustix::process::Signal;
use std::time::{Duration, Instant};

promises!(on [postgres_15]:
    a_silent_connection_is_given_up,
);

/// The promise is 25 s; twice that, so that a busy machine does not fail.
const NOTICED_WITHIN: Duration = Duration::from_secs(50);

async fn a_silent_connection_is_given_up(mut target: Target) {
    let figures = Figures::of("T10");
    let silences = amount(3, 50);
    let mut random = Random::new();
    let rows = silences * 10_000 + 5_000;
    let workload = Workload::prepare(&mut target, rows, Scope::AtStart).await;
    let proxy = Proxy::before(&mut target).await;
    let batch = batches_by(1, 10) + "statement_timeout = \"1s\"\nlock_timeout = \"500ms\"\n";
    let job = workload.job(&target, &paced(&batch, 500));
    let mut runner = target.start(&["run", &job.path]);
    runner.brings("batches to count", async || batches(&target).await > 5).await;
    let mut slowest = Duration::ZERO;
    for silence in 0..silences {
        // The last messages of a batch may be parts of a question, where no silence begins.
        let position = 1 + random.below(u64::from(proxy.lengths().later).saturating_sub(4).max(1)) as u32;
        proxy.strike(Effect::StandStill, move |seen| {
            let is_whole = seen.from == Side::Server || seen.asks_anew;
            seen.batches > 0 && is_whole && seen.in_transaction >= position
        });
        runner.brings("the silence", async || proxy.struck() > silence).await;
        // Every other time it ends in time, and the batch may go on where it was.
        if silence % 2 == 0 {
            proxy.let_go();
        }
        let (begun, before) = (Instant::now(), batches(&target).await);
        runner.brings("batches after the silence", async || batches(&target).await > before + 2).await;
        slowest = slowest.max(begun.elapsed());
        // What is delivered now was said by a connection that was given up.
        proxy.let_go();
    }
    assert!(slowest < NOTICED_WITHIN, "{slowest:?} until the silence was noticed");
    runner.signal(Signal::TERM);
    runner.end().await.exits(4);
    target.run(&workload.job(&target, &batches_by(1, 1_000))).await;
    workload.is_changed_exactly_once(&target, &Ledger::at_start(&workload)).await;
    figures.count(silences, "silences").count(rows, "rows").took("slowest noticed", slowest).seed(&random).tell();
}
