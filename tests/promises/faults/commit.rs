//! Is a batch counted once whose COMMIT nobody answered?

use crate::support::{Counted, Target, add_one, batches_by, promises};

promises!(on [every_postgres]:
    a_commit_that_outlasts_its_deadline_is_settled_before_the_next_batch,
    a_backend_that_is_killed_while_it_commits_is_settled_before_the_next_batch,
);

/// No timeout of the server's ends a COMMIT: here a deferred trigger rests in it, three times.
const RESTS_IN_COMMIT: &str = "create sequence commits;
    create function rest() returns trigger language plpgsql as
        'begin if nextval(''commits'') in (300, 600, 900) then perform pg_sleep(4); end if; return null; end';
    create constraint trigger rest after update on items deferrable initially deferred
        for each row execute function rest()";

async fn slow_to_commit(target: &Target) -> Counted {
    let batch = batches_by(1, 100) + "statement_timeout = \"1s\"\nlock_timeout = \"500ms\"\n";
    let items = Counted::with_job(target, 2_000, &add_one("items", &batch)).await;
    target.execute(RESTS_IN_COMMIT).await;
    items
}

async fn a_commit_that_outlasts_its_deadline_is_settled_before_the_next_batch(target: Target) {
    let items = slow_to_commit(&target).await;
    let ended = target.start(&["run", &items.job.path]).end().await.exits(0);
    assert!(ended.stderr.contains("could not commit") && ended.stderr.contains("no answer for 1s"), "{ended}");
    items.was_applied_exactly_once(&target).await;
}

async fn a_backend_that_is_killed_while_it_commits_is_settled_before_the_next_batch(target: Target) {
    let items = slow_to_commit(&target).await;
    let mut runner = target.start(&["run", &items.job.path]);
    let committing = "select pid from pg_stat_activity where datname = current_database()
                      and application_name = 'tidegate' and query like 'commit%' and wait_event = 'PgSleep'";
    for _ in 0..3 {
        runner.brings("a COMMIT that rests", async || !target.column(committing).await.is_empty()).await;
        let kill = format!("select count(pg_terminate_backend(pid)) from ({committing}) as c");
        target.number(&kill).await;
        runner.brings("the end of that COMMIT", async || target.column(committing).await.is_empty()).await;
    }
    runner.end().await.exits(0);
    items.was_applied_exactly_once(&target).await;
}
