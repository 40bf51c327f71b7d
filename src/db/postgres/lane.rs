//! How does one batch run on PostgreSQL? Five round trips: one for `begin` with the slice's lock and the batch's end, two for
//! the change (a statement without a name is parsed, then run), one each for the checkpoint and `commit`; a look for rows in
//! scope takes two more. Knows neither retries nor slices beyond the one it is given.

use super::connect::PostgresSession;
use super::opened;
use super::range::{change, key_at, last_in_scope, narrowed};
use super::span;
use super::spelling::{BY_INDEX, after_look_up, belongs, bound, key_values, place_expression, settings, stored_end};
use super::split::{self, Middle};
use super::wake::Wake;
use crate::db::dialect::{Dialect, literal};
use crate::db::failure::{Failure, Phase};
use crate::db::ledger::{self, LockedAside};
use crate::db::session::{Row, Session, first_text};
use crate::db::statement::{BatchStatements, Rows};
use crate::db::{
    Applied, Checkpointed, Lane, OpenBatch, QuarantinedRow, RowAside, SessionId, SetAside, SliceLease, Split, SplitOff,
    TriedAside, Wanted,
};
use crate::job::Batch;
use crate::key::{Key, KeyRange};
use crate::pace::{Look, Stretch};
use crate::plan::{Order, Route, Work};
use async_trait::async_trait;
use std::time::{Duration, Instant};

/// How much longer than the server's own statement timeout a call may stay unanswered.
const GRACE: Duration = Duration::from_secs(5);

/// The look-up of an end that is the slice's own, where the table may be gone.
const NOWHERE: &str = "select null::text";

/// SQLSTATE of a table that there is not.
const UNDEFINED_TABLE: &str = "42P01";

/// One worker's connection.
pub(super) struct PostgresLane {
    session: PostgresSession,
    statements: BatchStatements,
    /// The end that the transaction keeps.
    kept: Option<Key>,
    place: String,
    settings: String,
    statement_timeout: Duration,
    /// The server's process that ran the last batch.
    process: Option<i64>,
    /// Whether the slice was last seen without a cursor: the first range of the first slice is open below, and its
    /// look-up is another statement.
    open_below: bool,
    wake: Wake,
}

