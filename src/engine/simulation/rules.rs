//! What must hold in every committed state, whatever happened? The invariants, looked at after each commit and after each
//! loss of history. Knows no statement.

use super::server::{Fate, Transaction};
use super::tables::{Fault, Holder, Row, RowKey, Slice, Tables};
use crate::engine::settle::Settled;
use crate::run::RunState;
use std::collections::HashMap;
use std::fmt;

/// The rules. I8, that an unknown lag holds, belongs to `pace`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// A row's effect and the checkpoint that covers it commit or vanish together.
    I1,
    /// The cursor never passes a row that was in scope, visible, and neither applied nor set aside for a fault of its own.
    I2,
    /// Only the holder of (token, holder) commits a batch.
    I3,
    /// A run succeeds only at the end of every slice, with no row left; an error is never the end.
    I4,
    /// A COMMIT without an answer is settled as it really ended.
    I5,
    /// A batch begins where the last one is recorded to have ended, never where somebody remembers.
    I6,
    /// What cannot be mended stops: nobody tries it again.
    I7,
    /// A pause or cancel is in force within one batch of each worker, and durable once it was answered.
    I9,
    /// No row is applied twice in the history that survives.
    Once,
    /// Run states move along the table of moves.
    Moves,
    /// No more rows are set aside than may be, and each is counted.
    Limit,
    /// The slices of each pass tile: whatever was split or carved out, no key is in two of them or in none.
    Tiles,
    /// When nobody disturbs any more, every run comes to an end.
    Ends,
    /// A run fails only for a reason that cannot be mended by trying again.
    Reasons,
}

/// A rule that does not hold.
#[derive(Clone, Debug)]
pub struct Broken {
    pub rule: Rule,
    pub what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} does not hold: {}", self.rule, self.what)
    }
}

fn broken(rule: Rule, what: impl Into<String>) -> Result<(), Broken> {
    Err(Broken { rule, what: what.into() })
}

/// What is remembered from one commit to the next.
pub struct Memory {
    quarantine_limit: i64,
    /// Batches of each worker since the run's state let none begin.
    since_pause: HashMap<(Holder, u32), u32>,
    /// Workers that met what cannot be mended, with the last transaction that had begun by then.
    stopped: HashMap<(Holder, u32), u64>,
    last_move: u64,
    /// The last move that an operator was told of.
    told: u64,
    /// Something happened that trying again cannot mend.
    pub may_fail: bool,
}

impl Memory {
    pub fn new(quarantine_limit: i64) -> Self {
        Self {
            quarantine_limit,
            since_pause: HashMap::new(),
            stopped: HashMap::new(),
            last_move: 0,
            told: 0,
            may_fail: false,
        }
    }

    /// Looks at one commit.
    pub fn committed(&mut self, before: &Tables, after: &Tables, by: &Transaction, swept: bool) -> Result<(), Broken> {
        let (from, to) = (before.run.state, after.run.state);
        if from != to {
            self.last_move = after.version;
            if !from.may_become(to) {
                return broken(Rule::Moves, format!("{from} became {to}"));
            }
            if to == RunState::Failed && !self.may_fail {
                return broken(Rule::Reasons, "nothing happened that would not pass");
            }
        }
        self.batch(before, by)?;
        split(before, by)?;
        if to.lets_batches_begin() {
            self.since_pause.clear();
        }
        if from != RunState::Succeeded && to == RunState::Succeeded {
            proven(after, swept)?;
        }
        let counts = by.changes.run.is_some() || !by.changes.aside.is_empty();
        if counts
            && (after.run.quarantined > self.quarantine_limit || after.run.quarantined != after.aside.len() as i64)
        {
            let (counted, set_aside) = (after.run.quarantined, after.aside.len());
            return broken(Rule::Limit, format!("{set_aside} rows set aside, {counted} counted"));
        }
        let matters = !by.changes.rows.is_empty() || !by.changes.slices.is_empty() || !by.changes.aside.is_empty();
        if matters { self.hold(after, swept) } else { Ok(()) }
    }

