//! PostgreSQL, 14 and later.
//!
//! Reading order: [`url`] → [`parameter`] → [`host`] → [`destination`] (where a connection leads, with [`tls`] and
//! [`password_file`]; all checked before anything is sent) → [`connector`] (the hosts in turn) → [`connect`] (one
//! connection), [`failure`] (error codes to classes), [`pooler`] (what a pooler means), [`catalog`] (facts about a table)
//! with [`privileges`] (what the role may not do), [`survey`] (bounds, cuts, query plans), [`lane`] (one batch) with
//! [`opening`] (what it asks first), [`opened`] (where it keeps its range), [`prepared`] (what has a name), [`span`] (an end that needs no look-up) and [`wake`] (what is due to be read again behind it, by [`behind`]),
//! [`blockers`] (who has a lock), [`stray`] (cursors out of place), [`signals`] (what a job watches); what they share is in
//! [`spelling`] and [`range`]; [`measured`] reads what a user's query returns.

mod behind;
mod blockers;
mod catalog;
mod connect;
mod connector;
mod cuts;
mod dead_rows;
mod destination;
mod failure;
mod heap;
mod host;
mod lane;
mod measured;
mod opened;
mod opening;
mod parameter;
mod password_file;
mod pooler;
mod prepared;
mod privileges;
mod query_plan;
mod range;
mod sample;
mod scope;
mod signals;
mod sizes;
mod span;
mod spelling;
mod split;
mod stray;
mod survey;
mod tls;
mod url;
mod vacuum;
mod wake;

use super::address::AddressError;
use super::failure::Failure;
use super::ledger::{Ledger, SliceRecord};
use super::session::Session;
use super::{Blocker, Database, DeadRows, Dialect, GiveUp, Lane, SessionId, Stray, VacuumEnd, VacuumOrder};
use crate::job::{Batch, Job, TableName};
use crate::key::Key;
use crate::pace::Sensor;
use crate::plan::{Facts, Order, SampledBatch, Survey, TableSizes, Work};
use async_trait::async_trait;
use connector::Connector;
use prepared::Prepared;
use spelling::BEGIN_READING;
use std::time::Duration;

pub use url::PostgresUrl;

#[cfg(test)]
pub(crate) use failure::class_of;

/// A PostgreSQL database.
pub(super) struct Postgres {
    connector: Connector,
}

impl Postgres {
    pub(super) fn new(url: &PostgresUrl) -> Result<Self, AddressError> {
        Ok(Self { connector: Connector::to_write(url)? })
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

    fn name(&self) -> String {
        self.connector.name()
    }

    fn warnings(&self) -> Vec<String> {
        self.connector.warnings()
    }

    async fn facts(&self, job: &Job) -> Result<Facts, Failure> {
        let mut session = self.connector.connect().await?;
        let mut facts = catalog::facts(&mut session, job).await?;
        signals::facts(&self.connector, job, &mut facts).await;
        Ok(facts)
    }

    async fn survey(&self, work: &Work, rows: u32, slices: usize, order: Order) -> Result<Survey, Failure> {
        let mut session = self.connector.connect().await?;
        survey::survey(&mut session, work, rows, slices, order).await
    }

    async fn scope_index(&self, work: &Work) -> Result<Option<String>, Failure> {
        if !work.is_swept() {
            return Ok(None);
        }
        let mut session = self.connector.connect().await?;
        let index = scope::scope_index(&mut session, work).await;
        session.rollback().await;
        index
            .map_err(|failure| failure.while_doing(format!("look for an index on the rows of {} in scope", work.table)))
    }

    async fn cuts(&self, work: &Work, bound: &Key, slices: usize) -> Result<Vec<Key>, Failure> {
        let mut session = self.connector.connect().await?;
        let cuts = cuts::below(&mut session, work, bound, slices).await;
        session.rollback().await;
        cuts.map_err(|failure| failure.while_doing(format!("cut {} into slices", work.table)))
    }

    async fn partitions(&self, work: &Work) -> Result<Vec<TableName>, Failure> {
        let mut session = self.connector.connect().await?;
        let leaves = heap::leaves(&mut session, &work.table).await;
        let leaves = leaves.map_err(|failure| failure.while_doing(format!("list the partitions of {}", work.table)))?;
        Ok(leaves.into_iter().filter_map(|leaf| leaf.part).collect())
    }

    async fn any_in_scope(&self, work: &Work, run: i64, limit: Duration) -> Result<Option<bool>, Failure> {
        let mut session = self.connector.connect().await?;
        let any = scope::any_in_scope(&mut session, work, run, limit).await;
        session.rollback().await;
        any.map_err(|failure| failure.while_doing(format!("look whether a row of {} is in scope", work.table)))
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
        let mut session = self.connector.connect().await?;
        let prepared = Prepared::on(&mut session, work).await?;
        Ok(Box::new(lane::PostgresLane::new(
            session,
            self.connector.clone(),
            prepared,
            work.clone(),
            place,
            batch,
            lease,
        )))
    }

    async fn blockers(&self, session: SessionId, delay: Duration) -> Result<Vec<Blocker>, Failure> {
        // Connecting takes a part of the delay, not more time: the wait may be over soon.
        let ((), connected) = tokio::join!(tokio::time::sleep(delay), self.connector.connect());
        blockers::blockers(&mut connected?, session).await
    }

    fn sensors(&self, job: &Job) -> Result<Vec<Box<dyn Sensor>>, Failure> {
        Ok(signals::sensors(&self.connector, job))
    }

    async fn stray(&self, work: &Work, slices: &[SliceRecord]) -> Result<Option<(usize, Stray)>, Failure> {
        let mut session = self.connector.connect().await?;
        let stray = stray::stray(&mut session, work, slices).await;
        session.rollback().await;
        stray.map_err(|failure| failure.while_doing("compare the cursors with their slices"))
    }

    async fn last_key_above(&self, work: &Work, bound: &Key) -> Result<Option<Key>, Failure> {
        let mut session = self.connector.connect().await?;
        let last = survey::last_key_above(&mut session, work, bound).await;
        session.rollback().await;
        last.map_err(|failure| failure.while_doing(format!("look for rows above the bound of {}", work.table)))
    }

    async fn sizes(&self, table: &TableName) -> Result<Option<TableSizes>, Failure> {
        let mut session = self.connector.connect().await?;
        session.script(BEGIN_READING).await?;
        let sizes = sizes::sizes(&mut session, table).await;
        session.rollback().await;
        sizes.map(Some).map_err(|failure| failure.while_doing(format!("ask for the size of {table}")))
    }

    async fn dead_rows(&self, table: &TableName) -> Result<Option<DeadRows>, Failure> {
        let mut session = self.connector.connect().await?;
        dead_rows::dead_rows(&mut session, table).await.map(Some)
    }

    async fn oldest_view(&self) -> Result<Option<String>, Failure> {
        let mut session = self.connector.connect().await?;
        dead_rows::oldest_view(&mut session).await
    }

    async fn vacuum(&self, order: &VacuumOrder, give_up: GiveUp<'_>) -> Result<VacuumEnd, Failure> {
        vacuum::vacuum(&self.connector, order, give_up).await
    }
}
