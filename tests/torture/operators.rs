//! T25: many operators pause, resume and cancel at once. Are only legal moves made, one after the other, and is a pause in
//! force within one batch?

use super::figures::Figures;
use super::workload::{Scope, Workload, paced};
use super::writers::Ledger;
use crate::support::{Job, Process, Random, Target, amount, batches, batches_by, promises, until};
use tidegate::run::RunState;

promises!(on [postgres_15, sqlite]:
    quarrelling_operators_make_only_legal_moves,
);

/// Calls at once: each is a process of its own.
const CALLS: u64 = 10;

/// After these, one operator alone pauses the run.
const ROUNDS_PER_PAUSE: u64 = 5;

const WORKERS: i64 = 2;

async fn quarrelling_operators_make_only_legal_moves(mut target: Target) {
    let figures = Figures::of(target.either("T25 PostgreSQL", "T25 SQLite"));
    let rounds = amount(10, 1_000);
    let mut random = Random::new();
    // More than a run does in a round, so that it lasts as long as they do.
    let workload = Workload::prepare(&mut target, rounds * 1_000 + 10_000, Scope::AtStart).await;
    let job = workload.job(&target, &paced(&batches_by(WORKERS as u64, 10), 400));
    let mut runner = target.start(&["run", &job.path]);
    runner.brings("a batch", async || batches(&target).await > 0).await;
    for round in 0..rounds {
        let last = round + 1 == rounds;
        quarrel(&target, &job, &mut random, last).await;
        if round % ROUNDS_PER_PAUSE == 0 && !last {
            a_pause_is_in_force_within_one_batch(&target, &job, &mut runner).await;
        }
    }
    // Cancelled by one of the last calls.
    runner.end().await.exits(4);
    assert_eq!(target.status(&job).await["state"], "cancelled");
    let moves = legal_moves(&target).await;
    workload.is_changed_at_most_once(&target, &Ledger::at_start(&workload)).await;
    figures.count(rounds, "rounds").count(rounds * CALLS, "calls").count(moves, "moves").seed(&random).tell();
}

/// Everybody pulls a lever at once. Cancelled is the end of all moves, so it is asked in the last round only, and then by
/// one at least.
async fn quarrel(target: &Target, job: &Job, random: &mut Random, last: bool) {
    let calls: Vec<_> = (0..CALLS)
        .map(|call| {
            let verb = match (last, random.below(4)) {
                (true, 0) => "cancel",
                (true, _) if call == CALLS / 2 => "cancel",
                (_, 0..=1) => "pause",
                _ => "resume",
            };
            target.start(&[verb, &job.name, "--reason", &format!("call {call}")])
        })
        .collect();
    for call in calls {
        let ended = call.end().await;
        assert!(matches!(ended.status.code(), Some(0 | 1 | 75)), "done, refused, or to be tried again: {ended}");
    }
}

/// Whatever the quarrel left: one operator alone is obeyed.
async fn a_pause_is_in_force_within_one_batch(target: &Target, job: &Job, runner: &mut Process) {
    target.tidegate(&["resume", &job.name]).await.exits(0);
    let before = batches(target).await;
    runner.brings("a batch", async || batches(target).await > before).await;
    target.tidegate(&["pause", &job.name]).await.exits(0);
    let asked = batches(target).await;
    until("the pause", async || state(target).await == "paused").await;
    let paused = batches(target).await;
    assert!(paused <= asked + WORKERS, "each worker may finish one batch: {asked} batches became {paused}");
    // A command of the same program takes longer than a batch.
    assert_eq!(target.status(job).await["state"], "paused");
    assert_eq!(batches(target).await, paused, "batches after the pause");
    target.tidegate(&["resume", &job.name]).await.exits(0);
}

/// The log is a path: each move begins where the one before ended, each is in the table of moves, and the last ends where
/// the run is. How many there were.
async fn legal_moves(target: &Target) -> u64 {
    let event = target.state("event");
    let moves =
        target.rows(&format!("select from_state, to_state from {event} where kind = 'moved' order by id")).await;
    let mut now = RunState::Queued;
    for (number, words) in moves.iter().enumerate() {
        let [from, to] = [&words[0], &words[1]].map(|word| RunState::from_word(word).expect("a state"));
        assert_eq!(from, now, "move {number} does not follow from the one before");
        assert!(from.may_become(to), "move {number}, {from} to {to}, is not legal");
        now = to;
    }
    assert_eq!(state(target).await, now.as_str(), "the run is not where its log ends");
    moves.len() as u64
}

async fn state(target: &Target) -> String {
    target.column(&format!("select state from {}", target.state("run"))).await.remove(0)
}
