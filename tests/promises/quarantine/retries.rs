//! What comes of trying rows again? Each is changed exactly once when it can be, and stays with its error when not, however
//! many try at the same time and whatever is killed.

use super::places::check;
use super::poison::{Kind, Poisoned, keys, sections};
use crate::support::{Job, Role, Target, batches_by, promises, until};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::collections::BTreeSet;

promises!(on [every_postgres, sqlite]:
    what_was_mended_is_changed_and_the_job_is_done,
    what_was_not_mended_stays_with_another_try,
    two_retries_at_once_change_no_row_twice,
    a_killed_retry_is_not_seen,
    rows_that_are_gone_or_out_of_scope_are_resolved,
    a_failed_run_goes_on_after_a_retry,
    a_row_that_stays_in_scope_stays_aside,
    a_run_that_somebody_has_is_left_alone,
    a_table_that_changed_is_left_alone,
);
promises!(on [every_postgres]:
    a_role_may_do_all_of_it_with_the_grants_that_are_printed,
    a_locked_row_is_left_as_it_is,
    a_lost_session_in_the_middle_is_survived,
);

const POISON: [u64; 10] = [1, 2, 3, 499, 500, 501, 1_200, 1_201, 1_999, 2_000];

async fn poisoned(target: &Target) -> Poisoned<'_> {
    let items = Poisoned::new(target, check(target), 2_000, POISON, &sections(2, 10)).await;
    items.run().await;
    items
}

async fn retry(target: &Target, job: &Job, code: i32) -> Value {
    target.tidegate(&["quarantine", "retry", &job.name, "--output", "json"]).await.exits(code).json()
}

async fn what_was_mended_is_changed_and_the_job_is_done(target: Target) {
    let items = poisoned(&target).await;
    items.mend(POISON).await;
    let retried = retry(&target, &items.job, 0).await;
    for (field, expected) in [("tried", 10), ("changed", 10), ("rows_quarantined", 0)] {
        assert_eq!(retried[field], expected, "{retried}");
    }
    items.only_these_are_aside(&BTreeSet::new()).await;
    let again = target.tidegate(&["run", &items.job.path]).await.exits(0);
    assert!(again.stdout.contains("nothing was touched"), "{again}");
    let nothing = target.tidegate(&["quarantine", "retry", &items.job.path]).await.exits(0);
    assert!(nothing.stdout.contains("no row is set aside"), "{nothing}");
    let history = target.tidegate(&["history", &items.job.name]).await.exits(0);
    for words in ["10 could not be changed", "retry-begun", "10 changed", "0 left"] {
        assert!(history.stdout.contains(words), "does not say {words:?}: {history}");
    }
    items.only_these_are_aside(&BTreeSet::new()).await;
}

async fn what_was_not_mended_stays_with_another_try(target: Target) {
    let items = poisoned(&target).await;
    let none = retry(&target, &items.job, 3).await;
    assert_eq!((&none["changed"], &none["failed"], &none["rows_quarantined"]), (&json!(0), &json!(10), &json!(10)));
    items.only_these_are_aside(&items.poison).await;

    items.mend([1, 500, 2_000]).await;
    let some = retry(&target, &items.job, 3).await;
    assert_eq!((&some["changed"], &some["rows_quarantined"]), (&json!(3), &json!(7)), "{some}");
    let left: BTreeSet<u64> = POISON.into_iter().filter(|id| ![1, 500, 2_000].contains(id)).collect();
    items.only_these_are_aside(&left).await;
    for row in items.list().await["rows"].as_array().unwrap() {
        assert_eq!(row["tries"], 3, "{row}");
    }
}

