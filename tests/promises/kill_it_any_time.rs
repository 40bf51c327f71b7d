//! Promise 2: a server crash, a lost session, a stalled or a stopped runner cost at most the batches in hand. Does the
//! run go on, and does nobody commit who lost the run?

use crate::support::{
    Counted, Random, StillIn, Target, add_one, batches, batches_of, promises, stall, stuck_run, successor, until,
    within,
};
use rustix::process::Signal;
use std::time::{Duration, Instant};

promises!(on [postgres_15_to_crash]:
    ten_server_crashes_are_survived_by_the_same_process,
    a_server_that_is_down_at_the_start_is_said_so,
);
promises!(on [postgres_15]:
    lost_sessions_are_survived_by_the_same_process,
    a_stop_does_not_wait_for_a_lock,
    a_second_signal_leaves_at_once,
);
promises!(on [postgres_15, sqlite]:
    a_stalled_runner_commits_nothing_after_another_took_over,
    after_sigterm_there_is_nothing_to_wait_for,
);
promises!(on [every_postgres, sqlite]:
    sigint_stops_like_sigterm,
);

async fn ten_server_crashes_are_survived_by_the_same_process(target: Target) {
    let mut random = Random::new();
    let items = Counted::new(&target, 30_000, 20).await;
    let mut runner = target.start(&["run", &items.job.path]);
    for _ in 0..10 {
        let goal = batches(&target).await + 1 + random.below(30) as i64;
        runner.brings("batches before the next crash", async || batches(&target).await >= goal).await;
        target.cluster().stop_immediate();
        assert!(runner.is_running(), "{}", runner.kill().await);
        target.cluster().start_again();
    }
    runner.end().await.exits(0);
    items.was_applied_exactly_once(&target).await;
}

async fn lost_sessions_are_survived_by_the_same_process(target: Target) {
    let items = Counted::new(&target, 20_000, 20).await;
    let mut runner = target.start(&["run", &items.job.path]);
    for _ in 0..10 {
        let goal = batches(&target).await + 5;
        runner.brings("batches before the next loss", async || batches(&target).await >= goal).await;
        let others = "select count(pg_terminate_backend(pid)) from pg_stat_activity
                      where datname = current_database() and pid <> pg_backend_pid()";
        assert!(target.number(others).await > 0, "no session to lose");
    }
    runner.end().await.exits(0);
    items.was_applied_exactly_once(&target).await;
}

async fn a_server_that_is_down_at_the_start_is_said_so(target: Target) {
    let items = Counted::new(&target, 1_000, 100).await;
    target.cluster().stop_immediate();
    target.tidegate(&["run", &items.job.path]).await.exits(75).says("try again");
    target.cluster().start_again();
    target.run(&items.job).await;
    items.was_applied_exactly_once(&target).await;
}

/// The batch in hand waits for somebody's lock for most of a minute; it is given up after ten seconds, in order.
async fn a_stop_does_not_wait_for_a_lock(target: Target) {
    let (items, runner, lock) = stuck_run(&target).await;
    runner.signal(Signal::TERM);
    let begun = Instant::now();
    runner.end().await.exits(4);
    assert!(begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
    assert_eq!(target.status(&items.job).await["state"], "queued");
    lock.release().await;
    target.run(&items.job).await;
    items.was_applied_exactly_once(&target).await;
}

async fn a_second_signal_leaves_at_once(target: Target) {
    let (items, runner, lock) = stuck_run(&target).await;
    runner.signal(Signal::TERM);
    until("the first signal is heard", async || runner.has_said("a second signal leaves at once")).await;
    runner.signal(Signal::TERM);
    let begun = Instant::now();
    runner.end().await.exits(143);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    lock.release().await;
    target.run(&items.job).await;
    items.was_applied_exactly_once(&target).await;
}

/// The runner is stopped without knowing it, as by a frozen machine; when it wakes, another holds the run. That one is
/// stopped meanwhile, so whatever is committed then is the stale one's. Several times over, each successor being the
/// next to stall.
async fn a_stalled_runner_commits_nothing_after_another_took_over(target: Target) {
    // With rests: without them each batch begins together with the COMMIT of the last, and there is no time between.
    let with_rests = add_one("items", &(batches_of(20) + "[pace]\nduty = 0.9\n"));
    let items = Counted::with_job(&target, 60_000, &with_rests).await;
    let mut runner = target.start(&run_with_lease(&items));
    for still_in in [StillIn::Batch, StillIn::NoBatch, StillIn::NoBatch] {
        let goal = batches(&target).await + 10;
        runner.brings("batches before the stall", async || batches(&target).await >= goal).await;
        stall(&target, &runner, still_in).await;
        let mut successor = successor(&target, &items.job, LEASE, LEASE + Duration::from_secs(2)).await;
        let taken = batches(&target).await;
        successor.brings("its first batch", async || batches(&target).await > taken).await;
        stall(&target, &successor, StillIn::Batch).await;

        let before = batches(&target).await;
        runner.signal(Signal::CONT);
        runner.end().await.exits(5);
        assert_eq!(batches(&target).await, before, "batches of the stale runner");
        successor.signal(Signal::CONT);
        runner = successor;
    }
    runner.end().await.exits(0);
    items.was_applied_exactly_once(&target).await;
}

async fn after_sigterm_there_is_nothing_to_wait_for(target: Target) {
    let items = Counted::new(&target, 30_000, 20).await;
    let mut runner = target.start(&["run", &items.job.path, "--lease", "5m"]);
    runner.brings("five batches", async || batches(&target).await >= 5).await;
    runner.signal(Signal::TERM);
    runner.end().await.exits(4);
    assert_eq!(target.status(&items.job).await["state"], "queued");
    assert_eq!(target.number(&format!("select count(*) from {}", target.state("heartbeat"))).await, 0, "leases held");

    let before = batches(&target).await;
    let next = target.start(&["run", &items.job.path]);
    within(Duration::from_secs(2), "the next run commits", async || batches(&target).await > before).await;
    next.end().await.exits(0);
    items.was_applied_exactly_once(&target).await;
}

async fn sigint_stops_like_sigterm(target: Target) {
    let items = Counted::new(&target, 20_000, 20).await;
    let mut runner = target.start(&["run", &items.job.path]);
    runner.brings("a batch", async || batches(&target).await >= 1).await;
    runner.signal(Signal::INT);
    runner.end().await.exits(4);
    target.run(&items.job).await;
    items.was_applied_exactly_once(&target).await;
}

const LEASE: Duration = Duration::from_secs(2);

fn run_with_lease(items: &Counted) -> [&str; 4] {
    ["run", &items.job.path, "--lease", "2s"]
}
