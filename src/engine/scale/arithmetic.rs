//! A table that nobody holds: its rows are the whole numbers from 1 on, all of them in scope until a pass has been over
//! them. Its state tables are real, in a SQLite file.

use super::sent::{Counted, Sent, Sum};
use crate::db::wire::{self, BatchStatements, Rows, Session, Value};
use crate::db::{
    Address, Applied, Blocker, Checkpointed, Database, DeadRows, Dialect, Failure, GiveUp, Lane, Ledger, OpenBatch,
    QuarantinedRow, RowAside, SessionId, SetAside, SliceLease, SliceRecord, Split, SplitOff, Stray, TriedAside,
    VacuumEnd, VacuumOrder, Wanted, database,
};
use crate::job::{Batch, Job, TableName};
use crate::key::{Key, KeyRange};
use crate::pace::{Look, Sensor, Stretch};
use crate::plan::{Facts, Leg, Order, Route, SampledBatch, Survey, TableSizes, Work};
use async_trait::async_trait;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The database.
pub(super) struct Arithmetic {
    /// The file with the state tables, and an empty table of the same columns: the catalog is read from it.
    file: PathBuf,
    real: Arc<dyn Database>,
    rows: u64,
    /// Rows that stand for one row of a batch.
    coarse: u64,
    planned: AtomicU64,
    of_batches: Sum,
    of_the_rest: Sum,
}

impl Arithmetic {
    pub(super) async fn new(folder: &Path, rows: u64, coarse: u64) -> Self {
        let file = folder.join("state.db");
        std::fs::write(&file, "").expect("a file");
        let table = "create table items (id integer primary key, applied integer not null default 0);
                     insert into items (id) values (1)";
        wire::sqlite_session(&file).await.expect("a SQLite file").script(table).await.expect("a table");
        let real = database(&Address::Sqlite(file.clone())).expect("a SQLite file");
        let (of_batches, of_the_rest) = Default::default();
        Self { file, real, rows, coarse, planned: AtomicU64::new(0), of_batches, of_the_rest }
    }

    pub(super) fn planned_slices(&self) -> u64 {
        self.planned.load(Ordering::Relaxed)
    }

    pub(super) fn sent_by_batches(&self) -> Sent {
        self.of_batches.so_far()
    }

    /// Rows of the slices and bytes of the whole file.
    pub(super) async fn state(&self) -> (u64, u64) {
        let mut session = wire::sqlite_session(&self.file).await.expect("the file");
        let sql = "select (select count(*) from tidegate_slice), page_count * page_size \
                   from pragma_page_count, pragma_page_size";
        let row = session.fetch(sql, &[]).await.expect("an answer").remove(0);
        let [rows, bytes] = [0, 1].map(|column| row.int(column).expect("a count").unsigned_abs());
        (rows, bytes)
    }

    fn equal_parts(&self, slices: usize) -> Vec<Key> {
        let cut = |number: u64| key(self.rows / slices as u64 * number);
        (1..slices as u64).map(cut).collect()
    }

    async fn connect(&self, sum: &Sum) -> Result<Counted, Failure> {
        let mut session = wire::sqlite_session(&self.file).await?;
        // What is kept is asked here, not whether it is kept through a power cut.
        session.script("pragma synchronous = off").await?;
        Ok(Counted { session, sum: sum.clone() })
    }
}

#[async_trait]
impl Database for Arithmetic {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn address(&self) -> String {
        "nowhere".into()
    }

    fn name(&self) -> String {
        "arithmetic".into()
    }

    async fn facts(&self, job: &Job) -> Result<Facts, Failure> {
        let mut facts = self.real.facts(job).await?;
        facts.max_workers = None;
        if let Some(table) = &mut facts.table {
            table.estimated_rows = self.rows;
        }
        Ok(facts)
    }

    async fn survey(&self, work: &Work, rows: u32, slices: usize, order: Order) -> Result<Survey, Failure> {
        self.planned.store(slices as u64, Ordering::Relaxed);
        let last = Some(key(self.rows));
        let legs = vec![Leg { route: Route::default(), last: last.clone(), cuts: self.equal_parts(slices) }];
        Ok(Survey { last, legs, ..self.real.survey(work, rows, 1, order).await? })
    }

    async fn scope_index(&self, _: &Work) -> Result<Option<String>, Failure> {
        Ok(None)
    }

    async fn cuts(&self, _: &Work, _: &Key, slices: usize) -> Result<Vec<Key>, Failure> {
        Ok(self.equal_parts(slices))
    }

    async fn partitions(&self, _: &Work) -> Result<Vec<TableName>, Failure> {
        Ok(Vec::new())
    }

    /// No statement looks at so many rows within any limit.
    async fn any_in_scope(&self, _: &Work, _: i64, _: Duration) -> Result<Option<bool>, Failure> {
        Ok(None)
    }

    async fn sizes(&self, _: &TableName) -> Result<Option<TableSizes>, Failure> {
        Ok(None)
    }

    async fn dead_rows(&self, _: &TableName) -> Result<Option<DeadRows>, Failure> {
        Ok(None)
    }

    async fn oldest_view(&self) -> Result<Option<String>, Failure> {
        Ok(None)
    }

    async fn vacuum(&self, _: &VacuumOrder, _: GiveUp<'_>) -> Result<VacuumEnd, Failure> {
        unreachable!("there are no dead rows")
    }

    async fn sample(&self, _: &Work, _: Option<&Key>, _: &Key, _: &Batch) -> Result<SampledBatch, Failure> {
        unreachable!("a run samples nothing")
    }

    async fn ledger(&self) -> Result<Ledger, Failure> {
        Ok(Ledger::new(Box::new(self.connect(&self.of_the_rest).await?), Dialect::Sqlite))
    }

