//! How does a run that this process holds come to its outcome? Walks, watches and listens for a stop, all at once, and
//! leaves the record as it ended. Knows no batch.

use super::admission::Admitted;
use super::board::Board;
use super::control::Control;
use super::crew::Crew;
use super::farewell::Farewell;
use super::live::{self, Dials, Live};
use super::looks;
use super::pacing::{self, Pacing};
use super::passes::{Passes, Walked};
use super::soundness;
use super::tally::Tally;
use super::troubles::Troubles;
use super::vacuuming::Vacuuming;
use super::watch::{Watch, WatchEnd, WatchRequests};
use super::{Options, Outcome, Summary};
use crate::db::{Database, Failure, Ledger, Move, RunRecord};
use crate::event::{Event, Reason};
use crate::job::Pace;
use crate::pace::{HoldFile, Law, Sensor, Sizing, SpeedLog, TimeLedger};
use crate::plan::Growth;
use crate::run::RunState;
use crate::runner::Runner;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc::UnboundedSender, watch};

/// How long the batches in hand may take after a stop was asked for; then their connections are closed, and the server
/// rolls them back. With the seconds that this and letting go take, a stop lasts ten at most.
const STOP_GRACE: Duration = Duration::from_secs(8);

/// How long letting the run go may take after a stop was asked for.
const RELEASE_GRACE: Duration = Duration::from_secs(2);

/// How long a run that is done waits for the sizes of its table.
const SIZES_PATIENCE: Duration = Duration::from_secs(5);

/// A run that this process holds, on its way to the end.
pub(super) struct HeldRun {
    crew: Arc<Crew>,
    farewell: Farewell,
    control: Control,
    board: Arc<Board>,
    pace: Pace,
    law: Law,
    sensors: Vec<Box<dyn Sensor>>,
    options: Options,
    record: RunRecord,
    runner: Runner,
    live: Live,
    begun: Instant,
    rows_before: u64,
    /// Rows that are set aside, as last read.
    rows_quarantined: u64,
}

/// Why the walk ended, with what the watch saw.
struct End {
    walked: Option<Result<Walked, Failure>>,
    watched: Option<WatchEnd>,
    /// The window closed, where that ends the run.
    closed: Option<Reason>,
}

impl HeldRun {
    /// Gathers what the workers need.
    pub(super) async fn new(
        database: Arc<dyn Database>,
        mut ledger: Ledger,
        admitted: Admitted,
        runner: Runner,
        options: &Options,
        events: UnboundedSender<Event>,
    ) -> Result<Self, Failure> {
        let Admitted { record, work, scope_index, job, bounds, live, set, resumed } = admitted;
        let dials = Dials::of(&job, bounds);
        let slices = soundness::sound_slices(database.as_ref(), &mut ledger, &record, &work, &runner).await?;
        let scans = looks::at_first(&slices, &work, dials.sizes, scope_index.is_some());
        let begun = Instant::now();
        let tally = Tally::new(&slices, record.estimated_rows);
        let progress = tally.progress();
        let estimated_rows = record.estimated_rows.unsigned_abs();
        let _ = events.send(Event::Started {
            run: record.id,
            table: record.table_name.clone(),
            state: record.state,
            resumed,
            estimated_rows,
            rows_quarantined: record.rows_quarantined.unsigned_abs(),
            progress,
        });
        let (law, gate) = pacing::law_and_gate(&job.pace, &dials, begun);
        let time = TimeLedger::new(dials.workers, begun);
        let held_before = Duration::try_from_secs_f64(record.held_seconds).unwrap_or_default();
        let spent = ledger.time_spent(record.id).await?;
        let board = Arc::new(Board::new(Arc::clone(&time), spent, held_before, begun));
        let crew = Crew {
            database: Arc::clone(&database),
            work,
            place: record.place.clone(),
            batch: job.batch.clone(),
            errors: job.errors.clone(),
            quarantine_limit: job.errors.limit(estimated_rows),
            actor: runner.actor.clone(),
            run: record.id,
            holder: runner.holder.clone(),
            lease: options.lease,
            gate,
            hold_file: job.pace.hold_file.clone().map(HoldFile::new),
            time,
            sizing: [Sizing::of_walk(dials.sizes), Sizing::of_sweep(dials.sizes)].map(Mutex::new),
            scan: scans.map(Mutex::new),
            gone: Mutex::default(),
            watch: WatchRequests::default(),
            tally,
            dead: watch::Sender::new(0),
            retries: AtomicU64::new(0),
            strange_looks: AtomicU32::new(0),
            takers: AtomicU32::new(0),
            troubles: Troubles::default(),
            board: Arc::clone(&board),
            slices: Default::default(),
            dials: watch::Sender::new(dials),
            events: events.clone(),
        };
        let crew = Arc::new(crew);
        let farewell = Farewell::of(&crew);
        live::tell(set, &crew, &board);
        let sensors = database.sensors(&job)?;
        Ok(Self {
            crew,
            farewell,
            control: Control::new(database, Some(ledger), events),
            board,
            pace: job.pace,
            law,
            sensors,
            options: options.clone(),
            rows_quarantined: record.rows_quarantined.unsigned_abs(),
            record,
            runner,
            live,
            begun,
            rows_before: progress.rows_changed,
        })
    }

