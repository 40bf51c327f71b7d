//! T01, T02: `kill -9` at every named point of the engine, at any message between it and its server, and at random. Is
//! no kill seen in the rows, and does the next process go on at once?
//!
//! The points of the research, and where they are here:
//!
//! | | |
//! |---|---|
//! | K1 lease taken | `lease-taken` |
//! | K2 BEGIN, K3 lock read, K4 boundary | `batch-begun`: the three are one message, so there is no place between them |
//! | K5 rows changed | `batch-applied` |
//! | K6 undo written | the engine writes no undo |
//! | K7 checkpoint written | `batch-checkpointed` |
//! | K8 COMMIT sent | held by the proxy between COMMIT and its answer |
//! | K9 COMMIT answered | `batch-committed` |
//! | K10 heartbeat | `heartbeat` |
//! | K11 state changed | `pause-reached`, `run-moved` |
//! | K12 schema change | the engine changes no schema but its own, which the kills at every message go through |

use super::figures::Figures;
use super::proxy::{Effect, Proxy};
use super::workload::{Layout, Scope, Workload};
use super::writers::{Ledger, Writers};
use crate::support::{Job, Process, Random, Target, amount, batches, batches_by, batches_of, promises, until};
use std::time::{Duration, Instant};

promises!(on [postgres_15, sqlite]:
    a_kill_at_a_named_point_is_not_seen,
    a_kill_at_the_end_of_a_run_is_not_seen,
);
promises!(on [postgres_15]:
    a_kill_between_commit_and_its_answer_is_not_seen,
    a_kill_at_any_message_is_not_seen,
    a_kill_at_any_message_of_a_run_with_a_sweep_is_not_seen,
    kills_at_random_beside_an_application_are_not_seen,
    kills_at_random_leave_no_row_that_comes_later,
    kills_at_random_of_a_walk_by_blocks_are_not_seen,
    kills_at_random_of_a_walk_of_partitions_are_not_seen,
    kills_at_random_of_a_walk_in_laps_are_not_seen,
    kills_at_random_of_rows_that_an_index_finds_are_not_seen,
);

/// Where the engine asks to be killed, and how a process is brought there.
const POINTS: &[(&str, Reached)] = &[
    ("lease-taken", Reached::Once),
    ("batch-begun", Reached::ByWalking),
    ("batch-applied", Reached::ByWalking),
    ("batch-checkpointed", Reached::ByWalking),
    ("batch-committed", Reached::ByWalking),
    ("heartbeat", Reached::Once),
    ("pause-reached", Reached::ByPausing),
];

#[derive(Clone, Copy)]
enum Reached {
    /// Soon after each start.
    Once,
    /// With every batch.
    ByWalking,
    /// When an operator asks for a pause.
    ByPausing,
}

/// The next process may take as long as a lease lasts, and 2 s; on the machine of the dead one it need not even wait for
/// the lease. Ten times the promise, so that a busy machine does not fail.
const RESUMES_WITHIN: Duration = Duration::from_secs(120);

async fn a_kill_at_a_named_point_is_not_seen(mut target: Target) {
    let figures = Figures::of("T01 named points");
    let rounds = amount(2, 50);
    let mut random = Random::new();
    // A process makes at most this many batches of 20 rows before it is killed, and some more where it is to be paused.
    const MOST_PASSES: u64 = 8;
    // The first heartbeat comes half a second after the start; nobody makes more batches than this until then.
    const UNTIL_HEARTBEAT: u64 = 600;
    let rows = rounds * (POINTS.len() as u64 * (MOST_PASSES + 8) + UNTIL_HEARTBEAT) * 20 + 5_000;
    let workload = Workload::prepare(&mut target, rows, Scope::AtStart).await;
    let job = workload.job(&target, &batches_of(20));
    for round in 0..rounds {
        for (point, reached) in POINTS {
            let passes = match reached {
                Reached::ByWalking => random.below(MOST_PASSES),
                Reached::Once | Reached::ByPausing => 0,
            };
            let failpoint = format!("{point}={passes}*off->return");
            let mut runner = target.start_killed_at(&failpoint, &["run", &job.path]);
            if matches!(reached, Reached::ByPausing) {
                pause_after_a_batch(&target, &job, &mut runner).await;
            }
            let ended = runner.end().await;
            assert!(ended.was_killed(), "{point} in round {round} was not reached: {ended}");
            if matches!(reached, Reached::ByPausing) {
                target.tidegate(&["resume", &job.name]).await.exits(0);
            }
        }
    }
    ends_well(&target, &workload, &Ledger::at_start(&workload)).await;
    figures.count(rounds * POINTS.len() as u64, "kills").count(rows, "rows").seed(&random).tell();
}

