//! Which table shows a row visited twice, or never? One whose change is not idempotent: `applied = applied + 1`.

use super::job::{Job, add_one, batches_of};
use super::target::{Lock, Target};
use super::tidegate::Process;

/// A table `items` with `applied = 0` everywhere, and a job that adds one to each.
pub(crate) struct Counted {
    pub(crate) rows: u64,
    pub(crate) job: Job,
}

impl Counted {
    /// Keys `1..=rows`.
    pub(crate) async fn new(target: &Target, rows: u64, batch_rows: u64) -> Self {
        Self::with_job(target, rows, &add_one("items", &batches_of(batch_rows))).await
    }

    /// The same table, walked by a job of the test's own.
    pub(crate) async fn with_job(target: &Target, rows: u64, sections: &str) -> Self {
        target.execute("create table items (id integer primary key, applied integer not null default 0)").await;
        target.execute(&format!("insert into items (id) {}", series(target, rows))).await;
        Self { rows, job: target.job("count-visits", sections) }
    }

    /// Every row was changed once, and the checkpoints say the same.
    pub(crate) async fn was_applied_exactly_once(&self, target: &Target) {
        let visits = target.rows("select applied, count(*) from items group by applied order by applied").await;
        assert_eq!(visits, [["1".to_owned(), self.rows.to_string()]], "[visits, rows]");
        assert_eq!(rows_changed(target).await, self.rows as i64, "the checkpoints' sum of rows");
    }
}

/// A run with batches in hand that cannot end, because somebody has the table.
pub(crate) async fn stuck_run(target: &Target) -> (Counted, Process, Lock) {
    let patient = add_one("items", &batches_of(20)) + "lock_timeout = \"40s\"\nstatement_timeout = \"50s\"";
    let items = Counted::with_job(target, 30_000, &patient).await;
    let mut runner = target.start(&["run", &items.job.path]);
    runner.brings("five batches", async || batches(target).await >= 5).await;
    let lock = target.lock("lock table items in share row exclusive mode").await;
    let waiting = "select count(*) from pg_locks where not granted and relation = 'items'::regclass";
    runner.brings("a batch that waits for the lock", async || target.number(waiting).await > 0).await;
    (items, runner, lock)
}

/// From now on a table `batches` has how many `items` each batch changed. On PostgreSQL.
pub(crate) async fn note_batches(target: &Target) {
    target
        .execute(
            "create table batches (rows bigint);
             create function note_rows() returns trigger language plpgsql as
                 $$ begin insert into batches select count(*) from changed; return null; end $$;
             create trigger note_rows after update on items referencing new table as changed
                 for each statement execute function note_rows()",
        )
        .await;
}

/// `select` of the whole numbers `1..=last`.
pub(crate) fn series(target: &Target, last: u64) -> String {
    target.either(
        format!("select i from generate_series(1, {last}) i"),
        format!("with recursive n(i) as (select 1 union all select i + 1 from n limit {last}) select i from n"),
    )
}

/// What all checkpoints of all runs add up to.
pub(crate) async fn rows_changed(target: &Target) -> i64 {
    target
        .number(&format!("select cast(coalesce(sum(rows_changed), 0) as bigint) from {}", target.state("slice")))
        .await
}

/// Batches committed so far; 0 while there are no state tables yet.
pub(crate) async fn batches(target: &Target) -> i64 {
    let sum = format!("select cast(coalesce(sum(seq), 0) as bigint) from {}", target.state("slice"));
    target.number_if_any(&sum).await.unwrap_or(0)
}
