//! How does one batch run on SQLite? `begin immediate` makes it the only writer, so nothing it has read can change
//! under it. Knows neither retries nor slices beyond the one it is given.

use super::carrier::{Carrier, carry_on};
use super::connect::{BEGIN_WRITING, COMMIT, SqliteSession};
use super::key_text;
use super::place::place_expression;
use super::range::{change, middle, narrowed, range_end};
use crate::db::dialect::Dialect;
use crate::db::failure::{Failure, Phase};
use crate::db::ledger::{self, LockedAside};
use crate::db::session::{Session, first_text};
use crate::db::statement::{BatchStatements, Rows};
use crate::db::{
    Applied, Checkpointed, Lane, OpenBatch, QuarantinedRow, RowAside, SessionId, SetAside, SliceLease, Split, SplitOff,
    TriedAside, Wanted,
};
use crate::job::Batch;
use crate::key::KeyRange;
use crate::pace::{Look, Stretch};
use crate::plan::Work;
use async_trait::async_trait;

/// One worker's connection.
pub(super) struct SqliteLane {
    session: SqliteSession,
    /// Where the file has a write-ahead log.
    carrier: Option<Carrier>,
    statements: BatchStatements,
    place: String,
}

impl SqliteLane {
    pub(super) fn new(
        mut session: SqliteSession,
        carrier: Option<Carrier>,
        work: Work,
        place: &str,
        batch: &Batch,
    ) -> Self {
        session.set_deadline(batch.statement_timeout);
        Self { session, carrier, statements: BatchStatements::new(Dialect::Sqlite, work), place: place.to_owned() }
    }

    /// Whether it is still the place that the run was planned on.
    fn proves_the_place(&self, place: &str) -> Result<(), Failure> {
        if place == self.place {
            return Ok(());
        }
        Err(Failure::fatal(
            "the table or its columns are not those the run was planned on; \
             nothing was written. Look at what changed, then start over with `run --restart`",
        ))
    }

    async fn open_as_writer(&mut self, lease: &SliceLease, stretch: Stretch) -> Result<Option<OpenBatch>, Failure> {
        let sql = format!(
            "select s.seq, s.cursor_key, s.through_key, {place} from tidegate_slice as s \
             where s.run_id = $1 and s.pass = $2 and s.slice = $3 and s.token = $4 and s.holder = $5 and not s.done \
             and exists (select 1 from tidegate_run as r where r.id = s.run_id and r.holder = s.holder \
             and r.state in ('running', 'sweeping'))",
            place = place_expression(self.statements.work()),
        );
        let values = [
            lease.run.into(),
            lease.pass.into(),
            lease.number.into(),
            lease.token.into(),
            lease.holder.as_str().into(),
        ];
        let answer = self.session.fetch(&sql, &values).await?;
        let Some(row) = answer.first() else { return Ok(None) };
        self.proves_the_place(&row.text(3)?)?;
        let after = row.text_or_null(1).map(|text| ledger::read_key(&text)).transpose()?;
        let left = KeyRange { after, through: ledger::read_key(&row.text(2)?)? };
        let counted = stretch.covers();
        let end = range_end(&mut self.session, &self.statements, &left, counted).await?;
        let rows = end.is_some().then_some(counted);
        let range = KeyRange { through: end.unwrap_or(left.through), ..left };
        let batch = OpenBatch {
            seq: row.int(0)?,
            range,
            rows,
            in_scope: None,
            span: None,
            lap: None,
            gone: false,
            wal_position: None,
        };
        match stretch.look {
            Look::Among(_) => narrowed(&mut self.session, &self.statements, batch, stretch.rows).await.map(Some),
            Look::Count | Look::Span | Look::ByIndex => Ok(Some(batch)),
        }
    }
}

#[async_trait]
impl Lane for SqliteLane {
    async fn open(&mut self, lease: &SliceLease, stretch: Stretch) -> Result<Option<OpenBatch>, Failure> {
        self.session.enter(Phase::Begin);
        self.session.script(BEGIN_WRITING).await?;
        let opened = self.open_as_writer(lease, stretch).await;
        if !matches!(opened, Ok(Some(_))) {
            // Nobody else can write before this is over.
            self.rollback().await;
        }
        opened
    }

