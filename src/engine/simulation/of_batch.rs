//! What do the statements of a batch do? As in [`super::execute`], with the guards that keep two batches of one slice apart.

use super::execute::{error, holder, int, key, rows, slice, touched};
use super::guard::Guard;
use super::server::{Cell, Claim, Opened, Reply, Server, Stop, Transaction};
use super::statement::Guards;
use super::tables::{Fault, Row, RowKey, Slice, SliceId, Tables, lap_of};
use crate::db::Lap;
use crate::db::wire::Value;

/// A batch waits so long for a lock, and may be silent so long: half of its lease.
const LOCK_TIMEOUT: i64 = 1_000;
const IDLE_TIMEOUT: i64 = super::LEASE / 2;

impl Server {
    pub(super) fn begin_batch(&mut self) -> Transaction {
        self.begin(false, LOCK_TIMEOUT, IDLE_TIMEOUT)
    }

    /// The opening: `select … from slice where token and holder and not done and exists (the run, held by the same, in a
    /// state that lets batches begin) for no key update`, with the end of the range among its output.
    pub(super) fn open(&mut self, t: &mut Transaction, claim: Claim, rows: u32, seen: &Tables) -> Result<Reply, Stop> {
        // A subquery keeps what it saw when the statement began, also when the lock had to be waited for.
        let state_lets = !self.has(Guard::StateAtOpening) || seen.run.state.lets_batches_begin();
        let (by_token, by_holder) = (self.has(Guard::TokenAtOpening), self.has(Guard::HolderAtOpening));
        let same_holder = self.has(Guard::HolderOfRunAtOpening);
        let is_ours = |slice: &Slice| {
            (!by_token || slice.token == claim.token)
                && (!by_holder || slice.holder == Some(claim.holder))
                && !slice.done
                && (!same_holder || seen.run.holder == slice.holder)
                && state_lets
        };
        let Some(before) = seen.slices.get(&claim.slice).copied().filter(is_ours) else {
            return Ok(Reply::Opened(None));
        };
        if self.has(Guard::LockAtOpening) {
            self.lock(t, Cell::Slice(claim.slice))?;
        }
        let Some(found) = slice(t, &self.tables, claim.slice).filter(is_ours) else { return Ok(Reply::Opened(None)) };
        let after = if self.has(Guard::CursorUnderLock) { found.cursor } else { before.cursor };
        let alone = self.has(Guard::AloneBeforeAside);
        let last = self.asked.insert((claim.slice, claim.holder), rows);
        // Without the guard, what is set aside is the whole batch that failed, under the name of one row.
        let rows = if alone || rows > 1 { rows } else { last.unwrap_or(rows) };
        let skip = rows.max(1) as usize - 1;
        let through = found.circuit_through.unwrap_or(found.through);
        let end = seen.range(after, through).nth(skip).map(|(key, _)| key);
        let counted = if alone { end.map(|_| rows) } else { Some(1) };
        let lap = (found.lap, found.laps, found.lap == 0 && found.cursor == found.circuit_after.or(found.after));
        let opened = Opened {
            claim,
            transaction: t.number,
            seq: found.seq,
            after,
            through: end.unwrap_or(through),
            rows: counted,
            lap,
        };
        t.opened = Some(opened);
        Ok(Reply::Opened(Some(opened)))
    }

    /// `update … set applied = applied + 1 where key in (after, through] and of this lap and in scope`. Rows are found as they were when
    /// the statement began, and changed as they are when nobody else has them.
    pub(super) fn apply(
        &mut self,
        t: &mut Transaction,
        (after, through): (Option<RowKey>, RowKey),
        lap: Option<(u32, u32)>,
        sweep: bool,
        seen: &Tables,
    ) -> Result<u64, Stop> {
        let swept = self.swept;
        let in_scope = |row: &Row| row.in_scope || !swept;
        let is_aside = |key: &RowKey| sweep && seen.aside.contains(key);
        let is_of_lap = |key: &RowKey| lap.is_none_or(|(lap, of)| lap_of(*key, of) == lap);
        let found = seen.range(after, through).filter(|(key, row)| is_of_lap(key) && in_scope(row) && !is_aside(key));
        let found: Vec<_> = found.map(|(key, _)| key).collect();
        for key in &found {
            self.lock(t, Cell::Row(*key))?;
            if self.tables.rows.get(key).is_some_and(|row| in_scope(row) && row.fault == Fault::AtApply) {
                return Err(error("P0001"));
            }
        }
        let mut changed = 0;
        for key in found {
            let Some(row) = self.tables.rows.get(&key).copied().filter(in_scope) else { continue };
            let in_scope = row.in_scope && !swept;
            t.changes.rows.insert(key, Some(Row { applied: row.applied + 1, in_scope, ..row }));
            changed += 1;
        }
        if changed > 0 && self.now < self.disk_full_until {
            return Err(error("53100"));
        }
        Ok(changed)
    }

