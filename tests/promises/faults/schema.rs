//! Is a table written that is not the one the run was planned on? It must not be, whatever happens to it under the run.

use crate::support::{Counted, Process, Role, Target, batches, batches_of, promises, until};

promises!(on [every_postgres]:
    a_table_of_the_same_name_gets_no_write,
    a_table_that_is_renamed_fails_the_run_until_it_is_back,
    a_column_that_changes_its_type_fails_the_run,
    a_column_of_where_that_is_gone_fails_the_run,
    a_privilege_that_is_revoked_fails_the_run_until_it_is_granted_again,
);
promises!(on [every_postgres, sqlite]:
    a_table_that_is_emptied_ends_the_run,
);

/// A run with its first batches committed.
async fn begun(target: &Target) -> (Counted, Process) {
    let items = Counted::new(target, 30_000, 20).await;
    let mut runner = target.start(&["run", &items.job.path]);
    runner.brings("five batches", async || batches(target).await >= 5).await;
    (items, runner)
}

async fn a_table_of_the_same_name_gets_no_write(target: Target) {
    let (items, runner) = begun(&target).await;
    target
        .execute(
            "alter table items rename to items_before;
             create table items (id integer primary key, applied integer not null default 0);
             insert into items (id) select id from items_before",
        )
        .await;
    runner.end().await.exits(1).says("are not those the run was planned on");
    assert_eq!(
        target.number("select count(*) from items where applied <> 0").await,
        0,
        "rows of a table never planned"
    );
    target.tidegate(&["run", &items.job.path]).await.exits(1);
    assert_eq!(
        target.number("select count(*) from items where applied <> 0").await,
        0,
        "rows of a table never planned"
    );

    target.execute("drop table items; alter table items_before rename to items").await;
    target.run(&items.job).await;
    items.was_applied_exactly_once(&target).await;
}

async fn a_table_that_is_renamed_fails_the_run_until_it_is_back(target: Target) {
    let (items, runner) = begun(&target).await;
    target.execute("alter table items rename to elsewhere").await;
    runner.end().await.exits(1).says("the schema changed under the run");
    assert_eq!(target.status(&items.job).await["state"], "failed");
    target.execute("alter table elsewhere rename to items").await;
    target.run(&items.job).await;
    items.was_applied_exactly_once(&target).await;
}

async fn a_column_that_changes_its_type_fails_the_run(target: Target) {
    let (items, runner) = begun(&target).await;
    target.execute("alter table items alter applied type bigint").await;
    runner.end().await.exits(1).says("are not those the run was planned on");
    target.execute("alter table items alter applied type integer").await;
    target.run(&items.job).await;
    items.was_applied_exactly_once(&target).await;
}

/// It is what the batch looks for before it knows that this is not the place any more.
async fn a_column_of_where_that_is_gone_fails_the_run(target: Target) {
    let job = "[table]\nname = \"items\"\nwhere = \"note is null\"\n[change.set]\nnote = \"'n'\"\napplied = \"applied + 1\"\n";
    let items = Counted::with_job(&target, 30_000, &format!("{job}{}", batches_of(20))).await;
    target.execute("alter table items add note text").await;
    target.execute("create index todo on items (id) where note is null; analyze items").await;
    let mut runner = target.start(&["run", &items.job.path]);
    runner.brings("five batches", async || batches(&target).await >= 5).await;
    target.execute("alter table items rename note to word").await;
    runner.end().await.exits(1).says("are not those the run was planned on");
    target.execute("alter table items rename word to note").await;
    target.run(&items.job).await;
    items.was_applied_exactly_once(&target).await;
}

async fn a_privilege_that_is_revoked_fails_the_run_until_it_is_granted_again(target: Target) {
    let items = Counted::new(&target, 30_000, 20).await;
    let role = Role::new(&target).await;
    role.may_run_on_items(&target).await;
    let mut runner = role.start(&target, &["run", &items.job.path]);
    runner.brings("five batches", async || batches(&target).await >= 5).await;
    target
        .execute(&format!("revoke update on items from {0}; revoke update (applied) on items from {0}", role.name))
        .await;
    runner.end().await.exits(1).says("42501").says("run the same command again");
    target.execute(&format!("grant update (applied) on items to {}", role.name)).await;
    role.tidegate(&target, &["run", &items.job.path]).await.exits(0);
    items.was_applied_exactly_once(&target).await;
    role.forget(&target).await;
}

async fn a_table_that_is_emptied_ends_the_run(target: Target) {
    let (items, runner) = begun(&target).await;
    target.execute(target.either("truncate items", "delete from items")).await;
    runner.end().await.exits(0);
    assert_eq!(target.status(&items.job).await["state"], "succeeded");
    until("nothing is left", async || target.number("select count(*) from items").await == 0).await;
}
