//! Whatever happens to a replica, is the run held for the right reason, does no batch commit meanwhile, and does it go
//! on alone? A release repeats each fault twenty times in one run (T17).

use crate::support::{LagWatch, ROWS, Replicated, Role, SlowRun, amount, promises, stays_held};
use std::time::Duration;

promises!(with Replicated on [every_postgres_since_15]:
    a_paused_replay_holds_the_run_in_time_and_lets_it_go_on,
);
promises!(with Replicated on [postgres_15]:
    a_receiver_that_stands_still_holds_the_run,
    a_standby_that_is_down_holds_the_run,
    a_standby_that_applies_late_holds_the_run,
    a_revoked_privilege_holds_the_run,
    a_dead_replica_address_holds_the_run,
    the_watch_sees_a_replica_that_stands_still,
);

const MAX: Duration = Duration::from_secs(1);
const LAG: &str = "[pace.replication_lag]\nmax = \"1s\"\nreplicas = 1\n";

/// The promise: after the lag crossed its limit.
const HELD_AFTER_CROSSING: Duration = Duration::from_secs(2);

/// The promise: for whatever cannot be read.
const HELD_WITHIN: Duration = Duration::from_secs(15);

const OVER: &str = "> 1s (replica1)";
const NOT_SEEN: &str = "replication-lag unknown: 0 of 1 replicas are seen";
const NOT_ALLOWED: &str =
    "replication-lag unknown: this role may not see where replicas are: run `grant pg_monitor to ";
const NO_ANSWER: &str = "replication-lag unknown: replica ";

async fn a_paused_replay_holds_the_run_in_time_and_lets_it_go_on(replicated: Replicated) {
    let mut run = SlowRun::start(&replicated.target, LAG).await;
    let watch = LagWatch::start(&replicated).await;
    replicated.pause_replay().await;
    let reason = run.is_held(&replicated.target, OVER).await;
    assert!(reason.starts_with("replication-lag "), "{reason}");
    stays_held(&replicated.target, &run.items, OVER).await;
    watch.looks_on_for(HELD_AFTER_CROSSING + Duration::from_secs(1)).await;
    watch.saw_no_batch_while_over(MAX, HELD_AFTER_CROSSING);

    replicated.resume_replay().await;
    run.goes_on(&replicated.target).await;
    run.ends_well(&replicated.target).await;
}

/// The primary shows it as `streaming` all the while.
async fn a_receiver_that_stands_still_holds_the_run(replicated: Replicated) {
    let target = &replicated.target;
    let mut run = run_for_all_rounds(&replicated, LAG).await;
    for _ in 0..rounds() {
        let receiver = replicated.stop_receiver().await;
        run.is_held_within(HELD_WITHIN, target, OVER).await;
        stays_held(target, &run.items, "replication-lag").await;
        let shown = "select count(*) from pg_stat_replication where state = 'streaming'";
        assert_eq!(target.number(shown).await, 1, "the fault is not the one that is meant");
        drop(receiver);
        run.goes_on(target).await;
    }
    run.ends_well(target).await;
}

async fn a_standby_that_is_down_holds_the_run(replicated: Replicated) {
    let target = &replicated.target;
    let mut run = run_for_all_rounds(&replicated, LAG).await;
    for _ in 0..rounds() {
        replicated.stop();
        run.is_held_within(HELD_WITHIN, target, NOT_SEEN).await;
        stays_held(target, &run.items, NOT_SEEN).await;
        replicated.start_again();
        run.goes_on(target).await;
    }
    run.ends_well(target).await;
}

async fn a_standby_that_applies_late_holds_the_run(replicated: Replicated) {
    let target = &replicated.target;
    let mut run = SlowRun::start(target, LAG).await;
    replicated.min_apply_delay(Duration::from_secs(60)).await;
    run.is_held(target, OVER).await;
    stays_held(target, &run.items, OVER).await;
    replicated.min_apply_delay(Duration::ZERO).await;
    run.goes_on(target).await;
    run.ends_well(target).await;
}

/// Who may not see positions any more is told so by nulls, not by an error.
async fn a_revoked_privilege_holds_the_run(replicated: Replicated) {
    let target = &replicated.target;
    let items = SlowRun::prepare(target, ROWS * rounds(), LAG).await;
    let role = Role::new(target).await;
    role.may_run_on_items(target).await;
    target.execute(&format!("grant pg_monitor to {}", role.name)).await;
    let runner = role.start(target, &["run", &items.job.path]);
    let mut run = SlowRun::after_its_first_batches(target, items, runner).await;
    for _ in 0..rounds() {
        target.execute(&format!("revoke pg_monitor from {}", role.name)).await;
        run.is_held_within(HELD_WITHIN, target, NOT_ALLOWED).await;
        stays_held(target, &run.items, NOT_ALLOWED).await;
        target.execute(&format!("grant pg_monitor to {}", role.name)).await;
        run.goes_on(target).await;
    }
    run.ends_well(target).await;
}

/// The replica is known by its address only, and its server is gone.
async fn a_dead_replica_address_holds_the_run(mut replicated: Replicated) {
    let url = replicated.url();
    replicated.target.environment.push(("REPLICA_URL", url));
    let mut run = run_for_all_rounds(&replicated, &format!("{LAG}url_env = [\"REPLICA_URL\"]\n")).await;
    let target = &replicated.target;
    for _ in 0..rounds() {
        replicated.stop();
        run.is_held_within(HELD_WITHIN, target, NO_ANSWER).await;
        stays_held(target, &run.items, NO_ANSWER).await;
        replicated.start_again();
        run.goes_on(target).await;
    }
    run.ends_well(target).await;
}

/// The measure must hold by itself, or it proves nothing about the run.
async fn the_watch_sees_a_replica_that_stands_still(replicated: Replicated) {
    let target = &replicated.target;
    target.execute("create table written (at timestamptz)").await;
    let watch = LagWatch::start(&replicated).await;
    watch.looks_on_for(Duration::from_millis(500)).await;
    assert!(watch.crossed(MAX).is_none(), "an idle server's replica is not behind: {:?}", watch.samples().last());

    let receiver = replicated.stop_receiver().await;
    target.execute("insert into written values (now())").await;
    crate::support::until("a receiver that stands still is seen", async || watch.crossed(MAX).is_some()).await;
    drop(receiver);
    replicated.streams().await;
    watch.looks_on_for(Duration::from_millis(200)).await;
    let last = *watch.samples().last().expect("samples");
    assert!(last.lag < MAX, "the replica has caught up: {last:?}");
}

async fn run_for_all_rounds(replicated: &Replicated, pace: &str) -> SlowRun {
    let target = &replicated.target;
    let items = SlowRun::prepare(target, ROWS * rounds(), pace).await;
    let runner = target.start(&["run", &items.job.path]);
    SlowRun::after_its_first_batches(target, items, runner).await
}

/// How often each fault is repeated in one run.
fn rounds() -> u64 {
    amount(1, 20)
}
