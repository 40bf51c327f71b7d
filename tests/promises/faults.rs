//! Has every fault one answer? What a person must mend holds the run with its reason, and the run goes on alone.
//!
//! Here the disk; beside it `locks` (somebody keeps one), `commit` (nobody knows what came of it), `server` (it cancels,
//! turns read-only, has ideas of its own about time) and `schema` (the table is not what it was).

mod commit;
mod locks;
mod schema;
mod server;

use crate::support::{Counted, SmallDisk, Target, batches, batches_of, promises, series, until};

promises!(on [every_postgres]:
    a_full_disk_holds_the_run_until_there_is_room,
);

async fn a_full_disk_holds_the_run_until_there_is_room(target: Target) {
    let Some(disk) = SmallDisk::of(64) else { return };
    let space = format!("small_{}", uuid::Uuid::new_v4().simple());
    let folder = disk.folder().join("space");
    std::fs::create_dir(&folder).expect("a folder on the small disk");
    target.cluster().give(&folder);
    target.execute(&format!("create tablespace {space} location '{}'", folder.display())).await;
    target
        .execute(&format!(
            "create table items (id integer primary key, applied integer not null default 0, words text) \
             with (autovacuum_enabled = false) tablespace {space}"
        ))
        .await;
    let rows = 20_000;
    target
        .execute(&format!(
            "insert into items (id, words) select i, repeat('x', 400) from ({}) s",
            series(&target, rows)
        ))
        .await;
    let job = target.job(
        "count-visits",
        &format!("[table]\nname = \"items\"\n[change.set]\napplied = \"applied + 1\"\n{}", batches_of(500)),
    );
    disk.fill_up_to(2_000);

    let items = Counted { rows, job };
    let mut runner = target.start(&["run", &items.job.path]);
    let mut held = String::new();
    runner
        .brings("the hold", async || {
            let status = target.status(&items.job).await;
            held = status["held"][0].as_str().unwrap_or_default().to_owned();
            held.starts_with("database: ") && held.contains("53100")
        })
        .await;
    assert!(held.contains("No space left on device"), "{held}");
    until("the reason in the log", async || runner.has_said("held: database: ")).await;
    // What a batch that was rolled back has taken of the disk may serve the next one; all of them it cannot.
    let done = batches(&target).await;
    assert!(runner.is_running() && done < 30, "{done} of 40 batches on a full disk");

    disk.drop_ballast();
    runner.end().await.exits(0);
    items.was_applied_exactly_once(&target).await;
    let why = target.why(&items.job).await;
    let buckets = why["time"]["buckets"].as_array().expect("buckets");
    assert!(buckets.iter().any(|bucket| bucket["bucket"] == "held:database"), "{why}");
    target.execute("drop table items").await;
    until("the server lets go of the disk", async || {
        target.try_execute(&format!("drop tablespace {space}")).await.is_ok()
    })
    .await;
}
