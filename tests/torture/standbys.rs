//! T07: a synchronous standby is absent, so whoever waits for the disk waits for ever, whatever its timeouts say. Is no
//! row lost or repeated, and does the run end after the standby is back?

use super::figures::Figures;
use super::proxy::Proxy;
use super::workload::{Scope, Workload, paced};
use super::writers::Writers;
use crate::support::{Random, Target, amount, batches, batches_of, promises, until};
use rustix::process::Signal;
use std::time::{Duration, Instant};

promises!(on [postgres_15_alone]:
    an_absent_standby_is_waited_for,
);

/// Commits of the program that wait for a standby.
const WAITING: &str =
    "select count(*) from pg_stat_activity where application_name = 'tidegate' and wait_event = 'SyncRep'";

/// The program gives an unanswered call up after 15 s; four times that, so that a busy machine does not fail.
const GIVEN_UP_WITHIN: Duration = Duration::from_secs(60);

/// A batch does not wait for a standby, a heartbeat does; the last round meets the run at its end.
async fn an_absent_standby_is_waited_for(mut target: Target) {
    let figures = Figures::of("T07");
    let absences = amount(1, 20);
    let mut random = Random::new();
    let rows = absences * 15_000 + 10_000;
    let workload = Workload::prepare(&mut target, rows, Scope::AtStart).await;
    let proxy = Proxy::before(&mut target).await;
    let writers = Writers::start(&target, &workload, &mut random);
    let job = workload.job(&target, &paced(&batches_of(10), 500));
    let mut runner = target.start(&["run", &job.path, "--lease", "3s"]);
    let mut slowest = Duration::ZERO;
    for _ in 0..absences {
        let before = batches(&target).await;
        runner.brings("a batch", async || batches(&target).await > before).await;
        set_absent(&target, true).await;
        runner.brings("a commit that waits", async || target.number(WAITING).await > 0).await;
        let (begun, connections) = (Instant::now(), proxy.connections());
        runner.brings("another connection", async || proxy.connections() > connections).await;
        slowest = slowest.max(begun.elapsed());
        set_absent(&target, false).await;
        let kept = "select count(*) from tidegate.heartbeat where expires_at > clock_timestamp()";
        runner.brings("the lease is kept again", async || target.number(kept).await == 1).await;
    }
    assert!(slowest < GIVEN_UP_WITHIN, "{slowest:?} until a call was given up");
    runner.signal(Signal::TERM);
    runner.end().await.exits(4);
    // The application's own commits wait too, with their rows locked: no run could come to its end beside them.
    let ledger = writers.stop().await;
    ends_after_the_standby_is_back(&target, &workload).await;
    workload.is_changed_exactly_once(&target, &ledger).await;
    figures
        .count(absences + 1, "absences")
        .count(rows, "rows")
        .count(ledger.statements.all(), "statements of the application")
        .took("slowest given up", slowest)
        .seed(&random)
        .tell();
}

/// Every row is changed, and the run may not say so before the standby has it.
async fn ends_after_the_standby_is_back(target: &Target, workload: &Workload) {
    let job = workload.job(target, &paced(&batches_of(100), 5_000));
    let mut runner = target.start(&["run", &job.path]);
    let before = batches(target).await;
    runner.brings("a batch", async || batches(target).await > before).await;
    set_absent(target, true).await;
    let left = "select count(*) from tidegate.slice where not done";
    runner.brings("every slice", async || target.number(left).await == 0).await;
    runner.brings("a commit that waits", async || target.number(WAITING).await > 0).await;
    assert_eq!(target.number("select count(*) from tidegate.run where state = 'succeeded'").await, 0);
    assert!(runner.is_running(), "{}", runner.end().await);
    set_absent(target, false).await;
    runner.end().await.exits(0);
}

async fn set_absent(target: &Target, absent: bool) {
    let change = if absent { "set synchronous_standby_names = 'ghost'" } else { "reset synchronous_standby_names" };
    target.execute(&format!("alter system {change}")).await;
    target.execute("select pg_reload_conf()").await;
    if !absent {
        until("nobody waits for a standby", async || target.number(WAITING).await == 0).await;
    }
}
