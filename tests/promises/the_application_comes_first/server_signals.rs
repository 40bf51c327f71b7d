//! Each thing that a server shows: does it hold the run under its own name, and let it go on when the cause is gone? On
//! servers of their own, because most of it is about whole servers.

use crate::support::{ROWS, SlowRun, Target, batches, promises, stays_held, until};
use sqlx::postgres::PgConnection;
use sqlx::{Connection, raw_sql};
use std::time::Duration;
use tokio::task::JoinHandle;

promises!(on [postgres_15, postgres_15_behind_pgbouncer]:
    somebody_who_waits_for_our_lock_holds_the_run_at_once,
);
promises!(on [postgres_15_alone]:
    autovacuum_at_work_on_the_table_holds_the_run,
    log_that_a_slot_retains_holds_the_run,
    a_transaction_that_stays_open_holds_the_run,
    sessions_at_work_hold_the_run,
    log_that_others_write_holds_the_run,
);
promises!(on [postgres_15_with_failing_archive]:
    files_that_wait_to_be_archived_hold_the_run,
);

/// One batch keeps its rows for seconds; somebody wants one of them, and the other worker must wait with them.
async fn somebody_who_waits_for_our_lock_holds_the_run_at_once(target: Target) {
    let items = SlowRun::prepare(&target, 6_000, "[pace.lock_waits]\nmax = \"200ms\"\n").await;
    target.execute(LINGER).await;
    let mut run = SlowRun { runner: target.start(&["run", &items.job.path]), items };
    let lingers = "select count(*) from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'
                   and application_name = 'tidegate' and clock_timestamp() - query_start > interval '500 ms'";
    run.runner.brings("a batch that lingers", async || target.number(lingers).await > 0).await;

    let waiter = Session::start(&target, "update items set applied = applied where id = 105");
    run.shows_within(LINGERS, &target, "lock-waits ").await;
    let shown = batches(&target).await;
    until("the waiter has its row", async || waiter.is_done()).await;
    let then = batches(&target).await;
    assert!(then <= shown + 2, "the other worker may finish one batch, and this one: {shown} batches became {then}");
    run.goes_on(&target).await;
    run.ends_well(&target).await;
}

const LINGERS: Duration = Duration::from_secs(6);
const LINGER: &str = "create function linger() returns trigger language plpgsql as
                      $$ begin perform pg_sleep(6); return new; end $$;
                      create trigger linger before update on items for each row
                      when (old.id = 105 and new.applied = 1 and old.applied = 0) execute function linger()";

/// A worker so slow that it lasts; it is cancelled by the server when the table's options change.
async fn autovacuum_at_work_on_the_table_holds_the_run(target: Target) {
    target.execute("alter system set autovacuum_naptime = '1s'").await;
    target.execute("select pg_reload_conf()").await;
    let items = SlowRun::prepare(&target, ROWS, "[pace.autovacuum]\n").await;
    target.execute("alter table items set (autovacuum_enabled = false)").await;
    let runner = target.start(&["run", &items.job.path]);
    let mut run = SlowRun::after_its_first_batches(&target, items, runner).await;
    target
        .execute(
            "alter table items set (autovacuum_enabled = true, autovacuum_vacuum_threshold = 1,
             autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1)",
        )
        .await;
    run.is_held(&target, "autovacuum").await;
    stays_held(&target, &run.items, "autovacuum").await;
    target.execute("alter table items set (autovacuum_enabled = false)").await;
    run.goes_on(&target).await;
    run.ends_well(&target).await;
}

async fn log_that_a_slot_retains_holds_the_run(target: Target) {
    let mut run = SlowRun::start(&target, "[pace.retained_wal]\nmax = \"16MiB\"\n").await;
    target.execute("select pg_create_physical_replication_slot('forgotten', true)").await;
    target.execute(&write_log(20)).await;
    let reason = run.is_held(&target, "retained-wal ").await;
    assert!(reason.contains("forgotten"), "names the slot: {reason}");
    stays_held(&target, &run.items, "retained-wal ").await;
    target.execute("select pg_drop_replication_slot('forgotten')").await;
    run.goes_on(&target).await;
    run.ends_well(&target).await;
}

