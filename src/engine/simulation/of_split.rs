//! What do the statements of a split do? As in [`super::execute`], with the guards that keep it apart from the batches of the
//! same slice, and from other splits.

use super::execute::{holder, int, key, rows, slice, touched};
use super::guard::Guard;
use super::of_batch::carved;
use super::server::{Cell, Reply, Server, Stop, Transaction};
use super::statement::Guards;
use super::tables::{RowKey, Slice, SliceId, Tables, stored};
use crate::db::wire::{Row, Value};

impl Server {
    /// `select seq, cursor, through from slice where token and holder and not done and not set aside and exists (the run, held
    /// by the same, in a state that lets batches begin) for no key update`.
    pub(super) fn left(
        &mut self,
        t: &mut Transaction,
        locks: bool,
        guards: Guards,
        values: &[Value],
        seen: &Tables,
    ) -> Result<Reply, Stop> {
        let id = SliceId { pass: int(&values[1]), number: int(&values[2]) };
        let is_whose = self.compare_split(Guards { seq: false, ..guards }, 0, int(&values[3]), holder(&values[4]));
        let run = seen.run;
        let is_open = |slice: &Slice| {
            let same_holder = !guards.holder || !self.has(Guard::HolderAtSplit) || run.holder == slice.holder;
            is_whose(slice) && !slice.done && !slice.set_aside && same_holder && run.state.lets_batches_begin()
        };
        let found = seen.slices.get(&id).copied().filter(is_open);
        let found = match found {
            Some(_) if locks && self.has(Guard::LockAtSplit) => {
                self.lock(t, Cell::Slice(id))?;
                slice(t, &self.tables, id).filter(|slice| is_whose(slice) && !slice.done && !slice.set_aside)
            }
            found => found,
        };
        let keys = |slice: Slice| {
            let cursor =
                slice.circuit_through.or(slice.cursor).map_or(Value::Null, |cursor| Value::Text(stored(cursor)));
            vec![Value::Int(slice.seq), cursor, Value::Text(stored(slice.through))]
        };
        Ok(rows(found.map(keys).into_iter().collect()))
    }

    /// `insert into slice … select … where seq and token and holder and through <> middle returning slice, through`.
    pub(super) fn split_off(&mut self, t: &mut Transaction, guards: Guards, values: &[Value], seen: &Tables) -> Reply {
        let middle = key(&values[2]);
        let is_ours = self.compare_split_values(guards, values);
        let Some(found) = seen.slices.get(&carved(values)).filter(|slice| is_ours(slice) && slice.through != middle)
        else {
            return touched(0);
        };
        let last = seen.slices.keys().filter(|id| id.pass == carved(values).pass).map(|id| id.number).max();
        let number = last.map_or(0, |last| last + 1);
        let Slice { laps, token, holder, through, .. } = *found;
        let new = Slice { laps, token, holder, ..Slice::new(Some(middle), through) };
        t.changes.slices.insert(SliceId { number, ..carved(values) }, new);
        rows(vec![vec![Value::Int(number), Value::Text(stored(found.through)), Value::Null]])
    }

    /// `update slice set through = middle where seq and token and holder and through <> middle`.
    pub(super) fn end_earlier(
        &mut self,
        t: &mut Transaction,
        guards: Guards,
        values: &[Value],
        seen: &Tables,
    ) -> Result<Reply, Stop> {
        let middle = key(&values[2]);
        let is_ours = self.compare_split_values(guards, values);
        let earlier =
            |slice: &Slice| (is_ours(slice) && slice.through != middle).then_some(Slice { through: middle, ..*slice });
        let ended = self.change_slice(t, carved(values), seen, earlier)?;
        if ended > 0 {
            t.split = Some((carved(values), holder(&values[6]), int(&values[5])));
        }
        Ok(touched(ended))
    }

    fn compare_split(&self, guards: Guards, seq: i64, token: i64, holder: u16) -> impl Fn(&Slice) -> bool + use<> {
        let by_seq = guards.seq && self.has(Guard::SeqAtSplit);
        let by_token = guards.token && self.has(Guard::TokenAtSplit);
        let by_holder = guards.holder && self.has(Guard::HolderAtSplit);
        move |slice| {
            (!by_seq || slice.seq == seq)
                && (!by_token || slice.token == token)
                && (!by_holder || slice.holder == Some(holder))
        }
    }

    fn compare_split_values(&self, guards: Guards, values: &[Value]) -> impl Fn(&Slice) -> bool + use<> {
        self.compare_split(guards, int(&values[4]), int(&values[5]), holder(&values[6]))
    }
}

/// The look-ups of a split: a bounded count of what is left, and the key half-way.
pub(super) fn middle(seen: &Tables, after: Option<RowKey>, through: RowKey, least: u64) -> Reply {
    let below = seen.range(after, through).count() / 2;
    if (below as u64) < least.max(1) {
        return rows(Vec::new());
    }
    let middle = seen.range(after, through).nth(below - 1).map(|(key, _)| vec![Value::Text(stored(key))]);
    let answer = middle.into_iter().map(Row).collect::<Vec<_>>();
    Reply::Rows(answer, 1)
}
