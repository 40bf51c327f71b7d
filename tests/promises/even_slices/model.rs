//! When does each worker end? Reckoned with the decisions of the engine and a time for each row, without a server.

use std::collections::VecDeque;
use std::time::Duration;
use tidegate::engine::{largest, least_half};

pub(super) const BATCH_ROWS: u32 = 5_000;

/// Seconds for one row of the usual cost: 100,000 a second.
const ROW_SECONDS: f64 = 1e-5;

/// Seconds for a split, and rows that its look-ups count at most; where more are left it gets all but half of these. A
/// sample of blocks finds the middle better than that, so this is the worst case.
const SPLIT_SECONDS: f64 = 0.025;
const MOST_COUNTED: u64 = 50_000;

/// What is left of a slice.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) rows: u64,
    /// So many times the usual time for each of them.
    pub(super) cost: f64,
}

struct Worker {
    /// Seconds since the start.
    now: f64,
    part: Part,
    ended: bool,
}

/// Seconds after which each worker ends.
pub(super) fn ends(slices: impl Iterator<Item = Part>, workers: u32, takes: bool) -> Vec<f64> {
    let mut waiting: VecDeque<_> = slices.collect();
    let new = |_| Worker { now: 0.0, part: Part { rows: 0, cost: 1.0 }, ended: false };
    let mut workers: Vec<_> = (0..workers).map(new).collect();
    while let Some(at) = next(&workers) {
        if workers[at].part.rows > 0 {
            let Worker { now, part, .. } = &mut workers[at];
            let rows = part.rows.min(BATCH_ROWS.into());
            *now += rows as f64 * ROW_SECONDS * part.cost;
            part.rows -= rows;
        } else if let Some(part) = waiting.pop_front() {
            workers[at].part = part;
        } else if !takes || !take_half(&mut workers, at) {
            workers[at].ended = true;
        }
    }
    workers.iter().map(|worker| worker.now).collect()
}

/// Who is the first to do something.
fn next(workers: &[Worker]) -> Option<usize> {
    let at_work = workers.iter().enumerate().filter(|(_, worker)| !worker.ended);
    at_work.min_by(|(_, one), (_, other)| one.now.total_cmp(&other.now)).map(|(at, _)| at)
}

fn take_half(workers: &mut [Worker], taker: usize) -> bool {
    let others = workers.iter().enumerate().filter(|(at, _)| *at != taker);
    let Some((from, _)) = largest(others.map(|(at, other)| (at, other.part.rows as f64))) else { return false };
    let part = workers[from].part;
    let took = Duration::from_secs_f64(f64::from(BATCH_ROWS) * ROW_SECONDS * part.cost);
    let least = least_half(BATCH_ROWS, Some(took));
    let below = part.rows.min(MOST_COUNTED.max(2 * least)) / 2;
    if below < least {
        return false;
    }
    workers[from].part.rows = below;
    workers[taker].part = Part { rows: part.rows - below, ..part };
    workers[taker].now += SPLIT_SECONDS;
    true
}
