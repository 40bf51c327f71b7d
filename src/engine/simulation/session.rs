//! How does the engine's side speak to the server in the box? The real ledger and the real batch run over this session
//! and this lane; errors get their classes from the real table.

use super::server::{Claim, Opened, Reply, Request, ServerError};
use super::statement::{Statement, statement};
use super::tables::{self, Holder, SliceId};
use super::world::{Here, Wait};
use crate::db::wire::{self, Circumstances, Phase, Row, Session, Value, first_text};
use crate::db::{
    Applied, Checkpointed, Class, Dialect, Failure, Lane, Lap, Ledger, OpenBatch, QuarantinedRow, RowAside, SessionId,
    SetAside, SliceLease, Split, SplitOff, TriedAside, Wanted,
};
use crate::key::KeyRange;
use crate::pace::Stretch;
use async_trait::async_trait;
use std::time::Duration;

/// How long a client waits for an answer before it closes the connection; for that of a COMMIT, and of a rollback.
const DEADLINE: i64 = 7_000;
const COMMIT_DEADLINE: i64 = 2_000;

/// One connection.
pub struct Wire {
    here: Here,
    connection: Option<u32>,
    phase: Phase,
}

impl Wire {
    /// Connects, where the server is up.
    pub fn open(here: &Here, process: Holder) -> Result<Self, Failure> {
        let connection = here.world().server.connect(process);
        let Some(connection) = connection else { return Err(Failure::new(Class::Lost, "the server is down")) };
        Ok(Self { here: here.clone(), connection: Some(connection), phase: Phase::Outside })
    }

    /// The state tables over a connection of their own.
    pub fn ledger(here: &Here, process: Holder) -> Result<Ledger, Failure> {
        Ok(Ledger::new(Box::new(Self::open(here, process)?), Dialect::Postgres))
    }

    /// One request and its answer. Who is dropped while it waits closes the connection: nobody could tell a half-read answer
    /// from the next one's.
    pub async fn call(&mut self, request: Request) -> Result<Reply, Failure> {
        let connection = self.connection.take().ok_or_else(|| Failure::new(Class::Lost, "connection closed"))?;
        let in_flight = InFlight { here: self.here.clone(), connection: Some(connection) };
        let answer = self.exchange(connection, request).await;
        self.connection = in_flight.landed();
        match answer {
            Ok(reply) => Ok(reply),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// The answer, an error of the server's, or nothing.
    async fn exchange(&self, connection: u32, request: Request) -> Result<Reply, Option<ServerError>> {
        let is_commit = matches!(request, Request::Sql(Statement::Commit, _));
        let until = {
            let mut world = self.here.world();
            let slow = if is_commit && world.chance.one_in(20) { world.chance.between(1, 3_000) } else { 0 };
            if !world.server.send(connection, request, slow) {
                let last = world.server.backends.get_mut(&connection).and_then(|backend| backend.answer.take());
                return Err(last.and_then(Result::err));
            }
            world.now + if is_commit { COMMIT_DEADLINE } else { DEADLINE }
        };
        self.here.wait_for(&[Wait::Answer(connection), Wait::Until(until)]).await;
        let mut world = self.here.world();
        match world.server.backends.get_mut(&connection).and_then(|backend| backend.answer.take()) {
            Some(answer) => answer.map_err(Some),
            None => Err(None),
        }
    }

    /// The failure of an error, or of an answer that never came. What the connection is not good for any more closes it.
    fn failed(&mut self, error: Option<ServerError>) -> Failure {
        let Some(error) = error else {
            self.close();
            let class = if self.phase == Phase::Commit { Class::Ambiguous } else { Class::Lost };
            return Failure::new(class, "connection closed");
        };
        let at = match self.phase {
            Phase::Outside => Circumstances::OUTSIDE,
            phase => Circumstances { phase, timed_out: error.timed_out },
        };
        let class = wire::class_of(error.code, error.hangs_up, at);
        if error.hangs_up || matches!(class, Class::Lost | Class::Ambiguous | Class::Reset) {
            self.close();
        }
        Failure { code: Some(error.code.to_owned()), ..Failure::new(class, "refused") }
    }

    fn close(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.here.world().server.hang_up(connection);
        }
    }

    async fn sql(&mut self, sql: &str, values: &[Value]) -> Result<(Vec<Row>, u64), Failure> {
        match self.call(Request::Sql(statement(sql), values.to_vec())).await? {
            Reply::Rows(rows, touched) => Ok((rows, touched)),
            Reply::Opened(_) => unreachable!("only the opening of a batch is answered so"),
        }
    }
}

/// A connection whose answer is awaited.
struct InFlight {
    here: Here,
    connection: Option<u32>,
}

impl InFlight {
    fn landed(mut self) -> Option<u32> {
        self.connection.take()
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.here.world().server.hang_up(connection);
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.close();
    }
}

#[async_trait]
impl Session for Wire {
    async fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, Failure> {
        Ok(self.sql(sql, values).await?.1)
    }

