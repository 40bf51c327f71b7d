//! How many rows a second, lately? From a count that only grows. Hears the time; reads no clock.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Shorter jumps with every batch, longer hides a hold.
const LATELY: Duration = Duration::from_secs(15);

/// The speed of the last moments.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    counts: VecDeque<(Instant, u64)>,
}

impl Meter {
    /// Hears how many rows were changed until now.
    pub fn note(&mut self, now: Instant, rows: u64) {
        self.counts.push_back((now, rows));
        while self.counts.get(1).is_some_and(|(at, _)| now.saturating_duration_since(*at) >= LATELY) {
            self.counts.pop_front();
        }
    }

    /// Rows a second.
    pub fn per_second(&self, now: Instant) -> f64 {
        let (Some((then, before)), Some((_, rows))) = (self.counts.front(), self.counts.back()) else { return 0.0 };
        let seconds = now.saturating_duration_since(*then).as_secs_f64();
        if seconds > 0.0 { rows.saturating_sub(*before) as f64 / seconds } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_shows_within_the_last_moments() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut meter = Meter::default();
        assert_eq!(meter.per_second(at(0)), 0.0);
        for second in 0..=60 {
            meter.note(at(second), second * 100);
        }
        assert_eq!(meter.per_second(at(60)), 100.0);
        for second in 61..=75 {
            meter.note(at(second), 6000);
        }
        assert_eq!(meter.per_second(at(75)), 0.0);
    }
}