async fn pause_after_a_batch(target: &Target, job: &Job, runner: &mut Process) {
    // A last commit of the one before must not be taken for a batch of this one.
    let holds = format!("select count(*) from {} where pid = {}", target.state("heartbeat"), runner.pid());
    runner.brings("the lease", async || target.number_if_any(&holds).await == Some(1)).await;
    let before = batches(target).await;
    runner.brings("a batch", async || batches(target).await > before).await;
    target.tidegate(&["pause", &job.name]).await.exits(0);
}

/// A run of a few batches, killed at the first, second or third move of its end: the sweep begins, the sweep is over, the
/// run has succeeded.
async fn a_kill_at_the_end_of_a_run_is_not_seen(mut target: Target) {
    let figures = Figures::of("T01 run-moved");
    let kills = amount(2, 50);
    for kill in 0..kills {
        let workload = prepare_small(&mut target, kill, Scope::Everything).await;
        let job = workload.job(&target, &batches_of(20));
        let failpoint = format!("run-moved={}*off->return", kill % 3);
        let ended = target.start_killed_at(&failpoint, &["run", &job.path]).end().await;
        assert!(ended.was_killed(), "the move was not reached: {ended}");
        ends_well(&target, &workload, &Ledger::at_start(&workload)).await;
    }
    figures.count(kills, "kills").tell();
}

/// K8. The proxy keeps the answer back, so the batch is durable and its process does not know.
async fn a_kill_between_commit_and_its_answer_is_not_seen(mut target: Target) {
    let figures = Figures::of("T01 COMMIT sent");
    let kills = amount(2, 50);
    let mut random = Random::new();
    let rows = kills * 500 + 2_000;
    let workload = Workload::prepare(&mut target, rows, Scope::AtStart).await;
    let job = workload.job(&target, &batches_of(20));
    let proxy = Proxy::before(&mut target).await;
    for kill in 0..kills {
        let batch = random.below(8) as u32;
        proxy.strike(Effect::StandStill, move |seen| seen.answers_commit() && seen.batches >= batch);
        let runner = target.start(&["run", &job.path]);
        proxy.has_struck(kill + 1).await;
        let ended = runner.kill().await;
        assert!(ended.was_killed(), "{ended}");
        proxy.let_go();
    }
    ends_well(&target, &workload, &Ledger::at_start(&workload)).await;
    figures.count(kills, "kills").count(rows, "rows").seed(&random).tell();
}

async fn a_kill_at_any_message_is_not_seen(target: Target) {
    killed_at_any_message("T01 any message", target, Scope::AtStart).await;
}

async fn a_kill_at_any_message_of_a_run_with_a_sweep_is_not_seen(target: Target) {
    killed_at_any_message("T01 any message with a sweep", target, Scope::Everything).await;
}

/// A small run from its state tables to its proof, killed at one message; each time from the beginning. The messages are
/// spread evenly over all there are, from a random one on; a release takes every fourth.
async fn killed_at_any_message(scenario: &'static str, mut target: Target, scope: Scope) {
    let figures = Figures::of(scenario);
    let mut random = Random::new();
    let proxy = Proxy::before(&mut target).await;
    let workload = prepare_small(&mut target, 0, scope).await;
    let job = workload.job(&target, &batches_of(20));
    target.run(&job).await;
    // Two workers and a heartbeat: not every run has the same number.
    let messages = proxy.messages() + 20;
    let (kills, first) = (amount(10, messages / 4), random.below(messages));
    let mut killed = 0;
    for kill in 0..kills {
        let position = 1 + (first + kill * messages / kills) % messages;
        let workload = prepare_small(&mut target, kill + 1, scope).await;
        let at = proxy.messages() + position;
        let struck = proxy.struck();
        proxy.strike(Effect::StandStill, move |seen| seen.number == at);
        let mut runner = target.start(&["run", &job.path]);
        until("the message, or the end", async || proxy.struck() > struck || !runner.is_running()).await;
        let ended = if proxy.struck() > struck { runner.kill().await } else { runner.end().await };
        killed += u64::from(ended.was_killed());
        proxy.disarm();
        proxy.let_go();
        ends_well(&target, &workload, &Ledger::at_start(&workload)).await;
    }
    assert!(killed * 2 > kills, "{killed} of {kills} were killed");
    figures.count(killed, "kills").count(messages, "messages").seed(&random).tell();
}