impl PostgresLane {
    pub(super) fn new(mut session: PostgresSession, work: Work, place: &str, batch: &Batch, lease: Duration) -> Self {
        session.set_deadline(batch.statement_timeout + GRACE);
        let statements = BatchStatements::new(Dialect::Postgres, work);
        Self {
            session,
            statements,
            kept: None,
            place: place.to_owned(),
            settings: settings(batch, lease),
            statement_timeout: batch.statement_timeout,
            process: None,
            open_below: false,
            wake: Wake::default(),
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

    /// Whether the transaction keeps the end of that very range. Any other is bound, for a round trip more.
    fn keeps(&self, range: &KeyRange) -> bool {
        self.kept.as_ref() == Some(&range.through)
    }

    /// Everything before the change, in one message of fixed statements: only numbers and a uuid are written into it.
    ///
    /// The end of the range is looked up in the output of the locking read, because what stands there is computed anew
    /// when the lock had to be waited for; a joined look-up would keep the end that belongs to the old cursor. The
    /// look-up is pinned to the index: statistics of a table that a batch job rewrites are never up to date.
    fn opening(&self, lease: &SliceLease, end: &str) -> String {
        format!(
            "begin; {settings}; {BY_INDEX}; \
             select s.seq, s.cursor_key, {place} as place, {wal}, pg_backend_pid(), {belongs}, {kept} from tidegate.slice as s \
             where s.run_id = {run} and s.pass = {pass} and s.slice = {number} \
             and s.token = {token} and s.holder = {holder} and not s.done \
             and exists (select from tidegate.run as r where r.id = s.run_id and r.holder = s.holder \
             and r.state in ('running', 'sweeping')) for no key update of s; {then}",
            kept = opened::kept(&format!("({end})"), "s.through_key"),
            then = after_look_up(self.statements.work()),
            settings = self.settings,
            place = place_expression(self.statements.work()),
            belongs = belongs(self.statements.work(), self.statements.route()),
            wal = Dialect::Postgres.wal_position(),
            run = lease.run,
            pass = lease.pass,
            number = lease.number,
            token = lease.token,
            holder = literal(&lease.holder),
        )
    }

    /// Looks up where a range of the slice ends that the opening locks.
    fn end_of_range(&self, stretch: Stretch) -> String {
        let rows = match stretch.look {
            _ if self.counts_keys(stretch) => {
                return span::end(&self.statements, "s.cursor_key", "s.through_key", stretch.rows);
            }
            Look::Count | Look::Span => stretch.rows,
            Look::Among(rows) => rows,
            // Whatever comes in scope before it is in the range. The table is named because that locks it.
            Look::ByIndex => return format!("select null::text from {} where false", self.statements.table()),
        };
        let cursor = (!self.open_below).then(|| self.stored_key("s.cursor_key"));
        let range = self.statements.between(cursor.as_deref(), &self.stored_key("s.through_key"));
        stored_end(&self.statements, &range, rows)
    }

    /// Whether the end is counted in keys, from the cursor on; without a cursor it is looked up.
    fn counts_keys(&self, stretch: Stretch) -> bool {
        stretch.look == Look::Span && !self.open_below
    }

    /// Takes the statements along for another part of the table, or another way through it.
    fn follow(&mut self, route: &Route) {
        if self.statements.route() != route {
            self.statements = self.statements.clone().along(route);
            self.wake.forget();
        }
    }

    /// Reads once more what lies behind the walk, so that nobody else has to read it from the disk. What comes in scope there
    /// is the sweep's.
    async fn read_wake(&mut self) -> Result<(), Failure> {
        for range in self.wake.due(Instant::now()) {
            let rows = Rows::Range { open_below: range.after.is_none() };
            last_in_scope(&mut self.session, &self.statements, &range, rows, u32::MAX).await?;
        }
        Ok(())
    }

    /// Where a dropped partition stood, its name is an error; what is left of the slice is gone with it.
    async fn open_gone(&mut self, lease: &SliceLease, failure: Failure) -> Result<Option<OpenBatch>, Failure> {
        self.session.rollback().await;
        let answer = self.session.script(&self.opening(lease, NOWHERE)).await?;
        match answer.first() {
            None => Ok(None),
            Some(row) if row.int_or_null(5) != Some(1) => self.gone(row).map(Some),
            Some(_) => Err(failure),
        }
    }

    /// The rest of a slice whose partition is none of the table's any more.
    fn gone(&self, row: &Row) -> Result<OpenBatch, Failure> {
        self.proves_the_place(&row.text(2)?)?;
        let after = row.text_or_null(1).map(|text| ledger::read_key(&text)).transpose()?;
        let range = KeyRange { after, through: ledger::read_key(&row.text(7)?)? };
        Ok(OpenBatch {
            seq: row.int(0)?,
            range,
            rows: None,
            in_scope: Some(0),
            span: None,
            gone: true,
            wal_position: None,
        })
    }

    fn rows_of(lease: &SliceLease, range: &KeyRange) -> Rows {
        let open_below = range.after.is_none();
        match lease.pass {
            0 => Rows::Range { open_below },
            _ => Rows::RangeWithoutQuarantined { open_below, run: lease.run },
        }
    }

    /// The parts of a stored key, each cast to its column's type.
    fn stored_key(&self, column: &str) -> Vec<String> {
        let key = self.statements.position().iter().enumerate();
        key.map(|(i, part)| format!("({column}::json ->> {i})::{}", part.sql_type)).collect()
    }
}

#[async_trait]
impl Lane for PostgresLane {
    async fn open(&mut self, lease: &SliceLease, stretch: Stretch) -> Result<Option<OpenBatch>, Failure> {
        self.enter(Phase::Begin);
        self.kept = None;
        self.wake.begins(None);
        self.follow(&lease.route);
        let answer = match self.session.script(&self.opening(lease, &self.end_of_range(stretch))).await {
            Err(failure) if lease.route.part.is_some() && failure.has_code(&[UNDEFINED_TABLE]) => {
                return self.open_gone(lease, failure).await;
            }
            answer => answer?,
        };
        let Some(row) = answer.first() else { return Ok(None) };
        if row.int_or_null(5) != Some(1) {
            return self.gone(row).map(Some);
        }
        self.proves_the_place(&row.text(2)?)?;
        self.process = row.int_or_null(4);
        let after = row.text_or_null(1).map(|text| ledger::read_key(&text)).transpose()?;
        if after.is_none() != self.open_below {
            // The slice's first batch, or a server that fell back in time: the other statement fits.
            self.open_below = after.is_none();
            self.session.rollback().await;
            return self.open(lease, stretch).await;
        }
        let end = row.text_or_null(6).map(|text| ledger::read_key(&text)).transpose()?;
        let rows = end.as_ref().filter(|_| !self.counts_keys(stretch)).map(|_| stretch.covers());
        let range = KeyRange { after, through: end.map_or_else(|| ledger::read_key(&row.text(7)?), Ok)? };
        let (seq, wal_position) = (row.int(0)?, row.int_or_null(3));
        self.kept = Some(range.through.clone());
        let span = span::span(self.statements.position(), &range);
        let batch = OpenBatch { seq, range, rows, in_scope: None, span, gone: false, wal_position };
        if matches!(stretch.look, Look::Count | Look::Span) {
            return Ok(Some(batch));
        }
        let rows = Self::rows_of(lease, &batch.range);
        let batch = narrowed(&mut self.session, &self.statements, batch, rows, stretch.rows).await?;
        if stretch.look == Look::ByIndex && lease.pass == 0 {
            self.read_wake().await?;
            self.wake.begins(Some(batch.range.clone()));
        }
        Ok(Some(batch))
    }

    async fn apply(&mut self, lease: &SliceLease, range: &KeyRange) -> Result<Applied, Failure> {
        self.enter(Phase::Apply);
        change(&mut self.session, &self.statements, Self::rows_of(lease, range), &bound(range)).await
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
    ) -> Result<SetAside, Failure> {
        self.enter(Phase::Checkpoint);
        let key = match lease.route.order {
            Order::Key => Some(batch.range.through.clone()),
            Order::Physical => key_at(&mut self.session, &self.statements, &batch.range).await?,
        };
        let Some(row) = &key else { return Ok(SetAside { key, within_limit: true }) };
        let within_limit = ledger::set_row_aside(&mut self.session, Dialect::Postgres, lease, row, aside).await?;
        Ok(SetAside { key, within_limit })
    }

    async fn carve(&mut self, lease: &SliceLease, batch: &OpenBatch) -> Result<Option<Checkpointed>, Failure> {
        self.enter(Phase::Checkpoint);
        ledger::carve(&mut self.session, Dialect::Postgres, lease, batch).await
    }

    async fn split(&mut self, lease: &SliceLease, wanted: Wanted) -> Result<Split, Failure> {
        self.enter(Phase::Begin);
        self.follow(&lease.route);
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
        Ok(made.map_or(Split::NotOurs, |slice| Split::Made(Box::new(SplitOff { slice, rows }))))
    }

    async fn try_aside(&mut self, row: &QuarantinedRow, holder: Option<&str>) -> Result<TriedAside, Failure> {
        self.enter(Phase::Begin);
        self.follow(&Route::default());
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
        if committed.is_ok() {
            self.wake.committed(Instant::now());
        }
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
