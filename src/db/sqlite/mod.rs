//! SQLite, as bundled with the driver.
//!
//! Reading order: [`connect`] (one connection), [`line`](mod@line) (who writes next), [`company`] (who else may want to),
//! [`carrier`] (how the log gets into the file), [`failure`] (error codes to classes), [`catalog`] (facts about a
//! table, with [`indexes`] for its keys and [`estimate`] for its rows), [`key_text`] (keys as text, and back), [`survey`]
//! (bounds, cuts, query plans), [`lane`] (one batch), [`stray`] (cursors out of place), [`signals`] (what a job watches);
//! what they share is in [`place`], [`range`] and [`row`]. Apart from them: [`demo`] (the table of `tidegate demo`).

mod carrier;
mod catalog;
mod company;
mod connect;
mod demo;
mod estimate;
mod failure;
mod indexes;
mod key_text;
mod lane;
mod line;
mod place;
mod range;
mod row;
mod sample;
mod signals;
mod stray;
mod survey;

use super::failure::Failure;
use super::ledger::{Ledger, SliceRecord};
use super::session::Session;
use super::{Blocker, Database, DeadRows, Dialect, GiveUp, Lane, SessionId, Stray, VacuumEnd, VacuumOrder};
use crate::job::{Batch, Job, TableName};
use crate::key::Key;
use crate::pace::Sensor;
use crate::plan::{Facts, Order, SampledBatch, Survey, TableSizes, Work};
use async_trait::async_trait;
use connect::{Connector, LOCK_TIMEOUT};
use std::path::Path;
use std::time::Duration;

pub use demo::DemoTable;

/// A SQLite file.
pub(super) struct Sqlite {
    connector: Connector,
}

impl Sqlite {
    /// Alone in the process: nothing in it opens the file but this crate.
    pub(super) fn new(path: &Path, alone_in_process: bool) -> Self {
        Self { connector: Connector::new(path, alone_in_process) }
    }
}

/// A connection to a file.
#[cfg(test)]
pub(crate) async fn session(path: &Path) -> Result<Box<dyn Session>, Failure> {
    Ok(Box::new(Connector::new(path, false).connect(LOCK_TIMEOUT).await?.looking_often()))
}

#[async_trait]
impl Database for Sqlite {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn address(&self) -> String {
        self.connector.address()
    }

    fn name(&self) -> String {
        self.connector.name()
    }

    async fn facts(&self, job: &Job) -> Result<Facts, Failure> {
        let mut session = self.connector.connect(LOCK_TIMEOUT).await?;
        let mut facts = catalog::facts(&mut session, job).await?;
        signals::facts(&self.connector, job, &mut facts).await;
        Ok(facts)
    }

    /// Rows lie in the order of their key, so there is no other.
    async fn survey(&self, work: &Work, rows: u32, slices: usize, _order: Order) -> Result<Survey, Failure> {
        let mut session = self.connector.connect(LOCK_TIMEOUT).await?;
        survey::survey(&mut session, work, rows, slices).await
    }

    /// SQLite's planner does not say whether it throws rows away, so none is trusted.
    async fn scope_index(&self, _work: &Work) -> Result<Option<String>, Failure> {
        Ok(None)
    }

    async fn cuts(&self, work: &Work, bound: &Key, slices: usize) -> Result<Vec<Key>, Failure> {
        let mut session = self.connector.connect(LOCK_TIMEOUT).await?;
        let cuts = survey::cuts_below(&mut session, work, bound, slices).await;
        session.rollback().await;
        cuts.map_err(|failure| failure.while_doing(format!("cut {} into slices", work.table)))
    }

    async fn partitions(&self, _work: &Work) -> Result<Vec<TableName>, Failure> {
        Ok(Vec::new())
    }

    /// A statement cannot be given up here before it is done, so none that may be long is begun.
    async fn any_in_scope(&self, _work: &Work, _run: i64, _limit: Duration) -> Result<Option<bool>, Failure> {
        Ok(None)
    }

    async fn sample(
        &self,
        work: &Work,
        after: Option<&Key>,
        through: &Key,
        batch: &Batch,
    ) -> Result<SampledBatch, Failure> {
        let mut session = self.connector.connect(batch.lock_timeout).await?;
        let sampled = sample::sample(&mut session, work, after, through, batch).await;
        session.rollback().await;
        sampled
    }

    async fn ledger(&self) -> Result<Ledger, Failure> {
        let session = self.connector.connect(LOCK_TIMEOUT).await?.looking_often();
        Ok(Ledger::new(Box::new(session), Dialect::Sqlite))
    }

    /// The lease says nothing here: nobody can take the locks of a process that sleeps, nor begin before it wakes.
    async fn lane(&self, work: &Work, place: &str, batch: &Batch, _lease: Duration) -> Result<Box<dyn Lane>, Failure> {
        let (session, carrier) = self.connector.connect_for_batches(batch.lock_timeout).await?;
        Ok(Box::new(lane::SqliteLane::new(session, carrier, work.clone(), place, batch)))
    }

    /// SQLite does not tell who has the file.
    async fn blockers(&self, _session: SessionId, _delay: Duration) -> Result<Vec<Blocker>, Failure> {
        Ok(Vec::new())
    }

    fn sensors(&self, job: &Job) -> Result<Vec<Box<dyn Sensor>>, Failure> {
        Ok(signals::sensors(&self.connector, job))
    }

    async fn stray(&self, work: &Work, slices: &[SliceRecord]) -> Result<Option<(usize, Stray)>, Failure> {
        let mut session = self.connector.connect(LOCK_TIMEOUT).await?;
        let stray = stray::stray(&mut session, work, slices).await;
        session.rollback().await;
        stray.map_err(|failure| failure.while_doing("compare the cursors with their slices"))
    }

    async fn last_key_above(&self, work: &Work, bound: &Key) -> Result<Option<Key>, Failure> {
        let mut session = self.connector.connect(LOCK_TIMEOUT).await?;
        let last = survey::last_key_above(&mut session, work, bound).await;
        session.rollback().await;
        last.map_err(|failure| failure.while_doing(format!("look for rows above the bound of {}", work.table)))
    }

    /// A file keeps what it once had, and says nothing of a table.
    async fn sizes(&self, _table: &TableName) -> Result<Option<TableSizes>, Failure> {
        Ok(None)
    }

    /// A row is changed where it is, and the space of one that is gone is used again at once.
    async fn dead_rows(&self, _table: &TableName) -> Result<Option<DeadRows>, Failure> {
        Ok(None)
    }

    async fn oldest_view(&self) -> Result<Option<String>, Failure> {
        Ok(None)
    }

    async fn vacuum(&self, _order: &VacuumOrder, _give_up: GiveUp<'_>) -> Result<VacuumEnd, Failure> {
        Ok(VacuumEnd::Done)
    }
}
