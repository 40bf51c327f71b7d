//! A server in a box: workers that write, a replica that replays, an application that suffers. Knows no law.

use crate::pace::law::Speed;
use std::collections::VecDeque;

/// Seconds of a step: small enough that a batch of 50 ms and the rest after it are told apart.
pub const TICK: f64 = 0.01;

/// Batches take up to so much longer, or shorter, than they should.
pub const JITTER: f64 = 0.2;

/// What was written is on its way to the replica for so many seconds.
const WAY: f64 = 0.03;

/// The disk and its caches answer to the load of about the last second.
const LOAD_MEMORY: f64 = 1.0;

/// A value that depends on the time.
pub type OverTime = fn(f64) -> f64;

/// How a server answers to load. One busy worker writes 1 a second.
#[derive(Clone)]
pub struct Server {
    pub workers: u32,
    /// Seconds a batch takes.
    pub batch: f64,
    /// What the replica replays a second.
    pub replays: Option<OverTime>,
    pub application: Option<Application>,
}

/// How the application's own latency answers to load; a load of 1 is all there is.
#[derive(Clone)]
pub struct Application {
    /// Without us.
    pub load: OverTime,
    /// Of all our workers together.
    pub ours: f64,
    /// Seconds of a query at a load.
    pub latency: fn(f64) -> f64,
}

/// A server at work.
pub struct World {
    pub server: Server,
    pub now: f64,
    /// What was written.
    pub done: f64,
    /// How many batches were begun.
    pub begun: u32,
    workers: Vec<Worker>,
    replayed: f64,
    /// When was how much written: every step, and at every reading of the lag.
    written: VecDeque<(f64, f64)>,
    read: VecDeque<(f64, f64)>,
    wrote: f64,
    load: f64,
    chance: Chance,
}

#[derive(Clone, Copy)]
struct Worker {
    until: f64,
    took: f64,
}

impl World {
    pub fn new(server: Server, seed: u64) -> Self {
        Self {
            workers: vec![Worker { until: 0.0, took: 0.0 }; server.workers as usize],
            server,
            now: 0.0,
            done: 0.0,
            begun: 0,
            replayed: 0.0,
            written: VecDeque::new(),
            read: VecDeque::new(),
            wrote: f64::NEG_INFINITY,
            load: 0.0,
            chance: Chance(seed),
        }
    }

    pub fn step(&mut self, speed: Speed, held: bool) {
        self.step_each(&[(speed, held)]);
    }

    /// The workers are those of several runs, each with as many; how many of each were busy.
    pub fn step_each(&mut self, runs: &[(Speed, bool)]) -> Vec<f64> {
        let each = self.workers.len() / runs.len();
        let busy_of = |run: usize, world: &mut Self| {
            let (speed, held) = runs[run];
            (0..each).filter(|number| world.works(run * each + number, *number, speed, held)).count() as f64
        };
        let busy_by: Vec<f64> = (0..runs.len()).map(|run| busy_of(run, self)).collect();
        let busy: f64 = busy_by.iter().sum();
        self.done += busy * TICK;
        let replays = self.server.replays.map_or(f64::INFINITY, |replays| replays(self.now));
        self.replayed = (self.replayed + replays * TICK).min(self.done);
        self.load += (busy / f64::from(self.server.workers) - self.load) * TICK / LOAD_MEMORY;
        self.now += TICK;
        if busy > 0.0 {
            self.wrote = self.now;
        }
        self.written.push_back((self.now, self.done));
        forget(&mut self.written, self.replayed, self.now);
        busy_by
    }

    /// `number`: which of its run's workers it is.
    fn works(&mut self, worker: usize, number: usize, speed: Speed, held: bool) -> bool {
        let Worker { until, took } = self.workers[worker];
        if until > self.now {
            return true;
        }
        let rested = until + took * (1.0 - speed.share) / speed.share <= self.now;
        if held || number >= speed.workers as usize || !rested {
            return false;
        }
        let took = self.server.batch * (1.0 + JITTER * (2.0 * self.chance.even() - 1.0));
        self.workers[worker] = Worker { until: self.now + took, took };
        self.begun += 1;
        true
    }

    /// The age of the newest position that was replayed.
    pub fn lag(&self) -> f64 {
        let oldest = self.written.front().filter(|_| self.replayed < self.done);
        oldest.map_or(0.0, |(at, _)| self.now - at)
    }

    /// The same as a sensor tells it that knows the positions of its own readings: on the line between two of them, or
    /// (`coarse`) at the older of them.
    pub fn read_lag(&mut self, coarse: bool) -> f64 {
        self.read.push_back((self.now, self.done));
        forget(&mut self.read, self.replayed, self.now - WAY);
        let (Some((at, position)), false) =
            (self.read.front(), self.replayed >= self.done && self.wrote < self.now - WAY)
        else {
            return 0.0;
        };
        match self.read.get(1).filter(|(_, next)| !coarse && next > position) {
            Some((next_at, next)) => {
                let part = ((self.replayed - position) / (next - position)).clamp(0.0, 1.0);
                (self.now - at - (next_at - at) * part).max(WAY)
            }
            None => self.now - at,
        }
    }

    /// How long the application's query takes now: with noise, and one in 200 ten times as long whatever we do.
    pub fn probe(&mut self) -> f64 {
        let Some(application) = &self.server.application else { return 0.0 };
        let load = (application.load)(self.now) + self.load * application.ours;
        let outlier = if self.chance.even() < 0.005 { 10.0 } else { 1.0 };
        (application.latency)(load) * (0.2 * self.chance.normal()).exp() * outlier
    }
}

/// Forgets positions before the newest one that was replayed.
fn forget(positions: &mut VecDeque<(f64, f64)>, replayed: f64, arrived: f64) {
    while positions.get(1).is_some_and(|(at, position)| *position <= replayed && *at <= arrived) {
        positions.pop_front();
    }
}

/// Chance that is the same every time: SplitMix64.
struct Chance(u64);

impl Chance {
    /// From 0 up to 1.
    fn even(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Mean 0, standard deviation 1.
    fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.even()).ln()).sqrt() * (std::f64::consts::TAU * self.even()).cos()
    }
}
