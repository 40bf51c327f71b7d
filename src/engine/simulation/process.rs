//! One process of the engine: takes the run, walks and watches it at once, leaves the record as it ended. The order of
//! things is that of `admission` and `held_run`; the ledger and its moves are the real ones.

use super::control::Control;
use super::guard::Guard;
use super::passes::Walked;
use super::session::Wire;
use super::tables::Holder;
use super::world::{Here, Process, Watched};
use crate::db::{Class, Failure, Held, Ledger, Move, Report, RunRecord, Taken};
use crate::pace::Sizing;
use crate::run::RunState;
use crate::runner::Runner;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

/// As in `held_run` and `admission`, but that a lease is looked at less often: that takes steps and shows nothing.
const STOP_GRACE: i64 = 8_000;
const RELEASE_GRACE: i64 = 2_000;
const LOOK_AGAIN: i64 = 1_000;
const MAX_BLOCKED_TRIES: u32 = 12;

/// What a job asks, as far as it matters here.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    pub swept: bool,
    pub quarantine_limit: u64,
    pub workers: u32,
}

/// Where a process stands.
#[derive(Clone)]
pub struct Ground {
    pub here: Here,
    pub process: Holder,
    pub job: Job,
}

/// Why the walk ended, with what the watch saw.
struct End {
    walked: Option<Result<Walked, Failure>>,
    watched: Option<Watched>,
}

impl Ground {
    /// A process from its first statement to its exit.
    pub async fn live(self) {
        let ended = self.run().await;
        self.tell(|| format!("exits: {ended:?}"));
        self.change(|process| process.alive = false);
    }

    async fn run(&self) -> Result<(), Failure> {
        let mut ledger = Wire::ledger(&self.here, self.process)?;
        let Some(record) = self.admit(&mut ledger).await? else { return Ok(()) };
        ledger.slices(record.id).await?;
        let mut control = Control::new(self.clone(), Some(ledger));
        let end = self.walk_and_watch(&mut control, &record).await;
        self.tell(|| format!("walked {:?}, watched {:?}", end.walked, end.watched));
        self.leave(control, end).await
    }

    /// As `admission::admit`, of a run that is recorded. `None`: not now.
    async fn admit(&self, ledger: &mut Ledger) -> Result<Option<RunRecord>, Failure> {
        let found = ledger.run(1).await?.ok_or_else(|| Failure::fatal("the run's record is gone"))?;
        if matches!(found.state, RunState::Succeeded | RunState::Cancelled | RunState::Paused) {
            return Ok(None);
        }
        if !self.take(ledger, found.id).await? {
            return Ok(None);
        }
        ledger.run(found.id).await
    }

    async fn take(&self, ledger: &mut Ledger, run: i64) -> Result<bool, Failure> {
        let (mut seen, mut blocked): (Option<Box<Held>>, _) = (None, 0);
        loop {
            let held = match ledger.take_run(run, &self.runner(), lease()).await {
                Ok(Taken::Yes(state)) => {
                    self.tell(|| format!("took the {state} run"));
                    return Ok(true);
                }
                Ok(Taken::HeldBy(held)) => held,
                Ok(Taken::NotNow(_)) => return Ok(false),
                Err(failure)
                    if matches!(failure.class, Class::Retry | Class::Locked) && blocked < MAX_BLOCKED_TRIES =>
                {
                    blocked += 1;
                    continue;
                }
                Err(failure) => return Err(failure),
            };
            let renewed =
                seen.is_some_and(|seen| seen.runner.holder == held.runner.holder && held.expires_in > seen.expires_in);
            if renewed {
                return Ok(false);
            }
            seen = Some(held);
            self.here.rest(self.process, LOOK_AGAIN).await;
        }
    }

