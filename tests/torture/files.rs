//! T32: several runners in one SQLite file, which has one writer at a time, beside an application that writes; each is
//! killed over and over, wherever it is. Is every table changed exactly once?

use super::figures::Figures;
use super::workload::{Scope, Workload, paced};
use super::writers::{Ledger, Writers};
use crate::support::{Job, Process, Random, Target, amount, batches_of, promises, until};
use rustix::process::Signal;
use std::time::Duration;

promises!(on [sqlite]:
    runners_that_share_a_file_are_killed_at_random,
    runners_that_share_a_file_with_a_write_ahead_log_are_killed_at_random,
);

/// Processes that all want to write, all the time.
const RUNNERS: u64 = 4;

async fn runners_that_share_a_file_are_killed_at_random(target: Target) {
    storm("T32", target).await;
}

async fn runners_that_share_a_file_with_a_write_ahead_log_are_killed_at_random(target: Target) {
    target.execute("pragma journal_mode = wal").await;
    storm("T32 write-ahead log", target).await;
}

/// One of the four: a table of its own, a job of its own, a process of its own.
struct Part {
    workload: Workload,
    job: Job,
    runner: Process,
}

async fn storm(scenario: &'static str, target: Target) {
    let figures = Figures::of(scenario);
    let kills = amount(12, 250);
    let mut random = Random::new();
    let rows = kills * 300 + 3_000;
    let mut parts = Vec::new();
    for number in 0..RUNNERS {
        let scope = if number % 2 == 0 { Scope::AtStart } else { Scope::Everything };
        let workload = Workload::prepare_table(&target, &format!("items_{number}"), rows, scope).await;
        let job = workload.job(&target, &paced(&batches_of(5), 300));
        let runner = target.start(&["run", &job.path]);
        parts.push(Part { workload, job, runner });
    }
    let writers = Writers::start(&target, &parts[0].workload, &mut random);
    for kill in 0..kills {
        let part = &mut parts[random.below(RUNNERS) as usize];
        wait_for_a_moment(&target, part, &mut random).await;
        part.runner.signal(Signal::KILL);
        let next = target.start(&["run", &part.job.path]);
        let ended = std::mem::replace(&mut part.runner, next).end().await;
        assert!(ended.was_killed(), "the run was over before kill {kill}: {ended}");
    }
    let ledger = writers.stop().await;
    for part in &parts {
        // The one that was killed last was started a moment ago: it must hear the signal.
        let holds = format!("select count(*) from tidegate_heartbeat where pid = {}", part.runner.pid());
        until("the runner holds its run", async || target.number_if_any(&holds).await == Some(1)).await;
        part.runner.signal(Signal::TERM);
    }
    for (number, Part { workload, runner, .. }) in parts.into_iter().enumerate() {
        runner.end().await.exits(4);
        target.run(&workload.job(&target, &batches_of(1_000))).await;
        let ledger = if number == 0 { ledger.clone() } else { Ledger::at_start(&workload) };
        workload.is_changed_exactly_once(&target, &ledger).await;
    }
    figures
        .count(kills, "kills")
        .count(RUNNERS, "runners")
        .count(RUNNERS * rows, "rows")
        .count(ledger.statements.all(), "statements of the application")
        .seed(&random)
        .tell();
}

/// After some batches, or at any time.
async fn wait_for_a_moment(target: &Target, part: &mut Part, random: &mut Random) {
    if random.below(3) == 0 {
        // The moment is what is random; nothing is awaited.
        tokio::time::sleep(Duration::from_millis(random.below(100))).await;
        return;
    }
    let job = part.workload.job_name();
    let sum = format!(
        "select coalesce(sum(s.seq), 0) from tidegate_slice as s join tidegate_run as r on r.id = s.run_id \
         where r.job = '{job}'"
    );
    let goal = target.number_if_any(&sum).await.unwrap_or(0) + 1 + random.below(4) as i64;
    part.runner.brings("batches before the kill", async || target.number_if_any(&sum).await >= Some(goal)).await;
}
