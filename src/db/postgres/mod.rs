//! PostgreSQL, 14 and later.
//!
//! Reading order: [`connect`] (one connection), [`failure`] (error codes to classes), [`catalog`] (facts about a
//! table), [`survey`] (bounds, cuts, query plans), [`lane`] (one batch), [`signals`] (what a job
//! watches), [`blockers`] (who has a lock); what they
//! share is in [`spelling`] and [`range`]; [`measured`] reads what a user's query returns.

mod blockers;
mod catalog;
mod connect;
mod failure;
mod lane;
mod measured;
mod range;
mod sample;
mod signals;
mod spelling;
mod survey;

use super::failure::Failure;
use super::ledger::Ledger;
use super::session::Session;
use super::{Blocker, Database, Dialect, Lane, SessionId};
use crate::job::{Batch, Job};
use crate::key::Key;
use crate::pace::Sensor;
use crate::plan::{Facts, SampledBatch, Survey, Work};
use async_trait::async_trait;
use connect::Connector;
use std::time::Duration;
use url::Url;

#[cfg(test)]
pub(crate) use failure::class_of;

/// A PostgreSQL database.
pub(super) struct Postgres {
    connector: Connector,
}

impl Postgres {
    pub(super) fn new(url: &Url) -> Result<Self, Failure> {
        Ok(Self { connector: Connector::new(url)? })
    }
}

#[async_trait]
impl Database for Postgres {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn address(&self) -> String {
        self.connector.address()
    }

    async fn facts(&self, job: &Job) -> Result<Facts, Failure> {
        let mut session = self.connector.connect().await?;
        let mut facts = catalog::facts(&mut session, job).await?;
        signals::facts(&self.connector, job, &mut facts).await;
        Ok(facts)
    }

    async fn survey(&self, work: &Work, rows: u32, slices: usize) -> Result<Survey, Failure> {
        let mut session = self.connector.connect().await?;
        survey::survey(&mut session, work, rows, slices).await
    }

    async fn sample(
        &self,
        work: &Work,
        after: Option<&Key>,
        through: &Key,
        batch: &Batch,
    ) -> Result<SampledBatch, Failure> {
        let mut session = self.connector.connect().await?;
        let sampled = sample::sample(&mut session, work, after, through, batch).await;
        session.rollback().await;
        sampled
    }

    async fn ledger(&self) -> Result<Ledger, Failure> {
        Ok(Ledger::new(Box::new(self.connector.connect().await?), Dialect::Postgres))
    }

    async fn lane(&self, work: &Work, place: &str, batch: &Batch, lease: Duration) -> Result<Box<dyn Lane>, Failure> {
        let session = self.connector.connect().await?;
        Ok(Box::new(lane::PostgresLane::new(session, work.clone(), place, batch, lease)))
    }

    async fn blockers(&self, session: SessionId) -> Result<Vec<Blocker>, Failure> {
        blockers::blockers(&mut self.connector.connect().await?, session).await
    }

    fn sensors(&self, job: &Job) -> Result<Vec<Box<dyn Sensor>>, Failure> {
        Ok(signals::sensors(&self.connector, job))
    }

    async fn last_key_above(&self, work: &Work, bound: &Key) -> Result<Option<Key>, Failure> {
        let mut session = self.connector.connect().await?;
        let last = survey::last_key_above(&mut session, work, bound).await;
        session.rollback().await;
        last.map_err(|failure| failure.while_doing(format!("look for rows above the bound of {}", work.table)))
    }
}
