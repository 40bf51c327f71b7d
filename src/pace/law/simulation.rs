//! Does the law keep its promises on servers that answer to load? Time is simulated and chance is seeded, so every run
//! is the same. `cargo test --lib simulation -- --nocapture` prints what each came to.

mod drive;
mod server;
mod shared;
mod swing;

use drive::{Outcome, RUN, Trial, WARM_UP, drive};
use server::{Application, JITTER, OverTime, Server, World};
use swing::swings;

/// What must be reached of what the server could sustain.
const REACHED: f64 = 0.85;

/// A lag is seen up to so many seconds late: a reading apart.
const SEEN_LATE: f64 = 0.5;

/// Lows that follow each other faster than the period: two may be chance, three are a swing that repeats.
const SWINGS: usize = 1;

#[test]
fn a_replica_keeps_its_lag_and_the_run_uses_what_it_sustains() {
    for (name, part) in [("any speed", f64::INFINITY), ("80 %", 0.8), ("half", 0.5), ("a quarter", 0.25)] {
        for (workers, batch, max) in every([1, 2, 4], [0.05, 0.25, 0.5, 1.0], [2.0, 10.0]) {
            let sustained = part.min(1.0) * f64::from(workers);
            // Lag that one batch makes all alone. Where that is most of the limit, no speed is slow enough.
            let alone = batch * (1.0 + JITTER) * (1.0 / sustained - 1.0);
            if alone > max / 2.0 {
                continue;
            }
            let outcome = drive(&replica(workers, batch, max, replays(sustained)), None);
            let title = format!("replica of {name}, {workers} workers, batches {batch}s, max {max}s");
            tell(&title, &outcome, sustained);
            keeps_its_lag(&title, &outcome, most(max, batch));
            reaches(&title, &outcome, sustained);
            assert!(swings(&outcome.speeds[WARM_UP as usize..]) <= SWINGS, "{title}");
        }
    }
}

#[test]
fn a_lag_that_is_told_in_steps_of_half_a_second_does_not_mislead() {
    for (name, sustained) in [("any speed", 1e9), ("80 %", 1.6), ("half", 1.0)] {
        let trial = Trial { coarse: true, ..replica(2, 0.5, 2.0, replays(sustained)) };
        let outcome = drive(&trial, None);
        let title = format!("replica of {name}, coarse sensor, 2 workers, batches 0.5s, max 2s");
        tell(&title, &outcome, sustained.min(2.0));
        keeps_its_lag(&title, &outcome, most(2.0, 0.5));
        reaches(&title, &outcome, sustained.min(2.0));
    }
}

#[test]
fn a_replica_that_stalls_holds_the_run_until_it_has_caught_up() {
    for (workers, batch, max) in every([1, 2, 4], [0.05, 0.5, 1.0], [2.0, 10.0]) {
        let stalls: OverTime = |now| if (150.0..170.0).contains(&now) { 0.0 } else { 6.0 };
        let outcome = drive(&replica(workers, batch, max, stalls), None);
        let title = format!("replica that stalls, {workers} workers, batches {batch}s, max {max}s");
        let sustained = f64::from(workers) * (1.0 - 20.0 / (RUN - WARM_UP));
        tell(&title, &outcome, sustained);
        assert_eq!(outcome.begun_blind, 0, "{title}");
        reaches(&title, &outcome, sustained);
        let fell = 170 + outcome.lags_seen[170..].iter().position(|lag| *lag <= max / 2.0).expect("it catches up");
        let goes_on = outcome.begun_at.iter().find(|at| **at > 170.0).expect("the run goes on");
        assert!(*goes_on < fell as f64 + 2.0, "{title}: lag fell at {fell}, went on at {goes_on}");
    }
}

