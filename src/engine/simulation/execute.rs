//! What does a statement do? The semantics of READ COMMITTED for the statements of a run's record: what it looks for it
//! sees as it was when the statement began, what it changes it locks and looks at again. The statements of a batch are in
//! [`super::of_batch`], those that split a slice in [`super::of_split`].

use super::guard::Guard;
use super::of_split::middle;
use super::server::{Cell, Doing, Reply, Request, Server, ServerError, Stop, Touch, Transaction};
use super::statement::Statement;
use super::tables::{Beat, Fault, Holder, NOW, Row as Item, RowKey, Run, Slice, SliceId, Tables, from_stored, stored};
use crate::db::wire::{Row, Value};
use crate::run::RunState;
use std::sync::Arc;

/// Timeouts of a ledger's transaction, of the application's, and how long a statement may take.
const LEDGER: (i64, i64) = (5_000, 5_000);
const APPLICATION: (i64, i64) = (3_000, 20_000);

impl Server {
    /// Works on a request until it is done or has to wait for a lock; from the beginning each time, with the locks that
    /// it has by then.
    pub(super) fn attempt(&mut self, open: &mut Option<Transaction>, doing: &mut Doing) -> Result<Reply, Stop> {
        let snapshot = Arc::clone(doing.snapshot.get_or_insert_with(|| Arc::clone(&self.tables)));
        if let Some(error) = doing.doomed.take() {
            return Err(Stop::Error(error));
        }
        match &doing.request {
            Request::Sql(Statement::Rollback, _) => {
                self.roll_back(open);
                return Ok(touched(0));
            }
            _ if open.as_ref().is_some_and(|transaction| transaction.aborted) => return Err(error("25P02")),
            // A `begin` in a transaction changes nothing.
            _ if open.is_some() => {}
            Request::Sql(Statement::Begin { durable }, _) => *open = Some(self.begin(*durable, LEDGER.0, LEDGER.1)),
            Request::Application(..) => *open = Some(self.begin(true, APPLICATION.0, APPLICATION.1)),
            Request::Open(..) => *open = Some(self.begin_batch()),
            _ => {}
        }
        if let Request::Sql(Statement::Commit, _) = doing.request {
            return self.commit_attempt(open);
        }
        let Some(transaction) = open else { return Err(error("25P01")) };
        match &doing.request {
            Request::Sql(statement, values) => self.sql(transaction, *statement, values, &snapshot),
            Request::Open(claim, rows) => self.open(transaction, *claim, *rows, &snapshot),
            Request::Apply { lap, after, through, sweep } => {
                self.apply(transaction, (*after, *through), *lap, *sweep, &snapshot).map(touched)
            }
            Request::Middle { after, through, least } => Ok(middle(&snapshot, *after, *through, *least)),
            Request::Application(touch, key) => self.touch(transaction, *touch, *key),
        }
    }

    fn commit_attempt(&mut self, open: &mut Option<Transaction>) -> Result<Reply, Stop> {
        let Some(transaction) = open.take() else { return Ok(touched(0)) };
        // Deferred constraints are looked at now.
        let refused = transaction.changes.rows.values().flatten().any(|row| row.fault == Fault::AtCommit);
        if refused && transaction.opened.is_some() {
            *open = Some(transaction);
            return Err(error("23514"));
        }
        self.commit(transaction);
        Ok(touched(0))
    }