    /// `update slice set cursor, seq = seq + 1 … where seq and token and holder returning seq`.
    pub(super) fn checkpoint(
        &mut self,
        t: &mut Transaction,
        (guards, lap): (Guards, Option<Lap>),
        values: &[Value],
        seen: &Tables,
    ) -> Result<Reply, Stop> {
        let through = key(&values[0]);
        let [changed, scanned, still] = [int(&values[1]), int(&values[2]), int(&values[3])];
        let is_ours = self.compare(guards, int(&values[7]), int(&values[8]), holder(&values[9]));
        let move_on = |slice: &Slice| {
            is_ours(slice).then_some(Slice {
                seq: slice.seq + 1,
                changed: slice.changed + changed,
                scanned: slice.scanned + scanned,
                still_in_scope: slice.still_in_scope + still,
                ..slice.moved_to(lap, through)
            })
        };
        let moved = self.change_slice(t, id(values), seen, move_on)?;
        t.recorded |= moved > 0;
        let done = t.changes.slices.get(&id(values)).is_some_and(|slice| slice.done);
        Ok(rows(vec![vec![Value::Int(done.into()), Value::Null]; moved as usize]))
    }

    /// `select seq from slice where token and holder for no key update`.
    pub(super) fn locked_seq(
        &mut self,
        t: &mut Transaction,
        locks: bool,
        guards: Guards,
        values: &[Value],
        seen: &Tables,
    ) -> Result<Reply, Stop> {
        let id = SliceId { pass: int(&values[1]), number: int(&values[2]) };
        let (token, holder) = (int(&values[3]), holder(&values[4]));
        let is_ours = self.compare(Guards { seq: false, ..guards }, 0, token, holder);
        let Some(found) = seen.slices.get(&id).copied().filter(&is_ours) else { return Ok(rows(Vec::new())) };
        let found = if locks && self.has(Guard::LockInSettle) {
            self.lock(t, Cell::Slice(id))?;
            self.tables.slices.get(&id).copied().filter(&is_ours)
        } else {
            Some(found)
        };
        Ok(rows(found.map(|slice| vec![Value::Int(slice.seq)]).into_iter().collect()))
    }

    /// `insert into slice … select … where seq and token and holder and through <> end`.
    pub(super) fn carve_off(&mut self, t: &mut Transaction, guards: Guards, values: &[Value], seen: &Tables) -> Reply {
        let is_ours = self.compare_carved(guards, values);
        let Some(found) = seen.slices.get(&carved(values)).filter(|slice| is_ours(slice)) else { return touched(0) };
        let through = found.circuit_through.unwrap_or(key(&values[2]));
        if found.through == through {
            return touched(0);
        }
        let last = seen.slices.keys().filter(|id| id.pass == carved(values).pass).map(|id| id.number).max();
        let number = last.map_or(0, |last| last + 1);
        let sums = Slice::new(found.after, through);
        let Slice { seq, changed, scanned, still_in_scope, .. } = sums;
        let new = Slice { through, set_aside: true, seq, changed, scanned, still_in_scope, ..*found };
        t.changes.slices.insert(SliceId { number, ..carved(values) }, new);
        touched(1)
    }

    /// `update slice set after, cursor, set_aside, seq = seq + 1 where seq and token and holder`.
    pub(super) fn begin_later(
        &mut self,
        t: &mut Transaction,
        guards: Guards,
        values: &[Value],
        seen: &Tables,
    ) -> Result<Reply, Stop> {
        let is_ours = self.compare_carved(guards, values);
        let later = |slice: &Slice| {
            let through = slice.circuit_through.unwrap_or(key(&values[2]));
            let seq = slice.seq + 1;
            let rest = Slice { circuit_after: None, circuit_through: None, lap: 0, cursor: Some(through), ..*slice };
            is_ours(slice).then_some(match slice.through == through {
                true => Slice { set_aside: true, seq, ..*slice },
                false => Slice { after: Some(through), set_aside: false, seq, ..rest },
            })
        };
        let moved = self.change_slice(t, carved(values), seen, later)?;
        t.recorded |= moved > 0;
        let aside = t.changes.slices.get(&carved(values)).is_some_and(|slice| slice.set_aside);
        Ok(rows(vec![vec![Value::Int(aside.into())]; moved as usize]))
    }

    fn compare(&self, guards: Guards, seq: i64, token: i64, holder: u16) -> impl Fn(&Slice) -> bool + use<> {
        let by_seq = guards.seq && self.has(Guard::SeqAtCheckpoint);
        let by_token = guards.token && self.has(Guard::TokenAtCheckpoint);
        let by_holder = guards.holder && self.has(Guard::HolderAtCheckpoint);
        move |slice| {
            (!by_seq || slice.seq == seq)
                && (!by_token || slice.token == token)
                && (!by_holder || slice.holder == Some(holder))
        }
    }

    fn compare_carved(&self, guards: Guards, values: &[Value]) -> impl Fn(&Slice) -> bool + use<> {
        self.compare(guards, int(&values[4]), int(&values[5]), holder(&values[6]))
    }
}

fn id(values: &[Value]) -> SliceId {
    SliceId { pass: int(&values[5]), number: int(&values[6]) }
}

pub(super) fn carved(values: &[Value]) -> SliceId {
    SliceId { pass: int(&values[1]), number: int(&values[3]) }
}
