//! How does one batch run on PostgreSQL? Four round trips: `begin` with the slice's lock and the batch's end, the change,
//! the checkpoint, `commit`. Knows neither retries nor slices beyond the one it is given.

use super::connect::PostgresSession;
use super::opened::{self, Opened};
use super::range::{change, change_kept};
use super::spelling::{BY_INDEX, after_look_up, bound, key_values, place_expression, settings, stored_end};
use crate::db::dialect::{Dialect, literal};
use crate::db::failure::{Failure, Phase};
use crate::db::ledger::{self, LockedAside};
use crate::db::session::Session;
use crate::db::statement::{BatchStatements, Rows};
use crate::db::{Applied, Checkpointed, Lane, OpenBatch, QuarantinedRow, RowAside, SessionId, SliceLease, TriedAside};
use crate::job::Batch;
use crate::key::KeyRange;
use crate::plan::Work;
use async_trait::async_trait;
use std::time::Duration;

/// How much longer than the server's own statement timeout a call may stay unanswered.
const GRACE: Duration = Duration::from_secs(5);

/// One worker's connection.
pub(super) struct PostgresLane {
    session: PostgresSession,
    statements: BatchStatements,
    /// The same over the range that the transaction keeps.
    of_open_batch: BatchStatements,
    /// Which range it keeps.
    kept: Option<KeyRange>,
    place: String,
    settings: String,
    statement_timeout: Duration,
    /// The server's process that ran the last batch.
    process: Option<i64>,
    /// Whether the slice was last seen without a cursor: the first range of the first slice is open below, and its
    /// look-up is another statement.
    open_below: bool,
}

impl PostgresLane {
    pub(super) fn new(mut session: PostgresSession, work: Work, place: &str, batch: &Batch, lease: Duration) -> Self {
        session.set_deadline(batch.statement_timeout + GRACE);
        let statements = BatchStatements::new(Dialect::Postgres, work);
        Self {
            session,
            of_open_batch: statements.clone().with_ends(opened::ends(&statements.work().key)),
            statements,
            kept: None,
            place: place.to_owned(),
            settings: settings(batch, lease),
            statement_timeout: batch.statement_timeout,
            process: None,
            open_below: false,
        }
    }

    fn enter(&mut self, phase: Phase) {
        self.session.enter(phase, self.statement_timeout);
    }

    /// Whether it is still the place that the run was planned on.
    fn proves_the_place(&self, place: &str) -> Result<(), Failure> {
        if place == self.place {
            return Ok(());
        }
        Err(Failure::fatal(
            "the server, the table or its columns are not those the run was planned on; \
             nothing was written. Look at what changed, then start over with `run --restart`",
        ))
    }

    /// Whether the transaction keeps that very range. Of any other the keys are bound, for two round trips more.
    fn keeps(&self, range: &KeyRange) -> bool {
        self.kept.as_ref() == Some(range)
    }

    /// Everything before the change, in one message of fixed statements: only numbers and a uuid are written into it.
    ///
    /// The end of the range is looked up in the output of the locking read, because what stands there is computed anew
    /// when the lock had to be waited for; a joined look-up would keep the end that belongs to the old cursor. The
    /// look-up is pinned to the index: statistics of a table that a batch job rewrites are never up to date.
    fn opening(&self, lease: &SliceLease, rows: u32) -> String {
        let key = &self.statements.work().key;
        let cursor = (!self.open_below).then(|| opened::stored_key(key, "s.cursor_key"));
        let range = self.statements.between(cursor.as_deref(), &opened::stored_key(key, "s.through_key"));
        let end = stored_end(&self.statements, &range, rows);
        let kept = Opened { after: "s.cursor_key", range_end: &format!("({end})"), through: "s.through_key" }.kept();
        format!(
            "begin; {settings}; {BY_INDEX}; \
             select s.seq, {place} as place, {wal}, pg_backend_pid(), {kept} \
             from tidegate.slice as s \
             where s.run_id = {run} and s.pass = {pass} and s.slice = {number} \
             and s.token = {token} and s.holder = {holder} and not s.done \
             and exists (select from tidegate.run as r where r.id = s.run_id and r.holder = s.holder \
             and r.state in ('running', 'sweeping')) for no key update of s; {then}",
            then = after_look_up(self.statements.work()),
            settings = self.settings,
            place = place_expression(self.statements.work()),
            wal = Dialect::Postgres.wal_position(),
            run = lease.run,
            pass = lease.pass,
            number = lease.number,
            token = lease.token,
            holder = literal(&lease.holder),
        )
    }
}

