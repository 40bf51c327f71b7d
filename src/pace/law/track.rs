//! What is known of one signal by now? Keeps what was read and judges it; knows no speed, only when it last moved.

use super::course::{self, Sample};
use super::hold::{Hold, Latch};
use super::zone::{self, Advice};
use super::{HeldTooLong, Move, SignalView, Trend};
use crate::pace::signal::{Limit, OnUnknown, Reading, STALE_AFTER, Seen, Statistic};
use crate::quantity::{Quantity, Unit};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Samples are kept this long: twenty of a probe that runs once a second, the fewest that have a 95th percentile.
const KEPT: Duration = Duration::from_secs(20);

/// A p95 of fewer samples is none: with three, one outlier alone neither holds nor releases the run.
const FEWEST: usize = 3;

/// A step up near the limit asks for more: the worst of three is below the true p95 in six of seven tries, of five
/// still in three of four, and each wrong step ends in a hold.
const FEWEST_NEAR: usize = 5;

/// From so many samples on, a step up forgives one outlier too.
const ENOUGH: usize = 8;

/// A change by this part of the limit within ten seconds is a trend.
const TREND: f64 = 0.05;

/// One signal.
#[derive(Clone, Debug)]
pub(super) struct Track {
    pub limit: Limit,
    newest: Option<Reading>,
    samples: VecDeque<Sample>,
    /// What the limit is compared with.
    judged: Option<f64>,
    latch: Latch,
}

impl Track {
    pub fn new(limit: Limit) -> Self {
        Self { limit, newest: None, samples: VecDeque::new(), judged: None, latch: Latch::default() }
    }

    /// From now on it is judged by this limit.
    pub fn set_limit(&mut self, limit: &Limit) {
        if self.limit.max != limit.max {
            self.latch.limit_changed();
        }
        self.limit = limit.clone();
    }

    /// Hears a reading. One that began before the newest came too late to matter.
    pub fn note(&mut self, mut reading: Reading, moved: Instant) {
        if self.newest.as_ref().is_some_and(|newest| newest.at > reading.at) {
            return;
        }
        if !self.goes_on_at(reading.at) {
            self.samples.clear();
            self.judged = None;
        }
        match reading.seen {
            Seen::Value { value, .. } if value.is_finite() => {
                self.samples.push_back((reading.at, value));
                self.samples.retain(|(at, _)| reading.at.duration_since(*at) <= KEPT);
                self.judged = Some(self.judge(value, moved));
            }
            Seen::Value { value, .. } => reading.seen = Seen::Unknown(format!("{value} is no number")),
            Seen::Unknown(_) => {}
        }
        self.newest = Some(reading);
    }

    /// Whether it holds the run now.
    pub fn look(&mut self, now: Instant) -> Option<Hold> {
        match self.known(now) {
            Ok(value) => self.latch.known(&self.limit, value, self.of(), now),
            Err(_) if self.limit.on_unknown == OnUnknown::Ignore => {
                self.latch.ignored();
                None
            }
            Err(why) => Some(self.latch.unknown(&self.limit, why, now)),
        }
    }

    pub fn too_long(&mut self, hold: &Hold, now: Instant) -> Option<HeldTooLong> {
        self.latch.too_long(&self.limit, hold, now)
    }

    /// What it wants of the speed. `None`: it takes no part.
    pub fn advice(&self, moved: Move, wave: Duration, now: Instant) -> Option<Advice> {
        let judged = self.known(now).ok()?;
        let advice = match self.limit.statistic {
            Statistic::P95 => self.advice_of_latency(judged, moved, wave, now),
            Statistic::Latest => self.advice_of_course(moved, wave),
        };
        Some(advice.unwrap_or(Advice::Keep))
    }

    /// What was judged as a part of the limit; `None`: unknown.
    pub fn utilisation(&self, now: Instant) -> Option<f64> {
        self.known(now).ok().map(|value| zone::ratio(value, self.limit.max.value))
    }