    fn sql(
        &mut self,
        t: &mut Transaction,
        statement: Statement,
        values: &[Value],
        seen: &Tables,
    ) -> Result<Reply, Stop> {
        Ok(match statement {
            Statement::Begin { .. } | Statement::Commit | Statement::Rollback | Statement::Note => touched(1),
            Statement::LockRun { locks } => {
                if locks && self.has(Guard::LockAtMoves) {
                    self.lock(t, Cell::Run)?;
                }
                rows(vec![vec![text(run(t, &self.tables).state.as_str())]])
            }
            Statement::ReadVersion => rows(vec![vec![Value::Int(0)]]),
            // Pauses are ended by operators here.
            Statement::ReadPauseThatIsOver => rows(Vec::new()),
            Statement::ReadHeld => rows(self.held(t, seen).into_iter().collect()),
            Statement::ReadBeat { by_holder } => {
                let run = run(t, seen);
                let is_theirs = !by_holder || run.holder == Some(holder(&values[1]));
                let beat = || {
                    let nothing_set = [0, 0, 0, 0].map(Value::Int);
                    [text(run.state.as_str()), Value::Null, Value::Null].into_iter().chain(nothing_set).collect()
                };
                rows(is_theirs.then(beat).into_iter().collect())
            }
            Statement::ReadRun => rows(vec![self.record(run(t, seen), seen)]),
            Statement::ReadSlices => rows(seen.slices.iter().map(|(id, slice)| slice_row(*id, slice)).collect()),
            Statement::SetState { from } => {
                let (to, was) = (state(&values[0]), state(&values[5]));
                touched(self.change_run(t, |run| (!from || run.state == was).then_some(Run { state: to, ..*run }))?)
            }
            Statement::TakeRun => {
                let holder = holder(&values[0]);
                touched(self.change_run(t, |run| Some(Run { holder: Some(holder), token: run.token + 1, ..*run }))?)
            }
            Statement::ForgetHolder => touched(self.change_run(t, |run| Some(Run { holder: None, ..*run }))?),
            Statement::Count => touched(self.change_run(t, |run| Some(*run))?),
            Statement::Fence => {
                let holder = holder(&values[0]);
                self.each_slice(t, seen, |slice| {
                    (!slice.done).then_some(Slice { token: slice.token + 1, holder: Some(holder), ..*slice })
                })?
            }
            Statement::ForgetHolderOfSlices => {
                self.each_slice(t, seen, |slice| Some(Slice { holder: None, ..*slice }))?
            }
            Statement::ForgetBeats | Statement::AddBeat | Statement::KeepBeat { .. } => {
                self.of_beat(t, statement, values, seen)?
            }
            Statement::CopyPass => self.copy_pass(t, int(&values[1]), holder(&values[2]), seen),
            Statement::AddSlice => {
                let id = SliceId { pass: int(&values[1]), number: int(&values[2]) };
                t.changes.slices.insert(id, Slice::new(key_or_null(&values[3]), key(&values[4])));
                touched(1)
            }
            Statement::OwnSlice => {
                let id = SliceId { pass: int(&values[1]), number: int(&values[3]) };
                let owned = t.changes.slices.get(&id).map(|slice| Slice {
                    token: 1,
                    holder: Some(holder(&values[2])),
                    ..*slice
                });
                t.changes.slices.extend(owned.map(|slice| (id, slice)));
                touched(1)
            }
            Statement::Checkpoint(guards, lap) => self.checkpoint(t, (guards, lap), values, seen)?,
            Statement::LockedSeq { locks, guards } => self.locked_seq(t, locks, guards, values, seen)?,
            Statement::CarveOff(guards) => self.carve_off(t, guards, values, seen),
            Statement::BeginLater(guards) => self.begin_later(t, guards, values, seen)?,
            Statement::LockNumbers { locks } => {
                if locks && self.has(Guard::LockAtNumber) {
                    self.lock(t, Cell::Run)?;
                }
                rows(vec![vec![Value::Int(1)]])
            }
            Statement::Left { locks, guards } => self.left(t, locks, guards, values, seen)?,
            Statement::SplitOff(guards) => self.split_off(t, guards, values, seen),
            Statement::EndEarlier(guards) => self.end_earlier(t, guards, values, seen)?,
            Statement::IsAside => {
                let aside = seen.aside.contains(&key(&values[1]));
                rows(aside.then(|| vec![Value::Int(1)]).into_iter().collect())
            }
            Statement::CountAside { limited } => {
                let limited = limited && self.has(Guard::QuarantineLimit);
                let limit = int(&values[1]);
                touched(self.change_run(t, |run| {
                    (!limited || run.quarantined < limit).then_some(Run { quarantined: run.quarantined + 1, ..*run })
                })?)
            }
            Statement::SetAside => {
                t.changes.aside.push(key(&values[1]));
                touched(1)
            }
        })
    }

    /// Locks the run's row and changes it, unless it is not as it has to be.
    fn change_run(&mut self, t: &mut Transaction, change: impl Fn(&Run) -> Option<Run>) -> Result<u64, Stop> {
        self.lock(t, Cell::Run)?;
        let changed = change(&run(t, &self.tables));
        t.changes.run = changed.or(t.changes.run);
        Ok(changed.is_some().into())
    }

    /// Locks a slice and changes it: found as it was when the statement began, changed as it is under the lock.
    pub(super) fn change_slice(
        &mut self,
        t: &mut Transaction,
        id: SliceId,
        seen: &Tables,
        change: impl Fn(&Slice) -> Option<Slice>,
    ) -> Result<u64, Stop> {
        if slice(t, seen, id).and_then(|slice| change(&slice)).is_none() {
            return Ok(0);
        }
        self.lock(t, Cell::Slice(id))?;
        let changed = slice(t, &self.tables, id).and_then(|slice| change(&slice));
        t.changes.slices.extend(changed.map(|slice| (id, slice)));
        Ok(changed.is_some().into())
    }

