//! A signal that the database cannot give, or does not give to this role: does `plan` refuse the job, with what mends it?

use crate::support::{Counted, Role, Target, add_one, batches_of, promises};

promises!(on [sqlite]:
    a_signal_that_sqlite_does_not_have_is_refused,
);
promises!(on [postgres_15]:
    a_role_that_may_not_see_replicas_is_told_the_grant,
);

const LAG: &str = "[pace.replication_lag]\nmax = \"1s\"\n";

async fn a_signal_that_sqlite_does_not_have_is_refused(target: Target) {
    for (name, section) in [
        ("replication-lag", LAG),
        ("wal-rate", "[pace.wal_rate]\nmax = \"50MiB\"\n"),
        ("retained-wal", "[pace.retained_wal]\nmax = \"1GiB\"\n"),
        ("archive-backlog", "[pace.archive_backlog]\nmax = 100\n"),
        ("autovacuum", "[pace.autovacuum]\n"),
        ("oldest-transaction", "[pace.oldest_transaction]\nmax = \"10m\"\n"),
        ("active-sessions", "[pace.active_sessions]\nmax = 10\n"),
        ("lock-waits", "[pace.lock_waits]\nmax = \"1s\"\n"),
    ] {
        target.execute("drop table if exists items").await;
        let items = Counted::with_job(&target, 100, &add_one("items", &(batches_of(10) + section))).await;
        let plan = target.tidegate(&["plan", &items.job.path, "--output", "json"]).await.exits(1).json();
        let refusals = plan["refusals"].to_string();
        assert!(refusals.contains("signal-unavailable") && refusals.contains(name), "{name}: {plan}");
        target.tidegate(&["run", &items.job.path]).await.exits(1).says("signal-unavailable");
    }
}

async fn a_role_that_may_not_see_replicas_is_told_the_grant(target: Target) {
    let items = Counted::with_job(&target, 100, &add_one("items", &(batches_of(10) + LAG))).await;
    let role = Role::new(&target).await;
    role.may_run_on_items(&target).await;
    let plan = role.tidegate(&target, &["plan", &items.job.path, "--output", "json"]).await.exits(1).json();
    let refusals = plan["refusals"].to_string();
    assert!(refusals.contains("signal-unavailable"), "{plan}");
    assert!(refusals.to_lowercase().contains("grant pg_monitor to"), "the GRANT that mends it: {plan}");
    assert_eq!(target.number("select count(*) from items where applied <> 0").await, 0);
    role.forget(&target).await;
}
