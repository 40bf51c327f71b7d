//! Who looks? Clients that each keep a stream of events open and ask for the status once a second, and one operator who sets
//! a knob ten times a second to what it is.

use crate::contestant::job;
use anyhow::{Context, Result, ensure};
use futures_util::StreamExt;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// How many.
pub(crate) const CLIENTS: usize = 200;

/// How often each asks for the status.
pub(crate) const ASK_EVERY: Duration = Duration::from_secs(1);

/// How often the operator sets the knob.
pub(crate) const SET_EVERY: Duration = Duration::from_millis(100);

/// All streams are open within this, or something is wrong.
const THERE_WITHIN: Duration = Duration::from_secs(20);

/// What they got.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) answers: u64,
    pub(crate) events: u64,
    pub(crate) sets: u64,
    pub(crate) refused: u64,
}

#[derive(Default)]
struct Counts {
    open: AtomicUsize,
    answers: AtomicU64,
    events: AtomicU64,
    sets: AtomicU64,
    refused: AtomicU64,
}

/// Clients at work.
pub(crate) struct Clients {
    tasks: JoinSet<Result<()>>,
    counts: Arc<Counts>,
    count: usize,
}

impl Clients {
    /// Starts so many, and the operator if there are any.
    pub(crate) fn start(address: SocketAddr, count: usize) -> Self {
        let (mut tasks, counts) = (JoinSet::new(), Arc::new(Counts::default()));
        for _ in 0..count {
            let base = format!("http://{address}/api/v1");
            tasks.spawn(asks(base.clone(), Arc::clone(&counts)));
            tasks.spawn(follows(base, Arc::clone(&counts)));
        }
        if count > 0 {
            tasks.spawn(sets(format!("http://{address}/api/v1"), Arc::clone(&counts)));
        }
        Self { tasks, counts, count }
    }

    /// Waits until every stream is open.
    pub(crate) async fn are_there(&self) -> Result<()> {
        let begun = Instant::now();
        while self.counts.open.load(Ordering::Relaxed) < self.count {
            ensure!(begun.elapsed() < THERE_WITHIN, "not every stream of events opens");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// What they got; all of them are still there.
    pub(crate) async fn finish(mut self) -> Result<Seen> {
        // None of them ends by itself.
        if let Some(ended) = self.tasks.try_join_next() {
            ended?.context("a client left")?;
        }
        self.tasks.shutdown().await;
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let Counts { answers, events, sets, refused, .. } = &*self.counts;
        Ok(Seen { answers: read(answers), events: read(events), sets: read(sets), refused: read(refused) })
    }
}

async fn asks(base: String, counts: Arc<Counts>) -> Result<()> {
    let client = reqwest::Client::new();
    loop {
        let answer = client.get(format!("{base}/runs")).send().await?.error_for_status()?;
        answer.bytes().await?;
        counts.answers.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(ASK_EVERY).await;
    }
}

async fn follows(base: String, counts: Arc<Counts>) -> Result<()> {
    let answer = reqwest::get(format!("{base}/events")).await?.error_for_status()?;
    counts.open.fetch_add(1, Ordering::Relaxed);
    let mut stream = answer.bytes_stream();
    while let Some(piece) = stream.next().await {
        let events = piece?.windows(5).filter(|bytes| bytes == b"data:").count();
        counts.events.fetch_add(events as u64, Ordering::Relaxed);
    }
    anyhow::bail!("the stream of events ended")
}

/// There is nothing to set before the run is there, nor after its end.
async fn sets(base: String, counts: Arc<Counts>) -> Result<()> {
    let client = reqwest::Client::new();
    let runs: serde_json::Value = client.get(format!("{base}/runs")).send().await?.json().await?;
    let database = runs["databases"][0]["name"].as_str().context("the name of the database")?;
    let knob = format!("{base}/runs/{database}/{}/set", job::NAME);
    loop {
        let body = json!({ "values": { "pace.duty": 1.0 }, "reason": "as it is" });
        let answer = client.post(&knob).json(&body).send().await?;
        let count = if answer.status().is_success() { &counts.sets } else { &counts.refused };
        count.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(SET_EVERY).await;
    }
}
