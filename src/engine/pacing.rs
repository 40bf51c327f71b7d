//! What may the run's workers do now? Hears the sensors, the window and the hold file, asks the law, sets the gate and
//! tells of it. Decides nothing itself; knows no batch.

use super::board::Board;
use super::crew::Crew;
use super::live::Dials;
use super::meter::Meter;
use crate::db::Happening;
use crate::event::{Event, Observation, ObservedSignal, Reason};
use crate::job::Pace;
use crate::pace::{
    Gate, HeldTooLong, Law, Opening, PaceReport, Rate, Sensor, SignalView, SpeedLog, Verdict, opening, sample,
};
use crate::plan::Forecast;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc::unbounded_channel;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

/// How often is judged: a hold is in force within a breath of its cause.
const TURN: Duration = Duration::from_millis(250);

/// How often is told how the run goes: as often as anybody scrapes.
const OBSERVED_EVERY: Duration = Duration::from_secs(1);

/// Sets the pace of a run.
pub(super) struct Pacing<'a> {
    crew: &'a Crew,
    board: &'a Board,
    pace: &'a Pace,
    actor: &'a str,
    law: Law,
    log: SpeedLog,
    meter: Meter,
    forecast: Forecast,
    /// The reasons as they were told last.
    told: Vec<Reason>,
    /// When it was told last how the run goes.
    observed: Option<Instant>,
    /// How many runs shared the limits at the last turn.
    sharers: u32,
}

impl<'a> Pacing<'a> {
    /// The pace of this run; `law` has not heard anything yet, `log` what earlier runners of the run told.
    pub(super) fn new(
        crew: &'a Crew,
        board: &'a Board,
        pace: &'a Pace,
        actor: &'a str,
        law: Law,
        log: SpeedLog,
    ) -> Self {
        let forecast = Forecast::new(Instant::now(), crew.tally.progress().share);
        Self {
            crew,
            board,
            pace,
            actor,
            law,
            log,
            meter: Meter::default(),
            forecast,
            told: Vec::new(),
            observed: None,
            sharers: 1,
        }
    }

    /// Sets the pace for as long as the run lasts; where `until_window_closes`, until no window is open, and why.
    pub(super) async fn run(mut self, sensors: Vec<Box<dyn Sensor>>, until_window_closes: bool) -> Reason {
        let (readings, mut heard) = unbounded_channel();
        // They end with this set, whichever way this ends.
        let mut samplers = JoinSet::new();
        for sensor in sensors {
            samplers.spawn(sample(sensor, readings.clone()));
        }
        let mut turns = interval(TURN);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut dials = self.crew.watch_dials();
        loop {
            let closed = self.turn().await;
            if let Some(closed) = closed.filter(|_| until_window_closes) {
                return closed;
            }
            tokio::select! {
                // `readings` lives as long as this loop, so somebody can always be heard.
                Some(reading) = heard.recv() => {
                    self.law.note(reading);
                    while let Ok(reading) = heard.try_recv() {
                        self.law.note(reading);
                    }
                }
                // The crew has the sender.
                _ = dials.changed() => {
                    let dials = dials.borrow_and_update();
                    self.law.set_limits(&dials.limits);
                    self.law.set_workers(dials.workers);
                }
                _ = turns.tick() => {}
            }
        }
    }

    /// Judges once. The reason, where no window is open.
    async fn turn(&mut self) -> Option<Reason> {
        let closed = closed(self.pace, SystemTime::now());
        let file = self.crew.held_by_file().await;
        let now = Instant::now();
        let sharers = self.crew.gate.sharers();
        if sharers > std::mem::replace(&mut self.sharers, sharers) {
            self.law.make_room(now);
        }
        let walks = closed.is_none() && file.is_none() && !self.crew.gate.is_paused();
        let mut verdict = self.law.judge(now, walks);
        verdict.held.splice(0..0, closed.clone().into_iter().chain(file));
        self.crew.gate.set_pace(&verdict);
        // The workers wait for it themselves, each until its next try.
        let troubles = self.crew.troubles.of_all();
        // One that waits for its signals shares them: it goes on when they fall, and the others with it.
        let sharing = walks && troubles.is_empty() && !self.pace.signals.is_empty();
        verdict.held.extend(troubles);
        self.tell(&verdict, sharing, now);
        closed
    }