    fn batch(&mut self, before: &Tables, by: &Transaction) -> Result<(), Broken> {
        let Some(opened) = by.opened.filter(|_| by.recorded) else { return Ok(()) };
        let claim = opened.claim;
        let Some(slice) = before.slices.get(&claim.slice) else {
            return broken(Rule::I3, format!("{:?} does not exist", claim.slice));
        };
        if (slice.token, slice.holder) != (claim.token, Some(claim.holder)) || before.run.holder != Some(claim.holder) {
            let (run, token) = (before.run.holder, slice.token);
            let theirs = format!("token {token} of {:?} in a run of {run:?}", slice.holder);
            return broken(
                Rule::I3,
                format!("{} committed with token {} where it is {theirs}", claim.holder, claim.token),
            );
        }
        if slice.cursor != opened.after {
            return broken(Rule::I6, format!("began after {:?} where the cursor is {:?}", opened.after, slice.cursor));
        }
        let worker = (claim.holder, claim.worker);
        // A COMMIT that was sent before may still arrive; nobody could learn of it any more.
        if self.stopped.get(&worker).is_some_and(|last| by.number > *last) {
            return broken(Rule::I7, format!("{worker:?} went on after what cannot be mended"));
        }
        if before.run.state.lets_batches_begin() {
            return Ok(());
        }
        let batches = self.since_pause.entry(worker).or_default();
        *batches += 1;
        match *batches {
            1 => Ok(()),
            _ => broken(Rule::I9, format!("{worker:?} committed {batches} batches of a {} run", before.run.state)),
        }
    }

    /// What holds in every state.
    pub fn hold(&self, tables: &Tables, swept: bool) -> Result<(), Broken> {
        tiles(tables)?;
        let mut applied = tables.gone;
        let walked = walked(tables);
        for (key, row) in tables.rows.iter() {
            applied += i64::from(row.applied);
            if row.applied > row.due {
                return broken(Rule::Once, format!("row {key} was applied {} times of {}", row.applied, row.due));
            }
            if swept && row.applied + u8::from(row.in_scope) != row.due {
                return broken(Rule::I1, format!("row {key} went out of scope without its change"));
            }
            passed(&walked, tables.aside.contains(key), *key, row)?;
        }
        let recorded: i64 = tables.slices.values().map(|slice| slice.changed).sum();
        match recorded == applied {
            true => Ok(()),
            false => broken(Rule::I1, format!("{recorded} rows are recorded, {applied} are applied")),
        }
    }

    /// A history was cut short.
    pub fn rewound(&mut self) {
        self.since_pause.clear();
    }

    /// After a crash: nothing that was answered is lost.
    pub fn crashed(&self, tables: &Tables) -> Result<(), Broken> {
        match tables.version < self.told {
            true => broken(Rule::I9, "a crash took back a move that an operator was told of"),
            false => Ok(()),
        }
    }

    /// After a failover even that may be.
    pub fn failed_over(&mut self, tables: &Tables) {
        self.told = self.told.min(tables.version);
        self.last_move = self.last_move.min(tables.version);
    }

    /// An operator was told that the run moved.
    pub fn operator_was_told(&mut self) {
        self.told = self.last_move;
    }

    /// A worker met what cannot be mended; `last` is the last transaction that has begun.
    pub fn worker_stopped(&mut self, holder: Holder, worker: u32, last: u64) {
        self.stopped.insert((holder, worker), last);
    }
}

/// I3, of a transaction that split a slice.
fn split(before: &Tables, by: &Transaction) -> Result<(), Broken> {
    let Some((id, holder, token)) = by.split else { return Ok(()) };
    let slice = before.slices.get(&id).map(|slice| (slice.holder, slice.token));
    match slice == Some((Some(holder), token)) && before.run.holder == Some(holder) {
        true => Ok(()),
        false => broken(Rule::I3, format!("{holder} split {id:?} with token {token} where it is {slice:?}")),
    }
}

