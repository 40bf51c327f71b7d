//! A law at the wheel of a [`World`], and what came of it. Knows no promises.

use super::server::{OverTime, Server, TICK, World};
use crate::pace::law::{Law, Speed};
use crate::pace::signal::{Limit, OnUnknown, Reading, Seen, Statistic};
use crate::quantity::Quantity;
use std::time::{Duration, Instant};

/// Seconds of a run, and those of its beginning that are left out of what it reached.
pub const RUN: f64 = 300.0;
pub const WARM_UP: f64 = 60.0;

/// Steps between two readings of the lag, two probes, two verdicts.
const LAG_EVERY: u32 = 50;
const PROBE_EVERY: u32 = 100;
const JUDGE_EVERY: u32 = 10;
const A_SECOND: u32 = 100;

/// A server, its limits and its sensors.
#[derive(Clone)]
pub struct Trial {
    pub server: Server,
    pub lag_max: Option<f64>,
    pub probe_max: Option<f64>,
    /// The sensor of the lag tells it in steps of its own period.
    pub coarse: bool,
    /// The lag cannot be read while this is above 0.
    pub silent: OverTime,
    pub seed: u64,
}

/// What came of a run.
#[derive(Default)]
pub struct Outcome {
    /// Written a second, after the warm-up.
    pub throughput: f64,
    /// The greatest lag.
    pub lag: f64,
    /// Batches that began while the lag last seen was over its limit, or unknown.
    pub begun_blind: u32,
    /// Seconds held, after the warm-up.
    pub held: f64,
    /// What the law allowed in each second.
    pub speeds: Vec<f64>,
    /// When batches began.
    pub begun_at: Vec<f64>,
    /// What the probes saw after the warm-up.
    pub probes: Vec<f64>,
    /// The lag that was last seen, every second.
    pub lags_seen: Vec<f64>,
}

/// Lets the law drive; or, to know what the server could sustain, keeps one effort all the time.
pub fn drive(trial: &Trial, constant: Option<f64>) -> Outcome {
    let start = Instant::now();
    let mut law = Law::new(limits(trial), trial.server.workers, start);
    let mut world = World::new(trial.server.clone(), trial.seed);
    let mut outcome = Outcome::default();
    let (mut held, mut speed, mut lag_seen, mut warm) = (true, speed_of(0.25), f64::INFINITY, 0.0);
    for step in 0..(RUN / TICK) as u32 {
        let now = start + Duration::from_secs_f64(world.now);
        let heard = sense(trial, step, &mut world, now, &mut outcome);
        lag_seen = heard.iter().find(|reading| &*reading.signal == "lag").map_or(lag_seen, seen);
        let judges = step.is_multiple_of(JUDGE_EVERY) || !heard.is_empty();
        heard.into_iter().for_each(|reading| law.note(reading));
        if judges {
            let verdict = law.judge(now, true);
            (held, speed) = (!verdict.held.is_empty(), verdict.speed);
            if let Some(effort) = constant {
                (held, speed) = (false, speed_of(effort));
            }
        }
        if world.now <= WARM_UP {
            warm = world.done;
        }
        let begun = world.begun;
        world.step(speed, held);
        if world.begun > begun {
            outcome.begun_at.push(world.now);
            outcome.begun_blind += u32::from(trial.lag_max.is_some_and(|max| lag_seen > max));
        }
        note(&mut outcome, step, &world, held, speed, lag_seen);
    }
    outcome.throughput = (world.done - warm) / (RUN - WARM_UP);
    outcome
}

fn note(outcome: &mut Outcome, step: u32, world: &World, held: bool, speed: Speed, lag_seen: f64) {
    outcome.lag = outcome.lag.max(world.lag());
    if held && world.now > WARM_UP {
        outcome.held += TICK;
    }
    if step.is_multiple_of(A_SECOND) {
        outcome.speeds.push(0.0);
        outcome.lags_seen.push(lag_seen);
    }
    if let (Some(second), false) = (outcome.speeds.last_mut(), held) {
        *second += f64::from(speed.workers) * speed.share * TICK;
    }
}

fn sense(trial: &Trial, step: u32, world: &mut World, at: Instant, outcome: &mut Outcome) -> Vec<Reading> {
    let mut heard = Vec::new();
    if trial.lag_max.is_some() && step % LAG_EVERY == 7 {
        let value = world.read_lag(trial.coarse);
        let silent = (trial.silent)(world.now) > 0.0;
        let seen = if silent { Seen::Unknown("no answer".into()) } else { Seen::Value { value, of: None } };
        heard.push(Reading { signal: "lag".into(), at, seen });
    }
    if trial.probe_max.is_some() && step % PROBE_EVERY == 13 {
        let value = world.probe();
        if world.now > WARM_UP {
            outcome.probes.push(value);
        }
        heard.push(Reading { signal: "probe".into(), at, seen: Seen::Value { value, of: None } });
    }
    heard
}

fn seen(reading: &Reading) -> f64 {
    match reading.seen {
        Seen::Value { value, .. } => value,
        Seen::Unknown(_) => f64::INFINITY,
    }
}

fn limits(trial: &Trial) -> Vec<Limit> {
    let limit = |signal: &str, max, statistic| {
        let (max, max_hold) = (Quantity::seconds(max), Duration::from_secs(1800));
        Limit { signal: signal.into(), max, on_unknown: OnUnknown::Hold, max_hold, statistic }
    };
    let lag = trial.lag_max.map(|max| limit("lag", max, Statistic::Latest));
    let probe = trial.probe_max.map(|max| limit("probe", max, Statistic::P95));
    lag.into_iter().chain(probe).collect()
}

fn speed_of(effort: f64) -> Speed {
    Speed { workers: effort.ceil() as u32, share: effort / effort.ceil() }
}
