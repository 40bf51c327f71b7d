//! What does one signal advise, by how near it is to its limit and where it is heading? Knows neither time nor speed.

use super::course::Course;
use std::cmp::Ordering;

/// What a signal wants of the speed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Advice {
    /// Up, with room from above 0 (the smallest step) to 1 (the widest).
    SpeedUp {
        /// How much of the widest step.
        room: f64,
    },
    /// Neither.
    Keep,
    /// Down.
    SlowDown {
        /// To this part of the speed.
        to: f64,
        /// This part of the speed seems to be what can be sustained.
        sustains: f64,
    },
}

impl Advice {
    /// Orders the strictest first.
    pub fn strictest(&self, other: &Self) -> Ordering {
        self.lenience().total_cmp(&other.lenience())
    }

    fn lenience(&self) -> f64 {
        match self {
            Self::SpeedUp { room } => 1.0 + room,
            Self::Keep => 1.0,
            Self::SlowDown { to, .. } => *to,
        }
    }
}

/// Up to where which advice holds, as parts of the limit. Above 1 the run is held.
struct Zones {
    /// Speed up by the widest step.
    full: f64,
    /// Speed up, by less the nearer. From here on keep.
    keep: f64,
    /// Slow down from here.
    slow: f64,
}

/// Lag: standing in a queue wins nothing, and room is needed for what is queued already.
const DELAY: Zones = Zones { full: 0.3, keep: 0.4, slow: 0.7 };

/// The zones of the design, but with small steps on to 0.8: where a level is proportional to the speed, 0.7 of its
/// limit is 0.7 of what it allows.
const LEVEL: Zones = Zones { full: 0.4, keep: 0.8, slow: 0.9 };

/// With u = 1/(3 (1 − load)), a limit of three times the idle latency: 0.88 is 93 % of the load at the limit, 0.7 is
/// 79 %.
const LATENCY: Zones = Zones { full: 0.4, keep: 0.88, slow: 0.95 };

/// Until a move is seen in a signal: the cooldown and one reading.
const REACTION: f64 = 3.0;

/// A delay of d seconds tells of what was done d seconds ago. Longer ones than this are no lag of ours (the age of a
/// transaction), and looking further ahead would slow the run for something it does not make.
pub(super) const LONGEST_ECHO: f64 = 15.0;

/// A delay that grows faster than this, in seconds per second: the replica sustains less than 96 % of our speed.
const RISING: f64 = 0.04;

/// A level that would pass a tenth of its limit in 20 s.
const RISING_LEVEL: f64 = 0.1 / 20.0;

/// Growing by nearly a second a second is standing still, which says nothing of how fast it goes when it goes.
const STALLED: f64 = 0.8;

/// A rise that is told late was underestimated: slowed by so much more for each second that it is told later than one.
const UNSEEN: f64 = 0.03;

/// Never slowed to less in one move: what was predicted may be wrong, and the next move is seconds away.
const LEAST_LEFT: f64 = 0.4;

/// What a delay advises, in seconds.
pub(super) fn of_delay(course: Course, max: f64) -> Advice {
    let rise = course.slope.clamp(0.0, 0.9);
    // A backlog written at 1/(1 - rise) times the speed of its replay takes as much longer to replay than it is old.
    let sustains = 1.0 - rise;
    let soon = course.level.max(course.floor + rise * (course.lateness + REACTION));
    let ahead = (soon / sustains).min(soon + LONGEST_ECHO);
    match DELAY.advice(ratio(ahead, max), ratio(ahead, max)) {
        Advice::SpeedUp { .. } if course.slope > RISING => Advice::Keep,
        Advice::SlowDown { .. } if course.slope < -RISING => Advice::Keep,
        Advice::SlowDown { .. } => {
            let drained =
                1.0 - (0.5 * (ratio(course.level, max) - 0.6)).clamp(0.05, 0.2) - UNSEEN * (course.lateness - 1.0);
            let sustains_known = if rise > STALLED { 1.0 } else { sustains };
            Advice::SlowDown { to: (sustains * drained).max(LEAST_LEFT), sustains: sustains_known }
        }
        advice => advice,
    }
}

/// What a level advises.
pub(super) fn of_level(course: Course, max: f64) -> Advice {
    let ahead = course.level.max(course.floor + course.slope.max(0.0) * (course.lateness + REACTION));
    match LEVEL.advice(ratio(ahead, max), ratio(ahead, max)) {
        Advice::SpeedUp { .. } if course.slope > RISING_LEVEL * max => Advice::Keep,
        Advice::SlowDown { .. } if course.slope < -RISING_LEVEL * max => Advice::Keep,
        advice => advice,
    }
}

