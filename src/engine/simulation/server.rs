//! How does the server run transactions? Backends with one request each, locks that last until the end of a transaction,
//! commits that are visible before they are on the disk, and a history that can be cut short. What the statements mean is
//! in `execute`.

use super::guard::Guard;
use super::rules::{self, Broken};
use super::statement::Statement;
use super::tables::{Changes, Holder, RowKey, SliceId, Tables};
use crate::db::wire::{Row, Value};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

/// How many commits a standby may be behind.
const REMEMBERED: usize = 40;

/// A server looks so often whether who waits is still there.
const CONNECTION_CHECK: i64 = 1_000;

/// What can be locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cell {
    Run,
    Beat,
    Slice(SliceId),
    Row(RowKey),
}

/// What a client asks.
#[derive(Clone, Debug)]
pub enum Request {
    Sql(Statement, Vec<Value>),
    /// `begin`, the slice's lock and the end of the range: the one message that opens a batch.
    Open(Claim, u32),
    /// The change of `(after, through]`; in a sweep without the rows that are set aside.
    Apply {
        /// Only the rows of this lap, of so many.
        lap: Option<(u32, u32)>,
        after: Option<RowKey>,
        through: RowKey,
        sweep: bool,
    },
    /// The middle of `(after, through]`, if either half has so many rows: what a split looks up.
    Middle {
        after: Option<RowKey>,
        through: RowKey,
        least: u64,
    },
    /// Something that the application does to a row.
    Application(Touch, RowKey),
}

/// Whose batch it is, as it believes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    pub slice: SliceId,
    pub token: i64,
    pub holder: Holder,
    pub worker: u32,
}

/// What the application does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    Lock,
    Insert,
    Delete,
    IntoScope,
    OutOfScope,
    Mend,
    Spoil,
}

/// What a server answers.
#[derive(Clone, Debug)]
pub enum Reply {
    Rows(Vec<Row>, u64),
    Opened(Option<Opened>),
}

/// A batch as its transaction found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    pub claim: Claim,
    pub transaction: u64,
    pub seq: i64,
    pub after: Option<RowKey>,
    pub through: RowKey,
    pub rows: Option<u32>,
    /// The lap that the slice is in, of how many, and whether its circuit begins here.
    pub lap: (u32, u32, bool),
}

/// An error as it comes over the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerError {
    pub code: &'static str,
    pub hangs_up: bool,
    pub timed_out: bool,
}

impl ServerError {
    pub fn new(code: &'static str) -> Self {
        Self { code, hangs_up: false, timed_out: false }
    }

    /// The connection ends with it.
    pub fn hangs_up(code: &'static str) -> Self {
        Self { hangs_up: true, ..Self::new(code) }
    }
}

/// Why a statement did not come to its end.
pub enum Stop {
    Blocked(Cell),
    Error(ServerError),
}

/// What became of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Open,
    Committed,
    RolledBack,
    /// Committed, and lost with the history that it was part of.
    Lost,
}

/// A transaction in hand.
#[derive(Debug, Default)]
pub struct Transaction {
    pub number: u64,
    pub aborted: bool,
    pub durable: bool,
    pub lock_timeout: i64,
    pub idle_timeout: i64,
    pub changes: Changes,
    pub opened: Option<Opened>,
    /// A checkpoint or a carved range was recorded.
    pub recorded: bool,
    /// A slice was split, in the name of this holder with this token.
    pub split: Option<(SliceId, Holder, i64)>,
}

/// A request that is being worked on.
#[derive(Debug)]
pub struct Doing {
    pub request: Request,
    pub since: i64,
    /// What was committed when it began.
    pub snapshot: Option<Arc<Tables>>,
    pub blocked: Option<Cell>,
    /// A COMMIT may wait for a standby.
    pub not_before: i64,
    /// An error that fate has in store for it.
    pub doomed: Option<ServerError>,
}

