//! One seed: a world is made, and whoever can go on does, one step at a time, in any order, until the run has ended. Faults
//! come for a while; then nobody disturbs any more.

use super::chance::Chance;
use super::fault::{KINDS, Kind};
use super::guard::Guard;
use super::outside;
use super::process::{Ground, Job};
use super::rules::{Broken, Rule};
use super::server::{Server, Touch};
use super::tables::{Fault, Holder, Row, RowKey, Run, Slice, SliceId, Tables};
use super::world::{Here, Process, Wait, World};
use crate::engine::pool::Pool;
use crate::pace::{Sizes, Sizing};
use crate::run::{Intent, RunState};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

/// Steps within which a run that nobody disturbs has to end.
const PATIENCE: u64 = 30_000;

/// How often a person comes to mend rows, to resume or to run again: the server may be down when they come first.
const HELP: u32 = 8;

/// How often each kind of fault happened, in the order of [`KINDS`].
pub type Faults = [u64; KINDS.len()];

/// What came of a seed.
pub struct Played {
    pub broken: Option<Broken>,
    pub steps: u64,
    pub faults: Faults,
    pub end: RunState,
    pub trace: VecDeque<String>,
}

/// Plays one seed.
pub fn play(seed: u64, without: &'static [Guard], traced: bool) -> Played {
    Play::new(seed, without, traced).played_out()
}

struct Task {
    process: Holder,
    waits: Vec<Wait>,
    future: Pin<Box<dyn Future<Output = ()>>>,
}

struct Play {
    here: Here,
    job: Job,
    tasks: Vec<Task>,
    kinds: Vec<Kind>,
    faults: Faults,
    /// Filled anew at each step.
    ready: Vec<Next>,
    calm_at: u64,
    /// How often a person came to help a run that stands still.
    helped: u32,
}

/// Who takes the next step.
#[derive(Clone, Copy)]
enum Next {
    Task(usize),
    Backend(u32),
}

impl Play {
    fn new(seed: u64, without: &'static [Guard], traced: bool) -> Self {
        let mut chance = Chance::of(seed);
        let job =
            Job { swept: chance.one_in(2), quarantine_limit: chance.below(4), workers: chance.between(1, 3) as u32 };
        let tables = tables(&mut chance, job.swept);
        let faulty = tables.rows.values().filter(|row| row.fault != Fault::None).count() as u64;
        let limit = job.quarantine_limit.cast_signed();
        let mut server = Server::new(tables, job.swept, limit, without);
        server.rules.may_fail = faulty > job.quarantine_limit;
        let kinds = Kind::some(&mut chance);
        let calm_at = chance.between(100, 700).unsigned_abs();
        let world = World {
            now: 0,
            chance,
            server,
            processes: Vec::new(),
            waits: Vec::new(),
            broken: None,
            trace: traced.then(VecDeque::new),
            step: 0,
        };
        let faults = [0; KINDS.len()];
        Self { here: Here::new(world), job, tasks: Vec::new(), kinds, faults, ready: Vec::new(), calm_at, helped: 0 }
    }

    fn played_out(mut self) -> Played {
        while self.step() {}
        self.tasks.clear();
        let mut world = self.here.world();
        let server_broke = world.server.broken.take();
        let broken = server_broke.or(world.broken.take());
        let trace = world.trace.take().unwrap_or_default();
        Played { broken, steps: world.step, faults: self.faults, end: world.server.tables.run.state, trace }
    }

    /// One step. `false`: the play is over.
    fn step(&mut self) -> bool {
        let (step, is_broken) = {
            let mut world = self.here.world();
            world.step += 1;
            (world.step, world.broken.is_some() || world.server.broken.is_some())
        };
        if is_broken {
            return false;
        }
        if step < self.calm_at {
            self.disturb();
        } else if !self.come_to_an_end() {
            return false;
        }
        if step > self.calm_at + PATIENCE {
            let state = self.here.world().server.tables.run.state;
            self.here.world().breaks(Rule::Ends, format!("still {state} after {PATIENCE} steps in peace"));
        }
        match self.choose() {
            Some(Next::Backend(connection)) => self.here.world().server.step(connection),
            Some(Next::Task(task)) => self.poll(task),
            None => {}
        }
        true
    }

