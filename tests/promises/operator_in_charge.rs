//! Promise 5: status, pause, resume, cancel at any time. In force within one batch, one runner at a time, and who asked
//! why on record?

mod live_control;

use crate::support::{
    Counted, Finished, Job, Process, Random, Target, add_one, batches, batches_of, promises, rows_changed, stuck_run,
    until,
};
use tidegate::run::RunState;

promises!(on [every_postgres, postgres_15_behind_pgbouncer, sqlite]:
    a_pause_is_in_force_within_one_batch_and_resume_goes_on,
    a_runner_that_was_taken_for_dead_goes_on_after_a_resume,
    a_pause_without_a_runner_keeps_the_next_one_away,
    cancel_ends_the_run_and_keeps_what_was_committed,
    who_asked_and_why_is_kept,
    a_second_runner_is_turned_away_by_name,
    a_second_job_on_the_table_is_refused,
    a_changed_job_is_refused_and_says_what_changed,
);
promises!(on [postgres_15]:
    a_pause_is_pausing_until_no_batch_is_in_hand,
);
promises!(on [postgres_15, postgres_15_behind_pgbouncer, sqlite]:
    fifty_concurrent_intents_make_only_legal_moves,
);

/// The runner stays, and goes on by itself.
async fn a_pause_is_in_force_within_one_batch_and_resume_goes_on(target: Target) {
    let (items, mut runner) = long_run(&target).await;
    ask(&target, "pause", &items.job, "lunch").await.exits(0);
    let asked = batches(&target).await;
    runner.brings("the pause", async || state(&target).await == "paused").await;
    let paused = batches(&target).await;
    assert!(paused <= asked + 2, "two workers may finish one batch each: {asked} batches became {paused}");
    // A command of the same program takes far longer than a batch.
    assert_eq!(target.status(&items.job).await["state"], "paused");
    assert_eq!(batches(&target).await, paused, "batches after the pause");

    ask(&target, "resume", &items.job, "back").await.exits(0);
    runner.end().await.exits(0);
    items.was_applied_exactly_once(&target).await;
    moves_are_legal(&target, &items.job).await;
}

/// Somebody's lock keeps a batch in hand: asked and reached are then two states.
async fn a_pause_is_pausing_until_no_batch_is_in_hand(target: Target) {
    let (items, mut runner, lock) = stuck_run(&target).await;
    ask(&target, "pause", &items.job, "lunch").await.exits(0);
    assert_eq!(target.status(&items.job).await["state"], "pausing");
    lock.release().await;
    runner.brings("the pause", async || state(&target).await == "paused").await;
    runner.kill().await;
}

/// Its lease was out when somebody resumed the run, as on a machine that is too busy to keep it.
async fn a_runner_that_was_taken_for_dead_goes_on_after_a_resume(target: Target) {
    let items = Counted::new(&target, 10_000, 20).await;
    let mut runner = target.start(&["run", &items.job.path, "--lease", "5m"]);
    runner.brings("a batch", async || batches(&target).await >= 1).await;
    target.tidegate(&["pause", &items.job.name]).await.exits(0);
    until("the run is paused", async || target.status(&items.job).await["state"] == "paused").await;
    let over = target.either("clock_timestamp()", "unixepoch('subsec')");
    target
        .execute(&format!("update {} set boot_id = 'elsewhere', expires_at = {over}", target.state("heartbeat")))
        .await;
    target.tidegate(&["resume", &items.job.name]).await.exits(0);
    runner.end().await.exits(0);
    items.was_applied_exactly_once(&target).await;
}

async fn a_pause_without_a_runner_keeps_the_next_one_away(target: Target) {
    let (items, runner) = long_run(&target).await;
    runner.kill().await;
    ask(&target, "pause", &items.job, "the release first").await.exits(0);
    let before = batches(&target).await;
    target.tidegate(&["run", &items.job.path]).await.exits(4).says("the release first");
    assert_eq!(batches(&target).await, before);
    assert_eq!(state(&target).await, "paused");
}

async fn cancel_ends_the_run_and_keeps_what_was_committed(target: Target) {
    let (items, runner) = long_run(&target).await;
    ask(&target, "cancel", &items.job, "wrong column").await.exits(0);
    runner.end().await.exits(4);
    assert_eq!(target.status(&items.job).await["state"], "cancelled");
    let applied = target.number("select count(*) from items where applied = 1").await;
    assert_eq!(target.number("select count(*) from items where applied = 0").await, items.rows as i64 - applied);
    assert_eq!(rows_changed(&target).await, applied);
    moves_are_legal(&target, &items.job).await;
}

