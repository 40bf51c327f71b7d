//! How long did the application wait for each of its transactions? Reads pgbench's log, finds percentiles. Starts
//! nothing, asks no clock.

use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

/// One transaction of the application. Moments are counted from the start of 1970, as pgbench writes them.
pub(super) struct Transaction {
    client: u32,
    /// When it should have begun. It begins later when its client still waits for the one before.
    pub(super) scheduled: Duration,
    pub(super) ended: Duration,
}

/// How long transactions took from the moment they were due, the shortest first.
pub(super) struct Latencies(Vec<Duration>);

/// Reads a log that may be written still: a last line without an end is none yet.
pub(super) fn read(log: &str) -> Result<Vec<Transaction>> {
    let lines = log.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    lines.map(|line| transaction(line).with_context(|| format!("not a line of pgbench's log: {line}"))).collect()
}

/// From `client number latency script second microsecond lag`; with a rate, the latency counts from the schedule on.
fn transaction(line: &str) -> Option<Transaction> {
    let mut words = line.split_ascii_whitespace();
    let client = words.next()?.parse().ok()?;
    let latency = Duration::from_micros(words.nth(1)?.parse().ok()?);
    let second = Duration::from_secs(words.nth(1)?.parse().ok()?);
    let ended = second + Duration::from_micros(words.next()?.parse().ok()?);
    Some(Transaction { client, scheduled: ended.checked_sub(latency)?, ended })
}

/// Whether every transaction that was due before that moment is there. Due moments only grow, and a client takes one
/// transaction after the other: so this is when each client has ended one that was due later.
pub(super) fn all_due_before(moment: Duration, transactions: &[Transaction], clients: u32) -> bool {
    let newest: BTreeMap<u32, Duration> = transactions.iter().map(|one| (one.client, one.scheduled)).collect();
    newest.len() == clients as usize && newest.values().all(|scheduled| *scheduled >= moment)
}

impl Latencies {
    /// Of the transactions that were due in that time, whenever they ended: one that had to wait counts whole.
    pub(super) fn of_due_in(time: &Range<Duration>, transactions: &[Transaction]) -> Self {
        let due = transactions.iter().filter(|one| time.contains(&one.scheduled));
        let mut sorted: Vec<_> = due.map(|one| one.ended - one.scheduled).collect();
        sorted.sort();
        Self(sorted)
    }

    /// Of anything else that was timed.
    pub(super) fn of(mut times: Vec<Duration>) -> Self {
        times.sort();
        Self(times)
    }

    /// The smallest that at least so many of a hundred do not exceed; zero when there is none.
    pub(super) fn percentile(&self, percent: usize) -> Duration {
        let rank = (self.0.len() * percent).div_ceil(100);
        self.0.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
