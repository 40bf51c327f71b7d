//! Does a password ever show? Not on a screen, not in an error, not in the state tables, and never in argv.

use crate::support::{Counted, Replicated, SlowRun, Target, promises, stays_held, until};
use rustix::process::Signal;

promises!(on [postgres_15]: a_password_is_shown_nowhere);
promises!(with Replicated on [postgres_15]: a_password_of_a_replica_is_shown_nowhere);

const SECRET: &str = "c4nary-s3cret";

async fn a_password_is_shown_nowhere(mut target: Target) {
    let items = Counted::new(&target, 1_000, 100).await;
    // The server trusts everybody, so any password will do.
    let with_secret = target.url.replace("postgres@", &format!("postgres:{SECRET}@"));
    assert!(with_secret.contains(SECRET));
    let job = items.job.path.as_str();
    for url in unreadable(&with_secret) {
        target.url = url;
        let refused = target.tidegate(&["run", job]).await;
        assert!(matches!(refused.status.code(), Some(1 | 2 | 75)), "{refused}");
        assert!(!refused.to_string().contains(SECRET), "{refused}");
    }
    target.url = with_secret;
    for arguments in [&["plan", job][..], &["run", job], &["status"], &["status", &items.job.name], &["history"]] {
        let shown = target.tidegate(arguments).await.exits(0);
        assert!(!shown.to_string().contains(SECRET), "{shown}");
    }
    is_kept_nowhere(&target).await;
    let in_argv = target.url.clone();
    target.tidegate(&["--database", &in_argv, "status"]).await.exits(2).says("PGPASSFILE");
}

/// Not while the address is wrong, nor while it is right, nor after the replica is gone.
async fn a_password_of_a_replica_is_shown_nowhere(mut replicated: Replicated) {
    let pace = "[pace.replication_lag]\nmax = \"5s\"\nreplicas = 1\nurl_env = [\"REPLICA_URL\"]\n";
    let items = SlowRun::prepare(&replicated.target, 2_000, pace).await;
    let with_secret = replicated.url().replace("postgres@", &format!("postgres:{SECRET}@"));
    assert!(with_secret.contains(SECRET));
    for url in unreadable(&with_secret) {
        replicated.target.environment = vec![("REPLICA_URL", url)];
        shows_no_secret_although_refused(&replicated.target, &items).await;
    }
    replicated.target.environment = vec![("REPLICA_URL", with_secret)];
    let target = &replicated.target;
    let shown = target.tidegate(&["plan", &items.job.path]).await.exits(0);
    assert!(!shown.to_string().contains(SECRET), "{shown}");

    let runner = target.start(&["run", &items.job.path]);
    let mut run = SlowRun::after_its_first_batches(target, items, runner).await;
    replicated.stop();
    run.is_held(target, "replication-lag").await;
    stays_held(target, &run.items, "replication-lag").await;
    let job = run.items.job.path.as_str();
    for command in ["status", "why", "history"] {
        for output in ["text", "json"] {
            let shown = target.tidegate(&[command, job, "--output", output]).await.exits(0);
            assert!(!shown.to_string().contains(SECRET), "{shown}");
        }
    }
    run.runner.signal(Signal::TERM);
    let ended = run.runner.end().await.exits(4);
    assert!(!ended.to_string().contains(SECRET), "{ended}");
    is_kept_nowhere(target).await;
}

/// An address that is wrong may be refused, or hold the run until it is right.
async fn shows_no_secret_although_refused(target: &Target, items: &Counted) {
    let plan = target.tidegate(&["plan", &items.job.path]).await;
    assert!(!plan.to_string().contains(SECRET), "{plan}");
    let mut runner = target.start(&["run", &items.job.path]);
    until("the run is refused or held", async || {
        !runner.is_running() || target.status(&items.job).await["held"][0].is_string()
    })
    .await;
    if runner.is_running() {
        runner.signal(Signal::TERM);
    }
    let ended = runner.end().await;
    assert!(matches!(ended.status.code(), Some(1 | 2 | 4 | 75)), "{ended}");
    assert!(!ended.to_string().contains(SECRET), "{ended}");
}

/// Addresses that are wrong in ways that different parts of a program complain about.
fn unreadable(with_secret: &str) -> [String; 9] {
    [
        with_secret.replace("localhost/", "localhost:99999/"),
        format!("{with_secret}&unknown={SECRET}"),
        format!("{with_secret}&sslmode={SECRET}"),
        with_secret.replace("?host=", "?host=/nowhere"),
        with_secret.replace("postgres://", "postgre://"),
        // Two servers that are not there; a password that should have been encoded, twice; another client's spelling.
        format!("{with_secret}&host=/nowhere,/elsewhere"),
        with_secret.replace(SECRET, &format!("12/{SECRET}")),
        with_secret.replace(SECRET, &format!("at@{SECRET}")),
        format!("host=localhost user=postgres password={SECRET}"),
    ]
}

/// Every state table there is, also those that come later.
async fn is_kept_nowhere(target: &Target) {
    let tables = target.column("select tablename from pg_tables where schemaname = 'tidegate'").await;
    assert!(tables.len() >= 5, "{tables:?}");
    for table in tables {
        let kept = target.column(&format!("select t::text from tidegate.{table} as t")).await;
        assert!(kept.iter().all(|row| !row.contains(SECRET)), "{table}: {kept:?}");
    }
}
