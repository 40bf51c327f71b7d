//! In which messages does a batch go? Its statements by their names where they have one, in their own words where not; and what
//! was asked together with the last COMMIT is not asked again. Knows neither when a step is due nor what follows from it.

use super::PostgresLane;
use crate::db::dialect::{Dialect, places};
use crate::db::failure::{Class, Failure};
use crate::db::ledger::checkpoint;
use crate::db::postgres::opened;
use crate::db::postgres::opening::{self, End};
use crate::db::postgres::prepared::Planned;
use crate::db::postgres::range::{change_by_name, last_in_scope};
use crate::db::postgres::spelling::{BY_INDEX, after_look_up, bound};
use crate::db::session::{Row, Session};
use crate::db::statement::{ChangeStatement, Rows};
use crate::db::{Applied, Checkpointed, OpenBatch, SliceLease};
use crate::key::KeyRange;
use crate::pace::Stretch;
use std::iter;

/// A batch that was begun together with the COMMIT of the last.
pub(super) struct Ahead {
    pub(super) lease: SliceLease,
    pub(super) stretch: Stretch,
    pub(super) opened: Result<Opened, Failure>,
}

/// The first message of a batch.
pub(super) struct Opening {
    pub(super) text: String,
    /// It also looks for rows in scope.
    pub(super) looks: bool,
}

/// What it told.
pub(super) struct Opened {
    rows: Vec<Row>,
    looked: bool,
}

impl Opened {
    pub(super) fn new(rows: Vec<Row>, looked: bool) -> Self {
        Self { rows, looked }
    }

    /// Of the slice, the place and the end. `None`: the slice is not ours now, and nothing was looked for.
    pub(super) fn slice(&self) -> Option<&Row> {
        self.rows.first()
    }

    /// The last row in scope. Outside, `None`: it did not look.
    pub(super) fn last(&self) -> Option<Option<&Row>> {
        self.looked.then(|| self.rows.get(1))
    }
}

impl PostgresLane {
    /// Whether the transaction keeps that very range. Any other is bound, for a round trip more.
    pub(super) fn keeps(&self, range: &KeyRange) -> bool {
        self.kept.as_ref() == Some(range)
    }

    /// Everything before the change, in one message of fixed statements: only numbers and a uuid are written into it. The
    /// look-up is pinned to the index: statistics of a table that a batch job rewrites are never up to date.
    pub(super) fn opening(&self, lease: &SliceLease, stretch: Stretch, end: End) -> Opening {
        let text = self.opening_without_look(lease, stretch, end);
        let look = self.looks_at_once(stretch).then(|| self.look_by_name(Self::rows_sought(lease, false), stretch));
        match look.flatten() {
            Some(look) => Opening { text: format!("{text}; {look}"), looks: true },
            None => Opening { text, looks: false },
        }
    }

    /// The same without the look for rows in scope.
    pub(super) fn opening_without_look(&self, lease: &SliceLease, stretch: Stretch, end: End) -> String {
        let words = opening::words(lease, stretch, end);
        let select = self.prepared.by_name(&self.opening_to_prepare(end), &words, Planned::Once);
        let select = select.unwrap_or_else(|| opening::select(&self.statements, end, &words));
        let then = after_look_up(self.statements.work());
        format!("begin; {}; {BY_INDEX}; {select}; {then}", self.settings)
    }

    /// Whether rows in scope are looked for in the message that says where to: which rows those are must be known before.
    fn looks_at_once(&self, stretch: Stretch) -> bool {
        stretch.is_sought() && !self.open_below && self.statements.route().laps.is_one()
    }

    pub(super) fn opening_to_prepare(&self, end: End) -> String {
        opening::select(&self.statements, end, &places(1))
    }

    /// What the opening tells, which may have been asked together with the last COMMIT.
    pub(super) async fn opened(&mut self, lease: &SliceLease, stretch: Stretch, end: End) -> Result<Opened, Failure> {
        match self.opened_at_once(lease, stretch, end).await {
            // What it looked for may not be there any more: the rest of it tells whether this is still the place.
            Err(failure) if failure.class == Class::Fatal && self.looks_at_once(stretch) => {
                self.session.rollback().await;
                let text = self.opening_without_look(lease, stretch, end);
                Ok(Opened::new(self.session.script(&text).await?, false))
            }
            opened => opened,
        }
    }

    async fn opened_at_once(&mut self, lease: &SliceLease, stretch: Stretch, end: End) -> Result<Opened, Failure> {
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
        let Opening { text, looks } = self.opening(lease, stretch, end);
        Ok(Opened::new(self.session.script(&text).await?, looks))
    }

    /// Which rows are sought, of a slice that is not walked in laps.
    pub(super) fn rows_sought(lease: &SliceLease, open_below: bool) -> Rows {
        match lease.pass {
            0 => Rows::Range { open_below, lap: None },
            _ => Rows::RangeWithoutQuarantined { open_below, run: lease.run },
        }
    }

    /// The last of the rows in scope, where the message that opened the batch did not look.
    pub(super) async fn last_in_scope(
        &mut self,
        rows: Rows,
        range: &KeyRange,
        stretch: Stretch,
    ) -> Result<Option<Row>, Failure> {
        if self.prepared.keeps_looks() && self.looks_at_once(stretch) {
            let (text, parts) = (self.look_to_prepare(rows), self.statements.position().len());
            let types: Vec<_> = iter::repeat_n("text", 2 * parts).chain(["bigint"]).collect();
            self.prepared.prepare(&mut self.session, &types, &text).await?;
        }
        let look = self.look_by_name(rows, stretch).filter(|_| self.keeps(range));
        let found = match look {
            Some(look) => self.session.script(&look).await?,
            None => {
                let look = last_in_scope(&self.statements, rows, &stretch.rows.to_string(), opened::kept_end);
                self.session.fetch(&look, &bound(range)).await?
            }
        };
        Ok(found.into_iter().next())
    }

    fn look_to_prepare(&self, rows: Rows) -> String {
        let most = format!("${}", 2 * self.statements.position().len() + 1);
        last_in_scope(&self.statements, rows, &most, opened::kept_end)
    }

    /// The look for rows in scope by its name, in the range that the transaction keeps.
    fn look_by_name(&self, rows: Rows, stretch: Stretch) -> Option<String> {
        let values = opened::values(false, self.statements.position().len());
        let words: Vec<_> = values.into_iter().chain([stretch.rows.to_string()]).collect();
        self.prepared.by_name(&self.look_to_prepare(rows), &words, Planned::EachTime)
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
        let planned = match rows {
            // Where stripes lead to their rows is held by the statement's form: nothing in it says how long the range is.
            Rows::Stripes { .. } => Planned::Once,
            _ => Planned::EachTime,
        };
        let by_name = self.prepared.by_name(&sql, &values, planned)?;
        Some(change_by_name(&mut self.session, &by_name, counted_by).await)
    }
}
