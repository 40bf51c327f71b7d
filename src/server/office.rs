//! What do all requests share? The databases, what was seen of them last, and who may come in.

use super::access::{Caller, Right, Tokens};
use super::chart::Charts;
use super::guard::Hosts;
use super::limits::STREAMS;
use super::problem::Problem;
use super::reach::Reach;
use super::snapshot::Snapshot;
use super::{MetricsText, Settings};
use crate::db::Named;
use axum::http::request::Parts;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio::sync::{Semaphore, watch};

/// What every request is given.
pub(super) struct Office {
    pub(super) databases: BTreeMap<String, Arc<Reach>>,
    pub(super) latest: Arc<watch::Sender<Snapshot>>,
    pub(super) charts: Arc<Mutex<Charts>>,
    pub(super) streams: Arc<Semaphore>,
    pub(super) metrics: MetricsText,
    /// Turns false when no new work is taken.
    pub(super) ready: watch::Receiver<bool>,
    /// Turns true when the server stops.
    pub(super) stop: watch::Receiver<bool>,
    pub(super) allow_submit: bool,
    show_keys: bool,
    tokens: Tokens,
    hosts: Hosts,
}

impl Office {
    pub(super) fn new(
        settings: Settings,
        databases: Vec<Named>,
        metrics: MetricsText,
        ready: watch::Receiver<bool>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let reach = |named: Named| (named.name.clone(), Arc::new(Reach::new(named)));
        Self {
            databases: databases.into_iter().map(reach).collect(),
            latest: Arc::new(watch::Sender::new(Snapshot::default())),
            charts: Arc::default(),
            streams: Arc::new(Semaphore::new(STREAMS)),
            metrics,
            ready,
            stop,
            allow_submit: settings.allow_submit,
            show_keys: settings.show_keys,
            hosts: Hosts::new(settings.listen.ip(), &settings.allowed_hosts),
            tokens: Tokens::new(settings.read_token, settings.write_token),
        }
    }

    /// Who sends this, if it may come in.
    pub(super) fn admit(&self, head: &Parts, peer: IpAddr) -> Result<Caller, Problem> {
        super::guard::check(head, &self.hosts)?;
        self.tokens.admit(head, peer, Instant::now())
    }

    /// Whether keys are shown to this caller.
    pub(super) fn shows_keys_to(&self, caller: &Caller) -> bool {
        self.show_keys || caller.right == Right::Write
    }

    /// The database of that name.
    pub(super) fn database(&self, name: &str) -> Result<&Arc<Reach>, Problem> {
        let names = || self.databases.keys().cloned().collect::<Vec<_>>().join(", ");
        self.databases
            .get(name)
            .ok_or_else(|| Problem::no_such("no-database", format!("no database of that name; there are: {}", names())))
    }
}
