//! Where is a signal, and where is it heading? Plain arithmetic over samples; knows no limits.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What was seen, and when.
pub(super) type Sample = (Instant, f64);

/// A rise that goes on is told over this long …
const SHORT: Duration = Duration::from_secs(2);

/// … and one that is mixed with noise over this long: readings that are half a second coarse pass for a rise of a
/// quarter second a second over two.
const LONG: Duration = Duration::from_secs(4);

/// As many seconds each: the two halves that [`change`] compares.
const HALF: Duration = Duration::from_secs(5);

/// Where a signal is and how it moves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Course {
    /// The mean over the last wave.
    pub level: f64,
    /// The least over the last wave: what stands however the batches come and go.
    pub floor: f64,
    /// How the floor moves, per second.
    pub slope: f64,
    /// By how many seconds a floor is behind what it is the floor of.
    pub lateness: f64,
}

/// The course over samples no older than `span`. `None`: too few of them.
pub(super) fn course(samples: &VecDeque<Sample>, span: Duration, wave: Duration) -> Option<Course> {
    let (newest, (oldest, _)) = (samples.back()?.0, samples.front()?);
    let span = span.min(newest.duration_since(*oldest));
    if span < wave * 2 {
        return None;
    }
    let over = |age: Duration| between(samples, age, age + wave).fold(f64::INFINITY, f64::min);
    let floor = over(Duration::ZERO);
    let slope_over = |apart: Duration| (floor - over(apart)) / apart.as_secs_f64();
    let [short, long] = [SHORT, LONG].map(|apart| apart.max(wave).min(span - wave));
    let half_way = over(short / 2);
    let goes_on = floor > half_way && half_way > over(short);
    let slope = slope_over(if goes_on { short } else { long });
    let level = mean(between(samples, Duration::ZERO, wave))?;
    slope.is_finite().then_some(Course { level, floor, slope, lateness: wave.as_secs_f64() })
}

/// By how much the last seconds differ from those before, on average. `None`: too few samples.
pub(super) fn change(samples: &VecDeque<Sample>) -> Option<f64> {
    let enough = |from: Duration| between(samples, from, from + HALF).count() > 2;
    if !enough(Duration::ZERO) || !enough(HALF) {
        return None;
    }
    Some(mean(between(samples, Duration::ZERO, HALF))? - mean(between(samples, HALF, HALF * 2))?)
}

/// The 95th percentile by nearest rank of 20 or more; of fewer the second worst, as one outlier may be no trend.
pub(super) fn p95(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let above = (values.len() / 20).max(1);
    values.get(values.len().checked_sub(above + 1)?).copied()
}

fn between(samples: &VecDeque<Sample>, from: Duration, to: Duration) -> impl Iterator<Item = f64> {
    let newest = samples.back().map(|(at, _)| *at);
    samples.iter().filter_map(move |(at, value)| {
        let age = newest?.duration_since(*at);
        (age >= from && age < to).then_some(*value)
    })
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (count, sum) = values.fold((0, 0.0), |(count, sum), value| (count + 1, sum + value));
    (count > 0).then(|| sum / f64::from(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAVE: Duration = Duration::from_secs(1);

    /// One sample every half second, the first half a second after the start.
    fn samples(values: impl IntoIterator<Item = f64>) -> VecDeque<Sample> {
        let start = Instant::now();
        (1..).zip(values).map(|(half, value)| (start + Duration::from_millis(500) * half, value)).collect()
    }

    fn slope(values: impl IntoIterator<Item = f64>) -> Option<f64> {
        course(&samples(values), Duration::MAX, WAVE).map(|course| (course.slope * 100.0).round() / 100.0)
    }

    #[test]
    fn a_steady_rise_is_its_slope() {
        assert_eq!(slope((0..12).map(|n| f64::from(n) * 0.1)), Some(0.2));
        assert_eq!(slope((0..12).map(|n| f64::from(-n) * 0.1)), Some(-0.2));
        assert_eq!(slope([3.0; 12]), Some(0.0));
    }

    #[test]
    fn waves_that_return_to_the_ground_are_no_rise() {
        let wave = Duration::from_secs(2);
        let values = samples([0.0, 0.3, 0.6, 0.9, 0.0, 0.3, 0.6, 0.9, 0.0, 0.3, 0.6, 0.9]);
        assert_eq!(course(&values, Duration::MAX, wave).map(|course| (course.floor, course.slope)), Some((0.0, 0.0)));
    }

    #[test]
    fn a_single_coarse_step_counts_for_less_than_a_rise_that_goes_on() {
        assert_eq!(slope([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 0.5]), Some(0.14));
        assert_eq!(slope([0.0, 0.0, 0.0, 0.0, 0.0, 0.1, 0.2, 0.3, 0.4, 0.5]), Some(0.2));
    }

    #[test]
    fn too_few_samples_tell_no_course() {
        assert_eq!(slope([1.0, 2.0, 3.0]), None);
        assert_eq!(course(&samples([1.0; 20]), Duration::from_millis(1900), WAVE), None);
    }

    #[test]
    fn a_p95_leaves_out_one_in_twenty_and_at_least_one() {
        let up_to = |n: u32| (1..=n).map(f64::from).collect::<Vec<_>>();
        for (values, expected) in [
            (vec![], None),
            (vec![7.0], None),
            (vec![9.0, 1.0, 2.0], Some(2.0)),
            (up_to(20), Some(19.0)),
            (up_to(40), Some(38.0)),
        ] {
            assert_eq!(p95(values), expected);
        }
    }

    #[test]
    fn a_change_compares_five_seconds_with_the_five_before() {
        let values = [[1.0; 10], [1.5; 10]].concat();
        assert_eq!(change(&samples(values)), Some(0.5));
        assert_eq!(change(&samples([1.0; 9])), None);
    }
}
