//! Which holds are worth a line? One that lasts, once, and its end. Hears the time; reads no clock and prints nothing.

use crate::event::{Reason, SignalName, all_reasons};
use std::time::{Duration, Instant};

/// A shorter hold is over before anybody has read of it; nearly every run has one at its start, until the first readings
/// are in.
const LASTS: Duration = Duration::from_secs(1);

/// Holds by the same signals that follow each other more closely are one story.
const AGAIN_AFTER: Duration = Duration::from_secs(10);

/// What is known of the holds of a run.
#[derive(Default)]
pub(super) struct Holds {
    hold: Option<Hold>,
    /// The last one that had a line: by which signals, and when.
    told: Option<(Vec<SignalName>, Instant)>,
}

struct Hold {
    since: Instant,
    signals: Vec<SignalName>,
    words: String,
    told: bool,
}

impl Holds {
    /// The run is held, for these reasons.
    pub(super) fn held(&mut self, reasons: &[Reason], now: Instant) {
        let signals: Vec<_> = reasons.iter().map(Reason::signal).collect();
        let words = format!("held: {}", all_reasons(reasons));
        match &mut self.hold {
            Some(hold) if hold.signals == signals => hold.words = words,
            // Other signals are another reason, which has a line of its own.
            _ => self.hold = Some(Hold { since: now, signals, words, told: false }),
        }
    }

    /// The run goes on. Whether that is worth a line.
    pub(super) fn released(&mut self) -> bool {
        self.hold.take().is_some_and(|hold| hold.told)
    }

    /// What holds the run now, for the place of the ETA.
    pub(super) fn words(&self) -> Option<&String> {
        self.hold.as_ref().map(|hold| &hold.words)
    }

    /// The line that is due, if one is.
    pub(super) fn line(&mut self, now: Instant) -> Option<String> {
        let hold = self.hold.as_mut().filter(|hold| !hold.told && now - hold.since >= LASTS)?;
        let is_old = |(signals, at): &(Vec<SignalName>, Instant)| *signals == hold.signals && now - *at < AGAIN_AFTER;
        if self.told.as_ref().is_some_and(is_old) {
            return None;
        }
        hold.told = true;
        self.told = Some((hold.signals.clone(), now));
        Some(hold.words.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown(signal: &str, why: &str) -> Vec<Reason> {
        vec![Reason::Unknown { signal: signal.into(), why: why.into() }]
    }

    #[test]
    fn a_hold_that_lasts_has_one_line_and_so_has_its_end() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut holds = Holds::default();
        holds.held(&unknown("probe", "no reading yet"), at(0));
        assert_eq!((holds.line(at(500)), holds.released()), (None, false), "over before it lasted");

        holds.held(&unknown("probe", "gone"), at(2000));
        holds.held(&unknown("probe", "still gone"), at(2500));
        assert_eq!(holds.line(at(3000)).unwrap(), "held: probe unknown: still gone");
        assert_eq!(holds.line(at(9000)), None, "once");
        holds.held(&unknown("wal-rate", "gone"), at(9500));
        assert_eq!(holds.line(at(10_500)).unwrap(), "held: wal-rate unknown: gone");
        assert!(holds.released());
    }

    #[test]
    fn holds_that_follow_each_other_closely_are_one_story() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut holds = Holds::default();
        let mut told = 0;
        for second in (0..60).step_by(3) {
            holds.held(&unknown("probe", "gone"), at(second));
            told += usize::from(holds.line(at(second + 1)).is_some());
            holds.released();
        }
        assert!((4..=6).contains(&told), "{told} lines in a minute");
    }
}