/// Each slice of a pass begins where another ends, but for the first.
fn tiles(tables: &Tables) -> Result<(), Broken> {
    let mut slices: Vec<_> = tables.slices.iter().map(|(id, slice)| (id.pass, slice.after, slice.through)).collect();
    slices.sort_unstable();
    let mut before = (-1, None);
    for (pass, after, through) in slices {
        let end = if pass == before.0 { before.1 } else { None };
        if after != end || Some(through) <= after {
            return broken(Rule::Tiles, format!("a slice of pass {pass} is ({after:?}, {through}] behind {end:?}"));
        }
        before = (pass, Some(through));
    }
    Ok(())
}

/// What a slice's cursor has passed.
struct Passed {
    pass: i64,
    /// The commit that recorded the pass.
    began: u64,
    slice: Slice,
}

fn walked(tables: &Tables) -> Vec<Passed> {
    let begun = tables.slices.iter().filter(|(_, slice)| slice.cursor != slice.after || slice.lap > 0);
    let passed = begun.map(|(id, slice)| {
        let began = tables.passes.get(&id.pass).copied().unwrap_or_default();
        Passed { pass: id.pass, began, slice: *slice }
    });
    passed.collect()
}

/// Whether what a cursor has passed is what was done.
fn passed(walked: &[Passed], aside: bool, key: RowKey, row: &Row) -> Result<(), Broken> {
    if aside && !row.touched && row.fault == Fault::None {
        return broken(Rule::I2, format!("row {key} was set aside without a fault"));
    }
    let left = row.in_scope && row.applied < row.due && !aside;
    let mut is_covered = false;
    for part in walked {
        if !part.slice.has_passed(key) || part.slice.after.is_some_and(|after| key <= after) {
            continue;
        }
        is_covered = true;
        if left && row.since <= part.began {
            return broken(Rule::I2, format!("pass {} passed row {key}, in scope all the time", part.pass));
        }
    }
    // Of rows that only the job has touched it is known exactly.
    if !row.touched && row.due == 1 && !aside && is_covered != (row.applied == 1) {
        let (rule, what) = if is_covered { (Rule::I2, "behind") } else { (Rule::I1, "before") };
        return broken(rule, format!("row {key} was applied {} times {what} the cursor", row.applied));
    }
    Ok(())
}

/// I5: the verdict is what became of it.
pub fn settled(verdict: Settled, fate: Fate) -> Result<(), Broken> {
    match (verdict, fate) {
        (Settled::Committed, Fate::Open | Fate::RolledBack) | (Settled::RolledBack, Fate::Open | Fate::Committed) => {
            broken(Rule::I5, format!("settled as {verdict:?} what is {fate:?}"))
        }
        _ => Ok(()),
    }
}

/// I4: what a success has to mean.
fn proven(tables: &Tables, swept: bool) -> Result<(), Broken> {
    if let Some((id, slice)) = tables.slices.iter().find(|(_, slice)| slice.cursor != Some(slice.through)) {
        let (cursor, through) = (slice.cursor, slice.through);
        return broken(Rule::I4, format!("succeeded with {id:?} at {cursor:?} of {through}"));
    }
    if !swept {
        return Ok(());
    }
    let last = tables.slices.keys().map(|id| id.pass).max().unwrap_or_default();
    let of_last = || tables.slices.iter().filter(|(id, _)| id.pass == last).map(|(_, slice)| slice);
    let found: i64 = of_last().map(|slice| slice.changed).sum();
    if last == 0 || found > 0 {
        return broken(Rule::I4, format!("succeeded after pass {last}, which found {found} rows"));
    }
    let began = tables.passes.get(&last).copied().unwrap_or_default();
    // Where the pass ends was read before it was recorded: a row above that came with it, and is not promised.
    let end = of_last().map(|slice| slice.through).max().unwrap_or_default();
    let was_there = |key: RowKey, row: &Row| row.in_scope && row.since <= began && key <= end;
    let left = tables.rows.iter().find(|(key, row)| was_there(**key, row) && !tables.aside.contains(key));
    match left {
        Some((key, _)) => broken(Rule::I4, format!("succeeded with row {key} in scope since before the last sweep")),
        None => Ok(()),
    }
}
