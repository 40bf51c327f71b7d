//! How does one batch run on PostgreSQL? Three round trips: the change, the checkpoint, and `commit` together with the next
//! batch's `begin`, the slice's lock and the batch's end. Where a pooler stands between or something keeps the next batch from
//! beginning, up to five: `commit` alone, and a change without a name is parsed, then run. A look for rows in scope is part of the
//! third, or takes two more where it has no name. Knows neither retries nor slices beyond the one it is given.

mod messages;

use super::behind::Behind;
use super::connect::PostgresSession;
use super::connector::Connector;
use super::opening::End;
use super::prepared::Prepared;
use super::range::{change, key_at, narrowed};
use super::span;
use super::spelling::{BY_INDEX, bound, key_values, place_expression, settings};
use super::split::{self, Middle};
use crate::db::dialect::Dialect;
use crate::db::failure::{Failure, Phase};
use crate::db::ledger::{self, LockedAside};
use crate::db::session::{Row, Session, first_text};
use crate::db::statement::{BatchStatements, Rows};
use crate::db::{
    Applied, Checkpointed, Lane, Lap, OpenBatch, QuarantinedRow, RowAside, SessionId, SetAside, SliceLease, Split,
    SplitOff, TriedAside, Wanted,
};
use crate::job::Batch;
use crate::key::KeyRange;
use crate::pace::{Look, Stretch};
use crate::plan::{Order, Route, Work};
use async_trait::async_trait;
use messages::{Ahead, Opened, Opening};
use std::time::Duration;

/// How much longer than the server's own statement timeout a call may stay unanswered.
const GRACE: Duration = Duration::from_secs(5);

/// SQLSTATE of a table that there is not.
const UNDEFINED_TABLE: &str = "42P01";

/// One worker's connection.
pub(super) struct PostgresLane {
    session: PostgresSession,
    statements: BatchStatements,
    prepared: Prepared,
    /// The range that the transaction keeps.
    kept: Option<KeyRange>,
    place: String,
    settings: String,
    statement_timeout: Duration,
    /// The server's process that ran the last batch.
    process: Option<i64>,
    /// Whether the slice was last seen without a cursor: the first range of the first slice is open below, and its
    /// look-up is another statement.
    open_below: bool,
    behind: Behind,
    ahead: Option<Ahead>,
}

impl PostgresLane {
    pub(super) fn new(
        mut session: PostgresSession,
        connector: Connector,
        prepared: Prepared,
        work: Work,
        place: &str,
        batch: &Batch,
        lease: Duration,
    ) -> Self {
        session.set_deadline(batch.statement_timeout + GRACE);
        let statements = BatchStatements::new(Dialect::Postgres, work);
        Self {
            session,
            statements,
            prepared,
            kept: None,
            place: place.to_owned(),
            settings: settings(batch, lease),
            statement_timeout: batch.statement_timeout,
            process: None,
            open_below: false,
            behind: Behind::new(connector),
            ahead: None,
        }
    }

    fn enter(&mut self, phase: Phase) {
        self.session.enter(phase, self.statement_timeout);
    }

    fn before_commit(&mut self) {
        self.enter(Phase::Commit);
        // No timeout of the server ends a COMMIT that waits for a standby, or deferred triggers.
        self.session.set_deadline(self.statement_timeout);
    }