/// The change is not idempotent, so a row that both change shows.
async fn two_retries_at_once_change_no_row_twice(target: Target) {
    let poison: BTreeSet<u64> = (1..=2_000).step_by(25).collect();
    let items = Poisoned::new(&target, check(&target), 2_000, poison, &sections(2, 80)).await;
    items.run().await;
    items.mend(items.poison.clone()).await;
    let both = [0, 1].map(|_| target.start(&["quarantine", "retry", &items.job.name, "--output", "json"]));
    let mut changed = 0;
    for one in both {
        let ended = one.end().await;
        assert!(matches!(ended.status.code(), Some(0 | 3)), "{ended}");
        changed += ended.json()["changed"].as_u64().unwrap();
    }
    assert_eq!(changed, 80);
    items.only_these_are_aside(&BTreeSet::new()).await;
}

/// Before COMMIT and after it, early and late.
async fn a_killed_retry_is_not_seen(target: Target) {
    let items = poisoned(&target).await;
    items.mend(POISON).await;
    let points =
        ["row-retried=return", "row-resolved=return", "row-retried=3*off->return", "row-resolved=1*off->return"];
    for point in points {
        let ended = target.start_killed_at(point, &["quarantine", "retry", &items.job.name]).end().await;
        assert!(ended.was_killed(), "{point} was not reached: {ended}");
        until("what it left open is over", async || target.is_quiet().await).await;
        let left = keys(&items.list().await);
        items.only_these_are_aside(&left).await;
    }
    retry(&target, &items.job, 0).await;
    items.only_these_are_aside(&BTreeSet::new()).await;
}

async fn rows_that_are_gone_or_out_of_scope_are_resolved(target: Target) {
    let scoped = format!("{}[errors]\nquarantine = 10\n", batches_by(2, 500));
    let items = Poisoned::new(&target, check(&target), 2_000, POISON, &scoped).await;
    let text = std::fs::read_to_string(&items.job.path).unwrap();
    std::fs::write(&items.job.path, text.replace("[change.set]", "where = \"applied = 0\"\n[change.set]")).unwrap();
    items.run().await;
    target.execute("delete from items where id = 3").await;
    target.execute("update items set applied = 7 where id = 500").await;
    items.mend([1_200]).await;
    let retried = target.tidegate(&["quarantine", "retry", &items.job.path]).await.exits(3);
    for words in ["3 is gone", "500 needs no change", "still cannot be changed"] {
        assert!(retried.stderr.contains(words), "does not say {words:?}: {retried}");
    }
    let status = target.status(&items.job).await;
    assert_eq!((&status["rows_changed"], &status["rows_quarantined"]), (&json!(1_991), &json!(7)), "{status}");
    assert_eq!(target.number("select applied from items where id = 500").await, 7);
}

/// What is retried before the end is not visited again, and the rest is walked as ever.
async fn a_failed_run_goes_on_after_a_retry(target: Target) {
    let items = Poisoned::new(&target, check(&target), 2_000, POISON, &sections(1, 4)).await;
    target.tidegate(&["run", &items.job.path]).await.exits(1);
    items.mend(POISON).await;
    assert_eq!(retry(&target, &items.job, 0).await["changed"], 4);
    target.run(&items.job).await;
    items.only_these_are_aside(&BTreeSet::new()).await;
}

/// Changed, it would be in scope as before: nothing would tell that it still needs somebody's look.
async fn a_row_that_stays_in_scope_stays_aside(target: Target) {
    let kind = check(&target);
    let kind = Kind { columns: &*format!("{}, note integer", kind.columns).leak(), ..kind };
    let items = Poisoned::new(&target, kind, 600, [300], &sections(1, 1)).await;
    let text = std::fs::read_to_string(&items.job.path).unwrap();
    let text = text.replace("[change.set]", "where = \"note is null\"\n[change.set]\nnote = \"nullif(wanted, 5)\"");
    std::fs::write(&items.job.path, text).unwrap();
    items.run().await;
    target.execute("update items set wanted = 5 where id = 300").await;
    let retried = target.tidegate(&["quarantine", "retry", &items.job.path]).await.exits(3);
    assert!(retried.stderr.contains("still matches `where`"), "{retried}");
    items.only_these_are_aside(&BTreeSet::from([300])).await;
    items.mend([300]).await;
    retry(&target, &items.job, 0).await;
    items.only_these_are_aside(&BTreeSet::new()).await;
}

