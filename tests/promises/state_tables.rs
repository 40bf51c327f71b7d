//! Are the state tables of another version met as they should be? Older ones are brought up to date with the runs that
//! they hold; newer ones are left alone, with a word on what to do.

use crate::support::{Counted, Target, batches, promises, until};

promises!(on [postgres_14, postgres_18, sqlite]:
    a_run_of_an_older_version_goes_on_in_the_newer_one,
    tables_of_a_newer_version_are_not_touched,
);

/// What the first version left behind: a run that was killed, in tables of its own. Everything that later migrations
/// add is taken away again, so this holds for every later version too.
async fn a_run_of_an_older_version_goes_on_in_the_newer_one(target: Target) {
    let items = Counted::new(&target, 3_000, 20).await;
    let mut runner = target.start(&["run", &items.job.path]);
    runner.brings("five batches", async || batches(&target).await >= 5).await;
    runner.kill().await;
    until("its last commit is over", async || target.is_quiet().await).await;
    for sql in [
        format!("drop table {}", target.state("quarantine")),
        format!("alter table {} drop column rows_quarantined", target.state("run")),
        format!("alter table {} drop column set_aside", target.state("slice")),
        format!("drop table {}", target.state("time_ledger")),
        format!("drop table {}", target.state("pace")),
        format!("alter table {} drop column held_seconds", target.state("run")),
        format!("delete from {} where version > 1", target.state("meta")),
    ] {
        target.execute(&sql).await;
    }
    target.tidegate(&["status", &items.job.path]).await.exits(1).says("tidegate init");
    target.tidegate(&["run", &items.job.path]).await.exits(0);
    items.was_applied_exactly_once(&target).await;
    target.tidegate(&["status", &items.job.path]).await.exits(0);
}

async fn tables_of_a_newer_version_are_not_touched(target: Target) {
    let items = Counted::new(&target, 100, 20).await;
    target.tidegate(&["init"]).await.exits(0);
    target.execute(&format!("insert into {} (version) values (999)", target.state("meta"))).await;
    for command in [&["run", &items.job.path][..], &["status"], &["history"], &["pause", &items.job.name], &["init"]] {
        target.tidegate(command).await.exits(1).says("use the newer tidegate");
    }
    assert_eq!(target.number("select count(*) from items where applied = 0").await, 100);
}
