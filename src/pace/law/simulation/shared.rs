//! Do several runs on one server stay within its limit together, and does each get its part? Each has a law of its own and
//! does 1/n of what that allows, as the gate does; n is known a second late.

use super::server::{Server, TICK, World};
use super::{most, replays};
use crate::pace::law::{Law, Speed};
use crate::pace::signal::{Limit, OnUnknown, Reading, Seen, Statistic};
use crate::quantity::Quantity;
use std::time::{Duration, Instant};

/// Seconds of a trial; when the other runs begin; from when on the parts are compared.
const LASTS: f64 = 600.0;
const JOINS: [f64; 3] = [0.0, 20.0, 100.0];
const SETTLED: f64 = 200.0;

const SEEDS: [u64; 3] = [11, 12, 13];

/// Until the others know of a run that has begun: its own turn, a heartbeat at once, and their next look.
const KNOWN_AFTER: f64 = 1.0;

/// Steps between two readings and between two verdicts.
const READ_EVERY: u32 = 50;
const JUDGE_EVERY: u32 = 10;

/// No run gets less than this of an even part. Mostly they get more than 0.8; but the laws do not know each other's
/// speed, so where one settled a little higher nothing brings it down again: 0.64 was seen.
const LEAST_PART: f64 = 0.5;

/// The limit of the lag in seconds.
const LAG_MAX: f64 = 2.0;

#[derive(Default)]
struct Shared {
    /// The greatest lag.
    lag: f64,
    /// What each run wrote, once settled.
    done: Vec<f64>,
}

#[test]
fn runs_that_share_a_replica_keep_its_lag_and_share_it_evenly() {
    let servers = [(2, 1, 0.25, 0.8), (2, 2, 0.25, 1.0), (2, 2, 0.5, 1.6), (2, 4, 0.25, 2.0), (3, 2, 0.25, 1.6)];
    for ((runs, workers, batch, sustained), joins) in
        servers.iter().flat_map(|server| JOINS.map(|joins| (*server, joins)))
    {
        for seed in SEEDS {
            let title = format!(
                "{runs} runs of {workers} workers, joined at {joins}s, batches {batch}s, replica of {sustained}"
            );
            let Shared { lag, done } = drive(runs, workers, batch, sustained, joins, seed);
            let (total, least) = (done.iter().sum::<f64>(), done.iter().copied().fold(f64::INFINITY, f64::min));
            let part = least / total * runs as f64;
            tell(&title, lag, total / (LASTS - SETTLED) / sustained, part);
            // A batch of each may be in hand when the limit is passed.
            assert!(lag <= most(LAG_MAX, batch * runs as f64), "{title}: lag {lag}");
            assert!(part > LEAST_PART, "{title}: the least part is {part} of an even one");
            assert!(total >= 0.85 * sustained * (LASTS - SETTLED), "{title}: {total}");
        }
    }
}

fn drive(runs: usize, workers: u32, batch: f64, sustained: f64, joins: f64, seed: u64) -> Shared {
    let start = Instant::now();
    let server = Server { workers: workers * runs as u32, batch, replays: Some(replays(sustained)), application: None };
    let mut world = World::new(server, seed);
    // A law begins with its run.
    let begins = |run: usize| start + Duration::from_secs_f64(if run == 0 { 0.0 } else { joins });
    let mut laws: Vec<_> = (0..runs).map(|run| Law::new(vec![limit()], workers, begins(run))).collect();
    let mut allowed = vec![(Speed { workers: 1, share: 0.25 }, true); runs];
    let mut known = vec![1; runs];
    let mut shared = Shared { lag: 0.0, done: vec![0.0; runs] };
    for step in 0..(LASTS / TICK) as u32 {
        let now = start + Duration::from_secs_f64(world.now);
        if step % READ_EVERY == 7 {
            let seen = Seen::Value { value: world.read_lag(false), of: None };
            let reading = Reading { signal: "lag".into(), at: now, seen };
            laws.iter_mut().for_each(|law| law.note(reading.clone()));
        }
        if step.is_multiple_of(JUDGE_EVERY) {
            for (run, law) in laws.iter_mut().enumerate() {
                let begun = run == 0 || world.now >= joins;
                let shares = sharers(run, runs, joins, world.now);
                if shares > std::mem::replace(&mut known[run], shares) {
                    law.make_room(now);
                }
                let verdict = law.judge(now, begun);
                allowed[run] = (part_of(verdict.speed, shares), !begun || !verdict.held.is_empty());
            }
        }
        let busy = world.step_each(&allowed);
        shared.lag = shared.lag.max(world.lag());
        if world.now > SETTLED {
            shared.done.iter_mut().zip(busy).for_each(|(done, busy)| *done += busy * TICK);
        }
    }
    shared
}

/// As this run counts them: one that begins counts itself at once.
fn sharers(run: usize, runs: usize, joins: f64, now: f64) -> usize {
    let known = if run == 0 { joins + KNOWN_AFTER } else { joins };
    if now >= known { runs } else { 1 }
}

fn part_of(speed: Speed, runs: usize) -> Speed {
    Speed { share: speed.share / runs as f64, ..speed }
}

fn limit() -> Limit {
    let (max, max_hold) = (Quantity::seconds(LAG_MAX), Duration::from_secs(1800));
    Limit { signal: "lag".into(), max, on_unknown: OnUnknown::Hold, max_hold, statistic: Statistic::Latest }
}

#[expect(clippy::print_stdout, reason = "the table is what one runs this test by hand for")]
fn tell(title: &str, lag: f64, used: f64, part: f64) {
    println!("{title:<80} lag {lag:5.2}s, used {:4.0} %, least part {:4.0} %", 100.0 * used, 100.0 * part);
}