    /// Walks until the run is done, stopped, cancelled or lost; leaves the record as it ended.
    pub(super) async fn run(mut self, stop: watch::Receiver<bool>) -> Result<Outcome, Failure> {
        let end = self.walk_and_watch(stop).await;
        let summary = self.summary();
        let stopped = matches!(end, End { walked: Some(Ok(Walked::Stopped)) | None, watched: None, .. });
        if stopped {
            let reason = end.closed.as_ref().map_or("stopped by a signal".to_owned(), ToString::to_string);
            // A server that is down cannot be told; the lease then ends by itself.
            let letting_go = async {
                self.close_the_books().await?;
                self.release(&reason).await
            };
            let _ = tokio::time::timeout(RELEASE_GRACE, letting_go).await;
            return Ok(Outcome::Stopped(self.with_rows_aside(summary), end.closed));
        }
        self.close_the_books().await?;
        let summary = self.with_rows_aside(summary);
        match end {
            // First of all: a run that succeeded is let go with that very move, and the watch may have looked since.
            End { walked: Some(Ok(Walked::Proven(proof))), .. } => {
                self.farewell.left = Some(RunState::Succeeded);
                let growth = self.growth().await;
                Ok(Outcome::Succeeded(Summary { growth, ..summary }, proof))
            }
            End { watched: Some(WatchEnd::LeaseLost), .. } => {
                self.crew.send(Event::LeaseLost);
                Ok(Outcome::LeaseLost(summary))
            }
            End { watched: Some(WatchEnd::Cancelled), .. } => self.cancelled().await,
            End { watched: Some(WatchEnd::Paused), walked: Some(Ok(_)) | None, .. } => self.paused(summary).await,
            End { walked: Some(Ok(Walked::NotProven(why))), .. } => self.failed(why).await,
            End { walked: Some(Err(failure)), .. } => self.failed(failure.to_string()).await,
            End { walked: Some(Ok(Walked::Stopped)) | None, closed, .. } => Ok(Outcome::Stopped(summary, closed)),
        }
    }

    /// Records what is counted here: tries, and where the time went. Reads what is counted there.
    async fn close_the_books(&mut self) -> Result<(), Failure> {
        let (run, holder, lease) = (self.record.id, self.runner.holder.as_str(), self.options.lease);
        self.board.close_the_books(&mut self.control, run, holder, lease).await?;
        if let Some(record) = self.control.call(async |ledger| ledger.run(run).await).await? {
            self.rows_quarantined = record.rows_quarantined.unsigned_abs();
        }
        match self.crew.retries.load(Ordering::Relaxed) {
            0 => Ok(()),
            retries => self.control.call(async |ledger| ledger.count_retries(run, retries).await).await,
        }
    }

    async fn release(&mut self, reason: &str) -> Result<(), Failure> {
        let (run, runner) = (self.record.id, &self.runner);
        self.control.call(async |ledger| ledger.release(run, runner, Some(reason)).await).await
    }

