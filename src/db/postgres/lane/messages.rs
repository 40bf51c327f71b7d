//! In which messages does a batch go? Its statements by their names where they have one, in their own words where not; and what
//! was asked together with the last COMMIT is not asked again. Knows neither when a step is due nor what follows from it.

use super::PostgresLane;
use crate::db::dialect::{Dialect, places};
use crate::db::failure::Failure;
use crate::db::ledger::checkpoint;
use crate::db::postgres::opened;
use crate::db::postgres::opening::{self, End};
use crate::db::postgres::prepared::Planned;
use crate::db::postgres::range::change_by_name;
use crate::db::postgres::spelling::{BY_INDEX, after_look_up};
use crate::db::session::{Row, Session};
use crate::db::statement::{ChangeStatement, Rows};
use crate::db::{Applied, Checkpointed, OpenBatch, SliceLease};
use crate::key::KeyRange;
use crate::pace::Stretch;

/// A batch that was begun together with the COMMIT of the last.
pub(super) struct Ahead {
    pub(super) lease: SliceLease,
    pub(super) stretch: Stretch,
    pub(super) opened: Result<Vec<Row>, Failure>,
}

impl PostgresLane {
    /// Whether the transaction keeps that very range. Any other is bound, for a round trip more.
    pub(super) fn keeps(&self, range: &KeyRange) -> bool {
        self.kept.as_ref() == Some(range)
    }

    /// Everything before the change, in one message of fixed statements: only numbers and a uuid are written into it. The
    /// look-up is pinned to the index: statistics of a table that a batch job rewrites are never up to date.
    pub(super) fn opening(&self, lease: &SliceLease, stretch: Stretch, end: End) -> String {
        let words = opening::words(lease, stretch, end);
        let select = self.prepared.by_name(&self.opening_to_prepare(end), &words, Planned::Once);
        let select = select.unwrap_or_else(|| opening::select(&self.statements, end, &words));
        let then = after_look_up(self.statements.work());
        format!("begin; {}; {BY_INDEX}; {select}; {then}", self.settings)
    }

    pub(super) fn opening_to_prepare(&self, end: End) -> String {
        opening::select(&self.statements, end, &places(1))
    }

    /// What the opening tells, which may have been asked together with the last COMMIT.
    pub(super) async fn opened(&mut self, lease: &SliceLease, stretch: Stretch, end: End) -> Result<Vec<Row>, Failure> {
        match self.ahead.take() {
            Some(ahead) if ahead.lease == *lease && ahead.stretch == stretch => return ahead.opened,
            Some(_) => self.session.rollback().await,
            None => {}
        }
        let text = self.opening_to_prepare(end);
        if self.prepared.wants(&text) && self.prepare_opening(&text).await.is_err() {
            // Said in its own words, it will tell what is wrong.
            self.session.rollback().await;
        }
        self.session.script(&self.opening(lease, stretch, end)).await
    }

    /// In a transaction of its own, whose end it outlives: how the server reads it depends on the settings of a batch.
    async fn prepare_opening(&mut self, text: &str) -> Result<(), Failure> {
        self.session.script(&format!("begin; {}", self.settings)).await?;
        self.prepared.prepare(&mut self.session, &opening::TYPES, text).await?;
        self.session.script("rollback").await.map(drop)
    }

    /// Records the range that the transaction keeps: one message without values.
    pub(super) async fn checkpoint_kept(
        &mut self,
        lease: &SliceLease,
        batch: &OpenBatch,
        applied: Applied,
    ) -> Result<Option<Checkpointed>, Failure> {
        let (words, end) = (checkpoint::words(lease, batch, applied), opened::end());
        let text = checkpoint::statement(Dialect::Postgres, batch.lap, &end, &places(1));
        self.prepared.prepare(&mut self.session, &checkpoint::TYPES, &text).await?;
        let by_name = self.prepared.by_name(&text, &words, Planned::Once);
        let sql = by_name.unwrap_or_else(|| checkpoint::statement(Dialect::Postgres, batch.lap, &end, &words));
        Ok(checkpoint::checkpointed(batch, &self.session.script(&sql).await?))
    }

    /// The change by its name. `None`: it has none, or the transaction does not keep its range.
    pub(super) async fn change_by_name(&mut self, rows: Rows, range: &KeyRange) -> Option<Result<Applied, Failure>> {
        if !self.prepared.keeps_changes() || !self.keeps(range) {
            return None;
        }
        let [ChangeStatement { sql, counted_by }] = self.statements.change(rows).try_into().ok()?;
        let values = opened::values(range.after.is_none(), self.statements.position().len());
        if let Err(failure) = self.prepared.prepare(&mut self.session, &vec!["text"; values.len()], &sql).await {
            return Some(Err(failure));
        }
        let by_name = self.prepared.by_name(&sql, &values, Planned::EachTime)?;
        Some(change_by_name(&mut self.session, &by_name, counted_by).await)
    }
}
