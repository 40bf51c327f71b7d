//! Which changes of speed are worth telling? Holds, releases, and steps that somebody would notice. Hears the time;
//! reads no clock.

use super::law::{SignalView, Speed, Verdict};
use super::report::SpeedChange;
use crate::event::all_reasons;
use std::collections::VecDeque;

/// How many changes are kept: what fits under the signals on one screen.
const KEPT: usize = 10;

/// Smaller steps than this share of the speed before are not told one by one.
const TELLING: f64 = 0.1;

/// The last changes of speed.
#[derive(Clone, Debug, Default)]
pub struct SpeedLog {
    told: Option<(Speed, bool)>,
    changes: VecDeque<SpeedChange>,
}

impl SpeedLog {
    /// A log that goes on after these changes.
    pub fn after(changes: Vec<SpeedChange>) -> Self {
        Self { told: None, changes: changes.into() }
    }

    /// Hears a verdict at `at`, seconds since 1970, with the signals as they were. The change, where it is one.
    pub fn note(&mut self, at: f64, verdict: &Verdict, signals: &[SignalView]) -> Option<&SpeedChange> {
        let now = (verdict.speed, !verdict.held.is_empty());
        let Some(before) = self.told.replace(now) else {
            // The first verdict is no change, unless it holds a run that wants to start.
            return if now.1 { self.keep(at, "not begun".to_owned(), verdict, signals) } else { None };
        };
        if !is_telling(before, now) {
            // Small steps add up: the next one is compared with the last that was told.
            self.told = Some(before);
            return None;
        }
        self.keep(at, words(before.0, before.1), verdict, signals)
    }

    /// The changes, newest last.
    pub fn changes(&self) -> Vec<SpeedChange> {
        self.changes.iter().cloned().collect()
    }

    fn keep(&mut self, at: f64, from: String, verdict: &Verdict, signals: &[SignalView]) -> Option<&SpeedChange> {
        let to = words(verdict.speed, !verdict.held.is_empty());
        self.changes.push_back(SpeedChange { at, from, to, why: why(verdict, signals) });
        while self.changes.len() > KEPT {
            self.changes.pop_front();
        }
        self.changes.back()
    }
}

fn is_telling((before, held_before): (Speed, bool), (now, held): (Speed, bool)) -> bool {
    let effort = |speed: Speed| f64::from(speed.workers) * speed.share;
    let step = (effort(now) - effort(before)).abs();
    // The speed that a held run would have is told when it is let go.
    held != held_before || (!held && step >= TELLING * effort(before))
}

/// A speed in words.
pub fn words(speed: Speed, held: bool) -> String {
    if held {
        return "held".to_owned();
    }
    let workers = if speed.workers == 1 { "1 worker".to_owned() } else { format!("{} workers", speed.workers) };
    match speed.share {
        share if share >= 1.0 => format!("{workers}, all the time"),
        share => format!("{workers}, {:.0} % of the time", (share * 100.0).max(1.0)),
    }
}

/// Because of what the speed is what it is now.
fn why(verdict: &Verdict, signals: &[SignalView]) -> String {
    if !verdict.held.is_empty() {
        return all_reasons(&verdict.held);
    }
    let near = verdict.slowed_by.as_ref().and_then(|name| signals.iter().find(|view| view.signal == **name));
    match near.and_then(|view| Some((view, view.seen?))) {
        Some((view, seen)) => format!("{} {seen}, limit {}", view.signal, view.max),
        None => "no signal is near its limit".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Reason;

    fn verdict(workers: u32, share: f64, held: bool) -> Verdict {
        let held = held.then(|| Reason::Unknown { signal: "probe".into(), why: "gone".into() });
        let speed = Speed { workers, share };
        Verdict { speed, slowed_by: None, held: held.into_iter().collect(), held_too_long: Vec::new() }
    }

    #[test]
    fn what_somebody_would_notice_is_told() {
        let mut log = SpeedLog::default();
        let mut at = 0.0;
        let mut note = |workers, share, held| {
            at += 1.0;
            log.note(at, &verdict(workers, share, held), &[]).map(|change| format!("{} → {}", change.from, change.to))
        };
        assert_eq!(note(2, 1.0, false), None, "the start");
        assert_eq!(note(2, 0.95, false), None);
        assert_eq!(note(2, 0.89, false).unwrap(), "2 workers, all the time → 2 workers, 89 % of the time");
        assert_eq!(note(1, 0.89, true).unwrap(), "2 workers, 89 % of the time → held");
        assert_eq!(note(1, 0.5, true), None, "held is held");
        assert_eq!(note(1, 0.5, false).unwrap(), "held → 1 worker, 50 % of the time");
    }

    #[test]
    fn small_steps_add_up_and_the_last_ten_are_kept() {
        let mut log = SpeedLog::default();
        for step in 0..200 {
            log.note(f64::from(step), &verdict(1, 1.0 - f64::from(step) * 0.004, false), &[]);
        }
        let changes = log.changes();
        assert_eq!(changes.len(), 10);
        assert!(changes.is_sorted_by(|a, b| a.at < b.at && a.to == b.from), "{changes:?}");
    }

    #[test]
    fn a_run_that_is_held_from_the_start_says_so() {
        let mut log = SpeedLog::default();
        let change = log.note(1.0, &verdict(1, 1.0, true), &[]).unwrap();
        assert_eq!((change.to.as_str(), change.why.as_str()), ("held", "probe unknown: gone"));
    }
}
