//! What is seen while a run goes on? A bar on a terminal, a line every ten seconds elsewhere. Listens to events; the
//! engine does not know it.

use super::holds::Holds;
use super::wording::{count, counted, duration, percent, say, seconds_range, value};
use crate::engine::Meter;
use crate::event::{Event, Progress};
use crate::plan::Forecast;
use crate::run::RunState;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;

/// Steps of the bar: a tenth of a per cent.
const STEPS: u64 = 1000;

/// How often a line is written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Shows a run's events until its sender is dropped.
pub(super) fn show(job: &str, events: UnboundedReceiver<Event>) -> JoinHandle<()> {
    let view = View::new(job, std::io::stderr().is_terminal());
    tokio::spawn(view.follow(events))
}

/// Writes lines of a run's events until its sender is dropped, also where there is a terminal: a server has many runs.
pub(super) fn log(name: &str, events: UnboundedReceiver<Event>) -> JoinHandle<()> {
    tokio::spawn(View::new(name, false).follow(events))
}

struct View {
    job: String,
    bar: Option<ProgressBar>,
    progress: Progress,
    meter: Meter,
    forecast: Forecast,
    eta: Option<(f64, f64)>,
    /// Why nothing moves, while nothing does.
    waiting: Option<String>,
    /// What holds the run, of all that is measured.
    holds: Holds,
    sweeping: bool,
    disconnected: bool,
}