/// The server's side of a connection.
#[derive(Debug, Default)]
pub struct Backend {
    /// Whose it is; 0: nobody that could be killed.
    pub process: Holder,
    pub transaction: Option<Transaction>,
    pub doing: Option<Doing>,
    pub answer: Option<Result<Reply, ServerError>>,
    pub idle_since: i64,
    pub client_gone: bool,
    /// The client cannot be reached, and knows it.
    pub cut: bool,
    /// Said its last word.
    pub ended: bool,
}

struct Commit {
    tables: Arc<Tables>,
    transaction: u64,
}

/// A database server.
pub struct Server {
    pub now: i64,
    pub tables: Arc<Tables>,
    pub backends: BTreeMap<u32, Box<Backend>>,
    pub without: &'static [Guard],
    /// Its clock against true time.
    pub skew: i64,
    pub down_until: i64,
    pub disk_full_until: i64,
    /// A run with `where`.
    pub swept: bool,
    /// What of the history is on the disk.
    pub flushed: u64,
    /// Processes that a neighbour on their machine can see to be dead.
    pub seen_dead: Vec<Holder>,
    pub fates: HashMap<u64, Fate>,
    /// How many rows each holder asked for when it last opened a batch of each slice.
    pub asked: HashMap<(SliceId, Holder), u32>,
    /// The last batch that each holder was told it had opened of each slice. One whose opening outlived its connection may come
    /// after it.
    pub told: HashMap<(SliceId, Holder), u64>,
    pub broken: Option<Broken>,
    pub rules: rules::Memory,
    history: VecDeque<Commit>,
    locks: HashMap<Cell, u64>,
    pub transactions: u64,
    connections: u32,
    versions: u64,
}

impl Server {
    pub fn new(tables: Tables, swept: bool, quarantine_limit: i64, without: &'static [Guard]) -> Self {
        let rules = rules::Memory::new(quarantine_limit);
        let tables = Arc::new(tables);
        Self {
            now: 0,
            history: VecDeque::from([Commit { tables: Arc::clone(&tables), transaction: 0 }]),
            tables,
            backends: BTreeMap::new(),
            without,
            skew: 0,
            down_until: 0,
            disk_full_until: 0,
            swept,
            flushed: 0,
            seen_dead: Vec::new(),
            fates: HashMap::new(),
            asked: HashMap::new(),
            told: HashMap::new(),
            broken: None,
            rules,
            locks: HashMap::new(),
            transactions: 0,
            connections: 0,
            versions: 0,
        }
    }

    pub fn has(&self, guard: Guard) -> bool {
        !self.without.contains(&guard)
    }

    /// What its clock says.
    pub fn clock(&self) -> i64 {
        self.now + self.skew
    }

    /// A new connection. `None`: it is down.
    pub fn connect(&mut self, process: Holder) -> Option<u32> {
        if self.now < self.down_until {
            return None;
        }
        self.connections += 1;
        let backend = Backend { process, idle_since: self.now, ..Backend::default() };
        self.backends.insert(self.connections, Box::new(backend));
        Some(self.connections)
    }

    /// Takes a request in. `false`: nobody listens.
    pub fn send(&mut self, connection: u32, request: Request, slow: i64) -> bool {
        let Some(backend) = self.backends.get_mut(&connection).filter(|backend| !backend.ended && !backend.cut) else {
            return false;
        };
        let not_before = self.now + slow;
        backend.doing =
            Some(Doing { request, since: self.now, snapshot: None, blocked: None, not_before, doomed: None });
        true
    }

    /// The client closed its end.
    pub fn hang_up(&mut self, connection: u32) {
        if let Some(backend) = self.backends.get_mut(&connection) {
            (backend.client_gone, backend.cut) = (true, false);
            if backend.ended {
                self.backends.remove(&connection);
            }
        }
    }

    /// When it has something to do next, if nothing happens meanwhile.
    pub fn due_at(&self, backend: &Backend) -> Option<i64> {
        let idle = backend.transaction.as_ref().map(|transaction| transaction.idle_timeout);
        match &backend.doing {
            _ if backend.ended => None,
            Some(Doing { blocked: Some(cell), .. }) if !self.locks.contains_key(cell) => Some(self.now),
            Some(Doing { blocked: Some(_), since, .. }) if backend.client_gone => Some(since + CONNECTION_CHECK),
            Some(Doing { blocked: Some(_), since, .. }) => {
                Some(since + backend.transaction.as_ref().map_or(0, |transaction| transaction.lock_timeout))
            }
            Some(doing) => Some(doing.not_before.max(self.now)),
            None if backend.client_gone => Some(self.now),
            None => idle.map(|idle| backend.idle_since + idle),
        }
    }

