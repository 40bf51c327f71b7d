//! How does one batch run on PostgreSQL? Six round trips: one for `begin` with the slice's lock and the batch's end, two
//! each for the change and the checkpoint (a statement without a name is parsed, then run), one for `commit`. Knows
//! neither retries nor slices beyond the one it is given.

use super::connect::PostgresSession;
use super::range::change;
use super::spelling::{BY_CHOICE, BY_INDEX, key_as_stored, place_expression, settings};
use crate::db::dialect::{Dialect, literal};
use crate::db::failure::Failure;
use crate::db::session::Session;
use crate::db::statement::BatchStatements;
use crate::db::{Applied, Checkpointed, Lane, OpenBatch, SliceLease, ledger};
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
    place: String,
    settings: String,
    /// Whether the slice was last seen without a cursor: the first range of the first slice is open below, and its
    /// look-up is another statement.
    open_below: bool,
}

impl PostgresLane {
    pub(super) fn new(mut session: PostgresSession, work: Work, place: &str, batch: &Batch, lease: Duration) -> Self {
        session.set_deadline(batch.statement_timeout + GRACE);
        Self {
            session,
            statements: BatchStatements::new(Dialect::Postgres, work),
            place: place.to_owned(),
            settings: settings(batch, lease),
            open_below: false,
        }
    }

    /// Everything before the change, in one message of fixed statements: only numbers and a uuid are written into it.
    ///
    /// The end of the range is looked up in the output of the locking read, because what stands there is computed anew
    /// when the lock had to be waited for; a joined look-up would keep the end that belongs to the old cursor. The
    /// look-up is pinned to the index: statistics of a table that a batch job rewrites are never up to date.
    fn opening(&self, lease: &SliceLease, rows: u32) -> String {
        let cursor = (!self.open_below).then(|| self.stored_key("s.cursor_key"));
        let range = self.statements.between(cursor.as_deref(), &self.stored_key("s.through_key"));
        let output = key_as_stored(&self.statements.work().key);
        let end = self.statements.boundary_where(&output, &range, rows);
        format!(
            "begin; {settings}; {BY_INDEX}; \
             select s.seq, s.cursor_key, s.through_key, {place} as place, ({end}) as range_end, {wal} \
             from tidegate.slice as s \
             where s.run_id = {run} and s.pass = {pass} and s.slice = {number} \
             and s.token = {token} and s.holder = {holder} and not s.done \
             and exists (select from tidegate.run as r where r.id = s.run_id and r.holder = s.holder \
             and r.state in ('running', 'sweeping')) for no key update of s; {BY_CHOICE}",
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

    /// The parts of a stored key, each cast to its column's type.
    fn stored_key(&self, column: &str) -> Vec<String> {
        let key = self.statements.work().key.iter().enumerate();
        key.map(|(i, part)| format!("({column}::json ->> {i})::{}", part.sql_type)).collect()
    }
}

#[async_trait]
impl Lane for PostgresLane {
    async fn open(&mut self, lease: &SliceLease, rows: u32) -> Result<Option<OpenBatch>, Failure> {
        let answer = self.session.script(&self.opening(lease, rows)).await?;
        let Some(row) = answer.first() else { return Ok(None) };
        if row.text(3)? != self.place {
            return Err(Failure::fatal(
                "the server, the table or its columns are not those the run was planned on; \
                 nothing was written. Look at what changed, then start over with `run --restart`",
            ));
        }
        let after = row.text_or_null(1).map(|text| ledger::read_key(&text)).transpose()?;
        if after.is_none() != self.open_below {
            // The slice's first batch, or a server that fell back in time: the other statement fits.
            self.open_below = after.is_none();
            self.session.rollback().await;
            return self.open(lease, rows).await;
        }
        let end = row.text_or_null(4).map(|text| ledger::read_key(&text)).transpose()?;
        let rows = end.is_some().then_some(rows);
        let through = end.map_or_else(|| ledger::read_key(&row.text(2)?), Ok)?;
        Ok(Some(OpenBatch {
            seq: row.int(0)?,
            range: KeyRange { after, through },
            rows,
            wal_position: row.int_or_null(5),
        }))
    }

    async fn apply(&mut self, range: &KeyRange) -> Result<Applied, Failure> {
        change(&mut self.session, &self.statements, range).await
    }

    async fn checkpoint(
        &mut self,
        lease: &SliceLease,
        batch: &OpenBatch,
        applied: Applied,
    ) -> Result<Option<Checkpointed>, Failure> {
        ledger::checkpoint(&mut self.session, Dialect::Postgres, lease, batch, applied).await
    }

    async fn commit(&mut self) -> Result<(), Failure> {
        self.session.script("commit").await.map(drop)
    }

    async fn rollback(&mut self) {
        self.session.rollback().await;
    }

    async fn committed_seq(&mut self, lease: &SliceLease) -> Result<Option<i64>, Failure> {
        self.session.script(&format!("begin; {}", self.settings)).await?;
        let seq = ledger::locked_seq(&mut self.session, Dialect::Postgres, lease).await;
        self.session.rollback().await;
        seq
    }

    fn is_closed(&self) -> bool {
        self.session.is_closed()
    }
}
