//! How are runs watched and steered over HTTP? The API, live events and the page. Knows neither how a run is run nor who
//! runs it: reads and writes the state tables, as the command line does.
//!
//! Reading order: [`Server`] → `connections` (who is listened to) → `door` (what every request passes: `guard` against other
//! sites, `token` and `access` for rights, `limits`) → `routes`. What they share is the `office`: `lookout` looks at each
//! database once a second and makes the [`Snapshot`] that everybody sees, `chart` remembers the last hour, `reach` asks for
//! detail, `control` does what an operator asks.

mod access;
mod chart;
mod connections;
mod control;
mod door;
pub mod exporter;
mod guard;
mod limits;
mod lookout;
mod office;
mod openapi;
mod page;
mod problem;
mod reach;
mod routes;
mod snapshot;
mod token;

use crate::db::Named;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use snapshot::{NamedRun, Snapshot};
pub use token::{Token, TokenError};

/// Makes the answer of `/metrics`, in Prometheus' text format.
pub type MetricsText = Arc<dyn Fn() -> String + Send + Sync>;

/// How a server is started.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Who has it may see runs, but no keys.
    pub read_token: Option<Token>,
    /// Who has it may do everything.
    pub write_token: Option<Token>,
    /// Names in `Host` that are answered to beside this machine's own: `tide.example` or `tide.example:443`.
    pub allowed_hosts: Vec<String>,
    /// Whether jobs may be submitted over HTTP: they are SQL that runs with this server's rights.
    pub allow_submit: bool,
    /// Whether who may only read sees keys too.
    pub show_keys: bool,
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Others could pause and cancel.
    #[error(
        "on {0} other machines reach this server, so it needs a token for reading and one for writing: give \
         --read-token-file and --write-token-file, or listen on 127.0.0.1"
    )]
    NeedsTokens(SocketAddr),
    /// Two names for one thing may be; two things of one name may not.
    #[error("two databases are called {0}: give each a name of its own with --database-env NAME=VARIABLE")]
    SameName(String),
    /// The address is taken, or not ours.
    #[error("could not listen on {address}: {error}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        error: std::io::Error,
    },
}

/// A server that listens.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    office: Arc<office::Office>,
    stop: watch::Sender<bool>,
}

impl Server {
    /// Listens. `ready` turns false when no new work is taken: `/readyz` says so.
    ///
    /// # Errors
    /// When the settings would let anybody in, or the address cannot be listened on.
    pub async fn bind(
        settings: Settings,
        databases: Vec<Named>,
        metrics: MetricsText,
        ready: watch::Receiver<bool>,
    ) -> Result<Self, ServerError> {
        check(&settings, &databases)?;
        let address = settings.listen;
        let failed = |error| ServerError::Listen { address, error };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let stop = watch::Sender::new(false);
        let office = Arc::new(office::Office::new(settings, databases, metrics, ready, stop.subscribe()));
        Ok(Self { listener, address, office, stop })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What is seen of all runs, as often as it changes.
    pub fn snapshots(&self) -> watch::Receiver<Snapshot> {
        self.office.latest.subscribe()
    }

    /// Serves until `shutdown` turns true, or nobody is left to turn it. Open streams end then.
    pub async fn serve(self, mut shutdown: watch::Receiver<bool>) {
        let mut lookouts = JoinSet::new();
        for reach in self.office.databases.values() {
            let (latest, charts) = (Arc::clone(&self.office.latest), Arc::clone(&self.office.charts));
            let lookout = lookout::Lookout::new(Arc::clone(reach), latest, charts);
            lookouts.spawn(lookout.look_on(self.stop.subscribe()));
        }
        let door = door::Door::new(Arc::clone(&self.office), routes::routes(Arc::clone(&self.office)));
        let serving = connections::serve(self.listener, door, self.stop.subscribe());
        let stopping = async {
            let _ = shutdown.wait_for(|stop| *stop).await;
            self.stop.send_replace(true);
        };
        tokio::join!(serving, stopping);
        while lookouts.join_next().await.is_some() {}
    }
}

fn check(settings: &Settings, databases: &[Named]) -> Result<(), ServerError> {
    let has_tokens = settings.read_token.is_some() && settings.write_token.is_some();
    if !settings.listen.ip().is_loopback() && !has_tokens {
        return Err(ServerError::NeedsTokens(settings.listen));
    }
    for (at, named) in databases.iter().enumerate() {
        if databases.iter().take(at).any(|other| other.name == named.name) {
            return Err(ServerError::SameName(named.name.clone()));
        }
    }
    Ok(())
}
