//! What does the application do meanwhile? Writers, each with rows of its own, and a ledger of what these must be. The
//! ledger is kept here, never read from the table, so it can prove the table wrong.

use super::workload::{Workload, new_of, note};
use crate::support::{Door, Random, Target, until};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior, interval};

const WRITERS: u64 = 4;

/// Each writer's pause after a statement: together some hundreds a second, and a small machine still has time for the run.
const BETWEEN_STATEMENTS: Duration = Duration::from_millis(10);

/// What the application's rows must be, by id.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    rows: BTreeMap<i64, Written>,
    /// Statements of each kind, and those whose answer was lost.
    pub(super) statements: Statements,
}

/// What the application wrote to a row.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Written {
    old: u64,
    note: String,
}

/// Statements of each kind.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Statements {
    pub(super) inserts: u64,
    pub(super) updates: u64,
    pub(super) deletes: u64,
    pub(super) unanswered: u64,
}

impl Statements {
    pub(super) fn all(self) -> u64 {
        self.inserts + self.updates + self.deletes
    }
}

impl Ledger {
    /// The application's rows as they are at the start.
    pub(super) fn at_start(workload: &Workload) -> Self {
        let ids = (1..=workload.rows).filter(|id| id % 10 == 0 && id % 20 != 0);
        let row = |id: u64| Written { old: id * 7 % 1000, note: note(&id.to_string()) };
        Self { rows: ids.map(|id| (id as i64, row(id))).collect(), statements: Statements::default() }
    }

    /// Where the table differs, in words; empty where it agrees.
    pub(super) async fn differences(&self, target: &Target, table: &str) -> Vec<String> {
        let rows = target.rows(&format!("select id, old, note from {table} where id % 10 = 0")).await;
        let table: BTreeMap<i64, Written> = rows.into_iter().map(read).collect();
        let ids = self.rows.keys().chain(table.keys().filter(|id| !self.rows.contains_key(id)));
        let different: Vec<_> = ids.filter(|id| self.rows.get(id) != table.get(id)).collect();
        match different.first() {
            None => Vec::new(),
            Some(first) => {
                vec![format!("the ledger differs from the table in {} rows, as id {first}", different.len())]
            }
        }
    }
}

fn read(row: Vec<String>) -> (i64, Written) {
    let [id, old, note] = row.try_into().expect("three columns");
    (id.parse().expect("an id"), Written { old: old.parse().expect("a number"), note })
}

/// The writers at work.
pub(super) struct Writers {
    tasks: JoinSet<Ledger>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    stopping: AtomicBool,
    written: AtomicU64,
}

impl Writers {
    pub(super) fn start(target: &Target, workload: &Workload, random: &mut Random) -> Self {
        let shared = Arc::<Shared>::default();
        let ledger = Ledger::at_start(workload);
        let mut tasks = JoinSet::new();
        for number in 0..WRITERS as i64 {
            let mut ledger = ledger.clone();
            ledger.rows.retain(|id, _| is_of(number, *id));
            let (table, beyond) = (workload.table.clone(), workload.rows + workload.rows / 20);
            let writer = Writer { number, door: target.door(), random: random.fork(), table, beyond, ledger };
            tasks.spawn(writer.write_until_stopped(Arc::clone(&shared)));
        }
        Self { tasks, shared }
    }

    /// Waits until that many statements were run.
    pub(super) async fn have_written(&self, statements: u64) {
        until("the writers write", async || self.shared.written.load(Ordering::SeqCst) >= statements).await;
    }

    pub(super) async fn stop(self) -> Ledger {
        self.shared.stopping.store(true, Ordering::SeqCst);
        let mut all = Ledger::default();
        for Ledger { rows, statements } in self.tasks.join_all().await {
            all.rows.extend(rows);
            all.statements.inserts += statements.inserts;
            all.statements.updates += statements.updates;
            all.statements.deletes += statements.deletes;
            all.statements.unanswered += statements.unanswered;
        }
        all
    }
}

/// Whose id it is: no two writers share one, so each knows what its rows are.
fn is_of(writer: i64, id: i64) -> bool {
    id / 10 % WRITERS as i64 == writer
}

struct Writer {
    number: i64,
    door: Door,
    random: Random,
    table: String,
    /// The highest id it may insert.
    beyond: u64,
    ledger: Ledger,
}

impl Writer {
    async fn write_until_stopped(mut self, shared: Arc<Shared>) -> Ledger {
        let mut pause = interval(BETWEEN_STATEMENTS);
        pause.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !shared.stopping.load(Ordering::SeqCst) {
            pause.tick().await;
            self.write(&mut pause).await;
            shared.written.fetch_add(1, Ordering::SeqCst);
        }
        self.ledger
    }

    /// One statement, entered into the ledger as it turned out.
    async fn write(&mut self, pause: &mut Interval) {
        let id = (self.random.below(self.beyond / 10 / WRITERS) * WRITERS) as i64 * 10 + self.number * 10;
        let before = self.ledger.rows.get(&id).cloned();
        let intended = self.intention(before.is_some());
        let sql = self.statement(id, before.is_some(), intended.as_ref());
        let after = match self.door.try_execute(&sql).await {
            Ok(()) => intended,
            // The server went away under it. What became of the statement is asked of the table, whose answer must be
            // one of two: nobody else writes this row.
            Err(_) => {
                self.ledger.statements.unanswered += 1;
                let truth = self.truth(id, pause).await;
                assert!(truth == before || truth == intended, "row {id} is neither as before nor as written");
                truth
            }
        };
        match after {
            Some(row) => drop(self.ledger.rows.insert(id, row)),
            None => drop(self.ledger.rows.remove(&id)),
        }
    }

    /// What the row is to be; `None`: gone.
    fn intention(&mut self, exists: bool) -> Option<Written> {
        let statements = &mut self.ledger.statements;
        let serial = statements.all();
        if exists && self.random.below(3) == 0 {
            statements.deletes += 1;
            return None;
        }
        *if exists { &mut statements.updates } else { &mut statements.inserts } += 1;
        let old = self.random.below(1_000_000);
        Some(Written { old, note: note(&format!("{}-{serial}", self.number)) })
    }

    /// Writes `new` as the application does that knows the column already: what the run changes afterwards, or has
    /// changed before, must come to the same.
    fn statement(&self, id: i64, exists: bool, intended: Option<&Written>) -> String {
        let table = &self.table;
        let Some(Written { old, note }) = intended else { return format!("delete from {table} where id = {id}") };
        let new = new_of(*old);
        match exists {
            true => format!("update {table} set old = {old}, note = '{note}', new = {new} where id = {id}"),
            false => format!("insert into {table} (id, old, note, new) values ({id}, {old}, '{note}', {new})"),
        }
    }

    /// The row as it is, once the server is up again. Never asked over a connection that was open before: a server that is
    /// about to fall shows a commit as not yet made that is on disk already.
    async fn truth(&self, id: i64, pause: &mut Interval) -> Option<Written> {
        let sql = format!("select id, old, note from {} where id = {id}", self.table);
        loop {
            pause.tick().await;
            if self.door.opens().await
                && let Ok(rows) = self.door.try_rows(&sql).await
            {
                return rows.into_iter().next().map(|row| read(row).1);
            }
        }
    }
}
