//! Can the oracle say no? It is proven before anything is proven by it: the ledger must equal the table when nobody but
//! the application writes, and every kind of damage must be found.

use super::oracle::{CANARY, End};
use super::workload::{Scope, Workload};
use super::writers::{Ledger, Writers};
use crate::support::{Random, Target, batches_of, promises};

promises!(on [postgres_15, sqlite]:
    the_ledger_equals_the_table_when_only_the_application_writes,
    the_oracle_finds_every_planted_damage,
    the_oracle_finds_a_secret,
);

async fn the_ledger_equals_the_table_when_only_the_application_writes(mut target: Target) {
    let workload = Workload::prepare(&mut target, 2_000, Scope::Everything).await;
    let writers = Writers::start(&target, &workload, &mut Random::new());
    writers.have_written(400).await;
    let ledger = writers.stop().await;
    let statements = ledger.statements;
    assert!(statements.inserts > 0 && statements.updates > 0 && statements.deletes > 0, "{statements:?}");
    assert_eq!(ledger.differences(&target, &workload.table).await, [""; 0]);
    assert!(!Ledger::at_start(&workload).differences(&target, &workload.table).await.is_empty());
}

/// A damage, how it is mended, and the words of the finding.
type Damage = (&'static str, &'static str, &'static str);

const DAMAGES: &[Damage] = &[
    ("update items set applied = 0 where id = 17", "update items set applied = 1 where id = 17", "rows lost: 1"),
    ("update items set applied = 2 where id = 17", "update items set applied = 1 where id = 17", "visited twice: 1"),
    (
        "update items set applied = 2 where id = 17",
        "update items set applied = 1 where id = 17",
        "no checkpoint counts: 1",
    ),
    ("update items set new = new + 1 where id = 17", "update items set new = new - 1 where id = 17", "an old value: 1"),
    ("update items set new = null where id = 17", "update items set new = 358 where id = 17", "an old value: 1"),
    ("update items set note = note || '!' where id = 17", RESTORE_NOTE, "quiet rows written: 1"),
    ("update items set id = 40 where id = 17", "update items set id = 17 where id = 40", "quiet rows: 899"),
    ("update items set note = note || '!' where id = 30", RESTORE_NOTE, "differs from the table in 1 rows, as id 30"),
    (
        "update items set id = 40 where id = 30",
        "update items set id = 30 where id = 40",
        "differs from the table in 2 rows",
    ),
    ("insert into items_gone values (17, 2)", "delete from items_gone", "deleted rows visited twice: 1"),
];

const RESTORE_NOTE: &str = "update items set note = replace(note, '!', '')";

async fn the_oracle_finds_every_planted_damage(mut target: Target) {
    let workload = Workload::prepare(&mut target, 1_000, Scope::Everything).await;
    let ledger = Ledger::at_start(&workload);
    target.run(&workload.job(&target, &batches_of(100))).await;
    workload.is_changed_exactly_once(&target, &ledger).await;
    for (damage, repair, words) in DAMAGES {
        target.execute(damage).await;
        let findings = workload.findings(&target, &ledger, End::Done).await;
        assert!(findings.iter().any(|finding| finding.contains(words)), "{damage} gives only {findings:?}");
        target.execute(repair).await;
        workload.is_changed_exactly_once(&target, &ledger).await;
    }
}

async fn the_oracle_finds_a_secret(mut target: Target) {
    let workload = Workload::prepare(&mut target, 100, Scope::Everything).await;
    let ledger = Ledger::at_start(&workload);
    target.run(&workload.job(&target, &batches_of(100))).await;
    std::fs::write(target.folder().join("a.stderr"), format!("duplicate key ({CANARY}-row-17)")).expect("a file");
    let findings = workload.findings(&target, &ledger, End::Done).await;
    assert!(findings.iter().any(|finding| finding.contains("secrets shown in 1 outputs")), "{findings:?}");
}
