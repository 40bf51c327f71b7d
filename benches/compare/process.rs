//! What did a process need? Its time, its peak memory, what it said and when. Knows no program in particular.

use anyhow::{Context, Result, ensure};
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How often the memory is looked at. The kernel keeps the peak, so only what a process takes in its last moment is missed.
const MEMORY_INTERVAL: Duration = Duration::from_millis(20);

/// A process that has ended well.
pub(crate) struct Ended {
    /// From its start to its end.
    pub(crate) took: Duration,
    /// Where the system tells it.
    pub(crate) peak_memory: Option<u64>,
    pub(crate) stdout: String,
    /// When it first said each of the words that were listened for.
    pub(crate) said_at: Vec<Option<Instant>>,
}

/// Starts a process and waits for its end, listening for words on its standard output. Nobody waits any more: it is killed.
///
/// # Errors
/// When it does not start, or ends in any other way than well: with what it said.
pub(crate) async fn run(mut command: Command, words: &[&'static str]) -> Result<Ended> {
    let begun = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = Running(child.with_context(|| format!("{} does not start", command.get_program().display()))?);
    let stdout = child.0.stdout.take().context("its output")?;
    let stderr = child.0.stderr.take().context("its errors")?;
    let words = words.to_vec();
    let listening = tokio::task::spawn_blocking(move || listen(stdout, &words));
    let errors = tokio::task::spawn_blocking(move || read(stderr));

    let mut peak_memory = None;
    while !listening.is_finished() {
        peak_memory = peak_memory_of(child.0.id()).or(peak_memory);
        tokio::time::sleep(MEMORY_INTERVAL).await;
    }
    let Heard { stdout, said_at, ended } = listening.await??;
    let (status, errors) = (child.0.wait()?, errors.await??);
    let arguments: Vec<_> = command.get_args().collect();
    ensure!(status.success(), "{} {arguments:?} ended with {status}: {errors}", command.get_program().display());
    Ok(Ended { took: ended - begun, peak_memory, stdout, said_at })
}

/// A process that is killed when nobody waits for it any more.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already, as a rule.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Heard {
    stdout: String,
    said_at: Vec<Option<Instant>>,
    /// Nobody can say anything any more: the process has ended.
    ended: Instant,
}

fn listen(mut stdout: impl Read, words: &[&str]) -> Result<Heard> {
    let (mut said, mut said_at) = (Vec::new(), vec![None; words.len()]);
    let mut piece = [0; 4096];
    loop {
        let length = stdout.read(&mut piece)?;
        let now = Instant::now();
        if length == 0 {
            return Ok(Heard { stdout: String::from_utf8_lossy(&said).into_owned(), said_at, ended: now });
        }
        let fresh_from = said.len().saturating_sub(longest(words));
        said.extend_from_slice(&piece[..length]);
        let fresh = String::from_utf8_lossy(&said[fresh_from..]);
        for (word, at) in words.iter().zip(&mut said_at) {
            if at.is_none() && fresh.contains(word) {
                *at = Some(now);
            }
        }
    }
}

fn read(mut from: impl Read) -> Result<String> {
    let mut said = String::new();
    from.read_to_string(&mut said)?;
    Ok(said)
}

/// So much of what was heard may be the first half of a word.
fn longest(words: &[&str]) -> usize {
    words.iter().map(|word| word.len()).max().unwrap_or_default()
}

/// From `VmHWM:    13208 kB`. Nothing where there is no `/proc`, nor when the process has just ended.
pub(crate) fn peak_memory_of(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}
