//! What is there beside the server? Processes that live, sleep or are stopped, tasks that wait, and the time, which passes
//! only here.

use super::chance::Chance;
use super::rules::{Broken, Rule};
use super::server::Server;
use super::tables::Holder;
use crate::engine::pool::Pool;
use crate::pace::Sizing;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

/// What a task waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// That time.
    Until(i64),
    /// An answer over this connection, or its end.
    Answer(u32),
    /// Another state of this process than it was at that count.
    Change(Holder, u64),
}

/// Everything.
pub struct World {
    pub now: i64,
    pub chance: Chance,
    pub server: Server,
    /// By their numbers, from 1 on.
    pub processes: Vec<Process>,
    /// What the task waits for that was polled last.
    pub waits: Vec<Wait>,
    pub broken: Option<Broken>,
    /// The last things that happened, where somebody wants to read them.
    pub trace: Option<VecDeque<String>>,
    pub step: u64,
}

/// A process of the engine: what its tasks share.
pub struct Process {
    pub alive: bool,
    pub stalled_until: i64,
    /// How fast its clock runs, in percent.
    pub clock: i64,
    /// Counts the changes of what stands here.
    pub changes: u64,
    pub stopped: bool,
    pub paused: bool,
    pub in_hand: u32,
    pub looks: u64,
    pub look_wanted: bool,
    pub strange_looks: u32,
    pub pause_wanted: bool,
    pub pool: Pool,
    pub sizing: [Sizing; 2],
}

/// How a watch ended.
#[derive(Clone, Debug)]
pub enum Watched {
    Cancelled,
    LeaseLost,
}

impl World {
    /// Whether a task need not wait any more.
    pub fn is_met(&mut self, wait: Wait) -> bool {
        match wait {
            Wait::Until(time) => self.now >= time,
            Wait::Answer(connection) => {
                self.server.backends.get(&connection).is_none_or(|b| b.answer.is_some() || b.ended || b.cut)
            }
            Wait::Change(process, seen) => self.process(process).changes != seen,
        }
    }

    /// A process that was started.
    pub fn process(&mut self, number: Holder) -> &mut Process {
        &mut self.processes[usize::from(number) - 1]
    }

    /// Notes what happened, where somebody reads it.
    pub fn tell(&mut self, what: impl FnOnce() -> String) {
        let (step, now) = (self.step, self.now);
        if let Some(trace) = &mut self.trace {
            trace.push_back(format!("{step:5} {:8.3}s {}", now as f64 / 1_000.0, what()));
        }
    }

    /// Notes that a rule does not hold; the first one counts.
    pub fn note(&mut self, result: Result<(), Broken>) {
        if let Err(broken) = result {
            self.broken.get_or_insert(broken);
        }
    }

    pub fn breaks(&mut self, rule: Rule, what: impl Into<String>) {
        self.note(Err(Broken { rule, what: what.into() }));
    }
}

/// The world as a task sees it.
#[derive(Clone)]
pub struct Here(Arc<Mutex<World>>);

impl Here {
    pub fn new(world: World) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }

    /// The world, for a moment: never across a wait.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until one of these is met.
    pub async fn wait_for(&self, waits: &[Wait]) {
        poll_fn(|_| {
            let mut world = self.world();
            if waits.iter().any(|wait| world.is_met(*wait)) {
                return Poll::Ready(());
            }
            world.waits.extend(waits);
            Poll::Pending
        })
        .await;
    }

    /// Sleeps for so many milliseconds of true time.
    pub async fn sleep(&self, milliseconds: i64) {
        let until = self.world().now + milliseconds;
        self.wait_for(&[Wait::Until(until)]).await;
    }

    pub fn tell(&self, what: impl FnOnce() -> String) {
        self.world().tell(what);
    }

    /// Reads what the tasks of a process share.
    pub fn of<T>(&self, process: Holder, read: impl FnOnce(&Process) -> T) -> T {
        read(self.world().process(process))
    }

    /// Changes it; whoever waits for a change looks again.
    pub fn change<T>(&self, process: Holder, change: impl FnOnce(&mut Process) -> T) -> T {
        let mut world = self.world();
        let process = world.process(process);
        process.changes += 1;
        change(process)
    }

    /// Waits until what a process shares is so.
    pub async fn until(&self, process: Holder, is_so: impl Fn(&Process) -> bool) {
        self.until_or(process, is_so, i64::MAX).await;
    }

    /// The same, until that time at the latest.
    pub async fn until_or(&self, process: Holder, is_so: impl Fn(&Process) -> bool, time: i64) {
        loop {
            let (met, seen) = self.of(process, |process| (is_so(process), process.changes));
            if met || self.world().now >= time {
                return;
            }
            self.wait_for(&[Wait::Change(process, seen), Wait::Until(time)]).await;
        }
    }

    /// Sleeps as a process does, by its own clock.
    pub async fn rest(&self, process: Holder, milliseconds: i64) {
        let clock = self.of(process, |process| process.clock);
        self.sleep(milliseconds * clock / 100).await;
    }
}