/// A fresh table of 57 rows, without any state.
async fn prepare_small(target: &mut Target, times_before: u64, scope: Scope) -> Workload {
    if times_before == 0 {
        return Workload::prepare(target, 60, scope).await;
    }
    let forget_runs = target.either(
        "drop schema tidegate cascade; drop function items_remember() cascade;",
        "delete from tidegate_event; delete from tidegate_heartbeat; delete from tidegate_slice; \
         delete from tidegate_time_ledger; delete from tidegate_pace; delete from tidegate_run;",
    );
    target.execute(&format!("{forget_runs} drop table items; drop table items_gone")).await;
    Workload::prepare_table(target, "items", 60, scope).await
}

async fn kills_at_random_beside_an_application_are_not_seen(target: Target) {
    let workload = (Scope::AtStart, Layout::ByKey);
    killed_at_random("T02", target, workload, amount(20, 1_000), amount(100_000, 1_000_000)).await;
}

async fn kills_at_random_leave_no_row_that_comes_later(target: Target) {
    let workload = (Scope::Everything, Layout::ByKey);
    killed_at_random("T02 with a sweep", target, workload, amount(10, 100), amount(50_000, 200_000)).await;
}

/// The application changes rows meanwhile, and so moves them.
async fn kills_at_random_of_a_walk_by_blocks_are_not_seen(target: Target) {
    let workload = (Scope::Everything, Layout::ByBlocks);
    killed_at_random("T02 by blocks", target, workload, amount(10, 100), amount(50_000, 200_000)).await;
}

async fn kills_at_random_of_a_walk_of_partitions_are_not_seen(target: Target) {
    let workload = (Scope::AtStart, Layout::InPartitions);
    killed_at_random("T02 in partitions", target, workload, amount(10, 100), amount(50_000, 200_000)).await;
}

/// Nothing but the checkpoints says what is done, and they go back at the end of each lap.
async fn kills_at_random_of_a_walk_in_laps_are_not_seen(target: Target) {
    let workload = (Scope::AtStart, Layout::InLaps);
    killed_at_random("T02 in laps", target, workload, amount(10, 100), amount(50_000, 200_000)).await;
}

/// What the next batch looks for is asked together with COMMIT, and somebody reads behind it.
async fn kills_at_random_of_rows_that_an_index_finds_are_not_seen(target: Target) {
    let workload = (Scope::Everything, Layout::ByIndex);
    killed_at_random("T02 by an index", target, workload, amount(10, 100), amount(50_000, 200_000)).await;
}

/// Four workers at full speed; a third of the kills falls into the start, wherever the process is by then.
async fn killed_at_random(
    scenario: &'static str,
    mut target: Target,
    workload: (Scope, Layout),
    kills: u64,
    rows: u64,
) {
    let figures = Figures::of(scenario);
    let mut random = Random::new();
    let workload = Workload::prepare_as(&mut target, rows, workload).await;
    let job = workload.job(&target, &batches_by(4, 50));
    let writers = Writers::start(&target, &workload, &mut random);
    let mut slowest = Duration::ZERO;
    for kill in 0..kills {
        let before = batches(&target).await;
        let begun = Instant::now();
        let mut runner = target.start(&["run", &job.path]);
        if random.below(3) == 0 {
            // The moment is what is random; nothing is awaited.
            tokio::time::sleep(Duration::from_millis(random.below(150))).await;
        } else {
            let goal = before + 1 + random.below(6) as i64;
            runner.brings("the next batches", async || batches(&target).await >= goal).await;
            slowest = slowest.max(begun.elapsed());
        }
        let ended = runner.kill().await;
        assert!(ended.was_killed(), "the run was over before kill {kill}: {ended}");
    }
    assert!(slowest < RESUMES_WITHIN, "{slowest:?} until a process went on");
    let ledger = writers.stop().await;
    ends_well(&target, &workload, &ledger).await;
    figures
        .count(kills, "kills")
        .count(rows, "rows")
        .count(ledger.statements.all(), "statements of the application")
        .took("slowest start to a batch", slowest)
        .seed(&random)
        .tell();
}

/// The same job, in larger batches and without anybody in its way, comes to its end; every row is looked at.
async fn ends_well(target: &Target, workload: &Workload, ledger: &Ledger) {
    target.tidegate(&["run", &workload.job(target, &batches_of(1_000)).path]).await.exits(0);
    workload.is_changed_exactly_once(target, ledger).await;
}
