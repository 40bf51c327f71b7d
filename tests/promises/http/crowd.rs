//! Do two hundred people who watch and a thousand calls that contradict each other do any harm? Only legal moves are made, no
//! batch begins in a pause that was reached, and every row is changed once.

use super::live::Stream;
use super::served::Served;
use crate::operator_in_charge::moves_are_legal;
use crate::support::{Job, Process, Random, SlowRun, Target, amount, promises, until};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::task::JoinSet;

promises!(on [postgres_15, sqlite]:
    a_crowd_sees_and_makes_only_legal_moves,
);

const WATCHERS: usize = 100;
const LISTENERS: usize = 100;
const OPERATORS: u64 = 4;

async fn a_crowd_sees_and_makes_only_legal_moves(target: Target) {
    let mut random = Random::new();
    let served = Arc::new(Served::of(&target, &[]).await);
    let run = SlowRun::start(&target, "").await;
    let job = run.items.job.clone();
    until("the run is seen", async || served.get("/api/v1/runs").await.1["runs"][0]["job"] == job.name).await;
    let over = Arc::new(AtomicBool::new(false));
    let (mut crowd, answers) = (JoinSet::new(), Arc::new(AtomicU64::new(0)));
    for _ in 0..WATCHERS {
        crowd.spawn(watch(Arc::clone(&served), job.clone(), Arc::clone(&over), Arc::clone(&answers)));
    }
    for _ in 0..LISTENERS {
        crowd.spawn(listen(Arc::clone(&served), Arc::clone(&over), Arc::clone(&answers)));
    }
    until("everybody has seen something", async || answers.load(Ordering::Relaxed) >= 200).await;

    let calls = amount(100, 1_000) / OPERATORS;
    let mut operators = JoinSet::new();
    for _ in 0..OPERATORS {
        operators.spawn(contradict(Arc::clone(&served), job.clone(), random.fork(), calls * 4 / 5));
    }
    for _ in 0..OPERATORS * calls / 5 {
        let verb = ["pause", "resume"][random.below(2) as usize];
        type_it(target.start(&[verb, &job.name, "--reason", "by hand"])).await;
        no_batch_begins_in_a_pause(&target).await;
    }
    while let Some(ended) = operators.join_next().await {
        ended.expect("an operator's calls are answered");
    }
    over.store(true, Ordering::Relaxed);
    // Lets it go on where the last word was a pause; a run that is over refuses.
    type_it(target.start(&["resume", &job.name])).await;
    run.ends_well(&target).await;
    // The end is what those wait for who only listen.
    while let Some(ended) = crowd.join_next().await {
        ended.expect("everybody was answered");
    }
    moves_are_legal(&target, &job).await;
}

/// Looks at all runs whenever something changes, as a page does.
async fn watch(served: Arc<Served>, job: Job, over: Arc<AtomicBool>, answers: Arc<AtomicU64>) {
    let mut stream = Stream::of(&served, None).await;
    while !over.load(Ordering::Relaxed) {
        stream.next().await.expect("the server goes on");
        let (status, all) = served.get("/api/v1/runs").await;
        assert!(status == 200 && all["runs"][0]["job"] == job.name, "{status}: {all}");
        answers.fetch_add(1, Ordering::Relaxed);
    }
}

async fn listen(served: Arc<Served>, over: Arc<AtomicBool>, answers: Arc<AtomicU64>) {
    let mut stream = Stream::of(&served, None).await;
    let mut last = 0;
    while !over.load(Ordering::Relaxed) {
        let (number, _) = stream.next().await.expect("the server goes on");
        assert!(number > last, "{number} after {last}");
        last = number;
        answers.fetch_add(1, Ordering::Relaxed);
    }
}

/// Pauses and resumes by dice.
async fn contradict(served: Arc<Served>, job: Job, mut random: Random, calls: u64) {
    for call in 0..calls {
        let verb = ["/pause", "/resume"][random.below(2) as usize];
        let (status, came) =
            served.post(&served.of_run(&job, verb), &json!({ "reason": format!("call {call}") })).await;
        assert!(matches!(status.as_u16(), 200 | 409 | 503), "done, refused, or to be tried again: {status} {came}");
    }
}

async fn type_it(process: Process) {
    let ended = process.end().await;
    assert!(matches!(ended.status.code(), Some(0 | 1 | 75)), "done, refused, or to be tried again: {ended}");
}

/// Two looks that find the same pause, with no move between them, find the same batches.
async fn no_batch_begins_in_a_pause(target: &Target) {
    let look = format!(
        "select r.state, r.version, (select sum(seq) from {} where run_id = r.id) from {} as r",
        target.state("slice"),
        target.state("run")
    );
    let before = target.rows(&look).await.remove(0);
    let after = target.rows(&look).await.remove(0);
    if before[0] == "paused" && before[..2] == after[..2] {
        assert_eq!(before[2], after[2], "batches in a pause that was reached");
    }
}