    /// Somebody who can go on; where nobody can, the time passes until somebody can.
    fn choose(&mut self) -> Option<Next> {
        let mut world = self.here.world();
        if world.chance.one_in(3) {
            world.now += world.chance.between(1, 30);
        }
        if world.chance.one_in(60) {
            world.server.flush();
        }
        loop {
            world.server.now = world.now;
            self.ready.clear();
            let mut next = i64::MAX;
            for (number, task) in self.tasks.iter().enumerate() {
                let sleeps = if task.process == 0 { 0 } else { world.process(task.process).stalled_until };
                if sleeps > world.now {
                    next = next.min(sleeps);
                } else if task.waits.is_empty() || task.waits.iter().any(|wait| world.is_met(*wait)) {
                    self.ready.push(Next::Task(number));
                } else {
                    next = task.waits.iter().filter_map(until).fold(next, i64::min);
                }
            }
            for (connection, backend) in &world.server.backends {
                match world.server.due_at(backend) {
                    Some(at) if at <= world.now => self.ready.push(Next::Backend(*connection)),
                    Some(at) => next = next.min(at),
                    None => {}
                }
            }
            if !self.ready.is_empty() {
                return Some(world.chance.of_these(&self.ready));
            }
            if next == i64::MAX {
                return None;
            }
            world.now = next.max(world.now + 1);
        }
    }

    fn poll(&mut self, number: usize) {
        let task = &mut self.tasks[number];
        task.waits.clear();
        let is_over = task.future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
        std::mem::swap(&mut task.waits, &mut self.here.world().waits);
        if is_over {
            // Outside of the world's lock: its connections hang up.
            drop(self.tasks.swap_remove(number));
        }
    }

    fn disturb(&mut self) {
        let (alive, fault, starts, asks, works) = {
            let mut world = self.here.world();
            let alive = world.processes.iter().filter(|process| process.alive).count();
            let chance = &mut world.chance;
            (alive, chance.one_in(45), chance.one_in(25), chance.one_in(200), chance.one_in(25))
        };
        if starts && alive < 2 {
            self.start();
        }
        if fault && !self.kinds.is_empty() {
            let kind = { self.here.world().chance.of_these(&self.kinds) };
            let struck = kind.strike(&mut self.here.world());
            self.faults[KINDS.iter().position(|other| *other == kind).expect("a kind")] += u64::from(struck);
            self.bury();
        }
        if asks {
            let intent = self.here.world().chance.of_these(&[
                Intent::Pause,
                Intent::Pause,
                Intent::Resume,
                Intent::Resume,
                Intent::Resume,
                Intent::Cancel,
            ]);
            // A cancel ends the story; most stories should go on.
            if intent != Intent::Cancel || self.here.world().chance.one_in(4) {
                self.outsider(outside::operate(self.here.clone(), intent));
            }
        }
        if works {
            self.application();
        }
    }

    /// Who was killed does nothing more.
    fn bury(&mut self) {
        let mut world = self.here.world();
        let is_dead = |task: &Task| task.process > 0 && !world.process(task.process).alive;
        let (dead, alive) = self.tasks.drain(..).partition(is_dead);
        drop(world);
        self.tasks = alive;
        drop::<Vec<Task>>(dead);
    }

    /// In peace: starts who is needed. `false`: the run has come to its end.
    fn come_to_an_end(&mut self) -> bool {
        let state = {
            let mut world = self.here.world();
            let state = world.server.tables.run.state;
            if state == RunState::Paused {
                for process in world.processes.iter_mut().filter(|process| process.alive && !process.stopped) {
                    (process.stopped, process.changes) = (true, process.changes + 1);
                }
            }
            state
        };
        if !self.tasks.is_empty() {
            return true;
        }
        let stands_still = matches!(state, RunState::Paused | RunState::Failed);
        if matches!(state, RunState::Succeeded | RunState::Cancelled) || (stands_still && self.helped == HELP) {
            return false;
        }
        self.helped += u32::from(stands_still);
        let faulty = self.faulty();
        match state {
            RunState::Paused => self.outsider(outside::operate(self.here.clone(), Intent::Resume)),
            RunState::Failed if !faulty.is_empty() => {
                let mend = faulty.into_iter().map(|key| (Touch::Mend, key)).collect();
                self.outsider(outside::apply(self.here.clone(), mend, 0));
            }
            _ => self.start(),
        }
        true
    }

