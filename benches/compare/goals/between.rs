//! How long does the server wait for its client? A proxy on a unix socket that notes, per connection, the time between an
//! answer and what the client says next. Knows no protocol.

use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

/// Stands between a client and the server, until it is dropped.
pub(super) struct Between {
    folder: TempDir,
    server: String,
    waits: Arc<Mutex<BTreeMap<usize, Waits>>>,
    _accepting: JoinSet<Result<()>>,
}

#[derive(Default)]
struct Waits {
    /// When the server's last answer was handed on, until the client says something.
    answered: Option<Instant>,
    each: Vec<Duration>,
}

#[derive(Clone, Copy)]
enum Speaker {
    Client,
    Server,
}

impl Between {
    /// Stands before the server with that socket.
    pub(super) fn before(socket: &Path) -> Result<Self> {
        // A socket's path may have 107 bytes, and TMPDIR can be long.
        let folder = TempDir::with_prefix_in("tidegate-between-", "/tmp")?;
        let listener = UnixListener::bind(folder.path().join(socket.file_name().context("a socket")?))?;
        let waits = Arc::<Mutex<BTreeMap<usize, Waits>>>::default();
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, socket.to_owned(), Arc::clone(&waits)));
        let server = socket.parent().context("a socket's folder")?.display().to_string();
        Ok(Self { folder, server, waits, _accepting: accepting })
    }

    /// The same address, with this proxy before it.
    pub(super) fn address(&self, url: &str) -> String {
        url.replace(&self.server, &self.folder.path().display().to_string())
    }

    /// Of the connection that spoke most: every time the server waited for it, in order.
    pub(super) fn waits_of_the_busiest(&self) -> Vec<Duration> {
        let waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        waits.values().map(|waits| &waits.each).max_by_key(|each| each.len()).cloned().unwrap_or_default()
    }
}

async fn accept(listener: UnixListener, server: PathBuf, waits: Arc<Mutex<BTreeMap<usize, Waits>>>) -> Result<()> {
    let mut forwarding = JoinSet::new();
    for connection in 0.. {
        let (from_client, to_client) = listener.accept().await?.0.into_split();
        let (from_server, to_server) = UnixStream::connect(&server).await?.into_split();
        forwarding.spawn(forward(from_client, to_server, Arc::clone(&waits), connection, Speaker::Client));
        forwarding.spawn(forward(from_server, to_client, Arc::clone(&waits), connection, Speaker::Server));
    }
    Ok(())
}

async fn forward(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    waits: Arc<Mutex<BTreeMap<usize, Waits>>>,
    connection: usize,
    speaker: Speaker,
) -> Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let length = from.read(&mut buffer).await?;
        let heard = Instant::now();
        if length == 0 {
            return Ok(to.shutdown().await?);
        }
        if let Speaker::Client = speaker {
            note(&waits, connection, |waits| {
                let answered = waits.answered.take();
                waits.each.extend(answered.map(|answered| heard - answered));
            });
        }
        to.write_all(&buffer[..length]).await?;
        if let Speaker::Server = speaker {
            note(&waits, connection, |waits| waits.answered = Some(Instant::now()));
        }
    }
}

fn note(waits: &Mutex<BTreeMap<usize, Waits>>, connection: usize, change: impl FnOnce(&mut Waits)) {
    change(waits.lock().unwrap_or_else(PoisonError::into_inner).entry(connection).or_default());
}