async fn a_transaction_that_stays_open_holds_the_run(target: Target) {
    let mut run = SlowRun::start(&target, "[pace.oldest_transaction]\nmax = \"1s\"\n").await;
    // With a number of its own, so that it holds vacuum back and not only itself.
    let open = target.lock("select txid_current()").await;
    run.is_held(&target, "oldest-transaction ").await;
    stays_held(&target, &run.items, "oldest-transaction ").await;
    open.release().await;
    run.goes_on(&target).await;
    run.ends_well(&target).await;
}

async fn sessions_at_work_hold_the_run(target: Target) {
    let mut run = SlowRun::start(&target, "[pace.active_sessions]\nmax = 4\n").await;
    let sessions: Vec<_> = (0..8).map(|_| Session::start(&target, "select pg_sleep(600)")).collect();
    run.is_held(&target, "active-sessions ").await;
    stays_held(&target, &run.items, "active-sessions ").await;
    let asleep = "select count(pg_terminate_backend(pid)) from pg_stat_activity where query like '%pg_sleep(600)'";
    assert_eq!(target.number(asleep).await, 8);
    drop(sessions);
    run.goes_on(&target).await;
    run.ends_well(&target).await;
}

/// The run itself writes a tenth of the limit.
async fn log_that_others_write_holds_the_run(target: Target) {
    let mut run = SlowRun::start(&target, "[pace.wal_rate]\nmax = \"8MiB\"\n").await;
    // A statement that writes for a minute, a megabyte at a time.
    let writer = Session::start(
        &target,
        "do $$ begin for i in 1..1200 loop
           perform pg_logical_emit_message(false, 'test', repeat('x', 1000000)); perform pg_sleep(0.05);
         end loop; end $$",
    );
    let reason = run.is_held(&target, "wal-rate ").await;
    assert!(reason.contains("8MiB/s"), "{reason}");
    stays_held(&target, &run.items, "wal-rate ").await;
    let writes = "select count(pg_terminate_backend(pid)) from pg_stat_activity where query like 'do $$ begin for%'";
    assert_eq!(target.number(writes).await, 1);
    drop(writer);
    run.goes_on(&target).await;
    run.ends_well(&target).await;
}

async fn files_that_wait_to_be_archived_hold_the_run(target: Target) {
    let mut run = SlowRun::start(&target, "[pace.archive_backlog]\nmax = 4\n").await;
    for _ in 0..8 {
        // Two messages, because what a statement writes is in the file before the one it switches to.
        target.execute(&write_log(1)).await;
        target.execute("select pg_switch_wal()").await;
    }
    run.is_held(&target, "archive-backlog ").await;
    stays_held(&target, &run.items, "archive-backlog ").await;
    target.execute("alter system set archive_command = 'true'").await;
    target.execute("select pg_reload_conf()").await;
    run.goes_on(&target).await;
    run.ends_well(&target).await;
}

fn write_log(megabytes: u32) -> String {
    format!("select pg_logical_emit_message(false, 'test', repeat('x', 1000000)) from generate_series(1, {megabytes})")
}

/// Somebody else's session with one statement, until it is dropped.
struct Session(JoinHandle<()>);

impl Session {
    fn start(target: &Target, sql: &'static str) -> Self {
        let url = target.direct_url();
        Self(tokio::spawn(async move {
            let mut connection = PgConnection::connect(&url).await.expect("the server answers");
            // It may be ended by the test, which is no failure.
            let _ = raw_sql(sql).execute(&mut connection).await;
        }))
    }

    fn is_done(&self) -> bool {
        self.0.is_finished()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.0.abort();
    }
}
