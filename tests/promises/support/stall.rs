//! What if a runner sleeps, as on a frozen machine, and another takes its run over? Stops the program where a test wants
//! it, and starts others until one has the run.

use super::job::Job;
use super::target::Target;
use super::tidegate::Process;
use super::until::{until, within};
use rustix::process::Signal;
use std::time::Duration;

/// Where a runner stalls.
#[derive(Clone, Copy)]
pub(crate) enum StillIn {
    /// Most likely within a transaction, which its server will end.
    Batch,
    /// Between two transactions: when it wakes, the next thing it does is to begin a batch.
    NoBatch,
}

/// Stops the runner, and waits until nothing more can come of it. On SQLite never within a transaction: the file has
/// one writer, so a frozen writer keeps everybody out, also a successor.
pub(crate) async fn stall(target: &Target, runner: &Process, still_in: StillIn) {
    until("the runner is stopped there", async || {
        runner.freeze().await;
        let there = match (target.either(true, false), still_in) {
            (false, _) => !target.is_locked().await,
            (true, StillIn::Batch) => true,
            (true, StillIn::NoBatch) => target.is_quiet().await,
        };
        if !there {
            runner.signal(Signal::CONT);
        }
        there
    })
    .await;
    until("its transactions are over", async || target.is_quiet().await).await;
}

/// Starts the program until it is not turned away any more: when the lease is out and the server has ended a transaction
/// that the stalled runner left open.
pub(crate) async fn successor(target: &Target, job: &Job, lease: Duration, deadline: Duration) -> Process {
    let holder = format!("select max(pid) from {}", target.state("heartbeat"));
    let words = humantime::format_duration(lease).to_string();
    let mut process = None;
    within(deadline, "another runner takes over", async || {
        let mut candidate = target.start(&["run", &job.path, "--lease", &words]);
        let pid = i64::from(candidate.pid());
        until("the candidate takes the run or ends", async || {
            !candidate.is_running() || target.number_if_any(&holder).await == Some(pid)
        })
        .await;
        if candidate.is_running() {
            process = Some(candidate);
        } else {
            candidate.end().await.exits(5);
        }
        process.is_some()
    })
    .await;
    process.expect("a successor")
}