impl View {
    fn new(job: &str, terminal: bool) -> Self {
        let bar = terminal.then(|| {
            let bar = ProgressBar::new(STEPS);
            bar.set_style(style());
            bar.set_prefix(job.to_owned());
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        Self {
            job: job.to_owned(),
            bar,
            progress: Progress::default(),
            meter: Meter::default(),
            forecast: Forecast::new(Instant::now(), 0.0),
            eta: None,
            waiting: None,
            holds: Holds::default(),
            sweeping: false,
            disconnected: false,
        }
    }

    async fn follow(mut self, mut events: UnboundedReceiver<Event>) {
        let mut lines = tokio::time::interval_at(tokio::time::Instant::now() + LINE_EVERY, LINE_EVERY);
        let mut looks = tokio::time::interval(Duration::from_millis(250));
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => self.hear(event),
                    None => break,
                },
                _ = lines.tick() => self.line(),
                _ = looks.tick() => if let Some(line) = self.holds.line(Instant::now()) {
                    self.say(&line);
                },
            }
            self.draw();
        }
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Started { run, resumed, estimated_rows, progress, .. } => {
                self.forecast = Forecast::new(Instant::now(), progress.share);
                self.advance(progress);
                let how = if resumed { "goes on" } else { "starts" };
                let rows = counted(estimated_rows, "row");
                self.say(&format!("run {run} {how} at {}, about {rows} in the table", percent(progress.share)));
            }
            Event::BatchCommitted { progress, .. } => {
                self.waiting = None;
                self.advance(progress);
            }
            Event::BatchRetried { failure, delay, .. } => {
                self.say(&format!("batch rolled back, next try in {}: {failure}", duration(delay)));
            }
            Event::RowQuarantined { key, failure } => self.say(&format!("row {key} set aside: {failure}")),
            Event::RangeSetAside { range, why } => {
                self.say(&format!("rows {range} set aside, to be walked last: {why}"));
            }
            Event::PartitionsChanged { what } => self.say(&what),
            Event::Moved { to, reason } => {
                let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
                // The sweep tells of its passes itself.
                if to != RunState::Sweeping {
                    self.say(&format!("{to}{reason}"));
                }
                self.waiting = (!to.lets_batches_begin()).then(|| match to {
                    RunState::Paused | RunState::Pausing => format!("held{reason}"),
                    other => other.to_string(),
                });
            }
            Event::Held { reasons } => self.holds.held(&reasons, Instant::now()),
            Event::Released => {
                if self.holds.released() {
                    self.say("goes on");
                }
            }
            Event::HeldTooLong { reason, lasted } => {
                self.say(&format!("held for {} by now: {reason}", duration(lasted)));
            }
            Event::KnobSet { knob, from, to, why } => {
                self.say(&format!("{knob} {} → {}, {why}", value(from.as_deref()), value(to.as_deref())));
            }
            Event::KnobIgnored { knob, why } => self.say(&format!("{knob} stays as the job file has it: {why}")),
            Event::VacuumBegun => self.say("the table is vacuumed, beside the batches"),
            Event::Vacuumed { took, removed, left } => {
                let left = if left > 0 { format!(", {} left", count(left)) } else { String::new() };
                self.say(&format!("vacuumed in {}: {} removed{left}", duration(took), counted(removed, "dead row")));
            }
            Event::VacuumHeldBack { by } => self.say(&format!("dead rows cannot be removed yet: {by}")),
            Event::VacuumPutOff { why } => self.say(&format!("not vacuumed now: {why}")),
            // Seen in the rate; `why` keeps the last ten.
            Event::SpeedChanged { .. } => {}
            // What becomes of a batch is told by what follows, and how the run ended by the summary.
            Event::BatchRolledBack | Event::Observed(_) | Event::LeaseLost | Event::LetGo { .. } => {}
            Event::SweepStarted { pass } => {
                self.sweeping = true;
                self.say(&format!("sweep, pass {pass}: looking for rows that are left"));
            }
            // Each connection tells of itself; once is enough.
            Event::ConnectionLost { failure } if !self.disconnected => {
                self.disconnected = true;
                self.say(&format!("connection lost, trying again: {failure}"));
                self.waiting = Some("held: connection lost".to_owned());
            }
            Event::ConnectionRestored if self.disconnected => {
                self.disconnected = false;
                self.say("connected again");
                self.waiting = None;
            }
            Event::ConnectionLost { .. } | Event::ConnectionRestored => {}
        }
    }

    fn advance(&mut self, progress: Progress) {
        // Workers tell of their batches in the order they like; progress never goes back.
        if progress.batches < self.progress.batches {
            return;
        }
        let now = Instant::now();
        self.progress = progress;
        self.meter.note(now, progress.rows_changed);
        self.eta = self.forecast.note(now, progress.share).map(|span| (span.low, span.high));
    }

    fn facts(&self) -> String {
        let rows = count(self.progress.rows_changed);
        let more = match (self.waiting.as_ref().or(self.holds.words()), self.sweeping, self.eta) {
            (Some(waiting), _, _) => waiting.clone(),
            (None, true, _) => "sweeping".to_owned(),
            (None, false, Some((low, high))) => format!("ETA {}", seconds_range(low, high)),
            (None, false, None) => String::new(),
        };
        format!(
            "{:>6} {rows} rows {}/s {more}",
            percent(self.progress.share),
            count(self.meter.per_second(Instant::now()) as u64)
        )
    }

    fn draw(&self) {
        if let Some(bar) = &self.bar {
            bar.set_position((self.progress.share * STEPS as f64) as u64);
            bar.set_message(self.facts());
        }
    }

    fn line(&self) {
        if self.bar.is_none() {
            self.say(self.facts().trim_start());
        }
    }

    fn say(&self, words: &str) {
        let now = humantime::format_rfc3339_seconds(std::time::SystemTime::now());
        let line = format!("{now} {} {words}", self.job);
        match &self.bar {
            Some(bar) => bar.suspend(|| say(&line)),
            None => say(&line),
        }
    }
}

fn style() -> ProgressStyle {
    // A template that cannot be read is a mistake of ours that the default style hides.
    ProgressStyle::with_template("{prefix} [{bar:24}] {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Reason;

    fn view() -> View {
        View::new("fill", false)
    }

    #[test]
    fn a_hold_is_shown_with_its_reason() {
        let mut view = view();
        let reason = Reason::OperatorPause { actor: "anna@db1".into(), reason: Some("deploy".into()) };
        view.hear(Event::Moved { to: RunState::Paused, reason: Some(reason) });
        assert!(view.facts().ends_with("held: operator pause by anna@db1: deploy"), "{}", view.facts());
        view.hear(Event::Moved { to: RunState::Running, reason: None });
        assert!(!view.facts().contains("held"), "{}", view.facts());
    }

    #[test]
    fn progress_never_goes_back() {
        let mut view = view();
        view.advance(Progress { rows_changed: 200, batches: 2, share: 0.2 });
        view.advance(Progress { rows_changed: 100, batches: 1, share: 0.1 });
        assert!(view.facts().contains("20.0 % 200 rows"), "{}", view.facts());
    }
}