    fn each_slice(
        &mut self,
        t: &mut Transaction,
        seen: &Tables,
        change: impl Fn(&Slice) -> Option<Slice>,
    ) -> Result<Reply, Stop> {
        let waits = self.has(Guard::Fence);
        // All locks before the first change: an attempt that has to wait begins anew.
        for id in seen.slices.keys().filter(|_| waits) {
            if slice(t, seen, *id).and_then(|slice| change(&slice)).is_some() {
                self.lock(t, Cell::Slice(*id))?;
            }
        }
        let mut count = 0;
        for id in seen.slices.keys() {
            let changed = slice(t, &self.tables, *id).and_then(|slice| change(&slice));
            count += u64::from(changed.is_some());
            t.changes.slices.extend(changed.map(|slice| (*id, slice)));
        }
        Ok(touched(count))
    }

    fn of_beat(
        &mut self,
        t: &mut Transaction,
        what: Statement,
        values: &[Value],
        seen: &Tables,
    ) -> Result<Reply, Stop> {
        let beat = t.changes.beat.unwrap_or(seen.beat);
        let is_there = beat.is_some();
        match what {
            Statement::KeepBeat { by_holder } => {
                let (holder, expires_at) = (holder(&values[0]), self.clock() + int(&values[1]));
                let is_theirs = |beat: &Beat| !by_holder || beat.holder == holder;
                if !beat.as_ref().is_some_and(is_theirs) {
                    return Ok(touched(0));
                }
                self.lock(t, Cell::Beat)?;
                let kept = t.changes.beat.unwrap_or(self.tables.beat).filter(is_theirs);
                t.changes.beat = kept.map(|beat| Some(Beat { expires_at, ..beat })).or(t.changes.beat);
                Ok(touched(kept.is_some().into()))
            }
            Statement::AddBeat => {
                self.lock(t, Cell::Beat)?;
                let beat = Beat { holder: holder(&values[0]), expires_at: self.clock() + int(&values[7]) };
                t.changes.beat = Some(Some(beat));
                Ok(touched(1))
            }
            _ if is_there => {
                self.lock(t, Cell::Beat)?;
                t.changes.beat = Some(None);
                Ok(touched(1))
            }
            _ => Ok(touched(0)),
        }
    }

    fn copy_pass(&mut self, t: &mut Transaction, pass: i64, holder: Holder, seen: &Tables) -> Reply {
        let mut copied = 0;
        for (id, slice) in seen.slices.iter().filter(|(id, _)| id.pass == 0) {
            let id = SliceId { pass, ..*id };
            if !seen.slices.contains_key(&id) {
                let new = Slice { token: 1, holder: Some(holder), ..Slice::new(slice.after, slice.through) };
                t.changes.slices.insert(id, new);
                copied += 1;
            }
        }
        t.changes.pass = (copied > 0).then_some(pass);
        touched(copied)
    }

    /// The heartbeat of the run's holder. A neighbour who sees that it is dead takes its lease for over; to the ledger
    /// both are the same.
    fn held(&self, t: &Transaction, seen: &Tables) -> Option<Vec<Value>> {
        let holder = run(t, seen).holder?;
        let beat = t.changes.beat.unwrap_or(seen.beat).filter(|beat| beat.holder == holder)?;
        let dead = self.seen_dead.contains(&holder) || !self.has(Guard::LeaseOfTheLiving);
        let expires_at = if dead { self.clock() - 1 } else { beat.expires_at };
        let nobody = || text("elsewhere");
        Some(vec![
            Value::Text(holder.to_string()),
            nobody(),
            nobody(),
            Value::Int(0),
            Value::Int(0),
            nobody(),
            Value::Real(0.0),
            seconds(expires_at),
            Value::Null,
            Value::Null,
            seconds(self.clock()),
        ])
    }

    /// A run's record, of which the engine decides by its number, state, bound and sweep.
    fn record(&self, run: Run, seen: &Tables) -> Vec<Value> {
        let bound = seen.slices.iter().filter(|(id, _)| id.pass == 0).map(|(_, slice)| slice.through).max();
        let mut columns = vec![Value::Null; 38];
        for (column, word) in [(1, "job"), (2, ""), (3, ""), (4, "rows"), (5, ""), (6, run.state.as_str())] {
            columns[column] = text(word);
        }
        (columns[0], columns[9], columns[13]) = (Value::Int(1), Value::Int(60), Value::Int(0));
        columns[7] = bound.map_or(Value::Null, |bound| Value::Text(stored(bound)));
        columns[8] = Value::Int(self.swept.into());
        columns[31] = Value::Int(run.quarantined);
        // No version, no priority; planned and not submitted.
        for (column, value) in [(32, 0), (33, 0), (34, 1), (35, 0)] {
            columns[column] = Value::Int(value);
        }
        columns
    }