#[test]
fn a_replica_that_loses_half_of_what_it_replays_holds_no_longer_than_the_backlog() {
    for (batch, max) in [(0.05, 2.0), (0.5, 2.0), (1.0, 2.0), (0.5, 10.0)] {
        let drops: OverTime = |now| if (150.0..220.0).contains(&now) { 0.8 } else { 1.6 };
        let outcome = drive(&replica(2, batch, max, drops), None);
        let title = format!("replica that drops to half and recovers, 2 workers, batches {batch}s, max {max}s");
        let sustained = 1.6 - 0.8 * 70.0 / (RUN - WARM_UP);
        tell(&title, &outcome, sustained);
        // What was written within the limit takes twice as long to replay at half the speed; no law can undo that.
        keeps_its_lag(&title, &outcome, 2.0 * most(max, batch));
        reaches(&title, &outcome, sustained);
    }
}

#[test]
fn no_batch_begins_while_the_lag_is_unknown_and_the_run_goes_on_at_the_speed_it_had() {
    let silent: OverTime = |now| f64::from(u8::from((150.0..190.0).contains(&now)));
    let trial = Trial { silent, ..replica(2, 0.5, 2.0, |_| 1e9) };
    let outcome = drive(&trial, None);
    assert_eq!(outcome.begun_blind, 0);
    let goes_on = outcome.begun_at.iter().find(|at| **at > 152.0).expect("the run goes on");
    assert!((190.0..191.0).contains(goes_on), "{goes_on}");
    assert!((outcome.speeds[192] - outcome.speeds[149]).abs() < 1e-9);
}

#[test]
fn the_application_keeps_its_latency_and_the_run_uses_what_is_left() {
    for (name, latency) in [("a queue", queue as fn(f64) -> f64), ("a knee", knee)] {
        for (workers, batch, half) in every([1, 2, 4], [0.05, 0.5], [false, true]) {
            let replays = half.then_some(replays(f64::from(workers) / 2.0)).filter(|_| batch > 0.1);
            if half && replays.is_none() {
                continue;
            }
            let trial = loaded(workers, batch, latency, |_| 0.2, replays);
            let sustained = best(&trial).min(if half { f64::from(workers) / 2.0 } else { f64::INFINITY });
            let beside = if half { " beside a replica of half" } else { "" };
            let title = format!("latency of {name}{beside}, {workers} workers, batches {batch}s");
            let outcomes = [1, 2, 3].map(|seed| drive(&Trial { seed, ..trial.clone() }, None));
            settles(&title, &outcomes, &trial, sustained);
            assert!(outcomes.iter().all(|outcome| swings(&outcome.speeds[WARM_UP as usize..]) <= SWINGS), "{title}");
        }
    }
}

#[test]
fn bursts_of_the_application_get_their_room_and_the_run_comes_back() {
    for (name, latency) in [("a queue", queue as fn(f64) -> f64), ("a knee", knee)] {
        for (workers, half) in [(1, false), (2, false), (4, false), (2, true)] {
            let bursts: OverTime = |now| if now % 90.0 < 30.0 { 0.45 } else { 0.15 };
            let replays = half.then_some(replays(f64::from(workers) / 2.0));
            let trial = loaded(workers, 0.25, latency, bursts, replays);
            let beside = if half { " beside a replica of half" } else { "" };
            let title = format!("latency of {name} under bursts{beside}, {workers} workers, batches 0.25s");
            let sustained = best(&trial).min(if half { f64::from(workers) / 2.0 } else { f64::INFINITY });
            let outcomes = [1, 2, 3].map(|seed| drive(&Trial { seed, ..trial.clone() }, None));
            settles(&title, &outcomes, &trial, sustained);
        }
    }
}

/// Noise decides the single run, the law their mean.
fn settles(title: &str, outcomes: &[Outcome], trial: &Trial, sustained: f64) {
    let mean = outcomes.iter().map(|outcome| outcome.throughput).sum::<f64>() / outcomes.len() as f64;
    for outcome in outcomes {
        tell(title, outcome, sustained);
        if let Some(max) = trial.lag_max {
            keeps_its_lag(title, outcome, most(max, trial.server.batch));
        }
        let over = over(&outcome.probes, trial.probe_max.expect("a probe"));
        assert!(over < 0.1, "{title}: {over} of the probes are over the limit");
    }
    assert!(mean >= REACHED * sustained, "{title}: {mean} of {sustained}");
}

