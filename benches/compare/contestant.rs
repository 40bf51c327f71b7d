//! Who is compared, and how does each of them put a note on every account? All of them write the same notes.

use crate::arena::{Accounts, Arena};
use crate::program::{self, Answers};
use anyhow::{Context, Result};
use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

/// Everybody, the measure of the others first.
pub(crate) const ALL: [Contestant; 7] = [
    Contestant::BigUpdate,
    Contestant::Tidegate { workers: 1, scope: false },
    Contestant::Tidegate { workers: 2, scope: false },
    Contestant::Tidegate { workers: 1, scope: true },
    Contestant::Tidegate { workers: 2, scope: true },
    Contestant::IdInLoop,
    Contestant::CteForm,
];

/// The rows of a batch, for everybody who has batches.
pub(crate) const BATCH_ROWS: u32 = 5_000;

/// As in the shipped job `fill-account-note`.
const NOTE: &str = "'account ' || aid || ' of branch ' || bid";

/// One way to change every row of a table.
#[derive(Clone, Copy)]
pub(crate) enum Contestant {
    /// One statement, one transaction.
    BigUpdate,
    /// The program, whole: start, plan, batches, proof. With a scope, which is the job's `where`, it also sweeps; the
    /// big UPDATE does nothing of the kind, so the fair comparison is without.
    Tidegate { workers: u32, scope: bool },
    /// What people write first. It looks for rows from the start of the table each time.
    IdInLoop,
    /// What pgroll and others do: lock the batch after the last key, then update what was locked.
    CteForm,
}

/// What one run of a contestant needed.
pub(crate) struct Measured {
    pub(crate) took: Duration,
    pub(crate) wal_bytes: i64,
    pub(crate) table_bytes_before: i64,
    pub(crate) table_bytes: i64,
    /// Of tidegate's process.
    pub(crate) peak_memory: Option<u64>,
    /// How fast tidegate answers when the work is done.
    pub(crate) answers: Option<Answers>,
}

impl Contestant {
    /// Lets the contestant change every row of a fresh copy.
    pub(crate) async fn measure(self, arena: &mut Arena) -> Result<Measured> {
        let mut accounts = arena.fresh_accounts().await?;
        let job = arena.folder().join("job.toml");
        let table_bytes_before = accounts.size().await?;
        let wal_before = accounts.wal().await?;

        let begun = Instant::now();
        let peak_memory = self.change_every_row(&mut accounts, &job).await.with_context(|| self.to_string())?;
        let took = begun.elapsed();

        let wal_bytes = accounts.wal().await? - wal_before;
        let table_bytes = accounts.size().await?;
        accounts.check_every_row_has_its_note().await.with_context(|| self.to_string())?;
        let answers = match self {
            Self::Tidegate { .. } => Some(program::answers(&job, &accounts.url).await?),
            _ => None,
        };
        Ok(Measured { took, wal_bytes, table_bytes_before, table_bytes, peak_memory, answers })
    }

    /// Does it to these accounts; tidegate reads its job from that file. Answers with the peak memory, where it is a process
    /// of ours that does it.
    pub(crate) async fn change_every_row(self, accounts: &mut Accounts, job: &Path) -> Result<Option<u64>> {
        match self {
            Self::BigUpdate => {
                accounts.execute(&format!("update pgbench_accounts set note = {NOTE}")).await?;
                Ok(None)
            }
            Self::Tidegate { workers, scope } => {
                std::fs::write(job, job_text(workers, scope))?;
                program::run_job(job, &accounts.url).await
            }
            Self::IdInLoop => {
                while accounts.execute(&id_in()).await? > 0 {}
                Ok(None)
            }
            Self::CteForm => {
                let (batch, mut key) = (cte_form(), i32::MIN);
                while let Some(last) = accounts.key_after(&batch, key).await? {
                    key = last;
                }
                Ok(None)
            }
        }
    }
}

impl fmt::Display for Contestant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BigUpdate => f.write_str("one big UPDATE"),
            Self::Tidegate { workers, scope } => {
                let plural = if *workers == 1 { "" } else { "s" };
                let scope = if *scope { ", where and sweep" } else { "" };
                write!(f, "tidegate, {workers} worker{plural}{scope}")
            }
            Self::IdInLoop => f.write_str("id in (select … limit) in a loop"),
            Self::CteForm => f.write_str("CTE … for no key update limit"),
        }
    }
}

/// The batch size is pinned: this compares ways, not laws of sizing.
pub(crate) fn job_text(workers: u32, scope: bool) -> String {
    let scope = if scope { "where = \"note is null\"" } else { "" };
    format!(
        "version = 1\nname = \"{name}\"\n\
         [table]\nname = \"public.pgbench_accounts\"\nkey = [\"aid\"]\n{scope}\n\
         [change.set]\nnote = \"{NOTE}\"\n\
         [batch]\n{pinned}\nworkers = {workers}\n",
        name = program::JOB,
        pinned = pinned(),
    )
}

/// Batches of always the same rows.
pub(crate) fn pinned() -> String {
    format!("rows = {BATCH_ROWS}\nmin_rows = {BATCH_ROWS}\nmax_rows = {BATCH_ROWS}")
}

fn id_in() -> String {
    format!(
        "update pgbench_accounts set note = {NOTE} \
         where aid in (select aid from pgbench_accounts where note is null limit {BATCH_ROWS})"
    )
}

/// Answers with the last key of the batch, nothing at the end.
fn cte_form() -> String {
    format!(
        "with batch as ( \
             select aid from pgbench_accounts where note is null and aid > $1 \
             order by aid limit {BATCH_ROWS} for no key update \
         ), changed as ( \
             update pgbench_accounts set note = {qualified} from batch where pgbench_accounts.aid = batch.aid \
         ) \
         select max(aid) from batch",
        qualified = NOTE.replace("aid", "pgbench_accounts.aid")
    )
}
