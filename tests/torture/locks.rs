//! T12, T13: the application takes locks that the run wants: in the other order, so that both wait for each other, and for
//! long. Does the run come to its end, and the application to its rows?

use super::figures::Figures;
use super::workload::{Scope, Workload};
use super::writers::{Ledger, Writers};
use crate::support::{Random, Target, amount, batches, batches_by, promises};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;

promises!(on [postgres_15]:
    an_application_that_locks_in_the_other_order_is_outlived,
    an_application_that_keeps_its_locks_is_walked_around,
);

/// Pairs of rows are updated from the last to the first; the run goes from the first to the last.
async fn an_application_that_locks_in_the_other_order_is_outlived(mut target: Target) {
    let figures = Figures::of("T12");
    let rows = amount(20_000, 400_000);
    let mut random = Random::new();
    let workload = Workload::prepare(&mut target, rows, Scope::AtStart).await;
    // Found sooner than anybody gives a lock up.
    let name = target.column("select current_database()").await.swap_remove(0);
    target.execute(&format!("alter database {name} set deadlock_timeout = '20ms'")).await;
    let job = workload.job(&target, &(batches_by(2, 500) + "lock_timeout = \"5s\"\n"));
    let mut runner = target.start(&["run", &job.path]);
    runner.brings("a batch", async || batches(&target).await > 0).await;
    let quarrel = Quarrel::start(&target, &workload, &mut random, 4);
    let ended = runner.end().await.exits(0);
    let (pairs, lost) = quarrel.stop().await;
    assert!(pairs > 0, "no pair was ever updated");
    workload.is_changed_exactly_once(&target, &Ledger::at_start(&workload)).await;
    let rolled_back = ended.stderr.matches("deadlock detected").count() as u64;
    figures
        .count(pairs, "pairs updated")
        .count(lost, "deadlocks that the application lost")
        .count(rolled_back, "that the run lost")
        .count(rows, "rows")
        .seed(&random)
        .tell();
}

/// Single rows for longer than a batch waits, the whole table now and then; beside writers with their ledger.
async fn an_application_that_keeps_its_locks_is_walked_around(mut target: Target) {
    let figures = Figures::of("T13");
    let holds = amount(10, 100);
    let mut random = Random::new();
    let rows = amount(40_000, 400_000);
    let workload = Workload::prepare(&mut target, rows, Scope::AtStart).await;
    let batch = batches_by(2, 200) + "lock_timeout = \"200ms\"\n[pace]\nmax_rows_per_second = 4000\n";
    let job = workload.job(&target, &batch);
    let writers = Writers::start(&target, &workload, &mut random);
    let mut runner = target.start(&["run", &job.path]);
    runner.brings("a batch", async || batches(&target).await > 0).await;
    let mut held = 0;
    while held < holds && runner.is_running() {
        let lock = match random.below(5) {
            0 => format!("lock table {} in share row exclusive mode", workload.table),
            _ => format!("select 1 from {} where id = {} for update", workload.table, 1 + random.below(rows)),
        };
        let lock = target.lock(&lock).await;
        held += 1;
        tokio::time::sleep(Duration::from_millis(100 + random.below(2_000))).await;
        lock.release().await;
    }
    let ledger = writers.stop().await;
    runner.end().await.exits(0);
    workload.is_changed_exactly_once(&target, &ledger).await;
    let aside = target.number("select count(*) from tidegate.event where kind = 'range-set-aside'").await;
    figures
        .count(held, "locks held")
        .count(aside.unsigned_abs(), "ranges set aside")
        .count(ledger.statements.all(), "statements of the application")
        .count(rows, "rows")
        .seed(&random)
        .tell();
}

/// Tasks of an application that updates two rows at a time, the later one first, and changes nothing by it.
struct Quarrel {
    over: Arc<AtomicBool>,
    pairs: Arc<AtomicU64>,
    lost: Arc<AtomicU64>,
    tasks: JoinSet<()>,
}

impl Quarrel {
    fn start(target: &Target, workload: &Workload, random: &mut Random, tasks: u64) -> Self {
        let mut quarrel =
            Self { over: Arc::default(), pairs: Arc::default(), lost: Arc::default(), tasks: JoinSet::new() };
        for _ in 0..tasks {
            let (door, mut random) = (target.door(), random.fork());
            let (over, pairs, lost) =
                (Arc::clone(&quarrel.over), Arc::clone(&quarrel.pairs), Arc::clone(&quarrel.lost));
            let (table, rows) = (workload.table.clone(), workload.rows);
            quarrel.tasks.spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    let first = 1 + random.below(rows - 500);
                    let later = first + 1 + random.below(499);
                    let update = |id: u64| format!("update {table} set note = note where id = {id}");
                    let pair = format!("{}; {}", update(later), update(first));
                    match door.try_execute(&pair).await {
                        Ok(()) => pairs.fetch_add(1, Ordering::Relaxed),
                        Err(_) => lost.fetch_add(1, Ordering::Relaxed),
                    };
                }
            });
        }
        quarrel
    }

    /// Pairs that were updated, and those that were rolled back.
    async fn stop(self) -> (u64, u64) {
        self.over.store(true, Ordering::Relaxed);
        self.tasks.join_all().await;
        (self.pairs.load(Ordering::Relaxed), self.lost.load(Ordering::Relaxed))
    }
}
