//! What does an application do meanwhile? Eight writers, each with rows of its own and a ledger of what they must be.

use crate::support::{Job, Random, Target, batches_of, series, until};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::task::JoinSet;

const WRITERS: u64 = 8;

/// Ids from here to there are in use at the start; writers insert between, below and above.
const FIRST_ROWS: u64 = 4_000;

/// Fills the column that the old version does not know.
pub(super) fn job(target: &Target) -> Job {
    let change = "where = \"doubled is null\"\n[change.set]\ndoubled = \"2 * balance\"";
    target.job("double-balances", &format!("[table]\nname = \"accounts\"\n{change}\n{}", batches_of(20)))
}

/// What the application knows of the column that the job fills.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// Nothing: what it writes needs the change.
    Old,
    /// It fills the column itself.
    New,
}

/// `accounts`, every third id, none doubled yet.
pub(super) async fn table(target: Target) -> Arc<Target> {
    target.execute("create table accounts (id integer primary key, balance bigint not null, doubled bigint)").await;
    let ids = series(&target, FIRST_ROWS);
    target.execute(&format!("insert into accounts (id, balance) select 3 * i, 0 from ({ids}) as ids")).await;
    Arc::new(target)
}

/// The writers at work.
pub(super) struct Writers {
    tasks: JoinSet<BTreeMap<u64, u64>>,
    shared: Arc<Shared>,
}

struct Shared {
    new_version: AtomicBool,
    stopping: AtomicBool,
    written: AtomicU64,
    /// Statements that may still be those of the old version.
    old_in_hand: AtomicU64,
}

impl Writers {
    pub(super) fn start(target: &Arc<Target>, version: Version) -> Self {
        let shared = Arc::new(Shared {
            new_version: AtomicBool::new(version == Version::New),
            stopping: AtomicBool::new(false),
            written: AtomicU64::new(0),
            old_in_hand: AtomicU64::new(0),
        });
        let mut random = Random::new();
        let mut tasks = JoinSet::new();
        for number in 0..WRITERS {
            let writer = Writer::new(number, random.fork());
            tasks.spawn(writer.write_until_stopped(Arc::clone(target), Arc::clone(&shared)));
        }
        Self { tasks, shared }
    }

    /// Waits until that many statements were run.
    pub(super) async fn have_written(&mut self, statements: u64) {
        until("the writers write", async || self.shared.written.load(Ordering::SeqCst) >= statements).await;
    }

    /// From the answer on, no statement of another version is in hand: the point after which a sweep can end.
    pub(super) async fn become_version(&mut self, version: Version) {
        self.shared.new_version.store(version == Version::New, Ordering::SeqCst);
        until("the old version is gone", async || self.shared.old_in_hand.load(Ordering::SeqCst) == 0).await;
    }

    pub(super) async fn stop(self) -> Ledger {
        self.shared.stopping.store(true, Ordering::SeqCst);
        let ledgers = self.tasks.join_all().await;
        Ledger(ledgers.into_iter().flatten().collect())
    }
}

/// What the table must be: balance by id.
pub(super) struct Ledger(BTreeMap<u64, u64>);

impl Ledger {
    pub(super) async fn agree_with(&self, target: &Target) {
        let rows = target.rows("select id, balance from accounts order by id").await;
        let ledger: Vec<_> = self.0.iter().map(|(id, balance)| vec![id.to_string(), balance.to_string()]).collect();
        assert_eq!(rows.len(), ledger.len(), "rows");
        for (row, expected) in rows.iter().zip(&ledger) {
            assert_eq!(row, expected, "[id, balance]");
        }
    }
}

/// One of the eight; the ids it writes are no other's.
struct Writer {
    number: u64,
    random: Random,
    ledger: BTreeMap<u64, u64>,
}

impl Writer {
    fn new(number: u64, random: Random) -> Self {
        let ids = (1..=FIRST_ROWS).map(|i| 3 * i).filter(|id| id % WRITERS == number);
        Self { number, random, ledger: ids.map(|id| (id, 0)).collect() }
    }

    async fn write_until_stopped(mut self, target: Arc<Target>, shared: Arc<Shared>) -> BTreeMap<u64, u64> {
        while !shared.stopping.load(Ordering::SeqCst) {
            // Counted before the version is read: a change of version waits for whoever may have read the old one.
            shared.old_in_hand.fetch_add(1, Ordering::SeqCst);
            let new_version = shared.new_version.load(Ordering::SeqCst);
            if new_version {
                shared.old_in_hand.fetch_sub(1, Ordering::SeqCst);
            }
            target.execute(&self.statement(new_version)).await;
            shared.written.fetch_add(1, Ordering::SeqCst);
            if !new_version {
                shared.old_in_hand.fetch_sub(1, Ordering::SeqCst);
            }
        }
        self.ledger
    }

    /// The next statement, entered into the ledger.
    fn statement(&mut self, new_version: bool) -> String {
        // A little above the first rows, so that inserts fall below, between and beyond them.
        let id = self.random.below(3 * FIRST_ROWS * 11 / 10 / WRITERS) * WRITERS + self.number;
        let balance = self.random.below(1_000_000);
        let doubled = if new_version { (2 * balance).to_string() } else { "null".to_owned() };
        match self.ledger.contains_key(&id) {
            true if self.random.below(3) == 0 => {
                self.ledger.remove(&id);
                format!("delete from accounts where id = {id}")
            }
            true => {
                self.ledger.insert(id, balance);
                format!("update accounts set balance = {balance}, doubled = {doubled} where id = {id}")
            }
            false => {
                self.ledger.insert(id, balance);
                format!("insert into accounts (id, balance, doubled) values ({id}, {balance}, {doubled})")
            }
        }
    }
}
