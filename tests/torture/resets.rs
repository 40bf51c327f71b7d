//! T05: the connection is reset after each message of a batch, one after the other. Is there a place where a reset loses
//! or repeats a row?

use super::figures::Figures;
use super::proxy::{Effect, Proxy};
use super::workload::{Scope, Workload, paced};
use super::writers::Ledger;
use crate::support::{Process, Target, amount, batches, batches_by, promises};
use rustix::process::Signal;
use tokio::task::{JoinSet, LocalSet};

promises!(on [postgres_15]:
    a_reset_after_any_message_of_a_batch_is_not_seen,
    a_reset_after_any_message_of_a_new_connection_is_not_seen,
);

/// Where a connection is reset.
#[derive(Clone, Copy)]
enum Within {
    /// A batch over a connection that had some before.
    LaterBatch,
    /// A new connection, from its first message through its first batch, with all that is asked before.
    NewConnection,
}

/// After a reset the program waits before it tries again, so several do it at once, each with its share of the messages.
const DATABASES: u32 = 4;

/// Batches without the message that is waited for: it is no part of them.
const ENOUGH_TO_TELL: i64 = 20;

async fn a_reset_after_any_message_of_a_batch_is_not_seen(target: Target) {
    resets("T05 batch", &target, Within::LaterBatch).await;
}

async fn a_reset_after_any_message_of_a_new_connection_is_not_seen(target: Target) {
    resets("T05 connection", &target, Within::NewConnection).await;
}

async fn resets(scenario: &'static str, target: &Target, within: Within) {
    let figures = Figures::of(scenario);
    let times = amount(1, 10);
    let (mut shares, here) = (JoinSet::new(), LocalSet::new());
    for share in 0..DATABASES {
        shares.spawn_local_on(resets_in(target.another().await, within, share, times), &here);
    }
    let resets: u64 = here.run_until(shares.join_all()).await.into_iter().sum();
    figures.count(resets, "resets").count(times, "times each message").tell();
}

/// Resets after every fourth message; how many there were. One worker, so that it is known whose connection is the next.
async fn resets_in(mut target: Target, within: Within, share: u32, times: u64) -> u64 {
    let workload = Workload::prepare(&mut target, 10_000 + times * 20_000, Scope::AtStart).await;
    let proxy = Proxy::before(&mut target).await;
    let job = workload.job(&target, &paced(&batches_by(1, 10), 1_000));
    let mut runner = target.start(&["run", &job.path]);
    let messages = count_messages(&target, &proxy, &mut runner, within).await;
    let mut resets = 0;
    for _ in 0..times {
        for position in (1..=messages).filter(|position| position % DATABASES == share) {
            resets += u64::from(reset(&target, &proxy, &mut runner, within, position).await);
            goes_on(&target, &mut runner).await;
        }
    }
    assert!(resets * 2 > times * u64::from(messages / DATABASES), "{resets} resets of {messages} messages");
    runner.signal(Signal::TERM);
    runner.end().await.exits(4);
    target.run(&workload.job(&target, &batches_by(1, 1_000))).await;
    workload.is_changed_exactly_once(&target, &Ledger::at_start(&workload)).await;
    resets
}

/// How long a batch is, by looking at some.
async fn count_messages(target: &Target, proxy: &Proxy, runner: &mut Process, within: Within) -> u32 {
    goes_on(target, runner).await;
    proxy.strike(Effect::CutAfter, |seen| seen.batches > 0);
    runner.brings("a reset", async || proxy.struck() > 0).await;
    goes_on(target, runner).await;
    let lengths = proxy.lengths();
    let messages = match within {
        Within::LaterBatch => lengths.later,
        Within::NewConnection => lengths.first,
    };
    assert!(messages > 10, "a batch of {messages} messages");
    messages
}

/// Whether there was such a message: not every batch is as long as the longest.
async fn reset(target: &Target, proxy: &Proxy, runner: &mut Process, within: Within, position: u32) -> bool {
    let (connections, struck) = (proxy.connections(), proxy.struck());
    let cuts = match within {
        Within::LaterBatch => {
            proxy.strike(Effect::CutAfter, move |seen| seen.batches > 0 && seen.in_transaction == position);
            1
        }
        Within::NewConnection => {
            proxy.strike(Effect::CutAfter, |seen| seen.batches > 0);
            proxy.strike(Effect::CutAfter, move |seen| seen.connection > connections && seen.in_connection == position);
            2
        }
    };
    let enough = batches(target).await + ENOUGH_TO_TELL;
    runner
        .brings("the reset, or batches without the message", async || {
            proxy.struck() == struck + cuts || batches(target).await > enough
        })
        .await;
    proxy.disarm();
    proxy.struck() == struck + cuts
}

/// Waits for batches over a connection that is whole.
async fn goes_on(target: &Target, runner: &mut Process) {
    let before = batches(target).await;
    runner.brings("batches", async || batches(target).await > before + 2).await;
}
