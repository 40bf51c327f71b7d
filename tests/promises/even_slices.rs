//! Do all workers end at about the same time? Slices of about equal rows, whatever the keys are like; and who has none left
//! takes half of what another has, killed or not.

mod model;
mod tables;

use crate::support::{Counted, SlowRun, Target, add_one, amount, batches_by, promises, within};
use model::{Part, ends};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tables::SHAPES;
use tidegate::db::{Address, database};
use tidegate::engine;
use tidegate::key::{Key, KeyRange};
use tidegate::plan::{Leg, Order, slice_count};

promises!(on [every_postgres]: an_idle_worker_takes_half_of_the_largest_slice);
promises!(on [postgres_15]: a_kill_at_a_split_is_not_seen);
promises!(on [postgres_15]: workers_end_together_whatever_the_keys_are_like);

async fn an_idle_worker_takes_half_of_the_largest_slice(target: Target) {
    let items = one_planned_slice(&target).await;
    let summary = target.run(&items.job).await;
    items.was_applied_exactly_once(&target).await;
    let [planned, taken] =
        ["is null", "is not null"].map(|is| format!("{} where split_from {is}", target.state("slice")));
    assert_eq!(target.number(&format!("select count(*) from {planned}")).await, 1);
    let taken = target.number(&format!("select count(*) from {taken}")).await;
    assert!(taken >= 2, "two of three workers had none: {taken}");
    assert_eq!(summary["proof"]["slices"], taken + 1);
}

async fn a_kill_at_a_split_is_not_seen(target: Target) {
    const POINTS: [&str; 3] = ["slice-split=return", "split-committed=return", "batch-committed=2*off->return"];
    for round in 0..amount(1, 50) {
        if round > 0 {
            target.execute("drop table items; drop schema tidegate cascade").await;
        }
        let items = one_planned_slice(&target).await;
        let kills = target.run_killed_at(&POINTS, &items.job).await;
        assert!(kills >= 3, "not every point was reached: {kills}");
        items.was_applied_exactly_once(&target).await;
    }
}

/// Three workers, and too few rows for more than one slice.
async fn one_planned_slice(target: &Target) -> Counted {
    let items = SlowRun::prepare_with(target, 190, &add_one("items", &batches_by(3, 10))).await;
    target.execute("analyze items").await;
    items
}

/// The cuts are real, of tables of 100,000 rows; how long their rows take is a model, of a hundred times as many. Where
/// workers end is reckoned by the decisions that the engine makes.
async fn workers_end_together_whatever_the_keys_are_like(target: Target) {
    for (shape, key, rows) in SHAPES {
        target.execute(&tables::create(shape, key, rows)).await;
        for workers in [2, 4] {
            let slices = slice_count(100 * tables::ROWS, model::BATCH_ROWS, workers);
            let counted = rows_of_slices(&target, shape, slices).await;
            for uneven in [1.0, 3.0] {
                let cost = |number: usize| if number.is_multiple_of(3) { uneven } else { 1.0 };
                let parts = || counted.iter().enumerate().map(|(at, rows)| Part { rows: 100 * rows, cost: cost(at) });
                let [taking, not_taking] = [true, false].map(|takes| spread(&ends(parts(), workers, takes)));
                let largest = counted.iter().max().unwrap() * slices as u64;
                println!(
                    "{shape}, {workers} workers, rows of some slices {uneven} times as dear: {slices} slices, the largest {} % of \
                     the mean; last to first {:.1} % of the run, {:.1} % if nobody took from others",
                    100 * largest / tables::ROWS,
                    100.0 * taking,
                    100.0 * not_taking
                );
                assert!(taking <= 0.05, "{shape}, {workers} workers: {taking}");
            }
        }
    }
}

/// How much of the run the first to end is idle.
fn spread(ends: &[f64]) -> f64 {
    let last = ends.iter().copied().fold(0.0, f64::max);
    let first = ends.iter().copied().fold(last, f64::min);
    (last - first) / last
}

/// Cuts the table as a run of that many slices would, and counts what lies in each.
async fn rows_of_slices(target: &Target, table: &str, slices: usize) -> Vec<u64> {
    let database = database(&Address::parse(&target.url).unwrap()).unwrap();
    let job = tidegate::job::parse(&format!("version = 1\nname = \"even\"\n{}", add_one(table, ""))).unwrap().0;
    let plan = engine::plan(database.as_ref(), &job).await.unwrap().unwrap();
    let survey = database.survey(&plan.work, model::BATCH_ROWS, slices, Order::Key).await.unwrap();
    let mut counted = Vec::new();
    for (_, KeyRange { after, through }) in survey.legs.iter().flat_map(Leg::slices) {
        let literal = |key: &Key| format!("'{}'", key.parts()[0]);
        let above = after.map(|after| format!("id > {} and ", literal(&after))).unwrap_or_default();
        let rows = format!("select count(*) from {table} where {above}id <= {}", literal(&through));
        counted.push(target.number(&rows).await.unsigned_abs());
    }
    assert_eq!(counted.iter().sum::<u64>(), tables::ROWS);
    counted
}

/// `tests/run --test promises -- --ignored --nocapture when_each_worker_ends`: one real run of each shape, or of those in
/// `TIDEGATE_TEST_SHAPES`, of `TIDEGATE_TEST_ROWS` rows, by two workers and by four.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures: prints when each worker ended, for people to look at"]
async fn when_each_worker_ends() {
    let rows = std::env::var("TIDEGATE_TEST_ROWS").map_or(10_000_000, |rows| rows.parse().expect("a whole number"));
    let wanted = std::env::var("TIDEGATE_TEST_SHAPES").unwrap_or_default();
    let target = Target::postgres_15_alone().await;
    for (shape, key, of_row) in SHAPES.into_iter().filter(|(shape, ..)| wanted.is_empty() || wanted.contains(shape)) {
        for workers in [2, 4] {
            target.execute(&tables::create_of(rows, shape, key, of_row)).await;
            let job = target.job(shape, &add_one(shape, &format!("[batch]\nworkers = {workers}\n")));
            let begun = Instant::now();
            let mut runner = target.start(&["run", &job.path, "--restart"]);
            // Not who explains the change before the run begins.
            let changing = format!(
                "select pid from pg_locks join pg_stat_activity using (pid) where mode = 'RowExclusiveLock' \
                 and relation = '{shape}'::regclass and query not like 'explain%'"
            );
            let mut last_seen = BTreeMap::new();
            within(Duration::from_secs(3_600), "the run ends", async || {
                for pid in target.column(&changing).await {
                    last_seen.insert(pid, begun.elapsed().as_secs_f64());
                }
                !runner.is_running()
            })
            .await;
            runner.end().await.exits(0);
            let ends: Vec<_> = last_seen.values().copied().collect();
            let slices = target.column("select count(*) from tidegate.slice where split_from is not null").await;
            let idle = &target.why(&job).await["time"];
            println!(
                "{shape}, {rows} rows, {workers} workers: ended after {ends:.2?} s, last to first {:.2} %; {slices:?} split; time {idle}",
                100.0 * spread(&ends)
            );
            target.execute(&format!("drop table {shape}; drop schema tidegate cascade")).await;
        }
    }
}