    pub fn view(&self, now: Instant) -> SignalView {
        let known = self.known(now);
        SignalView {
            signal: self.limit.signal.to_string(),
            seen: known.as_ref().ok().map(|value| Quantity { value: *value, ..self.limit.max }),
            of: self.of(),
            unknown: known.err(),
            max: self.limit.max,
            age_seconds: self.newest.as_ref().map(|newest| now.saturating_duration_since(newest.at).as_secs_f64()),
            trend: self.trend(),
            holds: self.latch.holds(),
        }
    }

    fn known(&self, now: Instant) -> Result<f64, String> {
        let Some(newest) = &self.newest else { return Err("no reading yet".to_owned()) };
        let age = now.saturating_duration_since(newest.at);
        if age > STALE_AFTER {
            return Err(format!("no reading for {}", Quantity::seconds(age.as_secs_f64().floor())));
        }
        match &newest.seen {
            Seen::Unknown(why) => Err(why.clone()),
            Seen::Value { value, .. } => Ok(self.judged.unwrap_or(*value)),
        }
    }

    /// Whether a reading follows on the one before. What was seen before a time in the dark may be true no more, so
    /// that until there are samples again, the first one after it counts alone.
    fn goes_on_at(&self, at: Instant) -> bool {
        let known = self.newest.as_ref().filter(|newest| matches!(newest.seen, Seen::Value { .. }));
        known.is_some_and(|newest| at.duration_since(newest.at) <= STALE_AFTER)
    }

    fn of(&self) -> Option<String> {
        match &self.newest.as_ref()?.seen {
            Seen::Value { of, .. } => of.clone(),
            Seen::Unknown(_) => None,
        }
    }

    /// Until a p95 can be told of the samples since the last move, the one before stands: samples from before a move
    /// tell of another speed, and one sample tells nothing.
    fn judge(&self, newest: f64, moved: Instant) -> f64 {
        match self.limit.statistic {
            Statistic::Latest => newest,
            Statistic::P95 => {
                let since = self.since(moved);
                let told = if since.len() < FEWEST { self.judged } else { course::p95(since) };
                told.unwrap_or(newest)
            }
        }
    }

    fn since(&self, moved: Instant) -> Vec<f64> {
        self.samples.iter().filter(|(at, _)| *at > moved).map(|(_, value)| *value).collect()
    }

    fn advice_of_latency(&self, judged: f64, moved: Move, wave: Duration, now: Instant) -> Option<Advice> {
        let (since, max) = (self.since(moved.at), self.limit.max.value);
        if since.len() < FEWEST || now.saturating_duration_since(moved.at) < wave {
            return None;
        }
        let worst = since.iter().copied().fold(0.0, f64::max);
        let up = if since.len() < ENOUGH { worst } else { judged };
        let advice = zone::of_latency(up, judged, max);
        let proven = since.len() >= FEWEST_NEAR || zone::far_below(worst, max);
        (proven || !matches!(advice, Advice::SpeedUp { .. })).then_some(advice)
    }

    fn advice_of_course(&self, moved: Move, wave: Duration) -> Option<Advice> {
        let max = self.limit.max;
        let delay = max.unit == Unit::Seconds;
        let span = if moved.down { self.told_since(moved.at, delay)? } else { Duration::MAX };
        let course = course::course(&self.samples, span, wave)?;
        Some(if delay { zone::of_delay(course, max.value) } else { zone::of_level(course, max.value) })
    }

    /// For how long readings have told of the speed since it moved. A delay of d seconds tells of it d seconds late.
    fn told_since(&self, moved: Instant, delay: bool) -> Option<Duration> {
        let first = self.samples.iter().find(|(at, _)| *at >= moved)?;
        let echo = if delay { first.1.clamp(0.0, zone::LONGEST_ECHO) } else { 0.0 };
        Some(self.samples.back()?.0.saturating_duration_since(moved + Duration::from_secs_f64(echo)))
    }

    fn trend(&self) -> Option<Trend> {
        let change = course::change(&self.samples)?;
        let least = TREND * self.limit.max.value;
        Some(match () {
            () if change > least => Trend::Rising,
            () if change < -least => Trend::Falling,
            () => Trend::Steady,
        })
    }
}