    /// As `HeldRun::walk_and_watch`.
    async fn walk_and_watch(&self, control: &mut Control, record: &RunRecord) -> End {
        let mut walk = pin!(self.walk_passes(control, record));
        let mut watch = pin!(self.watch(record.state));
        let mut grace = pin!(self.grace());
        let mut watched = None;
        poll_fn(|context| {
            if let Poll::Ready(walked) = walk.as_mut().poll(context) {
                return Poll::Ready(End { walked: Some(walked), watched: watched.take() });
            }
            if watched.is_none()
                && let Poll::Ready(end) = watch.as_mut().poll(context)
            {
                match end {
                    Ok(end) => watched = Some(end),
                    Err(failure) => return Poll::Ready(End { walked: Some(Err(failure)), watched: None }),
                }
            }
            match grace.as_mut().poll(context) {
                Poll::Ready(()) => Poll::Ready(End { walked: None, watched: watched.take() }),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    async fn grace(&self) {
        self.here.until(self.process, |process| process.stopped).await;
        self.here.rest(self.process, STOP_GRACE).await;
    }

    /// As `HeldRun::run` after the walk.
    async fn leave(&self, mut control: Control, end: End) -> Result<(), Failure> {
        if matches!(end, End { walked: Some(Ok(Walked::Stopped)) | None, watched: None }) {
            let mut release = pin!(self.release(&mut control));
            let mut too_long = pin!(self.here.rest(self.process, RELEASE_GRACE));
            poll_fn(|context| match (release.as_mut().poll(context), too_long.as_mut().poll(context)) {
                (Poll::Pending, Poll::Pending) => Poll::Pending,
                _ => Poll::Ready(()),
            })
            .await;
            return Ok(());
        }
        self.beat(&mut control).await?;
        match end {
            End { watched: Some(Watched::LeaseLost), .. } => Ok(()),
            End { watched: Some(Watched::Cancelled), .. } => {
                control.call(async |ledger| ledger.run(1).await).await?;
                self.reach(&mut control, &[RunState::Cancelling], RunState::Cancelled).await.map(drop)
            }
            End { walked: Some(Ok(Walked::NotProven(why))), .. } => self.fail(control, why).await,
            End { walked: Some(Err(failure)), .. } => self.fail(control, failure.to_string()).await,
            End { walked: Some(Ok(Walked::Proven | Walked::Stopped)) | None, .. } => Ok(()),
        }
    }

    async fn fail(&self, mut control: Control, why: String) -> Result<(), Failure> {
        self.tell(|| format!("fails: {why}"));
        let from = [RunState::Running, RunState::Sweeping, RunState::Pausing];
        if !self.reach(&mut control, &from, RunState::Failed).await? {
            self.release(&mut control).await?;
        }
        Ok(())
    }

    async fn release(&self, control: &mut Control) -> Result<(), Failure> {
        self.beat(control).await?;
        control.call(async |ledger| ledger.release(1, &self.runner(), None).await).await
    }

    pub(super) async fn beat(&self, control: &mut Control) -> Result<(), Failure> {
        let holder = self.process.to_string();
        control.call(async |ledger| ledger.beat(1, &holder, lease(), &Report::default()).await).await.map(drop)
    }

    pub(super) async fn reach(&self, control: &mut Control, from: &[RunState], to: RunState) -> Result<bool, Failure> {
        let (holder, by) = (self.process.to_string(), Move::new(to, "runner"));
        control.call(async |ledger| ledger.move_held(1, &holder, from, &by).await).await
    }

    pub(super) fn runner(&self) -> Runner {
        let elsewhere = || "elsewhere".to_owned();
        let (holder, pid, pid_started) = (self.process.to_string(), 0, 0);
        Runner { holder, host: elsewhere(), boot_id: elsewhere(), pid, pid_started, actor: "runner".to_owned() }
    }

    pub(super) fn has(&self, guard: Guard) -> bool {
        self.here.world().server.has(guard)
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Process) -> T) -> T {
        self.here.change(self.process, change)
    }

    /// Changes what the process shares, if there is something to change.
    pub(super) fn change_if<T>(&self, change: impl FnOnce(&mut Process) -> Option<T>) -> Option<T> {
        let mut world = self.here.world();
        let process = world.process(self.process);
        let changed = change(process);
        process.changes += u64::from(changed.is_some());
        changed
    }

    /// The batch size of a pass.
    pub(super) fn sizing<T>(&self, pass: i64, use_it: impl FnOnce(&mut Sizing) -> T) -> T {
        let mut world = self.here.world();
        use_it(&mut world.process(self.process).sizing[usize::from(pass > 0)])
    }

    pub(super) fn tell(&self, what: impl FnOnce() -> String) {
        let process = self.process;
        self.here.tell(|| format!("process {process}: {}", what()));
    }
}

pub(super) fn lease() -> Duration {
    Duration::from_millis(super::LEASE.unsigned_abs())
}