    async fn lane(&self, work: &Work, _: &str, _: &Batch, _: Duration) -> Result<Box<dyn Lane>, Failure> {
        Ok(Box::new(ArithmeticLane {
            session: self.connect(&self.of_batches).await?,
            statements: BatchStatements::new(Dialect::Sqlite, work.clone()),
            coarse: self.coarse,
            of_batches: self.of_batches.clone(),
            of_the_rest: self.of_the_rest.clone(),
        }))
    }

    async fn blockers(&self, _: SessionId, _: Duration) -> Result<Vec<Blocker>, Failure> {
        Ok(Vec::new())
    }

    fn sensors(&self, _: &Job) -> Result<Vec<Box<dyn Sensor>>, Failure> {
        Ok(Vec::new())
    }

    async fn stray(&self, work: &Work, slices: &[SliceRecord]) -> Result<Option<(usize, Stray)>, Failure> {
        self.real.stray(work, slices).await
    }

    async fn last_key_above(&self, _: &Work, _: &Key) -> Result<Option<Key>, Failure> {
        Ok(None)
    }
}

struct ArithmeticLane {
    session: Counted,
    statements: BatchStatements,
    coarse: u64,
    of_batches: Sum,
    of_the_rest: Sum,
}

#[async_trait]
impl Lane for ArithmeticLane {
    async fn open(&mut self, lease: &SliceLease, stretch: Stretch) -> Result<Option<OpenBatch>, Failure> {
        self.session.script("begin immediate").await?;
        let Some(left) = wire::left(&mut self.session, Dialect::Sqlite, lease, true).await? else { return Ok(None) };
        let KeyRange { after, through } = left.range;
        let open_below = after.is_none();
        let rows = stretch.covers();
        self.of_batches.add(&self.statements.boundary(open_below, rows), &bound(after.as_ref(), &through));
        let rows = u64::from(rows) * self.coarse;
        let end = after.as_ref().map_or(0, number) + rows;
        let counted = (end <= number(&through)).then(|| u32::try_from(rows).expect("a batch of less than 2³² rows"));
        let through = if counted.is_some() { key(end) } else { through };
        let range = KeyRange { after, through };
        let in_scope = matches!(stretch.look, Look::Among(_)).then_some(0).filter(|_| lease.pass > 0);
        Ok(Some(OpenBatch {
            seq: left.seq,
            range,
            rows: counted,
            in_scope,
            span: None,
            lap: None,
            gone: false,
            wal_position: None,
        }))
    }

    async fn apply(&mut self, lease: &SliceLease, batch: &OpenBatch) -> Result<Applied, Failure> {
        let range = &batch.range;
        for change in self.statements.change(Rows::all(range.after.is_none())) {
            self.of_batches.add(&change.sql, &bound(range.after.as_ref(), &range.through));
        }
        let rows = number(&range.through) - range.after.as_ref().map_or(0, number);
        Ok(Applied { rows: if lease.pass == 0 { rows } else { 0 }, still_in_scope: 0 })
    }

    async fn checkpoint(
        &mut self,
        lease: &SliceLease,
        batch: &OpenBatch,
        applied: Applied,
    ) -> Result<Option<Checkpointed>, Failure> {
        wire::checkpoint(&mut self.session, Dialect::Sqlite, lease, batch, applied).await
    }

    async fn set_row_aside(&mut self, _: &SliceLease, _: &OpenBatch, _: &RowAside<'_>) -> Result<SetAside, Failure> {
        unreachable!("no row fails")
    }

    async fn carve(&mut self, _: &SliceLease, _: &OpenBatch) -> Result<Option<Checkpointed>, Failure> {
        unreachable!("no row is locked")
    }

    async fn split(&mut self, lease: &SliceLease, wanted: Wanted) -> Result<Split, Failure> {
        self.session.sum = self.of_the_rest.clone();
        self.session.script("begin immediate").await?;
        let Some(left) = wire::left(&mut self.session, Dialect::Sqlite, lease, true).await? else {
            return Ok(Split::NotOurs);
        };
        let after = left.range.after.as_ref().map_or(0, number);
        let rows = number(&left.range.through) - after;
        if rows / 2 < wanted.least * self.coarse {
            return Ok(Split::TooShort);
        }
        let made = wire::split(&mut self.session, Dialect::Sqlite, lease, left.seq, &key(after + rows / 2)).await?;
        let counted = Some((rows / 2, rows - rows / 2));
        Ok(made.map_or(Split::NotOurs, |slice| Split::Made(Box::new(SplitOff { slice, rows: counted }))))
    }

    async fn try_aside(&mut self, _: &QuarantinedRow, _: Option<&str>) -> Result<TriedAside, Failure> {
        unreachable!("no row is aside")
    }

    async fn commit(&mut self) -> Result<(), Failure> {
        let committed = self.session.script("commit").await.map(drop);
        self.session.sum = self.of_batches.clone();
        committed
    }

    async fn rollback(&mut self) {
        self.session.rollback().await;
        self.session.sum = self.of_batches.clone();
    }

    async fn committed_seq(&mut self, _: &SliceLease) -> Result<Option<i64>, Failure> {
        unreachable!("every COMMIT is answered")
    }

    fn session(&self) -> Option<SessionId> {
        None
    }

    fn is_closed(&self) -> bool {
        self.session.is_closed()
    }
}

/// A key as SQLite's integers are kept.
fn key(number: u64) -> Key {
    Key::new(vec![format!("i:{number}")])
}

fn number(key: &Key) -> u64 {
    key.parts()[0].trim_start_matches("i:").parse().expect("a key of this table")
}

fn bound(after: Option<&Key>, through: &Key) -> Vec<Value> {
    after.into_iter().chain([through]).map(|key| Value::Int(number(key).cast_signed())).collect()
}