    /// Rows that cannot be changed.
    fn faulty(&self) -> Vec<RowKey> {
        let world = self.here.world();
        let faulty = world.server.tables.rows.iter().filter(|(_, row)| row.fault != Fault::None);
        faulty.map(|(key, _)| *key).collect()
    }

    fn outsider(&mut self, future: impl Future<Output = ()> + 'static) {
        self.tasks.push(Task { process: 0, waits: Vec::new(), future: Box::pin(future) });
    }

    fn start(&mut self) {
        let sizes = Sizes {
            start: 6,
            least: 2,
            most: 12,
            scan: 12,
            target_time: Duration::from_secs(3_600),
            max_wal: u64::MAX / 16,
        };
        let process = Process {
            alive: true,
            stalled_until: 0,
            clock: 100,
            changes: 0,
            stopped: false,
            paused: false,
            in_hand: 0,
            looks: 0,
            look_wanted: false,
            strange_looks: 0,
            pause_wanted: false,
            pool: Pool::default(),
            sizing: [Sizing::of_walk(sizes), Sizing::of_sweep(sizes)],
        };
        let number = {
            let mut world = self.here.world();
            world.processes.push(process);
            world.processes.len() as Holder
        };
        let ground = Ground { here: self.here.clone(), process: number, job: self.job };
        self.tasks.push(Task { process: number, waits: Vec::new(), future: Box::pin(ground.live()) });
    }

    fn application(&mut self) {
        let (touches, keeps) = {
            let mut world = self.here.world();
            let keys: Vec<RowKey> = world.server.tables.rows.keys().copied().collect();
            let mut touches = Vec::new();
            for _ in 0..world.chance.between(1, 2) {
                let touch = world.chance.of_these(&[
                    Touch::Lock,
                    Touch::Lock,
                    Touch::Lock,
                    Touch::Insert,
                    Touch::Delete,
                    Touch::IntoScope,
                    Touch::OutOfScope,
                    Touch::Mend,
                    Touch::Spoil,
                ]);
                let any = world.chance.below(keys.len() as u64 * 10 + 50) as RowKey + 1;
                let key = if touch == Touch::Insert { any } else { world.chance.of_these(&keys) };
                let spoils = touch == Touch::Spoil;
                if !spoils || world.chance.one_in(4) {
                    touches.push((touch, key));
                    world.server.rules.may_fail |= spoils;
                }
            }
            (touches, world.chance.of_these(&[0, 5, 50, 500, 5_000]))
        };
        self.outsider(outside::apply(self.here.clone(), touches, keeps));
    }
}

fn until(wait: &Wait) -> Option<i64> {
    match wait {
        Wait::Until(time) => Some(*time),
        Wait::Answer(_) | Wait::Change(..) => None,
    }
}

/// A table of 40 to 60 rows with gaps between their keys, and a run that is recorded and waits for a runner.
fn tables(chance: &mut Chance, swept: bool) -> Tables {
    let count = chance.between(40, 60) as RowKey;
    let faulty = chance.of_these(&[0, 0, 0, 8, 25]);
    let mut rows = BTreeMap::new();
    for number in 0..count {
        let key = 10 * number + chance.between(1, 9) as RowKey;
        let in_scope = !swept || !chance.one_in(5);
        let fault = match faulty > 0 && chance.one_in(200 / faulty) {
            true => chance.of_these(&[Fault::AtApply, Fault::AtApply, Fault::AtCommit]),
            false => Fault::None,
        };
        rows.insert(key, Row { applied: 0, due: in_scope.into(), in_scope, since: 0, fault, touched: false });
    }
    let bound = rows.keys().last().copied().unwrap_or_default();
    let parts = chance.between(2, 4) as RowKey;
    let cuts = (1..parts).map(|part| bound / parts * part).chain([bound]);
    let laps = chance.of_these(&[1, 1, 2, 4]);
    let mut slices = BTreeMap::new();
    let mut after = None;
    for (number, through) in (0..).zip(cuts) {
        slices.insert(SliceId { pass: 0, number }, Slice { laps, ..Slice::new(after, through) });
        after = Some(through);
    }
    Tables {
        version: 0,
        rows: Arc::new(rows),
        gone: 0,
        run: Run { state: RunState::Queued, holder: None, token: 0, quarantined: 0 },
        slices,
        beat: None,
        aside: BTreeSet::new(),
        passes: BTreeMap::from([(0, 0)]),
    }
}