/// The limit, the longest batch that was in hand when it was passed, and that it is seen late.
fn most(max: f64, batch: f64) -> f64 {
    max + batch * (1.0 + JITTER) + SEEN_LATE
}

fn keeps_its_lag(title: &str, outcome: &Outcome, most: f64) {
    assert_eq!(outcome.begun_blind, 0, "{title}");
    assert!(outcome.lag <= most, "{title}: lag {} > {most}", outcome.lag);
}

fn reaches(title: &str, outcome: &Outcome, sustained: f64) {
    assert!(outcome.throughput >= REACHED * sustained, "{title}: {} of {sustained}", outcome.throughput);
}

#[expect(clippy::print_stdout, reason = "the table is what one runs this test by hand for")]
fn tell(title: &str, outcome: &Outcome, sustained: f64) {
    let part = 100.0 * outcome.throughput / sustained;
    let (lag, held, swings) = (outcome.lag, outcome.held, swings(&outcome.speeds[WARM_UP as usize..]));
    println!("{title:<75} {part:4.0} % of {sustained:.2}, lag {lag:5.2}s, held {held:5.1}s, swings {swings}");
}

fn every<A: Copy, B: Copy, C: Copy, const N: usize, const M: usize, const L: usize>(
    first: [A; N],
    second: [B; M],
    third: [C; L],
) -> Vec<(A, B, C)> {
    first.iter().flat_map(|a| second.iter().flat_map(|b| third.iter().map(|c| (*a, *b, *c)))).collect()
}

fn replica(workers: u32, batch: f64, max: f64, replays: OverTime) -> Trial {
    let server = Server { workers, batch, replays: Some(replays), application: None };
    Trial { server, lag_max: Some(max), probe_max: None, coarse: false, silent: |_| 0.0, seed: 7 }
}

/// A replica that replays the same all the time.
fn replays(sustained: f64) -> OverTime {
    match (sustained * 100.0) as u32 {
        25 => |_| 0.25,
        50 => |_| 0.5,
        80 => |_| 0.8,
        100 => |_| 1.0,
        160 => |_| 1.6,
        200 => |_| 2.0,
        320 => |_| 3.2,
        _ => |_| 1e9,
    }
}

/// With a limit of three times the idle p95, and one on the lag where there is a replica.
fn loaded(workers: u32, batch: f64, latency: fn(f64) -> f64, load: OverTime, replays: Option<OverTime>) -> Trial {
    let application = Application { load, ours: 0.9, latency };
    let mut idle = World::new(Server { workers, batch, replays: None, application: Some(application.clone()) }, 5);
    let mut probes: Vec<f64> = (0..2000).map(|_| idle.probe()).collect();
    probes.sort_by(f64::total_cmp);
    let server = Server { workers, batch, replays, application: Some(application) };
    let (lag_max, probe_max) = (replays.map(|_| 2.0), Some(3.0 * probes[probes.len() * 95 / 100]));
    Trial { server, lag_max, probe_max, coarse: false, silent: |_| 0.0, seed: 1 }
}

/// The greatest constant speed at which the p95 of all probes keeps the limit.
fn best(trial: &Trial) -> f64 {
    let full = f64::from(trial.server.workers);
    let alone = Trial { lag_max: None, server: Server { replays: None, ..trial.server.clone() }, ..trial.clone() };
    let max = trial.probe_max.expect("a probe");
    let (mut keeps, mut breaks, mut reached) = (0.0, full, 0.0);
    for _ in 0..7 {
        let effort = (keeps + breaks) / 2.0;
        let outcome = drive(&alone, Some(effort));
        if over(&outcome.probes, max) <= 0.05 {
            (keeps, reached) = (effort, outcome.throughput);
        } else {
            breaks = effort;
        }
    }
    reached
}

fn over(probes: &[f64], max: f64) -> f64 {
    probes.iter().filter(|probe| **probe > max).count() as f64 / probes.len() as f64
}

fn queue(load: f64) -> f64 {
    0.002 / (1.0 - load.min(0.97))
}

fn knee(load: f64) -> f64 {
    0.002 * (1.0 + 0.3 * load) * (1.0 + 25.0 * (load - 0.7).max(0.0))
}