    async fn fetch(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, Failure> {
        Ok(self.sql(sql, values).await?.0)
    }

    async fn measure(&mut self, _sql: &str, _most: usize) -> Result<Vec<Row>, Failure> {
        unreachable!("nobody measures here")
    }

    async fn script(&mut self, sql: &str) -> Result<Vec<Row>, Failure> {
        Ok(self.sql(sql, &[]).await?.0)
    }

    fn set_deadline(&mut self, _deadline: Duration) {}

    fn is_closed(&self) -> bool {
        self.connection.is_none()
    }

    async fn rollback(&mut self) {
        let phase = std::mem::replace(&mut self.phase, Phase::Outside);
        if self.connection.is_some() && self.call(Request::Sql(Statement::Rollback, Vec::new())).await.is_err() {
            self.close();
        }
        self.phase = phase;
    }
}

/// A worker's connection: what the lanes of `db` do, with the opening and the change as single requests.
pub struct BoxedLane {
    wire: Wire,
    process: Holder,
    worker: u32,
    /// Without the guard: an error of the change is taken for its end.
    goes_on_after_errors: bool,
    /// The next batch, begun after the last COMMIT.
    ahead: Option<Result<Reply, Failure>>,
}

impl BoxedLane {
    pub fn open(here: &Here, process: Holder, worker: u32, goes_on_after_errors: bool) -> Result<Self, Failure> {
        Ok(Self { wire: Wire::open(here, process)?, process, worker, goes_on_after_errors, ahead: None })
    }

    async fn ask_to_open(&mut self, lease: &SliceLease, stretch: Stretch) -> Result<Reply, Failure> {
        self.wire.phase = Phase::Begin;
        self.wire.call(Request::Open(self.claim(lease), stretch.covers())).await
    }

    fn claim(&self, lease: &SliceLease) -> Claim {
        let slice = SliceId { pass: lease.pass, number: lease.number };
        Claim { slice, token: lease.token, holder: self.process, worker: self.worker }
    }
}

#[async_trait]
impl Lane for BoxedLane {
    async fn open(&mut self, lease: &SliceLease, stretch: Stretch) -> Result<Option<OpenBatch>, Failure> {
        let reply = match self.ahead.take() {
            Some(reply) => reply?,
            None => self.ask_to_open(lease, stretch).await?,
        };
        let Reply::Opened(opened) = reply else { unreachable!("an opening is answered so") };
        Ok(opened.map(|Opened { claim, transaction, seq, after, through, rows, lap: (lap, laps, begins) }| {
            self.wire.here.world().server.told.insert((claim.slice, claim.holder), transaction);
            let lap = (laps > 1).then(|| Lap::of_batch(lap, laps, begins, stretch));
            let range = KeyRange { after: after.map(tables::key), through: tables::key(through) };
            OpenBatch { seq, range, rows, in_scope: None, span: None, lap, gone: false, wal_position: None }
        }))
    }

