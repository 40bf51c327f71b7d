//! How does a test lose one answer, and no other? A proxy between the program and its server that understands the
//! messages of PostgreSQL's protocol, and strikes at the one it was told to. Knows no run and no row.
//!
//! Reading order: here (what a test says), [`message`] (bytes to messages), [`conversation`] (one connection),
//! [`strike`] (when, and what then).

mod conversation;
mod message;
mod strike;

use crate::support::{Cluster, Target, until};
use conversation::Conversation;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use strike::Strike;
pub(super) use strike::{Effect, Seen, Side};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Stands between the program and the server, on a port of this machine.
pub(super) struct Proxy {
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

/// What all connections know.
struct Shared {
    server: Mutex<PathBuf>,
    strikes: Mutex<Vec<Strike>>,
    struck: AtomicU64,
    /// Connections that stand still because of [`Effect::StandStill`]. Counted up by [`Proxy::let_go`].
    let_go: watch::Sender<u64>,
    messages: AtomicU64,
    connections: AtomicU32,
    /// Locking reads of a slice, apart from those that begin a batch.
    locking_reads: AtomicU64,
    lengths: Mutex<Lengths>,
}

/// Messages, both ways, that make a batch: the most that were seen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lengths {
    /// From the beginning of a connection to the end of its first batch.
    pub(super) first: u32,
    /// Of any later batch.
    pub(super) later: u32,
}

impl Proxy {
    /// Leads the program to the target's server through a proxy from now on.
    pub(super) async fn before(target: &mut Target) -> Self {
        // By its own name for loopback, and without TLS: the proxy reads what passes.
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("a port").port();
        let (front, _socket) = target.url.split_once("?host=").expect("a server of ours");
        target.url = format!("{}?sslmode=disable", front.replace("@localhost/", &format!("@127.0.0.1:{port}/")));
        let shared = Arc::new(Shared {
            server: Mutex::new(target.cluster().socket()),
            strikes: Mutex::default(),
            struck: AtomicU64::new(0),
            let_go: watch::Sender::new(0),
            messages: AtomicU64::new(0),
            connections: AtomicU32::new(0),
            locking_reads: AtomicU64::new(0),
            lengths: Mutex::default(),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self { shared, accepting }
    }

    /// New connections lead to that server from now on; the program's address stays.
    pub(super) fn lead_to(&self, cluster: &Cluster) {
        *self.shared.server.lock().unwrap() = cluster.socket();
    }

    /// Strikes once, at the first message that `moment` is true for.
    pub(super) fn strike(&self, effect: Effect, moment: impl Fn(&Seen<'_>) -> bool + Send + 'static) {
        self.shared.strikes.lock().unwrap().push(Strike { moment: Box::new(moment), effect });
    }

    /// Forgets strikes whose moment has not come.
    pub(super) fn disarm(&self) {
        self.shared.strikes.lock().unwrap().clear();
    }

    /// How often it has struck.
    pub(super) fn struck(&self) -> u64 {
        self.shared.struck.load(Ordering::SeqCst)
    }

    /// Waits until it has struck so often.
    pub(super) async fn has_struck(&self, times: u64) {
        until("the proxy strikes", async || self.struck() >= times).await;
    }

    /// Lets connections that stand still go on: what was held is delivered, where somebody is still there.
    pub(super) fn let_go(&self) {
        self.shared.let_go.send_modify(|times| *times += 1);
    }

    /// Messages so far, over all connections.
    pub(super) fn messages(&self) -> u64 {
        self.shared.messages.load(Ordering::SeqCst)
    }

    /// Connections so far.
    pub(super) fn connections(&self) -> u32 {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// How often a slice was read under its lock and nothing else: what a commit without an answer is settled by.
    pub(super) fn locking_reads(&self) -> u64 {
        self.shared.locking_reads.load(Ordering::SeqCst)
    }

    /// How long batches are, as seen so far.
    pub(super) fn lengths(&self) -> Lengths {
        *self.shared.lengths()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    fn lengths(&self) -> MutexGuard<'_, Lengths> {
        self.lengths.lock().unwrap()
    }

    /// What is to be done about a message.
    fn effect_on(&self, seen: &Seen<'_>) -> Option<Effect> {
        let mut strikes = self.strikes.lock().unwrap();
        let due = strikes.iter().position(|strike| (strike.moment)(seen))?;
        Some(strikes.remove(due).effect)
    }

    /// Told when an effect is in force.
    fn struck(&self) {
        self.struck.fetch_add(1, Ordering::SeqCst);
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let (client, _) = listener.accept().await.expect("a connection");
        let number = shared.connections.fetch_add(1, Ordering::SeqCst) + 1;
        let server = shared.server.lock().unwrap().clone();
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            // A server that is down: the program's connection is closed, as it would be without a proxy.
            if let Ok(conversation) = Conversation::begin(number, client, &server, shared).await {
                conversation.carry().await;
            }
        });
    }
}