async fn a_run_that_somebody_has_is_left_alone(target: Target) {
    let slow = "[pace]\nmax_rows_per_second = 200\n";
    let items =
        Poisoned::new(&target, check(&target), 2_000, [1], &format!("{}{slow}", sections(1, 1).replace("500", "20")))
            .await;
    let mut runner = target.start(&["run", &items.job.path]);
    let aside = format!("select rows_quarantined from {}", target.state("run"));
    runner.brings("a row that is set aside", async || target.number_if_any(&aside).await == Some(1)).await;
    items.mend([1]).await;
    assert_eq!(keys(&items.list().await), BTreeSet::from([1]), "seen while the run goes on");
    target.tidegate(&["quarantine", "retry", &items.job.name]).await.exits(5).says("when nobody runs it");
    runner.signal(Signal::TERM);
    runner.end().await.exits(4);

    target.tidegate(&["quarantine", "retry", &items.job.name]).await.exits(0);
    target.tidegate(&["cancel", &items.job.name]).await.exits(0);
    target.tidegate(&["quarantine", "retry", &items.job.name]).await.exits(1).says("cancelled");
    assert_eq!(target.number("select applied from items where id = 1").await, 1);
}

/// A table of the same name with the same rows is another table.
async fn a_table_that_changed_is_left_alone(target: Target) {
    let items = poisoned(&target).await;
    items.mend(POISON).await;
    target
        .execute(
            "create table others as select * from items; drop table items; alter table others rename to items;
             create unique index items_id on items (id)",
        )
        .await;
    target.tidegate(&["quarantine", "retry", &items.job.name]).await.exits(1);
    assert_eq!(target.number("select count(*) from items where applied = 0").await, 10);
}

async fn a_role_may_do_all_of_it_with_the_grants_that_are_printed(target: Target) {
    let items = Poisoned::new(&target, check(&target), 2_000, POISON, &sections(2, 10)).await;
    let role = Role::new(&target).await;
    role.may_run_on_items(&target).await;
    target.execute(&format!("grant update (amount) on items to {}", role.name)).await;
    role.tidegate(&target, &["run", &items.job.path]).await.exits(3);
    role.tidegate(&target, &["quarantine", "list", &items.job.path]).await.exits(0);
    items.mend(POISON).await;
    role.tidegate(&target, &["quarantine", "retry", &items.job.path]).await.exits(0);
    items.only_these_are_aside(&BTreeSet::new()).await;
    role.forget(&target).await;
}

/// Somebody's lock is not the row's fault: its error stays, and the others are changed.
async fn a_locked_row_is_left_as_it_is(target: Target) {
    let items = poisoned(&target).await;
    items.mend(POISON).await;
    let lock = target.lock("select from items where id = 500 for update").await;
    let retried = target.tidegate(&["quarantine", "retry", &items.job.name]).await.exits(3);
    assert!(retried.stderr.contains("500 is left as it is"), "{retried}");
    lock.release().await;
    items.only_these_are_aside(&BTreeSet::from([500])).await;
    assert_eq!(items.list().await["rows"][0]["tries"], 1);
    retry(&target, &items.job, 0).await;
    items.only_these_are_aside(&BTreeSet::new()).await;
}

async fn a_lost_session_in_the_middle_is_survived(target: Target) {
    let items = poisoned(&target).await;
    items.mend(POISON).await;
    let lock = target.lock("select from items where id = 500 for update").await;
    let mut hand = target.start(&["quarantine", "retry", &items.job.name]);
    let waiting = "select count(*) from pg_stat_activity where datname = current_database()
                   and application_name = 'tidegate' and wait_event_type = 'Lock'";
    hand.brings("a wait for the row", async || target.number(waiting).await > 0).await;
    let lose = "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = current_database()
                and application_name = 'tidegate'";
    assert!(target.number(lose).await > 0);
    lock.release().await;
    hand.end().await.exits(0);
    items.only_these_are_aside(&BTreeSet::new()).await;
}