    async fn walk_and_watch(&mut self, mut stop: watch::Receiver<bool>) -> End {
        let Self { crew, control, board, pace, law, sensors, options, record, runner, live, .. } = self;
        let watch = Watch {
            control: control.another(),
            crew,
            live,
            requests: &crew.watch,
            gate: &crew.gate,
            tally: &crew.tally,
            board,
            run: record.id,
            runner,
            lease: options.lease,
            leave_when_paused: options.leave_when_paused,
            has_limits: !pace.signals.is_empty(),
            events: crew.events.clone(),
        };
        let passes = Passes { crew, control, board, record, extent: record.extent(), runner };
        let told = record.pace.as_ref().map(|pace| pace.changes.clone()).unwrap_or_default();
        let pacing = Pacing::new(crew, board, pace, &runner.actor, law.clone(), SpeedLog::after(told));
        let rows = record.estimated_rows.unsigned_abs();
        let mut vacuuming = pin!(Vacuuming::new(crew, board, pace, rows).run());
        let mut walk = pin!(async {
            let walked = passes.walk().await;
            // A vacuum may have begun since the last batch; nobody needs it now.
            crew.gate.stop();
            crew.gate.emptied().await;
            walked
        });
        let mut watch = pin!(watch.run(record.state));
        let mut pacing = pin!(pacing.run(std::mem::take(sensors), options.until_window_closes));
        let mut grace = pin!(async {
            crew.gate.stopped().await;
            tokio::time::sleep(STOP_GRACE).await;
        });
        let (mut watched, mut closed) = (None, None);
        let (mut signalled, mut vacuums) = (false, true);
        loop {
            tokio::select! {
                walked = &mut walk => return End { walked: Some(walked), watched, closed },
                end = &mut watch, if watched.is_none() => match end {
                    Ok(end) => watched = Some(end),
                    Err(failure) => return End { walked: Some(Err(failure)), watched, closed },
                },
                reason = &mut pacing, if closed.is_none() => {
                    closed = Some(reason);
                    crew.gate.stop();
                }
                asked = stop.wait_for(|stop| *stop), if !signalled => {
                    signalled = true;
                    if asked.is_ok() {
                        crew.gate.stop();
                    }
                }
                () = &mut vacuuming, if vacuums => vacuums = false,
                () = &mut grace => return End { walked: None, watched, closed },
            }
        }
    }

    /// Lets the paused run go. Whoever resumed it in between finds it queued.
    async fn paused(mut self, summary: Summary) -> Result<Outcome, Failure> {
        let run = self.record.id;
        self.release("resumed, and nobody runs it now").await?;
        let record = self.control.call(async |ledger| ledger.run(run).await).await?;
        Ok(match record.filter(|record| record.state == RunState::Paused) {
            Some(record) => Outcome::Paused(Box::new(record)),
            None => Outcome::Stopped(summary, None),
        })
    }

    async fn cancelled(mut self) -> Result<Outcome, Failure> {
        let run = self.record.id;
        let record = self.control.call(async |ledger| ledger.run(run).await).await?;
        let mut by = Move::new(RunState::Cancelled, &self.runner.actor);
        if let Some(RunRecord { actor: Some(actor), reason, .. }) = record {
            (by.actor, by.reason) = (actor, reason);
        }
        self.reach(&[RunState::Cancelling], &by).await?;
        let record = self.control.call(async |ledger| ledger.run(run).await).await?.unwrap_or(self.record);
        self.farewell.left = Some(record.state);
        Ok(Outcome::Cancelled(Box::new(record)))
    }

    async fn failed(mut self, why: String) -> Result<Outcome, Failure> {
        let mut by = Move::new(RunState::Failed, &self.runner.actor);
        by.failure = Some(why.clone());
        if self.reach(&[RunState::Running, RunState::Sweeping, RunState::Pausing], &by).await? {
            self.farewell.left = Some(RunState::Failed);
        } else {
            // Cancelled, or another runner's, at the same moment.
            self.release(&why).await?;
        }
        Ok(Outcome::Failed(self.summary(), why))
    }

    /// What became of the table's size. Asked for the operator's sake: no answer is no reason to fail.
    async fn growth(&self) -> Option<Growth> {
        let before = self.record.sizes_before.as_ref()?;
        let sizes = self.crew.database.sizes(&self.crew.work.table);
        let after = tokio::time::timeout(SIZES_PATIENCE, sizes).await.ok()?.ok()??;
        Some(Growth::between(before, &after))
    }

    async fn reach(&mut self, from: &[RunState], by: &Move) -> Result<bool, Failure> {
        let (run, holder) = (self.record.id, self.runner.holder.as_str());
        self.control.call(async |ledger| ledger.move_held(run, holder, from, by).await).await
    }

    fn summary(&self) -> Summary {
        let progress = self.crew.tally.progress();
        Summary {
            run: self.record.id,
            progress,
            rows: progress.rows_changed.saturating_sub(self.rows_before),
            retries: self.crew.retries.load(Ordering::Relaxed),
            rows_quarantined: self.rows_quarantined,
            took: self.begun.elapsed(),
            growth: None,
        }
    }

    /// The same, with what was read since.
    fn with_rows_aside(&self, summary: Summary) -> Summary {
        Summary { rows_quarantined: self.rows_quarantined, ..summary }
    }
}
