//! How does one batch run on PostgreSQL? Six round trips: one for `begin` with the slice's lock and the batch's end, two
//! each for the change and the checkpoint (a statement without a name is parsed, then run), one for `commit`. Knows
//! neither retries nor slices beyond the one it is given.

use super::connect::PostgresSession;
use super::range::change;
use super::spelling::{BY_CHOICE, BY_INDEX, bound, key_as_stored, key_values, place_expression, settings};
use super::split::{self, Middle};
use crate::db::dialect::{Dialect, literal};
use crate::db::failure::{Failure, Phase};
use crate::db::ledger::{self, LockedAside};
use crate::db::session::{Session, first_text};
use crate::db::statement::{BatchStatements, Rows};
use crate::db::{
    Applied, Checkpointed, Lane, OpenBatch, QuarantinedRow, RowAside, SessionId, SliceLease, Split, SplitOff,
    TriedAside, Wanted,
};
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
        Self {
            session,
            statements: BatchStatements::new(Dialect::Postgres, work),
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
             select s.seq, s.cursor_key, s.through_key, {place} as place, ({end}) as range_end, {wal}, pg_backend_pid() \
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
        self.enter(Phase::Begin);
        let answer = self.session.script(&self.opening(lease, rows)).await?;
        let Some(row) = answer.first() else { return Ok(None) };
        self.proves_the_place(&row.text(3)?)?;
        self.process = row.int_or_null(6);
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

    async fn apply(&mut self, lease: &SliceLease, range: &KeyRange) -> Result<Applied, Failure> {
        self.enter(Phase::Apply);
        let open_below = range.after.is_none();
        let rows = match lease.pass {
            0 => Rows::Range { open_below },
            _ => Rows::RangeWithoutQuarantined { open_below, run: lease.run },
        };
        change(&mut self.session, &self.statements, rows, &bound(range)).await
    }

    async fn checkpoint(
        &mut self,
        lease: &SliceLease,
        batch: &OpenBatch,
        applied: Applied,
    ) -> Result<Option<Checkpointed>, Failure> {
        self.enter(Phase::Checkpoint);
        ledger::checkpoint(&mut self.session, Dialect::Postgres, lease, batch, applied).await
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

    async fn carve(&mut self, lease: &SliceLease, batch: &OpenBatch) -> Result<Option<Checkpointed>, Failure> {
        self.enter(Phase::Checkpoint);
        ledger::carve(&mut self.session, Dialect::Postgres, lease, batch).await
    }

    async fn split(&mut self, lease: &SliceLease, wanted: Wanted) -> Result<Split, Failure> {
        self.enter(Phase::Begin);
        let guessed = split::guessed_middle(&mut self.session, &self.statements, lease, wanted).await?;
        // A state change: unlike a batch it waits for the disk. Nobody waits for it but the batch that it waits for itself.
        let begin = format!(
            "begin; {}; set local synchronous_commit to default; set local lock_timeout = {}; {BY_INDEX}",
            self.settings,
            self.statement_timeout.as_millis()
        );
        self.session.script(&begin).await?;
        let Some(left) = ledger::left(&mut self.session, Dialect::Postgres, lease, true).await? else {
            return Ok(Split::NotOurs);
        };
        let middle = split::middle(&mut self.session, &self.statements, &left.range, wanted, guessed).await?;
        let (middle, rows) = match middle {
            Middle::At(middle, rows) => (middle, rows),
            Middle::TooShort => return Ok(Split::TooShort),
            Middle::TooLong => {
                self.session.rollback().await;
                return self.split(lease, Wanted { about: u64::MAX, ..wanted }).await;
            }
        };
        // Last: from now on the look-ups hold a lock on the table.
        let place = self.session.script(&format!("select {}", place_expression(self.statements.work()))).await?;
        self.proves_the_place(&first_text(&place).unwrap_or_default())?;
        self.enter(Phase::Checkpoint);
        let made = ledger::split(&mut self.session, Dialect::Postgres, lease, left.seq, &middle).await?;
        Ok(made.map_or(Split::NotOurs, |slice| Split::Made(SplitOff { slice, rows })))
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