async fn who_asked_and_why_is_kept(target: Target) {
    let (items, mut runner) = long_run(&target).await;
    ask(&target, "pause", &items.job, "lunch at twelve").await.exits(0);
    runner.brings("the pause", async || state(&target).await == "paused").await;
    let status = target.status(&items.job).await;
    assert_eq!(status["reason"], "lunch at twelve");
    assert!(status["actor"].as_str().is_some_and(|actor| actor.contains('@')), "user@host: {status}");

    let history = target.tidegate(&["history", &items.job.name, "--output", "json"]).await.exits(0).json();
    let asked = history["events"].as_array().expect("events").iter().find(|event| event["to"] == "pausing");
    let asked = asked.unwrap_or_else(|| panic!("no event says pausing: {history}"));
    assert_eq!(asked["reason"], "lunch at twelve");
    assert_eq!(asked["actor"], status["actor"]);
    let words = target.tidegate(&["status", &items.job.path]).await.exits(0).stdout;
    assert!(words.contains("lunch at twelve"), "for people too: {words}");
}

async fn a_second_runner_is_turned_away_by_name(target: Target) {
    let (items, runner) = long_run(&target).await;
    let second = target.tidegate(&["run", &items.job.path]).await;
    second.exits(5).says(&runner.pid().to_string());
    runner.end().await.exits(0);
    items.was_applied_exactly_once(&target).await;
}

async fn a_second_job_on_the_table_is_refused(target: Target) {
    let (items, runner) = long_run(&target).await;
    let rival = target.job("rival", &add_one("items", &batches_of(100)));
    let refused = target.tidegate(&["run", &rival.path]).await.says(&items.job.name);
    assert_ne!(refused.status.code(), Some(0), "{refused}");
    runner.end().await.exits(0);
    items.was_applied_exactly_once(&target).await;
}

async fn a_changed_job_is_refused_and_says_what_changed(target: Target) {
    let (items, runner) = long_run(&target).await;
    runner.kill().await;
    until("its last commit is over", async || target.is_quiet().await).await;
    let before = batches(&target).await;
    let changed = target.job(&items.job.name, &add_one("items", &batches_of(20)).replace("applied + 1", "applied + 2"));
    let refused = target.tidegate(&["run", &changed.path]).await.says("change.set");
    assert_ne!(refused.status.code(), Some(0), "{refused}");
    assert_eq!(batches(&target).await, before);
}

/// Everybody pulls a lever at once.
async fn fifty_concurrent_intents_make_only_legal_moves(target: Target) {
    let mut random = Random::new();
    let (items, runner) = long_run(&target).await;
    // Cancelled is the end of all moves, so it is asked near the end.
    let verb = |call, dice| match (call, dice) {
        (45.., 0) => "cancel",
        (_, 0..=1) => "pause",
        _ => "resume",
    };
    let calls: Vec<_> = (0..50)
        .map(|call| {
            let verb = verb(call, random.below(4));
            target.start(&[verb, &items.job.name, "--reason", &format!("call {call}")])
        })
        .collect();
    for call in calls {
        let ended = call.end().await;
        assert!(matches!(ended.status.code(), Some(0 | 1 | 75)), "done, refused, or to be tried again: {ended}");
    }
    // Lets it go on where the last word was a pause; a run that is over refuses.
    let ended = ask(&target, "resume", &items.job, "the end").await;
    assert!(matches!(ended.status.code(), Some(0 | 1)), "{ended}");
    let ended = runner.end().await;
    assert!(matches!(ended.status.code(), Some(0 | 4)), "{ended}");
    moves_are_legal(&target, &items.job).await;
    let applied = target.number("select count(*) from items where applied = 1").await;
    assert_eq!(target.number("select count(*) from items where applied > 1").await, 0);
    assert_eq!(rows_changed(&target).await, applied);
}

/// A run that takes seconds, after its first five batches.
async fn long_run(target: &Target) -> (Counted, Process) {
    let items = Counted::new(target, 30_000, 20).await;
    let mut runner = target.start(&["run", &items.job.path]);
    runner.brings("five batches", async || batches(target).await >= 5).await;
    (items, runner)
}

async fn ask(target: &Target, verb: &str, job: &Job, reason: &str) -> Finished {
    target.tidegate(&[verb, &job.path, "--reason", reason]).await
}

async fn state(target: &Target) -> String {
    target.column(&format!("select state from {}", target.state("run"))).await.remove(0)
}

/// The log is a path: each move begins where the one before ended, each is in the table of moves, and the last ends
/// where the run is.
pub(crate) async fn moves_are_legal(target: &Target, job: &Job) {
    let log = target.tidegate(&["history", &job.name, "--last", "100000", "--output", "json"]).await.exits(0).json();
    let state = |word: &serde_json::Value| word.as_str().map(|word| RunState::from_word(word).expect("a state"));
    let mut now = RunState::Queued;
    for event in log["events"].as_array().expect("events") {
        let (Some(from), Some(to)) = (state(&event["from"]), state(&event["to"])) else { continue };
        assert_eq!(from, now, "{event} does not follow from the one before, in {log}");
        assert!(from.may_become(to), "{event} is no legal move");
        now = to;
    }
    assert_eq!(self::state(target).await, now.as_str(), "the run is not where its log ends");
}
