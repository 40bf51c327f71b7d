//! What follows when the server cancels a statement, turns read-only, or has ideas of its own about time?

use crate::support::{Counted, Role, Target, add_one, batches, batches_by, promises, stuck_run, until};

promises!(on [every_postgres]:
    a_statement_that_somebody_cancels_pauses_the_run_with_the_reason,
    a_server_that_turns_read_only_is_waited_for,
    timeouts_of_the_database_do_not_reach_the_batches,
    a_server_without_free_connections_is_waited_for,
);

async fn a_statement_that_somebody_cancels_pauses_the_run_with_the_reason(target: Target) {
    let (items, runner, lock) = stuck_run(&target).await;
    let cancel =
        "select count(pg_cancel_backend(pid)) from pg_locks where not granted and relation = 'items'::regclass";
    assert!(target.number(cancel).await > 0);
    lock.release().await;
    until("the run is paused", async || target.status(&items.job).await["state"] == "paused").await;
    let reason = target.column("select reason from tidegate.run").await.swap_remove(0);
    assert!(reason.contains("somebody cancelled a statement at the server"), "{reason}");
    target.tidegate(&["resume", &items.job.name]).await.exits(0);
    runner.end().await.exits(0);
    items.was_applied_exactly_once(&target).await;
}

/// As a primary does that becomes a standby: the sessions are lost, and new ones cannot write.
async fn a_server_that_turns_read_only_is_waited_for(target: Target) {
    let items = Counted::new(&target, 20_000, 20).await;
    let mut runner = target.start(&["run", &items.job.path]);
    runner.brings("five batches", async || batches(&target).await >= 5).await;
    set_for_new_sessions(&target, "default_transaction_read_only = on").await;
    until("the reason in the log", async || runner.has_said("25006")).await;
    assert!(runner.is_running());
    set_for_new_sessions(&target, "default_transaction_read_only = off").await;
    runner.end().await.exits(0);
    items.was_applied_exactly_once(&target).await;
}

async fn timeouts_of_the_database_do_not_reach_the_batches(target: Target) {
    let items = Counted::new(&target, 600, 100).await;
    target
        .execute(
            "create function rest() returns trigger language plpgsql as 'begin perform pg_sleep(0.3); return null; end';
             create trigger rest after update on items for each statement execute function rest()",
        )
        .await;
    for setting in
        ["statement_timeout = '200ms'", "lock_timeout = '1ms'", "idle_in_transaction_session_timeout = '100ms'"]
    {
        set_for_new_sessions(&target, setting).await;
    }
    let summary = target.run(&items.job).await;
    assert_eq!(summary["retries"], 0, "{summary}");
    items.was_applied_exactly_once(&target).await;
}

async fn a_server_without_free_connections_is_waited_for(target: Target) {
    let items = Counted::with_job(&target, 20_000, &add_one("items", &batches_by(1, 20))).await;
    let role = Role::new(&target).await;
    role.may_run_on_items(&target).await;
    let mut runner = role.start(&target, &["run", &items.job.path]);
    runner.brings("five batches", async || batches(&target).await >= 5).await;
    target.execute(&format!("alter role {} connection limit 0", role.name)).await;
    end_sessions(&target).await;
    until("the reason in the log", async || runner.has_said("53300")).await;
    assert!(runner.is_running());
    target.execute(&format!("alter role {} connection limit -1", role.name)).await;
    runner.end().await.exits(0);
    items.was_applied_exactly_once(&target).await;
    role.forget(&target).await;
}

async fn set_for_new_sessions(target: &Target, setting: &str) {
    let name = target.column("select current_database()").await.swap_remove(0);
    target.execute(&format!("set default_transaction_read_only = off; alter database {name} set {setting}")).await;
    end_sessions(target).await;
}

async fn end_sessions(target: &Target) {
    let others = "select count(pg_terminate_backend(pid)) from pg_stat_activity
                  where datname = current_database() and application_name = 'tidegate'";
    target.number(others).await;
}