    fn touch(&mut self, t: &mut Transaction, touch: Touch, key: RowKey) -> Result<Reply, Stop> {
        self.lock(t, Cell::Row(key))?;
        let row = t.changes.rows.get(&key).copied().unwrap_or_else(|| self.tables.rows.get(&key).copied());
        let Some(row) = row.map(|row| Item { touched: touch != Touch::Lock || row.touched, ..row }) else {
            if touch == Touch::Insert {
                let (applied, fault) = (0, Fault::None);
                let new = Item { applied, due: 1, in_scope: true, since: NOW, fault, touched: true };
                t.changes.rows.insert(key, Some(new));
            }
            return Ok(touched(1));
        };
        let after = match touch {
            Touch::Lock | Touch::Insert => return Ok(touched(1)),
            Touch::Delete => {
                t.changes.gone += i64::from(row.applied);
                None
            }
            Touch::IntoScope if !row.in_scope => Some(Item { in_scope: true, due: row.due + 1, since: NOW, ..row }),
            Touch::OutOfScope if self.swept && row.in_scope => Some(Item { in_scope: false, due: row.due - 1, ..row }),
            Touch::IntoScope | Touch::OutOfScope => Some(row),
            Touch::Mend => Some(Item { fault: Fault::None, ..row }),
            Touch::Spoil => Some(Item { fault: Fault::AtApply, ..row }),
        };
        t.changes.rows.insert(key, after);
        Ok(touched(1))
    }
}

fn run(t: &Transaction, seen: &Tables) -> Run {
    t.changes.run.unwrap_or(seen.run)
}

/// A slice as this transaction sees it.
pub(super) fn slice(t: &Transaction, seen: &Tables, id: SliceId) -> Option<Slice> {
    t.changes.slices.get(&id).or_else(|| seen.slices.get(&id)).copied()
}

fn slice_row(id: SliceId, slice: &Slice) -> Vec<Value> {
    let key = |key: Option<RowKey>| key.map_or(Value::Null, |key| Value::Text(stored(key)));
    vec![
        Value::Int(id.pass),
        Value::Int(id.number),
        key(slice.after),
        key(Some(slice.through)),
        key(slice.cursor),
        Value::Int(slice.seq),
        Value::Int(slice.changed),
        Value::Int(slice.scanned),
        Value::Int(slice.still_in_scope),
        Value::Int(slice.done.into()),
        Value::Int(slice.token),
        Value::Int(slice.set_aside.into()),
        Value::Text("key".to_owned()),
        Value::Null,
        // Nothing is decided by what a slice was split from.
        Value::Null,
        Value::Int(slice.laps.into()),
        Value::Int(1),
        Value::Int(slice.lap.into()),
        key(slice.circuit_after),
        key(slice.circuit_through),
    ]
}

pub(super) fn error(code: &'static str) -> Stop {
    Stop::Error(ServerError::new(code))
}

pub(super) fn touched(count: u64) -> Reply {
    Reply::Rows(Vec::new(), count)
}

pub(super) fn rows(rows: Vec<Vec<Value>>) -> Reply {
    let count = rows.len() as u64;
    Reply::Rows(rows.into_iter().map(Row).collect(), count)
}

fn text(word: &str) -> Value {
    Value::Text(word.to_owned())
}

fn seconds(milliseconds: i64) -> Value {
    Value::Real(milliseconds as f64 / 1_000.0)
}

pub(super) fn int(value: &Value) -> i64 {
    match value {
        Value::Int(int) => *int,
        other => panic!("{other:?} is no number"),
    }
}

fn word(value: &Value) -> &str {
    match value {
        Value::Text(text) => text,
        other => panic!("{other:?} is no text"),
    }
}

fn state(value: &Value) -> RunState {
    RunState::from_word(word(value)).expect("a state")
}

pub(super) fn holder(value: &Value) -> Holder {
    word(value).parse().expect("a process")
}

pub(super) fn key(value: &Value) -> RowKey {
    from_stored(word(value))
}

fn key_or_null(value: &Value) -> Option<RowKey> {
    match value {
        Value::Null => None,
        value => Some(key(value)),
    }
}