    fn after_commit<T>(&mut self, committed: Result<T, Failure>) -> Result<T, Failure> {
        self.session.set_deadline(self.statement_timeout + GRACE);
        if committed.is_ok() {
            self.behind.wake.committed();
        }
        committed
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

    /// Takes the statements along for another part of the table, or another way through it.
    fn follow(&mut self, route: &Route) {
        if self.statements.route() != route {
            self.statements = self.statements.clone().along(route);
            self.behind.wake.forget();
        }
    }

    /// Where a dropped partition stood, its name is an error; what is left of the slice is gone with it.
    async fn open_gone(
        &mut self,
        lease: &SliceLease,
        stretch: Stretch,
        failure: Failure,
    ) -> Result<Option<OpenBatch>, Failure> {
        self.session.rollback().await;
        let answer = self.session.script(&self.opening_without_look(lease, stretch, End::Nowhere)).await?;
        match answer.first() {
            None => Ok(None),
            Some(row) if row.int_or_null(5) != Some(1) => self.gone(row, stretch).map(Some),
            Some(_) => Err(failure),
        }
    }

    /// The rest of a slice whose partition is none of the table's any more.
    fn gone(&self, row: &Row, stretch: Stretch) -> Result<OpenBatch, Failure> {
        self.proves_the_place(&row.text(2)?)?;
        let after = row.text_or_null(1).map(|text| ledger::read_key(&text)).transpose()?;
        let range = KeyRange { after, through: ledger::read_key(&row.text(7)?)? };
        Ok(OpenBatch {
            seq: row.int(0)?,
            range,
            rows: None,
            in_scope: Some(0),
            span: None,
            lap: self.lap(row, stretch)?,
            gone: true,
            wal_position: None,
        })
    }

    /// Of which lap a batch is that goes so far.
    fn lap(&self, row: &Row, stretch: Stretch) -> Result<Option<Lap>, Failure> {
        let laps = self.statements.route().laps;
        let number =
            u32::try_from(row.int(9)?).map_err(|_| Failure::fatal("tidegate.slice: lap is none of its laps"))?;
        let begins = row.int(10)? == 1;
        Ok((!laps.is_one()).then(|| Lap::of_batch(number, laps.count, begins, stretch)))
    }

    fn rows_of(lease: &SliceLease, batch: &OpenBatch) -> Rows {
        let open_below = batch.range.after.is_none();
        match (lease.pass, batch.one_of_laps()) {
            (0, Some((lap, of))) if span::is_gone_over_by_stripes(batch.span) => Rows::Stripes { lap, of },
            (0, lap @ Some(_)) => Rows::Range { open_below, lap },
            _ => Self::rows_sought(lease, open_below),
        }
    }
}

#[async_trait]
impl Lane for PostgresLane {
    async fn open(&mut self, lease: &SliceLease, stretch: Stretch) -> Result<Option<OpenBatch>, Failure> {
        self.enter(Phase::Begin);
        self.kept = None;
        self.behind.wake.begins(None);
        self.follow(&lease.route);
        let range_end = End::of(stretch, self.open_below);
        let opened = match self.opened(lease, stretch, range_end).await {
            Err(failure) if lease.route.part.is_some() && failure.has_code(&[UNDEFINED_TABLE]) => {
                return self.open_gone(lease, stretch, failure).await;
            }
            opened => opened?,
        };
        let Some(row) = opened.slice() else { return Ok(None) };
        if row.int_or_null(5) != Some(1) {
            return self.gone(row, stretch).map(Some);
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
        let rows = end.as_ref().filter(|_| range_end != End::OfKeys).map(|_| range_end.counts(stretch));
        let range = KeyRange { after, through: end.map_or_else(|| ledger::read_key(&row.text(7)?), Ok)? };
        let (seq, wal_position) = (row.int(0)?, row.int_or_null(3));
        self.kept = Some(range.clone());
        let span = span::span(self.statements.position(), &range);
        let lap = self.lap(row, stretch)?;
        let batch = OpenBatch { seq, range, rows, in_scope: None, span, lap, gone: false, wal_position };
        if !stretch.is_sought() {
            return Ok(Some(batch));
        }
        let batch = match opened.last() {
            Some(last) => narrowed(batch, last, stretch.rows)?,
            None => {
                let last = self.last_in_scope(Self::rows_of(lease, &batch), &batch.range, stretch).await?;
                narrowed(batch, last.as_ref(), stretch.rows)?
            }
        };
        // As the look-up has it.
        self.kept = Some(batch.range.clone());
        if stretch.look == Look::ByIndex && lease.pass == 0 {
            self.behind.read_what_is_due(&self.statements, batch.wal_position).await;
            self.behind.wake.begins(Some(batch.range.clone()));
        }
        Ok(Some(batch))
    }

    async fn apply(&mut self, lease: &SliceLease, batch: &OpenBatch) -> Result<Applied, Failure> {
        self.enter(Phase::Apply);
        let rows = Self::rows_of(lease, batch);
        match self.change_by_name(rows, &batch.range).await {
            Some(applied) => applied,
            None => change(&mut self.session, &self.statements, rows, &bound(&batch.range)).await,
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
            true => self.checkpoint_kept(lease, batch, applied).await,
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
        self.before_commit();
        let committed = self.session.script("commit").await.map(drop);
        self.after_commit(committed)
    }

    async fn commit_and_go_on(&mut self, lease: &SliceLease, stretch: Stretch) -> Result<(), Failure> {
        let end = End::of(stretch, false);
        // Who holds on to a pooler's connection keeps it from those that wait for one; what is still to be prepared could fail,
        // and the batch in hand with it.
        if !self.prepared.is_ours_alone() || self.prepared.wants(&self.opening_to_prepare(end)) {
            return self.commit().await;
        }
        // With this batch the slice has a cursor.
        self.open_below = false;
        self.before_commit();
        let Opening { text, looks } = self.opening(lease, stretch, end);
        let committed = self.session.commit_then(&text).await;
        let opened = self.after_commit(committed)?.map(|rows| Opened::new(rows, looks));
        self.ahead = Some(Ahead { lease: lease.clone(), stretch, opened });
        Ok(())
    }

    async fn rollback(&mut self) {
        self.ahead = None;
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
