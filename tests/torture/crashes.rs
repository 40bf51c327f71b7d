//! T03: the server stops at once, or one of its processes is killed, which takes all sessions with it. Does the same
//! process of ours go on, soon, with every row changed once beside an application that writes?

use super::figures::Figures;
use super::workload::{Scope, Workload, paced};
use super::writers::Writers;
use crate::support::{Random, Target, amount, batches, batches_of, promises, until};
use rustix::process::{Pid, Signal, kill_process};
use std::time::{Duration, Instant};

promises!(on [postgres_15_to_crash]:
    a_server_that_stops_at_once_is_survived_by_the_same_process,
    a_killed_backend_is_survived_by_the_same_process,
);

/// The promise is 10 s; three times that, so that a busy machine does not fail.
const BACK_AT_WORK_WITHIN: Duration = Duration::from_secs(30);

/// More than a run does between two crashes, so that it lasts as long as they do.
const ROWS_PER_CRASH: u64 = 4_000;
const ROWS_PER_SECOND: u64 = 1_000;

async fn a_server_that_stops_at_once_is_survived_by_the_same_process(target: Target) {
    survives("T03 server", target, async |target, _| {
        target.cluster().stop_immediate();
        target.cluster().start_again();
    })
    .await;
}

/// The server's other processes leave too, and it recovers by itself.
async fn a_killed_backend_is_survived_by_the_same_process(target: Target) {
    survives("T03 backend", target, async |target, random| {
        let backends = "select pid from pg_stat_activity where application_name = 'tidegate' order by state, pid";
        let backends = target.column(backends).await;
        let backend = &backends[random.below(backends.len() as u64) as usize];
        let pid = Pid::from_raw(backend.parse().expect("a process")).expect("a process");
        kill_process(pid, Signal::KILL).expect("a server of ours");
        let sessions = format!("select count(*) from pg_stat_activity where pid = {pid}", pid = backend);
        until("the server is up again", async || target.number_if_any(&sessions).await == Some(0)).await;
    })
    .await;
}

async fn survives(scenario: &'static str, mut target: Target, crash: impl AsyncFn(&Target, &mut Random)) {
    let figures = Figures::of(scenario);
    let crashes = amount(5, 200);
    let mut random = Random::new();
    let rows = crashes * ROWS_PER_CRASH + 10_000;
    let workload = Workload::prepare(&mut target, rows, Scope::AtStart).await;
    let writers = Writers::start(&target, &workload, &mut random);
    let job = workload.job(&target, &paced(&batches_of(10), ROWS_PER_SECOND));
    let mut runner = target.start(&["run", &job.path]);
    let mut slowest = Duration::ZERO;
    for _ in 0..crashes {
        let goal = batches(&target).await + 1 + random.below(30) as i64;
        runner.brings("batches before the next crash", async || batches(&target).await >= goal).await;
        crash(&target, &mut random).await;
        let (up, before) = (Instant::now(), batches(&target).await);
        runner.brings("batches after the crash", async || batches(&target).await > before).await;
        slowest = slowest.max(up.elapsed());
    }
    assert!(slowest < BACK_AT_WORK_WITHIN, "{slowest:?} until the run went on");
    runner.signal(Signal::TERM);
    runner.end().await.exits(4);
    let ledger = writers.stop().await;
    target.run(&workload.job(&target, &batches_of(1_000))).await;
    workload.is_changed_exactly_once(&target, &ledger).await;
    figures
        .count(crashes, "crashes")
        .count(rows, "rows")
        .count(ledger.statements.all(), "statements of the application")
        .count(ledger.statements.unanswered, "of them unanswered")
        .took("slowest back at work", slowest)
        .seed(&random)
        .tell();
}
