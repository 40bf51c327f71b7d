//! A SQLite file has one writer at a time and keeps no queue. Does everybody get a turn beside a run that writes all the time: an
//! application that has the file open, whoever opens it while the run was alone with it, and the run's own process?

use crate::support::{Counted, Process, Target, batches, batches_by, promises};
use rustix::process::Signal;
use sqlx::{Connection, SqliteConnection};

promises!(on [sqlite]:
    an_application_writes_again_and_again_beside_a_run_that_never_waits,
    whoever_opens_the_file_that_a_run_had_for_itself_writes_as_well,
);

/// More than any of these tests waits for: minutes.
const ROWS: u64 = 100_000;

const WRITES: i64 = 10;

/// A file with a job that does nothing but write: its batches take far longer than what lies between them, so whoever looks now
/// and then has next to no chance but by its rests.
pub(crate) async fn greedy(target: &Target) -> Counted {
    target.execute("pragma journal_mode = wal; create table notes (id integer primary key)").await;
    // Not the same for all rows, or SQLite would do it once.
    let change = "applied + 1 + 0 * length(hex(zeroblob(60000 + id % 2)))";
    let job = format!("[table]\nname = \"items\"\n[change.set]\napplied = \"{change}\"\n{}", batches_by(1, 500));
    Counted::with_job(target, ROWS, &job).await
}

async fn an_application_writes_again_and_again_beside_a_run_that_never_waits(target: Target) {
    let runner = begun(&target).await;
    let mut application = target.patient_for_five_seconds().await;
    for _ in 0..WRITES {
        writes(&mut application).await;
    }
    wrote_meanwhile(&target, runner).await;
}

/// Nobody has the file open between two writes, so the run has no reason to rest but those who come.
async fn whoever_opens_the_file_that_a_run_had_for_itself_writes_as_well(mut target: Target) {
    let runner = begun(&target).await;
    target.leave_the_file().await;
    for _ in 0..WRITES {
        let mut newcomer = target.patient_for_five_seconds().await;
        writes(&mut newcomer).await;
        newcomer.close().await.expect("it is closed");
    }
    wrote_meanwhile(&target, runner).await;
}

async fn begun(target: &Target) -> Process {
    let items = greedy(target).await;
    let mut runner = target.start(&["run", &items.job.path]);
    runner.brings("a batch", async || batches(target).await >= 1).await;
    runner
}

async fn writes(application: &mut SqliteConnection) {
    let note = sqlx::raw_sql("insert into notes default values").execute(application).await;
    note.expect("the application writes within five seconds");
}

/// The run went on all the time, and has not come to its end.
async fn wrote_meanwhile(target: &Target, mut runner: Process) {
    let done = batches(target).await;
    runner.brings("another batch", async || batches(target).await > done).await;
    runner.signal(Signal::TERM);
    runner.end().await.exits(4);
    assert_eq!(target.number("select count(*) from notes").await, WRITES);
    assert_eq!(target.number("select max(applied) from items").await, 1);
}