    /// Lets a backend do what is due.
    pub fn step(&mut self, connection: u32) {
        let Some(mut backend) = self.backends.remove(&connection) else { return };
        let Some(mut doing) = backend.doing.take() else {
            // The client is gone, or was silent for too long.
            self.end(&mut backend, "25P03");
            return self.put_back(connection, backend);
        };
        if doing.blocked.is_some() && backend.client_gone && self.now >= doing.since + CONNECTION_CHECK {
            self.end(&mut backend, "08006");
            return self.put_back(connection, backend);
        }
        let answer = match self.attempt(&mut backend.transaction, &mut doing) {
            Ok(reply) => Ok(reply),
            Err(Stop::Blocked(cell)) if !self.gives_up(&backend.transaction, &doing, cell) => {
                doing.blocked = Some(cell);
                backend.doing = Some(doing);
                return self.put_back(connection, backend);
            }
            Err(Stop::Blocked(cell)) => {
                let deadlock = backend.transaction.as_ref().is_some_and(|t| self.is_deadlock(t.number, cell));
                Err(ServerError::new(if deadlock { "40P01" } else { "55P03" }))
            }
            Err(Stop::Error(error)) => Err(error),
        };
        // Some databases roll back the statement only: it is the client that has to end the transaction.
        let survives = matches!(doing.request, Request::Apply { .. }) && !self.has(Guard::RollbackAfterError);
        if answer.is_err() && !survives {
            self.abort(&mut backend.transaction);
        }
        backend.ended |= answer.as_ref().is_err_and(|error| error.hangs_up);
        if backend.ended {
            self.roll_back(&mut backend.transaction);
        }
        backend.answer = Some(answer);
        backend.idle_since = self.now;
        self.put_back(connection, backend);
    }

    fn put_back(&mut self, connection: u32, backend: Box<Backend>) {
        if !(backend.ended && backend.client_gone && !backend.cut) {
            self.backends.insert(connection, backend);
        }
    }

    fn end(&mut self, backend: &mut Backend, code: &'static str) {
        self.roll_back(&mut backend.transaction);
        backend.ended = true;
        backend.answer = Some(Err(ServerError::hangs_up(code)));
    }

    /// The connection breaks. `arrives`: the request that is under way is still worked on.
    pub fn cut(&mut self, connection: u32, arrives: bool) {
        let Some(mut backend) = self.backends.remove(&connection) else { return };
        (backend.cut, backend.client_gone, backend.answer) = (true, true, None);
        if !arrives {
            backend.doing = None;
        }
        self.backends.insert(connection, backend);
    }

    /// Somebody ends a backend. A COMMIT that waits for a standby has happened all the same.
    pub fn kill(&mut self, connection: u32) {
        let Some(mut backend) = self.backends.remove(&connection) else { return };
        let commits = backend.doing.as_ref().is_some_and(|doing| {
            matches!(doing.request, Request::Sql(Statement::Commit, _)) && doing.not_before > self.now
        });
        if let Some(mut doing) = backend.doing.take().filter(|_| commits) {
            let _ = self.attempt(&mut backend.transaction, &mut doing);
        }
        self.end(&mut backend, "57P01");
        self.put_back(connection, backend);
    }

    /// Whether who waits for this lock waits no longer.
    fn gives_up(&self, transaction: &Option<Transaction>, doing: &Doing, cell: Cell) -> bool {
        transaction.as_ref().is_none_or(|transaction| {
            self.now >= doing.since + transaction.lock_timeout || self.is_deadlock(transaction.number, cell)
        })
    }

