//! How often does a program wait for the server? A proxy on a unix socket that counts, per connection, how often the
//! client speaks after the server has answered.

use super::postgres::SOCKET;
use super::target::Target;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

/// Stands between the program and the server.
pub(crate) struct TurnCounter {
    turns: Arc<Mutex<BTreeMap<usize, Turns>>>,
    url_without: String,
    accepting: JoinHandle<()>,
    _folder: TempDir,
}

#[derive(Default)]
struct Turns {
    client_spoke_last: bool,
    count: u64,
}

impl TurnCounter {
    /// Lets the program reach the target through the proxy from now on.
    pub(crate) fn before(target: &mut Target) -> Self {
        let folder = TempDir::with_prefix_in("tidegate-turns-", "/tmp").expect("a folder in /tmp");
        let listener = UnixListener::bind(folder.path().join(SOCKET)).expect("a socket");
        let server = target.socket_folder().to_owned();
        let through = target.url.replace(server.to_str().unwrap(), folder.path().to_str().unwrap());
        let url_without = std::mem::replace(&mut target.url, through);
        let turns = Arc::<Mutex<BTreeMap<usize, Turns>>>::default();
        let counted = Arc::clone(&turns);
        let accepting = tokio::spawn(async move {
            for connection in 0.. {
                let (client, _) = listener.accept().await.expect("the program connects");
                let server = UnixStream::connect(server.join(SOCKET)).await.expect("the server answers");
                let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
                tokio::spawn(forward(from_client, to_server, Arc::clone(&counted), connection, true));
                tokio::spawn(forward(from_server, to_client, Arc::clone(&counted), connection, false));
            }
        });
        Self { turns, url_without, accepting, _folder: folder }
    }

    /// Round trips of the connection that made most of them: the worker's.
    pub(crate) fn busiest_connection(&self) -> u64 {
        self.turns.lock().unwrap().values().map(|turns| turns.count).max().unwrap_or_default()
    }

    /// Lets the program reach the target directly again.
    pub(crate) fn step_aside(self, target: &mut Target) {
        target.url.clone_from(&self.url_without);
        self.accepting.abort();
    }
}

async fn forward(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    turns: Arc<Mutex<BTreeMap<usize, Turns>>>,
    connection: usize,
    is_client: bool,
) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let length = from.read(&mut buffer).await?;
        if length == 0 {
            return to.shutdown().await;
        }
        {
            let mut turns = turns.lock().unwrap();
            let turns = turns.entry(connection).or_default();
            turns.count += u64::from(is_client && !turns.client_spoke_last);
            turns.client_spoke_last = is_client;
        }
        to.write_all(&buffer[..length]).await?;
    }
}