#[async_trait]
impl Lane for PostgresLane {
    async fn open(&mut self, lease: &SliceLease, rows: u32) -> Result<Option<OpenBatch>, Failure> {
        self.enter(Phase::Begin);
        self.kept = None;
        let answer = self.session.script(&self.opening(lease, rows)).await?;
        let Some(row) = answer.first() else { return Ok(None) };
        self.proves_the_place(&row.text(1)?)?;
        self.process = row.int_or_null(3);
        let after = row.text_or_null(4).map(|text| ledger::read_key(&text)).transpose()?;
        if after.is_none() != self.open_below {
            // The slice's first batch, or a server that fell back in time: the other statement fits.
            self.open_below = after.is_none();
            self.session.rollback().await;
            return self.open(lease, rows).await;
        }
        let end = row.text_or_null(5).map(|text| ledger::read_key(&text)).transpose()?;
        let rows = end.is_some().then_some(rows);
        let through = end.map_or_else(|| ledger::read_key(&row.text(6)?), Ok)?;
        let range = KeyRange { after, through };
        self.kept = Some(range.clone());
        Ok(Some(OpenBatch { seq: row.int(0)?, range, rows, wal_position: row.int_or_null(2) }))
    }

    async fn apply(&mut self, lease: &SliceLease, range: &KeyRange) -> Result<Applied, Failure> {
        self.enter(Phase::Apply);
        let open_below = range.after.is_none();
        let rows = match lease.pass {
            0 => Rows::Range { open_below },
            _ => Rows::RangeWithoutQuarantined { open_below, run: lease.run },
        };
        match self.keeps(range) {
            true => change_kept(&mut self.session, &self.of_open_batch.change(rows)).await,
            false => change(&mut self.session, &self.statements, rows, &bound(range)).await,
        }
    }

    async fn checkpoint(
        &mut self,
        lease: &SliceLease,
        batch: &OpenBatch,
        applied: Applied,
    ) -> Result<Option<Checkpointed>, Failure> {
        self.enter(Phase::Checkpoint);
        match self.keeps(&batch.range) {
            true => {
                let end = opened::end();
                ledger::checkpoint_at(&mut self.session, Dialect::Postgres, &end, lease, batch, applied).await
            }
            false => ledger::checkpoint(&mut self.session, Dialect::Postgres, lease, batch, applied).await,
        }
    }

    async fn set_row_aside(
        &mut self,
        lease: &SliceLease,
        batch: &OpenBatch,
        aside: &RowAside<'_>,
    ) -> Result<bool, Failure> {
        self.enter(Phase::Checkpoint);
        ledger::set_row_aside(&mut self.session, Dialect::Postgres, lease, batch, aside).await
    }

    async fn carve(&mut self, lease: &SliceLease, batch: &OpenBatch) -> Result<bool, Failure> {
        self.enter(Phase::Checkpoint);
        ledger::carve(&mut self.session, Dialect::Postgres, lease, batch).await
    }

    async fn try_aside(&mut self, row: &QuarantinedRow, holder: Option<&str>) -> Result<TriedAside, Failure> {
        self.enter(Phase::Begin);
        self.session.script(&format!("begin; {}", self.settings)).await?;
        let key = key_values(&row.key);
        let place = place_expression(self.statements.work());
        let locked = ledger::lock_row_aside(&mut self.session, &self.statements, &place, row, holder, &key).await?;
        let Some(LockedAside { place, is_there }) = locked else { return Ok(TriedAside::NotNow) };
        self.proves_the_place(&place)?;
        self.enter(Phase::Apply);
        let applied = change(&mut self.session, &self.statements, Rows::One, &key).await?;
        let tried = applied.to_one_row(is_there)?;
        self.enter(Phase::Checkpoint);
        ledger::resolve(&mut self.session, Dialect::Postgres, row, applied.rows).await?;
        Ok(tried)
    }

    async fn commit(&mut self) -> Result<(), Failure> {
        self.enter(Phase::Commit);
        // No timeout of the server ends a COMMIT that waits for a standby, or deferred triggers.
        self.session.set_deadline(self.statement_timeout);
        let committed = self.session.script("commit").await.map(drop);
        self.session.set_deadline(self.statement_timeout + GRACE);
        committed
    }

    async fn rollback(&mut self) {
        self.session.rollback().await;
    }

    async fn committed_seq(&mut self, lease: &SliceLease) -> Result<Option<i64>, Failure> {
        self.enter(Phase::Begin);
        self.session.script(&format!("begin; {}", self.settings)).await?;
        let seq = ledger::locked_seq(&mut self.session, Dialect::Postgres, lease).await;
        self.session.rollback().await;
        seq
    }

    fn session(&self) -> Option<SessionId> {
        self.process.map(SessionId)
    }

    fn is_closed(&self) -> bool {
        self.session.is_closed()
    }
}