    fn tell(&mut self, verdict: &Verdict, sharing: bool, now: Instant) {
        let signals = self.law.view(now);
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let change = self.log.note(since_1970, verdict, &signals).cloned();
        if self.told != verdict.held {
            self.crew.send(match verdict.held.is_empty() {
                true => Event::Released,
                false => Event::Held { reasons: verdict.held.clone() },
            });
            self.told.clone_from(&verdict.held);
        }
        let urgent = change.is_some();
        if let Some(change) = change {
            self.crew.send(Event::SpeedChanged { from: change.from, to: change.to, why: change.why });
        }
        for HeldTooLong { reason, lasted } in &verdict.held_too_long {
            let detail = format!("for {}: {reason}", humantime::format_duration(whole_seconds(*lasted)));
            let actor = self.actor.to_owned();
            self.board.tell_of(Happening { kind: "held-too-long", actor, detail });
            self.crew.send(Event::HeldTooLong { reason: reason.clone(), lasted: *lasted });
        }
        self.meter.note(now, self.crew.tally.progress().rows_changed);
        let (batch_rows, took) = {
            let sizing = self.crew.sizing(0);
            (sizing.rows(), sizing.took_lately())
        };
        let report = PaceReport {
            rows_per_second: self.meter.per_second(now),
            speed: verdict.speed,
            batch_rows,
            batch_seconds: took.map(|took| took.as_secs_f64()),
            held: verdict.held.iter().map(ToString::to_string).collect(),
            signals,
            changes: self.log.changes(),
        };
        self.observe(&verdict.held, &report, now);
        self.board.tell(report, sharing, urgent);
    }

    /// Tells how the run goes, where it is time to.
    fn observe(&mut self, held: &[Reason], report: &PaceReport, now: Instant) {
        if self.observed.is_some_and(|last| now.saturating_duration_since(last) < OBSERVED_EVERY) {
            return;
        }
        self.observed = Some(now);
        let expected = self.forecast.note(now, self.crew.tally.progress().share);
        self.crew.send(Event::Observed(Box::new(Observation {
            workers: report.speed.workers,
            share: report.speed.share,
            batch_rows: report.batch_rows,
            rows_per_second: report.rows_per_second,
            signals: report.signals.iter().map(observed).collect(),
            held: held.iter().map(Reason::signal).collect(),
            time: self.crew.time.settled(now),
            eta: expected.map(|span| (span.low, span.high)),
            window_closes: closes(self.pace, SystemTime::now()),
        })));
    }
}

/// What judges a run's signals, and the gate as it stands before anything was read: shut where there is anything to read,
/// or no window is open.
pub(super) fn law_and_gate(pace: &Pace, dials: &Dials, now: Instant) -> (Law, Gate) {
    let mut law = Law::new(dials.limits.clone(), dials.workers, now);
    let mut first = law.judge(now, true);
    first.held.extend(closed(pace, SystemTime::now()));
    let gate = Gate::new(dials.workers, dials.duty, Rate::new(dials.rate), &first);
    (law, gate)
}

/// Why no batch may begin at this time of the week.
fn closed(pace: &Pace, now: SystemTime) -> Option<Reason> {
    match opening(&pace.windows, now) {
        Opening::Open { .. } => None,
        Opening::Closed { opens, .. } => Some(Reason::WindowClosed { until: opens }),
    }
}

/// When batches may begin no more, by the time of the week.
fn closes(pace: &Pace, now: SystemTime) -> Option<SystemTime> {
    match opening(&pace.windows, now) {
        Opening::Open { closes } => closes,
        Opening::Closed { .. } => None,
    }
}

fn observed(view: &SignalView) -> ObservedSignal {
    ObservedSignal {
        signal: view.signal.as_str().into(),
        seen: view.seen,
        max: view.max,
        age: view.age_seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
        holds: view.holds,
    }
}

fn whole_seconds(duration: Duration) -> Duration {
    Duration::from_secs(duration.as_secs())
}
