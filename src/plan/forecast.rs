//! When will a run end? From its durable progress alone, as a range: at its speed since the start, and at its speed of
//! the last minute. Hears the time; reads no clock.

use super::estimate::Span;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How far back "lately" reaches: long enough for a few batches, short enough to notice a hold.
const LATELY: Duration = Duration::from_secs(60);

/// Before this much was seen, any answer would be a guess.
const AT_LEAST: Duration = Duration::from_secs(3);

/// A run's progress over time.
#[derive(Clone, Debug)]
pub struct Forecast {
    start: (Instant, f64),
    lately: VecDeque<(Instant, f64)>,
}

impl Forecast {
    /// A forecast that begins with this share of the key space walked.
    pub fn new(now: Instant, share: f64) -> Self {
        Self { start: (now, share), lately: VecDeque::from([(now, share)]) }
    }

    /// Hears the share that is walked now; seconds until the whole is. `None`: too early to say, or standing still.
    pub fn note(&mut self, now: Instant, share: f64) -> Option<Span> {
        self.lately.push_back((now, share));
        while self.lately.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= LATELY) {
            self.lately.pop_front();
        }
        let from = [Some(&self.start), self.lately.front()];
        let ends: Option<Vec<_>> = from.into_iter().map(|from| remaining(*from?, now, share)).collect();
        let ends = ends?;
        let low = ends.iter().copied().reduce(f64::min)?;
        let high = ends.iter().copied().reduce(f64::max)?;
        Some(Span { low, high })
    }
}

fn remaining((then, before): (Instant, f64), now: Instant, share: f64) -> Option<f64> {
    let seconds = now.duration_since(then);
    let walked = share - before;
    (seconds >= AT_LEAST && walked > 0.0).then(|| (1.0 - share) * seconds.as_secs_f64() / walked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_even_run_has_a_narrow_range_and_a_slowing_one_a_wide_one() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut forecast = Forecast::new(start, 0.0);
        assert_eq!(forecast.note(at(1), 0.01), None, "too early to say");
        for second in 2..=100 {
            forecast.note(at(second), second as f64 / 1000.0);
        }
        let span = forecast.note(at(100), 0.1).unwrap();
        assert!((span.low - 900.0).abs() < 1.0 && (span.high - 900.0).abs() < 1.0, "{span:?}");
        for second in 101..=200 {
            forecast.note(at(second), 0.1 + (second - 100) as f64 / 10_000.0);
        }
        let span = forecast.note(at(200), 0.11).unwrap();
        assert!(span.low < 1700.0 && span.high > 8800.0, "{span:?}");
    }

    #[test]
    fn a_run_that_stands_still_has_no_end_in_sight() {
        let start = Instant::now();
        let mut forecast = Forecast::new(start, 0.5);
        assert_eq!(forecast.note(start + Duration::from_secs(30), 0.5), None);
    }
}
