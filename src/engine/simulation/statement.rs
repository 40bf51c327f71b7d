//! Which statement is this? Recognises the text that the ledger and the batch really send, and reads from it which guards
//! it has: a guard that disappears from the SQL disappears from the simulation too. Knows no tables.

use crate::db::wire::{checkpoint_statement, places};
use crate::db::{Dialect, Lap};
use std::cell::RefCell;
use std::collections::HashMap;

/// A statement of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statement {
    /// `durable`: its COMMIT waits for the disk.
    Begin {
        durable: bool,
    },
    Commit,
    Rollback,
    LockRun {
        locks: bool,
    },
    ReadHeld,
    ReadVersion,
    ReadPauseThatIsOver,
    SetState {
        from: bool,
    },
    TakeRun,
    Fence,
    ForgetBeats,
    AddBeat,
    KeepBeat {
        by_holder: bool,
    },
    ReadBeat {
        by_holder: bool,
    },
    ForgetHolder,
    ForgetHolderOfSlices,
    ReadRun,
    ReadSlices,
    CopyPass,
    AddSlice,
    OwnSlice,
    Checkpoint(Guards, Option<Lap>),
    LockedSeq {
        locks: bool,
        guards: Guards,
    },
    CarveOff(Guards),
    BeginLater(Guards),
    /// Locks the run's row for who chooses a slice's number.
    LockNumbers {
        locks: bool,
    },
    Left {
        locks: bool,
        guards: Guards,
    },
    SplitOff(Guards),
    EndEarlier(Guards),
    IsAside,
    CountAside {
        limited: bool,
    },
    SetAside,
    /// Touches the run's row, nothing that a decision depends on.
    Count,
    /// Touches nothing that a decision depends on.
    Note,
}

/// What a statement compares before it sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guards {
    pub seq: bool,
    pub token: bool,
    pub holder: bool,
}

/// The statement of that text.
pub fn statement(sql: &str) -> Statement {
    thread_local! {
        static KNOWN: RefCell<HashMap<String, Statement>> = RefCell::default();
    }
    KNOWN.with_borrow_mut(|known| match known.get(sql) {
        Some(statement) => *statement,
        None => {
            let statement = recognise(sql);
            known.insert(sql.to_owned(), statement);
            statement
        }
    })
}

fn recognise(sql: &str) -> Statement {
    let has = |part: &str| sql.contains(part);
    let guards =
        |seq: &str, token: &str, holder: &str| Guards { seq: has(seq), token: has(token), holder: has(holder) };
    let locks = has(" for no key update");
    match sql {
        "commit" => Statement::Commit,
        "rollback" => Statement::Rollback,
        _ if sql.starts_with("begin") => Statement::Begin { durable: !has("synchronous_commit = off") },
        _ if sql.starts_with("select state from tidegate.run") => Statement::LockRun { locks },
        _ if sql.starts_with("select id from tidegate.run where id = $1") => Statement::LockNumbers { locks },
        _ if sql.starts_with("select h.holder") => Statement::ReadHeld,
        _ if sql.starts_with("select version from tidegate.run") => Statement::ReadVersion,
        _ if sql.starts_with("select r.actor, (select e.detail") => Statement::ReadPauseThatIsOver,
        _ if sql.starts_with("select state, actor, reason") => {
            Statement::ReadBeat { by_holder: has("and holder = $2") }
        }
        _ if sql.starts_with("select r.id, r.job") => Statement::ReadRun,
        _ if sql.starts_with("select pass, slice, after_key") => Statement::ReadSlices,
        _ if sql.starts_with("select seq from tidegate.slice") => {
            Statement::LockedSeq { locks, guards: guards("seq =", "token = $4", "holder = $5") }
        }
        _ if sql.starts_with("select s.seq, coalesce(s.circuit_through, s.cursor_key), s.through_key") => {
            Statement::Left { locks, guards: guards("seq =", "s.token = $4", "s.holder = $5") }
        }
        _ if sql.starts_with("select 1 from tidegate.quarantine") => Statement::IsAside,
        _ if sql.starts_with("update tidegate.run") => of_run(sql),
        _ if sql.starts_with("update tidegate.slice set cursor_key") => {
            Statement::Checkpoint(guards("seq = $8", "token = $9", "holder = $10"), lap(sql))
        }
        _ if sql.starts_with("update tidegate.slice as s set after_key") => {
            Statement::BeginLater(guards("s.seq = $5", "s.token = $6", "s.holder = $7"))
        }
        _ if sql.starts_with("update tidegate.slice as s set through_key") => {
            Statement::EndEarlier(guards("s.seq = $5", "s.token = $6", "s.holder = $7"))
        }
        _ if sql.starts_with("update tidegate.slice set token = token + 1, holder = $1") => Statement::Fence,
        _ if sql.starts_with("update tidegate.slice set token = 1, holder = $3") => Statement::OwnSlice,
        _ if sql.starts_with("update tidegate.slice set holder = null") => Statement::ForgetHolderOfSlices,
        _ if sql.starts_with("update tidegate.heartbeat") => Statement::KeepBeat { by_holder: has("holder = $1") },
        _ if sql.starts_with("delete from tidegate.heartbeat") => Statement::ForgetBeats,
        _ if sql.starts_with("insert into tidegate.heartbeat") => Statement::AddBeat,
        _ if sql.starts_with("insert into tidegate.quarantine") => Statement::SetAside,
        _ if sql.starts_with("insert into tidegate.event") => Statement::Note,
        _ if sql.starts_with("insert into tidegate.slice") && has("set_aside") => {
            Statement::CarveOff(guards("s.seq = $5", "s.token = $6", "s.holder = $7"))
        }
        _ if sql.starts_with("insert into tidegate.slice") && has("on conflict") => Statement::CopyPass,
        _ if sql.starts_with("insert into tidegate.slice") && has("s.split_from") => {
            Statement::SplitOff(guards("s.seq = $5", "s.token = $6", "s.holder = $7"))
        }
        _ if sql.starts_with("insert into tidegate.slice") => Statement::AddSlice,
        _ => panic!(
            "the simulation does not know this statement; say in statement.rs and execute.rs what it does: {sql}"
        ),
    }
}

/// The lap whose checkpoint that is.
fn lap(sql: &str) -> Option<Lap> {
    let laps = [1, 2, 4].into_iter().flat_map(|of| (0..of).map(move |number| (number, of)));
    let laps = laps.flat_map(|(number, of)| [true, false].map(|closes| Some(Lap { number, of, closes })));
    let is_of = |lap: &Option<Lap>| checkpoint_statement(Dialect::Postgres, *lap, "$1", &places(2)) == sql;
    laps.chain([None])
        .find(is_of)
        .unwrap_or_else(|| panic!("the checkpoint of no lap that the simulation knows: {sql}"))
}

fn of_run(sql: &str) -> Statement {
    match sql.trim_start_matches("update tidegate.run set ") {
        rest if rest.starts_with("state = $1") => Statement::SetState { from: rest.contains("and state = $6") },
        rest if rest.starts_with("holder = $1, token = token + 1") => Statement::TakeRun,
        rest if rest.starts_with("holder = null") => Statement::ForgetHolder,
        rest if rest.starts_with("rows_quarantined") => {
            Statement::CountAside { limited: rest.contains("rows_quarantined < $2") }
        }
        rest if ["held_seconds", "retries", "resume_at"].iter().any(|column| rest.starts_with(column)) => {
            Statement::Count
        }
        _ => panic!(
            "the simulation does not know this statement; say in statement.rs and execute.rs what it does: {sql}"
        ),
    }
}
