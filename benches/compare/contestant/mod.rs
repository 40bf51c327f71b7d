//! Who is compared, and how does each of them make the change of a shape? All of them make the same one.
//!
//! Reading order: this file (who there is), [`loops`] (what people write in SQL), [`job`] (what tidegate is told),
//! [`pgroll`] (another program that does it in batches).

pub(crate) mod job;
mod loops;
pub(crate) mod pgroll;

use crate::ground::Ground;
use crate::program;
use crate::shape::{Change, INTEGER, Shape};
use anyhow::{Context, Result, ensure};
use job::{Manner, Pace, Sizes};
use std::fmt;
use std::time::{Duration, Instant};

/// The rows of a batch as tools of this form have them where nobody says anything.
const USUAL_CTE_ROWS: u32 = 1_000;

/// One way to make a change.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Contestant {
    /// One statement, one transaction.
    BigStatement,
    /// One statement for each half of a whole-number key, both at once: what two cores have to give.
    Halves,
    /// What people write first. It looks for rows from the start of the table each time.
    IdInLoop,
    /// What people write next: on the server, by the key, a commit for each batch.
    DoLoop,
    /// What other tools do: lock the batch after the last key, then change what was locked.
    Cte { rows: u32 },
    /// The program, whole: start, plan, batches, proof.
    Tidegate(Manner),
    /// Another program, its backfill alone.
    Pgroll,
}

/// What a contestant may need to know.
pub(crate) struct Circumstances<'a> {
    pub(crate) shape: &'static Shape,
    /// The limit of the probe, for those with pace.
    pub(crate) probe_limit: Duration,
    pub(crate) can: &'a Abilities,
}

/// What there is on this machine and in this version of the program, besides what everybody has.
pub(crate) struct Abilities {
    pub(crate) pgroll: pgroll::Installed,
    /// Whether the program can vacuum between batches.
    pub(crate) vacuum: bool,
}

/// What it took a contestant to make the change.
pub(crate) struct Effort {
    pub(crate) took: Duration,
    /// Of the process that did it, where it is one of its own.
    pub(crate) peak_memory: Option<u64>,
}

/// Everybody for whom a shape makes sense, the measure of the others first. Batches of a few milliseconds are there for the
/// sake of the application, so only beside it.
pub(crate) fn of(shape: &Shape, with_application: bool) -> Vec<Contestant> {
    let in_place = !matches!(shape.change, Change::Copy { .. });
    // Where others must stay as they are, every job has a `where`.
    let plain = if shape.only().is_some() { Manner::swept } else { Manner::plain };
    let mut all = vec![Contestant::BigStatement];
    all.extend([1, 2, 4].map(|workers| Contestant::Tidegate(plain(workers))));
    if shape.needs.is_some() && shape.only().is_none() {
        all.extend([1, 2].map(|workers| Contestant::Tidegate(Manner::swept(workers))));
    }
    all.extend([1, 2, 4].map(|workers| Contestant::Tidegate(Manner { pace: Pace::Probe, ..plain(workers) })));
    if with_application {
        all.push(Contestant::Tidegate(Manner { pace: Pace::Probe, sizes: Sizes::Short, ..plain(2) }));
    }
    if in_place {
        all.push(Contestant::Tidegate(Manner { vacuum: true, ..plain(1) }));
    }
    all.extend([Contestant::IdInLoop, Contestant::DoLoop]);
    if in_place {
        let mut sizes = vec![USUAL_CTE_ROWS, shape.batch_rows];
        sizes.dedup();
        all.extend(sizes.into_iter().map(|rows| Contestant::Cte { rows }));
    }
    if shape.name == INTEGER.name {
        all.push(Contestant::Pgroll);
    }
    all
}

impl Abilities {
    /// Looks, and installs what can be installed.
    pub(crate) async fn found() -> Result<Self> {
        Ok(Self { pgroll: pgroll::installed(), vacuum: program::knows_key("batch", "vacuum").await? })
    }
}

impl Contestant {
    /// Makes the whole change.
    pub(crate) async fn change(self, ground: &mut Ground, around: &Circumstances<'_>) -> Result<Effort> {
        let begun = Instant::now();
        let by_itself = |peak_memory| Effort { took: begun.elapsed(), peak_memory };
        match self {
            Self::BigStatement => drop(ground.execute(&around.shape.big_statement()).await?),
            Self::Halves => loops::halves(around.shape, ground).await?,
            Self::IdInLoop => loops::id_in(around.shape, ground).await?,
            Self::DoLoop => drop(ground.execute(&loops::on_the_server(around.shape)).await?),
            Self::Cte { rows } => loops::cte(around.shape, rows, ground).await?,
            Self::Tidegate(manner) => {
                ensure!(!manner.vacuum || around.can.vacuum, "this version does not know the key `vacuum`");
                let job = ground.folder.join("job.toml");
                std::fs::write(&job, job::text(around.shape, manner, around.probe_limit))?;
                return Ok(by_itself(program::run_job(&job, &ground.url).await?));
            }
            Self::Pgroll => return pgroll::backfill(&around.can.pgroll, ground).await,
        }
        Ok(by_itself(None))
    }

    /// Refuses the figures of a contestant that left something out, or changed what it should not.
    pub(crate) async fn check(self, ground: &mut Ground, shape: &Shape, rows: u64, to_change: u64) -> Result<()> {
        let count = match self {
            Self::Pgroll => pgroll::COUNT_OF_DONE.to_owned(),
            _ => shape.count_of_done(rows, to_change),
        };
        let done = ground.number(&count).await.context("the check that nothing was left out")?;
        let is_whole = u64::try_from(done) == Ok(to_change);
        ensure!(is_whole, "{done} of {to_change} rows are as they should be");
        Ok(())
    }
}

impl fmt::Display for Contestant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BigStatement => f.write_str("one big statement"),
            Self::Halves => f.write_str("two statements, of half the table each, at once"),
            Self::IdInLoop => f.write_str("id in (select … limit) in a loop"),
            Self::DoLoop => f.write_str("PL/pgSQL loop by key, with commit"),
            Self::Cte { rows } => write!(f, "CTE for no key update limit {rows}"),
            Self::Tidegate(manner) => write!(f, "tidegate, {manner}"),
            Self::Pgroll => f.write_str("pgroll's backfill"),
        }
    }
}
