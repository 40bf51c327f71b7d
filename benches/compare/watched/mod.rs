//! What do people who look cost? The same job on the same table by `tidegate serve`, alone and while two hundred clients follow
//! its status and its events and somebody changes a knob all the time.
//!
//! Reading order: this file (one round), [`clients`] (who looks), [`report`] (the table).

mod clients;
mod report;

use crate::arena::Arena;
use crate::contestant::Contestant;
use crate::contestant::job::{self, Manner};
use crate::ground::Ground;
use crate::program;
use anyhow::{Context, Result, ensure};
use clients::Clients;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) use report::Report;

/// As many workers as two cores carry.
const WORKERS: u32 = 2;

/// How often it is looked whether the run has ended; the time itself is the server's.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A server that takes longer to be ready has a reason, which it says.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// One round.
pub(crate) struct Round {
    alone: Duration,
    watched: Duration,
    /// What the clients got in the meantime.
    seen: clients::Seen,
}

/// Measures one round; every second one begins with the clients.
pub(crate) async fn round(arena: &mut Arena, number: u32) -> Result<Round> {
    if number.is_multiple_of(2) {
        let (alone, _) = one(arena, 0).await.context("alone")?;
        let (watched, seen) = one(arena, clients::CLIENTS).await.context("watched")?;
        return Ok(Round { alone, watched, seen });
    }
    let (watched, seen) = one(arena, clients::CLIENTS).await.context("watched")?;
    let (alone, _) = one(arena, 0).await.context("alone")?;
    Ok(Round { alone, watched, seen })
}

/// How long the run took beside so many clients, from its taking to its end.
async fn one(arena: &mut Arena, count: usize) -> Result<(Duration, clients::Seen)> {
    let mut ground = arena.fresh_ground().await?;
    let job = arena.folder().join("job.toml");
    let manner = Manner::plain(WORKERS);
    std::fs::write(&job, job::text(arena.shape, manner, Duration::ZERO))?;
    let server = Server::start(&ground.url)?;
    server.is_ready().await?;
    let clients = Clients::start(server.address, count);
    clients.are_there().await?;
    submit(&job, &ground.url)?;
    let took = ended(&mut ground).await?;
    let seen = clients.finish().await?;
    Contestant::Tidegate(manner).check(&mut ground, arena.shape, arena.rows, arena.to_change).await?;
    eprintln!("  {count} clients: {:.1} s", took.as_secs_f64());
    Ok((took, seen))
}

/// The time between the events, by the database's clock.
async fn ended(ground: &mut Ground) -> Result<Duration> {
    const TOOK: &str = "select coalesce((extract(epoch from r.ended_at - min(e.at)) * 1000)::bigint, -1) \
        from tidegate.run as r join tidegate.event as e on e.run_id = r.id and e.kind = 'taken' group by r.id, r.ended_at";
    loop {
        // Nothing is there before the run was taken.
        if let Some(took) = ground.number_if_any(TOOK).await?
            && let Ok(milliseconds) = u64::try_from(took)
        {
            return Ok(Duration::from_millis(milliseconds));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn submit(job: &Path, url: &str) -> Result<()> {
    let mut command = Command::new(program::PATH);
    let output = command.arg("submit").arg(job).env("DATABASE_URL", url).output().context("tidegate does not start")?;
    ensure!(output.status.success(), "tidegate submit: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// `tidegate serve`, killed when it is dropped.
struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    fn start(url: &str) -> Result<Self> {
        // Whoever takes the port in between makes the server say so.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let process = Command::new(program::PATH)
            .args(["serve", "--listen", &address.to_string()])
            .env("DATABASE_URL", url)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("tidegate does not start")?;
        Ok(Self { process, address })
    }

    async fn is_ready(&self) -> Result<()> {
        let begun = Instant::now();
        loop {
            let answer = reqwest::get(format!("http://{}/readyz", self.address)).await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            ensure!(begun.elapsed() < READY_WITHIN, "tidegate serve is not ready");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
