//! Does one signal hold the run, and since when? Knows values and limits, no samples.

use super::HeldTooLong;
use super::zone::ratio;
use crate::event::{Reason, SignalName};
use crate::pace::signal::Limit;
use crate::quantity::Quantity;
use std::time::{Duration, Instant};

/// The run is held again below this part of the limit only: released right under the limit it would saw.
const RELEASED_AT: f64 = 0.5;

/// Or once it has been within its limit for so long. A p95 has none of our samples left by then, and what is above half of its
/// limit without us (an idle server's latency, others' sessions) would hold the run for ever.
const SETTLED: Duration = Duration::from_secs(30);

/// What holds a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// Nothing.
    Not,
    /// Only what cannot be seen. Says nothing about the speed.
    ByUnknown,
    /// A signal that is over its limit, or was.
    ByOver,
}

/// A signal that holds the run.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Hold {
    /// As shown.
    pub reason: Reason,
    /// What was seen as a part of its limit; 1 for what cannot be seen.
    pub strictness: f64,
}

impl Held {
    /// What holds, of all that do.
    pub fn by(holds: &[Hold]) -> Self {
        match holds {
            [] => Self::Not,
            holds if holds.iter().any(|hold| matches!(hold.reason, Reason::Over { .. })) => Self::ByOver,
            _ => Self::ByUnknown,
        }
    }
}

/// Whether a signal was over its limit, and for how long it holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Latch {
    over: bool,
    since: Option<Instant>,
    /// Since when it is within its limit again.
    within: Option<Instant>,
    told: bool,
}

impl Latch {
    pub fn holds(&self) -> bool {
        self.since.is_some()
    }

    /// What was over the limit may be under another one.
    pub fn limit_changed(&mut self) {
        self.over = false;
    }

    /// The signal is known.
    pub fn known(&mut self, limit: &Limit, value: f64, of: Option<String>, now: Instant) -> Option<Hold> {
        let (max, half) = (limit.max, Quantity { value: limit.max.value * RELEASED_AT, ..limit.max });
        let settled = self.settled(value <= max.value, now);
        self.over = value > max.value || (self.over && value > half.value && !settled);
        if !self.over {
            self.release();
            return None;
        }
        self.since.get_or_insert(now);
        let falling = value <= max.value;
        let limit_shown = if falling { half } else { max };
        let seen = Quantity { value, ..max };
        let reason = Reason::Over { signal: SignalName::clone(&limit.signal), seen, limit: limit_shown, falling, of };
        Some(Hold { reason, strictness: ratio(value, max.value) })
    }

    /// Whether it has been within its limit for long enough by now.
    fn settled(&mut self, is_within: bool, now: Instant) -> bool {
        self.within = is_within.then(|| self.within.unwrap_or(now));
        self.within.is_some_and(|since| now.saturating_duration_since(since) >= SETTLED)
    }

    /// The signal is not known, and that holds. A hold it was under goes on when it is known again.
    pub fn unknown(&mut self, limit: &Limit, why: String, now: Instant) -> Hold {
        self.since.get_or_insert(now);
        self.within = None;
        Hold { reason: Reason::Unknown { signal: SignalName::clone(&limit.signal), why }, strictness: 1.0 }
    }

    /// The signal takes no part.
    pub fn ignored(&mut self) {
        self.over = false;
        self.release();
    }

    /// Whether the hold now lasts too long: told once.
    pub fn too_long(&mut self, limit: &Limit, hold: &Hold, now: Instant) -> Option<HeldTooLong> {
        let lasted = self.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        if self.told || lasted < limit.max_hold {
            return None;
        }
        self.told = true;
        Some(HeldTooLong { reason: hold.reason.clone(), lasted })
    }

    fn release(&mut self) {
        self.since = None;
        self.within = None;
        self.told = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pace::signal::{OnUnknown, Statistic};

    /// Whether a limit of 10 holds after each of these: seconds since the start, value.
    fn held(seen: &[(u64, f64)]) -> Vec<bool> {
        let (max, max_hold, statistic) = (Quantity::number(10.0), Duration::from_secs(60), Statistic::Latest);
        let limit = Limit { signal: "sessions".into(), max, on_unknown: OnUnknown::Hold, max_hold, statistic };
        let (begun, mut latch) = (Instant::now(), Latch::default());
        let hold = |(second, value): &(u64, f64)| {
            latch.known(&limit, *value, None, begun + Duration::from_secs(*second)).is_some()
        };
        seen.iter().map(hold).collect()
    }

    #[test]
    fn a_signal_that_fell_to_half_lets_go_at_once() {
        assert_eq!(
            held(&[(0, 9.0), (1, 11.0), (2, 9.0), (3, 5.1), (4, 5.0), (5, 9.0)]),
            [false, true, true, true, false, false]
        );
    }

    #[test]
    fn a_signal_that_stays_within_its_limit_lets_go_in_the_end() {
        assert_eq!(held(&[(0, 11.0), (1, 8.0), (30, 8.0), (31, 8.0), (32, 9.0)]), [true, true, true, false, false]);
        let over_again = [(0, 11.0), (1, 8.0), (30, 10.1), (31, 8.0), (60, 8.0), (61, 8.0)];
        assert_eq!(held(&over_again), [true, true, true, true, true, false], "it counts anew");
    }
}