/// What a latency advises: up only if even the `worst` has room, down if what is `judged` has none.
pub(super) fn of_latency(worst: f64, judged: f64, max: f64) -> Advice {
    LATENCY.advice(ratio(worst, max), ratio(judged, max))
}

/// Whether a latency is so low that few samples prove enough.
pub(super) fn far_below(worst: f64, max: f64) -> bool {
    ratio(worst, max) <= 0.5
}

/// What was seen as a part of its limit. Of a limit of 0, anything is over.
pub(super) fn ratio(value: f64, max: f64) -> f64 {
    match () {
        () if max > 0.0 => value / max,
        () if value > 0.0 => f64::INFINITY,
        () => 0.0,
    }
}

impl Zones {
    fn advice(&self, up: f64, down: f64) -> Advice {
        if down >= self.slow {
            // A tenth where the zone begins, half where twice the limit is ahead.
            let to = (1.0 - (down - self.slow + 0.15) * 0.6).clamp(0.5, 0.95);
            return Advice::SlowDown { to, sustains: 1.0 };
        }
        let room = (self.keep - up) / (self.keep - self.full);
        if room > 0.0 { Advice::SpeedUp { room: room.min(1.0) } } else { Advice::Keep }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(advice: Advice) -> &'static str {
        match advice {
            Advice::SpeedUp { room } if room >= 1.0 => "up",
            Advice::SpeedUp { .. } => "creep",
            Advice::Keep => "keep",
            Advice::SlowDown { .. } => "down",
        }
    }

    fn steady(level: f64) -> Course {
        Course { level, floor: level, slope: 0.0, lateness: 1.0 }
    }

    #[test]
    fn each_zone_advises_its_own() {
        for (u, delay, level, latency) in [
            (0.0, "up", "up", "up"),
            (0.29, "up", "up", "up"),
            (0.39, "creep", "up", "up"),
            (0.41, "keep", "creep", "creep"),
            (0.69, "keep", "creep", "creep"),
            (0.71, "down", "creep", "creep"),
            (0.81, "down", "keep", "creep"),
            (0.89, "down", "keep", "keep"),
            (0.91, "down", "down", "keep"),
            (0.96, "down", "down", "down"),
        ] {
            let advised =
                [of_delay(steady(u * 8.0), 8.0), of_level(steady(u * 8.0), 8.0), of_latency(u * 8.0, u * 8.0, 8.0)];
            assert_eq!(advised.map(name), [delay, level, latency], "{u}");
        }
    }

    #[test]
    fn of_a_limit_of_zero_nothing_is_all_room_and_anything_is_too_much() {
        assert_eq!(name(of_level(steady(0.0), 0.0)), "up");
        assert_eq!(name(of_level(steady(0.1), 0.0)), "down");
    }

    #[test]
    fn a_growing_delay_is_judged_by_where_it_is_heading() {
        for (floor, slope, advised) in [
            (0.0, 0.02, "up"),
            (0.0, 0.05, "keep"),
            (1.0, 0.3, "keep"),
            (3.0, 0.5, "down"),
            (8.0, -0.3, "keep"),
            (1.0, 1.0, "down"),
        ] {
            let course = Course { level: floor, floor, slope, lateness: 1.0 };
            assert_eq!(name(of_delay(course, 10.0)), advised, "{floor} {slope}");
        }
    }

    #[test]
    fn a_delay_that_grows_by_half_a_second_a_second_halves_the_speed_and_a_little() {
        let course = Course { level: 4.0, floor: 4.0, slope: 0.5, lateness: 1.0 };
        assert_eq!(of_delay(course, 10.0), Advice::SlowDown { to: 0.475, sustains: 0.5 });
    }

    #[test]
    fn the_strictest_advice_is_the_lowest_speed() {
        let mut all = [
            Advice::SpeedUp { room: 0.2 },
            Advice::SlowDown { to: 0.9, sustains: 1.0 },
            Advice::Keep,
            Advice::SlowDown { to: 0.5, sustains: 1.0 },
        ];
        all.sort_by(Advice::strictest);
        assert_eq!(all.map(name), ["down", "down", "keep", "creep"]);
        assert_eq!(all[0], Advice::SlowDown { to: 0.5, sustains: 1.0 });
    }
}