    async fn apply(&mut self, lease: &SliceLease, batch: &OpenBatch) -> Result<Applied, Failure> {
        self.wire.phase = Phase::Apply;
        let range = &batch.range;
        let after = range.after.as_ref().map(tables::number);
        let lap = batch.one_of_laps();
        let request = Request::Apply { lap, after, through: tables::number(&range.through), sweep: lease.pass > 0 };
        match self.wire.call(request).await {
            Ok(Reply::Rows(_, rows)) => Ok(Applied { rows, still_in_scope: 0 }),
            Ok(Reply::Opened(_)) => unreachable!("only an opening is answered so"),
            Err(_) if self.goes_on_after_errors => Ok(Applied::default()),
            Err(failure) => Err(failure),
        }
    }

    async fn checkpoint(
        &mut self,
        lease: &SliceLease,
        batch: &OpenBatch,
        applied: Applied,
    ) -> Result<Option<Checkpointed>, Failure> {
        self.wire.phase = Phase::Checkpoint;
        wire::checkpoint(&mut self.wire, Dialect::Postgres, lease, batch, applied).await
    }

    async fn set_row_aside(
        &mut self,
        lease: &SliceLease,
        batch: &OpenBatch,
        aside: &RowAside<'_>,
    ) -> Result<SetAside, Failure> {
        self.wire.phase = Phase::Checkpoint;
        let key = batch.range.through.clone();
        let within_limit = wire::set_row_aside(&mut self.wire, Dialect::Postgres, lease, &key, aside).await?;
        Ok(SetAside { key: Some(key), within_limit })
    }

    async fn carve(&mut self, lease: &SliceLease, batch: &OpenBatch) -> Result<Option<Checkpointed>, Failure> {
        self.wire.phase = Phase::Checkpoint;
        wire::carve(&mut self.wire, Dialect::Postgres, lease, batch).await
    }

    async fn commit(&mut self) -> Result<(), Failure> {
        self.wire.phase = Phase::Commit;
        self.wire.script("commit").await.map(drop)
    }

    /// In two messages, so that anything may happen between; the second fails when the batch is opened.
    async fn commit_and_go_on(&mut self, lease: &SliceLease, stretch: Stretch) -> Result<(), Failure> {
        self.commit().await?;
        self.ahead = Some(self.ask_to_open(lease, stretch).await);
        Ok(())
    }

    async fn rollback(&mut self) {
        self.ahead = None;
        self.wire.rollback().await;
    }

    async fn split(&mut self, lease: &SliceLease, wanted: Wanted) -> Result<Split, Failure> {
        self.wire.phase = Phase::Begin;
        self.wire.script("begin").await?;
        let Some(left) = wire::left(&mut self.wire, Dialect::Postgres, lease, true).await? else {
            return Ok(Split::NotOurs);
        };
        let (after, through) = (left.range.after.as_ref().map(tables::number), tables::number(&left.range.through));
        let looked_up = self.wire.call(Request::Middle { after, through, least: wanted.least }).await?;
        let Reply::Rows(middle, _) = looked_up else { unreachable!("only an opening is answered so") };
        let Some(middle) = first_text(&middle) else { return Ok(Split::TooShort) };
        let middle = tables::key(tables::from_stored(&middle));
        self.wire.phase = Phase::Checkpoint;
        let made = wire::split(&mut self.wire, Dialect::Postgres, lease, left.seq, &middle).await?;
        Ok(made.map_or(Split::NotOurs, |slice| Split::Made(Box::new(SplitOff { slice, rows: None }))))
    }

    async fn try_aside(&mut self, _row: &QuarantinedRow, _holder: Option<&str>) -> Result<TriedAside, Failure> {
        unreachable!("nobody tries rows again by hand in here")
    }

    async fn committed_seq(&mut self, lease: &SliceLease) -> Result<Option<i64>, Failure> {
        self.wire.phase = Phase::Begin;
        self.wire.script("begin; set local synchronous_commit = off").await?;
        let seq = wire::locked_seq(&mut self.wire, Dialect::Postgres, lease).await;
        self.wire.rollback().await;
        seq
    }

    fn session(&self) -> Option<SessionId> {
        None
    }

    fn is_closed(&self) -> bool {
        self.wire.is_closed()
    }
}