    async fn apply(&mut self, _lease: &SliceLease, batch: &OpenBatch) -> Result<Applied, Failure> {
        self.session.enter(Phase::Apply);
        let rows = Rows::all(batch.range.after.is_none());
        change(&mut self.session, &self.statements, rows, &key_text::bound(&batch.range)?).await
    }

    async fn checkpoint(
        &mut self,
        lease: &SliceLease,
        batch: &OpenBatch,
        applied: Applied,
    ) -> Result<Option<Checkpointed>, Failure> {
        self.session.enter(Phase::Checkpoint);
        ledger::checkpoint(&mut self.session, Dialect::Sqlite, lease, batch, applied).await
    }

    async fn set_row_aside(
        &mut self,
        lease: &SliceLease,
        batch: &OpenBatch,
        aside: &RowAside<'_>,
    ) -> Result<SetAside, Failure> {
        self.session.enter(Phase::Checkpoint);
        let key = batch.range.through.clone();
        let within_limit = ledger::set_row_aside(&mut self.session, Dialect::Sqlite, lease, &key, aside).await?;
        Ok(SetAside { key: Some(key), within_limit })
    }

    async fn carve(&mut self, lease: &SliceLease, batch: &OpenBatch) -> Result<Option<Checkpointed>, Failure> {
        self.session.enter(Phase::Checkpoint);
        ledger::carve(&mut self.session, Dialect::Sqlite, lease, batch).await
    }

    /// There is one worker, so nobody needs it; the record is right all the same.
    async fn split(&mut self, lease: &SliceLease, wanted: Wanted) -> Result<Split, Failure> {
        self.session.enter(Phase::Begin);
        self.session.script(BEGIN_WRITING).await?;
        let Some(left) = ledger::left(&mut self.session, Dialect::Sqlite, lease, true).await? else {
            return Ok(Split::NotOurs);
        };
        let middle = middle(&mut self.session, &self.statements, &left.range, wanted.least).await?;
        let Some((middle, rows)) = middle else { return Ok(Split::TooShort) };
        let place = self.session.script(&format!("select {}", place_expression(self.statements.work()))).await?;
        self.proves_the_place(&first_text(&place).unwrap_or_default())?;
        self.session.enter(Phase::Checkpoint);
        let made = ledger::split(&mut self.session, Dialect::Sqlite, lease, left.seq, &middle).await?;
        Ok(made.map_or(Split::NotOurs, |slice| Split::Made(Box::new(SplitOff { slice, rows: Some(rows) }))))
    }

    async fn try_aside(&mut self, row: &QuarantinedRow, holder: Option<&str>) -> Result<TriedAside, Failure> {
        self.session.enter(Phase::Begin);
        self.session.script(BEGIN_WRITING).await?;
        let key = key_text::values_of(&row.key)?;
        let place = place_expression(self.statements.work());
        let locked = ledger::lock_row_aside(&mut self.session, &self.statements, &place, row, holder, &key).await?;
        let Some(LockedAside { place, is_there }) = locked else { return Ok(TriedAside::NotNow) };
        self.proves_the_place(&place)?;
        self.session.enter(Phase::Apply);
        let applied = change(&mut self.session, &self.statements, Rows::One, &key).await?;
        let tried = applied.to_one_row(is_there)?;
        self.session.enter(Phase::Checkpoint);
        ledger::resolve(&mut self.session, Dialect::Sqlite, row, applied.rows).await?;
        Ok(tried)
    }

    async fn commit(&mut self) -> Result<(), Failure> {
        self.session.enter(Phase::Commit);
        self.session.script(COMMIT).await?;
        carry_on(&mut self.carrier, &mut self.session).await;
        Ok(())
    }

    async fn finish(&mut self) {
        if let Some(carrier) = &mut self.carrier {
            // What it could not carry, whoever closes the file last does.
            let _ = carrier.rest().await;
        }
    }

    async fn rollback(&mut self) {
        self.session.rollback().await;
    }

    async fn committed_seq(&mut self, lease: &SliceLease) -> Result<Option<i64>, Failure> {
        self.session.enter(Phase::Begin);
        self.session.script(BEGIN_WRITING).await?;
        let seq = ledger::locked_seq(&mut self.session, Dialect::Sqlite, lease).await;
        self.session.rollback().await;
        seq
    }

    /// Nobody can be asked who has the file.
    fn session(&self) -> Option<SessionId> {
        None
    }

    fn is_closed(&self) -> bool {
        self.session.is_closed()
    }
}
