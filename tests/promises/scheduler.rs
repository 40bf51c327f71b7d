//! Is what is submitted run, once, in its order and at its time, whoever dies meanwhile? Asked of `tidegate serve` as a
//! process, against the jobs that `tidegate submit` leaves to it.

mod away;
mod budget;
mod operators;
mod queue;
mod refused;
mod stopping;
mod systemd;
mod takeover;

use crate::support::{Job, Process, Target, add_one, batches_of, series, until};
use rustix::process::Signal;

/// A table of its own with a job that adds one to each row.
struct Part {
    table: String,
    rows: u64,
    job: Job,
}

impl Part {
    async fn new(target: &Target, table: &str, rows: u64) -> Self {
        Self::paced(target, table, rows, "").await
    }

    async fn paced(target: &Target, table: &str, rows: u64, pace: &str) -> Self {
        let create = format!("create table {table} (id integer primary key, applied integer not null default 0)");
        target.execute(&create).await;
        target.execute(&format!("insert into {table} (id) {}", series(target, rows))).await;
        let job = job_on(target, &format!("count-{table}").replace('_', "-"), table, pace);
        Self { table: table.to_owned(), rows, job }
    }

    /// One that lasts until somebody lets it go faster, or long enough for everything that a test does to it.
    async fn slow(target: &Target, table: &str, rows: u64) -> Self {
        Self::paced(target, table, rows, "[pace]\nmax_rows_per_second = 400\n").await
    }

    async fn submit(&self, target: &Target) {
        submit(target, &self.job, &[]).await;
    }

    async fn was_applied(&self, target: &Target, times: u64) {
        let visits = target.rows(&format!("select applied, count(*) from {} group by applied", self.table)).await;
        assert_eq!(visits, [[times.to_string(), self.rows.to_string()]], "[visits, rows] of {}", self.table);
    }
}

fn job_on(target: &Target, name: &str, table: &str, pace: &str) -> Job {
    target.job(name, &(add_one(table, &batches_of(20)) + pace))
}

async fn submit(target: &Target, job: &Job, more: &[&str]) {
    target.tidegate(&[&["submit", job.path.as_str()], more].concat()).await.exits(0);
}

fn serve(target: &Target, more: &[&str]) -> Process {
    target.start(&[&["serve", "--listen", "127.0.0.1:0"], more].concat())
}

/// Stops a server; it ends well.
async fn stop(server: Process) {
    server.signal(Signal::TERM);
    server.end().await.exits(0);
}

/// The state of the job's newest run.
async fn state(target: &Target, job: &Job) -> String {
    let sql = format!("select state from {} where job = '{}' order by id desc", target.state("run"), job.name);
    target.column(&sql).await.into_iter().next().unwrap_or_default()
}

async fn becomes(target: &Target, server: &mut Process, job: &Job, wanted: &str) {
    let what = format!("{} is {wanted}", job.name);
    server.brings(&what, async || state(target, job).await == wanted).await;
}

/// Batches of the job's runs.
async fn batches_of_job(target: &Target, job: &Job) -> i64 {
    let sql = format!(
        "select cast(coalesce(sum(s.seq), 0) as bigint) from {} as s join {} as r on r.id = s.run_id where r.job = '{}'",
        target.state("slice"),
        target.state("run"),
        job.name
    );
    target.number_if_any(&sql).await.unwrap_or(0)
}

/// The jobs in the order of their first takings.
async fn order_of_takings(target: &Target) -> Vec<String> {
    let (event, run) = (target.state("event"), target.state("run"));
    let sql = format!(
        "select r.job from {event} as e join {run} as r on r.id = e.run_id where e.kind = 'taken' order by e.id"
    );
    target.column(&sql).await
}

/// How many runs have a runner.
async fn held_runs(target: &Target) -> i64 {
    target.number(&format!("select count(*) from {}", target.state("heartbeat"))).await
}

/// Waits until a run has committed some more batches.
async fn walks(target: &Target, job: &Job) {
    let goal = batches_of_job(target, job).await + 2;
    until("two more batches", async || batches_of_job(target, job).await >= goal).await;
}
