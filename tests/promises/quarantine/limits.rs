//! How many rows may be set aside? As many as the job says, by number and by share; one more stops the run before that row,
//! with its key in the message, and the same command goes on when the row is mended or the limit raised.

use super::places::check;
use super::poison::{Poisoned, keys, sections};
use crate::support::{Target, batches_by, promises};
use serde_json::json;
use std::collections::BTreeSet;

promises!(on [every_postgres, sqlite]:
    without_errors_the_run_stops_before_the_row_and_names_it,
    one_more_than_the_limit_stops_before_the_row,
    every_row_may_be_set_aside,
    the_share_limits_too,
    two_workers_meet_one_limit,
);

async fn without_errors_the_run_stops_before_the_row_and_names_it(target: Target) {
    let items = Poisoned::new(&target, check(&target), 2_000, [717], &batches_by(1, 500)).await;
    let code = items.kind.code;
    let failed = target.tidegate(&["run", &items.job.path]).await.exits(1);
    for words in ["717 cannot be changed", code, "[errors] quarantine"] {
        assert!(failed.stderr.contains(words), "does not say {words:?}: {failed}");
    }
    assert_eq!(target.number("select count(*) from items where id < 717 and applied = 1").await, 716);
    assert_eq!(target.number("select count(*) from items where id >= 717 and applied <> 0").await, 0);
    assert_eq!(target.status(&items.job).await["state"], "failed");
    assert_eq!(items.list().await["rows"], json!([]));
    // Still so, and nothing is counted twice.
    target.tidegate(&["run", &items.job.path]).await.exits(1).says("717 cannot be changed");
    items.mend([717]).await;
    target.run(&items.job).await;
    items.only_these_are_aside(&BTreeSet::new()).await;
}

async fn one_more_than_the_limit_stops_before_the_row(target: Target) {
    let items = Poisoned::new(&target, check(&target), 2_000, [10, 400, 401, 1_200], &sections(1, 2)).await;
    let failed = target.tidegate(&["run", &items.job.path]).await.exits(1);
    assert!(failed.stderr.contains("401 cannot be changed"), "{failed}");
    assert!(failed.stderr.contains("2 rows may be set aside, and are"), "{failed}");
    assert!(failed.stderr.contains("quarantine list"), "says where to look: {failed}");
    assert_eq!(keys(&items.list().await), BTreeSet::from([10, 400]));
    assert_eq!(target.number("select count(*) from items where id > 400 and applied <> 0").await, 0);

    // A higher limit is no other job; the next row over it stops again.
    let higher = |limit| {
        let text = std::fs::read_to_string(&items.job.path)
            .unwrap()
            .replace("quarantine = 2", &format!("quarantine = {limit}"));
        std::fs::write(&items.job.path, text).unwrap();
    };
    higher(3);
    target.tidegate(&["run", &items.job.path]).await.exits(1).says("1200 cannot be changed");
    assert_eq!(items.list().await["limit"], 3, "as the job last ran");
    items.mend([1_200]).await;
    items.run().await;
    items.only_these_are_aside(&BTreeSet::from([10, 400, 401])).await;
}

async fn every_row_may_be_set_aside(target: Target) {
    let items = Poisoned::new(&target, check(&target), 60, 1..=60, &sections(2, 60)).await;
    let summary = items.run().await;
    assert_eq!(summary["rows_changed"], 0);
    items.only_these_are_aside(&items.poison).await;
}

async fn the_share_limits_too(target: Target) {
    let share = |share: &str| format!("{}[errors]\nquarantine_share = \"{share}\"\n", batches_by(1, 500));
    let items = Poisoned::new(&target, check(&target), 2_000, [10, 20, 30, 40, 50], &share("0.1%")).await;
    // The statistics are the measure; a table that was just filled has none.
    target.execute("analyze").await;
    target.tidegate(&["run", &items.job.path]).await.exits(1).says("30 cannot be changed");
    let list = items.list().await;
    assert_eq!((&list["total"], &list["limit"]), (&json!(2), &json!(2)), "a thousandth of 2,000 rows: {list}");

    std::fs::write(&items.job.path, std::fs::read_to_string(&items.job.path).unwrap().replace("0.1%", "0.25%"))
        .unwrap();
    items.run().await;
    items.only_these_are_aside(&items.poison).await;
}

/// Many rows fail at once in many slices; whoever comes first sets aside, and nobody one too many.
async fn two_workers_meet_one_limit(target: Target) {
    let poison = (1..=4_000).step_by(50);
    let items = Poisoned::new(&target, check(&target), 4_000, poison, &sections(4, 7)).await;
    target.tidegate(&["run", &items.job.path]).await.exits(1).says("7 rows may be set aside, and are");
    let aside = keys(&items.list().await);
    assert_eq!(aside.len(), 7);
    assert!(aside.is_subset(&items.poison));
    assert_eq!(target.status(&items.job).await["rows_quarantined"], 7);

    items.mend(items.poison.difference(&aside).copied()).await;
    items.run().await;
    items.only_these_are_aside(&aside).await;
}
