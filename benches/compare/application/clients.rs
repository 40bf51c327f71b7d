//! Who is the application? pgbench, which asks for a fixed number of transactions a second, whatever else goes on.

use super::transactions::{self, Transaction};
use crate::postgres::program;
use anyhow::{Context, Result, bail, ensure};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How many connections: as in a small pool. Two would be busy all the time at latencies of 10 ms, and the figures would
/// be those of a queue for connections.
pub(super) const CLIENTS: u32 = 8;

/// Transactions a second. A small share of what two cores can do, so that idle means idle; a thousand in five seconds, so
/// that there is a 99th percentile.
pub(super) const RATE: u32 = 200;

/// pgbench ends by itself after this time if nobody is left to end it.
const AT_MOST: &str = "7200";

/// How often the log is looked at. pgbench writes to it every 4 kB, which are half a second.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Time to catch up with what was due while the server did not answer.
const CATCH_UP: Duration = Duration::from_secs(300);

/// The application at work. It ends when this is dropped.
pub(super) struct Clients {
    pgbench: Child,
    log: PathBuf,
}

impl Clients {
    /// Starts them on that script. It and their log go to the folder.
    pub(super) fn start(url: &str, folder: &Path, script: &str) -> Result<Self> {
        let (log, file) = (folder.join("transactions"), folder.join("application.sql"));
        std::fs::write(&file, script)?;
        // `-n`: the vacuum that pgbench begins with would be one more difference to an idle server.
        let pgbench = Command::new(program("pgbench"))
            .args(["-n", "-j", "1", "-T", AT_MOST, "--log", "--log-prefix"])
            .arg(&log)
            .arg("-f")
            .arg(&file)
            .args(["-c", &CLIENTS.to_string(), "--rate", &RATE.to_string(), url])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("pgbench does not start")?;
        let log = PathBuf::from(format!("{}.{}", log.display(), pgbench.id()));
        Ok(Self { pgbench, log })
    }

    /// Lets them work until everything that was due before a moment is done, and ends them; what they did.
    pub(super) async fn finish(mut self, due_before: Duration) -> Result<Vec<Transaction>> {
        let asked = Instant::now();
        loop {
            let log = std::fs::read_to_string(&self.log).context("pgbench keeps no log")?;
            let done = transactions::read(&log)?;
            if transactions::all_due_before(due_before, &done, CLIENTS) {
                return Ok(done);
            }
            self.check_they_are_there()?;
            ensure!(asked.elapsed() < CATCH_UP, "the application did not catch up within {CATCH_UP:?}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn check_they_are_there(&mut self) -> Result<()> {
        let Some(status) = self.pgbench.try_wait()? else { return Ok(()) };
        let mut said = String::new();
        if let Some(mut stderr) = self.pgbench.stderr.take() {
            stderr.read_to_string(&mut said)?;
        }
        bail!("pgbench ended with {status}: {said}");
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        // It may have ended already. Its log lacks the last lines then, which nobody waits for.
        let _ = self.pgbench.kill();
        let _ = self.pgbench.wait();
    }
}