    /// Whether the owner of this lock waits, in the end, for this transaction.
    fn is_deadlock(&self, waits: u64, cell: Cell) -> bool {
        let mut owner = self.locks.get(&cell).copied();
        for _ in 0..self.backends.len() {
            let Some(number) = owner else { return false };
            if number == waits {
                return true;
            }
            let backend = self.backends.values().find(|b| b.transaction.as_ref().is_some_and(|t| t.number == number));
            let cell = backend.and_then(|backend| backend.doing.as_ref()?.blocked);
            owner = cell.and_then(|cell| self.locks.get(&cell).copied());
        }
        false
    }

    /// Locks until the end of the transaction, or tells for what it has to wait.
    pub fn lock(&mut self, transaction: &Transaction, cell: Cell) -> Result<(), Stop> {
        match *self.locks.entry(cell).or_insert(transaction.number) {
            owner if owner == transaction.number => Ok(()),
            _ => Err(Stop::Blocked(cell)),
        }
    }

    pub fn begin(&mut self, durable: bool, lock_timeout: i64, idle_timeout: i64) -> Transaction {
        self.transactions += 1;
        Transaction { number: self.transactions, durable, lock_timeout, idle_timeout, ..Transaction::default() }
    }

    /// Ends the transaction's work; the session stays in it until it is told to roll back.
    fn abort(&mut self, transaction: &mut Option<Transaction>) {
        if let Some(transaction) = transaction {
            self.unlock(transaction.number);
            self.note_fate(transaction, Fate::RolledBack);
            transaction.changes = Changes::default();
            transaction.aborted = true;
        }
    }

    pub fn roll_back(&mut self, transaction: &mut Option<Transaction>) {
        self.abort(transaction);
        *transaction = None;
    }

    fn unlock(&mut self, number: u64) {
        self.locks.retain(|_, owner| *owner != number);
    }

    fn note_fate(&mut self, transaction: &Transaction, fate: Fate) {
        if transaction.opened.is_some() {
            self.fates.insert(transaction.number, fate);
        }
    }

    /// Makes a transaction's changes what everybody sees.
    pub fn commit(&mut self, transaction: Transaction) {
        self.unlock(transaction.number);
        self.note_fate(&transaction, Fate::Committed);
        if transaction.changes.is_empty() {
            return;
        }
        self.versions += 1;
        let next = Arc::new(self.tables.with(&transaction.changes, self.versions));
        if let Err(broken) = self.rules.committed(&self.tables, &next, &transaction, self.swept) {
            self.broken.get_or_insert(broken);
        }
        if transaction.durable {
            self.flushed = self.versions;
        }
        self.tables = Arc::clone(&next);
        self.history.push_back(Commit { tables: next, transaction: transaction.number });
        if self.history.len() > REMEMBERED {
            self.history.pop_front();
        }
    }

    /// Everything that was committed is on the disk.
    pub fn flush(&mut self) {
        self.flushed = self.tables.version;
    }

    /// How many of the last commits are not on the disk.
    pub fn unflushed(&self) -> usize {
        self.history.iter().filter(|commit| commit.tables.version > self.flushed).count()
    }

    /// How many of the last commits a standby may not have seen.
    pub fn remembered(&self) -> usize {
        self.history.len() - 1
    }

    /// Every connection breaks, the last `lost` commits never were, and nobody answers until then.
    pub fn go_down(&mut self, lost: usize, until: i64) {
        for connection in self.backends.keys().copied().collect::<Vec<_>>() {
            if let Some(mut backend) = self.backends.remove(&connection) {
                backend.doing = None;
                self.end(&mut backend, "57P02");
                self.put_back(connection, backend);
            }
        }
        for _ in 0..lost.min(self.remembered()) {
            if let Some(commit) = self.history.pop_back() {
                self.fates.entry(commit.transaction).and_modify(|fate| *fate = Fate::Lost);
            }
        }
        if let Some(last) = self.history.back() {
            self.tables = Arc::clone(&last.tables);
        }
        self.flushed = self.tables.version;
        self.rules.rewound();
        if let Err(broken) = self.rules.hold(&self.tables, self.swept) {
            self.broken.get_or_insert(broken);
        }
        self.down_until = until;
    }
}
