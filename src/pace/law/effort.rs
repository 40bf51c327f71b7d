//! How many workers, for which share of their time? One number that grows and shrinks, and that remembers where it was
//! too much. Knows no signals.

use super::Speed;

/// Never less: a run that crawls still shows how the server takes it, one that stands learns nothing.
const LEAST: f64 = 0.05;

/// Where a run with limits begins: a replica that sustains a quarter of one worker is not overrun by it.
const GENTLE: f64 = 0.25;

/// A step up with all room. A quarter of what it sustains to four workers takes 16 steps, 40 s. With larger steps a
/// slow replica is found at so much over its capacity that its lag passes a limit of 2 s before the lag can be seen to
/// grow.
const STRIDE: f64 = 0.2;

/// A step up on the way back to where it was too much: that way is known.
const RETURN: f64 = 0.4;

/// A step up near where it was too much: small enough that what is over capacity then queues slower than it is seen.
const CREEP: f64 = 0.04;

/// From this part of where it was too much, steps up are small.
const NEAR: f64 = 0.85;

/// Past this part of where it was too much it is not too much any more, and each step is wider than the one before.
const PAST: f64 = 1.1;
const WIDENS: f64 = 1.4;

/// No step below this: every move makes what was seen before worthless, so it must be worth it.
const LEAST_STEP: f64 = 0.015;

/// A hold cuts to this part of what would be at the limit, were the signal proportional to the speed; never by less
/// than a quarter (it would be back at once), nor by more than to a third (it would take minutes to learn anew).
const CUT_TO: f64 = 0.8;
const CUT_WITHIN: (f64, f64) = (0.3, 0.75);

/// What a hold says of where it is too much: a little below where it was held.
const HELD_AT: f64 = 0.9;

/// Each further hold before it is back near where it was too much cuts by so much more: the server has changed.
const CUT_AGAIN: f64 = 0.5;

/// From [`LEAST`] to the number of workers.
#[derive(Clone, Debug)]
pub(super) struct Effort {
    now: f64,
    full: f64,
    /// Where it was too much the last time.
    too_much: f64,
    creep: f64,
    cuts: i32,
}

impl Effort {
    /// All that there is, at once.
    pub fn full(workers: u32) -> Self {
        let full = f64::from(workers.max(1));
        Self { now: full, full, too_much: f64::INFINITY, creep: CREEP, cuts: 0 }
    }

    /// Little, to begin with.
    pub fn gentle(workers: u32) -> Self {
        Self { now: GENTLE, ..Self::full(workers) }
    }

    /// So many workers at most, from now on.
    pub fn set_full(&mut self, workers: u32) {
        self.full = f64::from(workers.max(1));
        self.now = self.now.min(self.full);
    }

    /// Back to little. Where it was too much is forgotten: who knows the way back is faster than who does not.
    pub fn restart(&mut self) {
        *self = Self { now: self.now.min(GENTLE), ..Self::full(self.full as u32) };
    }

    pub fn is_full(&self) -> bool {
        self.now >= self.full
    }

    /// First the share of their time shrinks, then the number of workers; what they do together never jumps.
    pub fn speed(&self) -> Speed {
        let workers = self.now.ceil();
        Speed { workers: workers as u32, share: self.now / workers }
    }

    /// A step up, with `room` from 0 to 1. `false`: none worth taking.
    pub fn raise(&mut self, room: f64) -> bool {
        let known = self.too_much.is_finite() && self.now * (1.0 + RETURN) < NEAR * self.too_much;
        let stride = room * if known { RETURN } else { STRIDE };
        let near = self.now * (1.0 + stride) > NEAR * self.too_much;
        let step = if near { stride.min(self.creep) } else { stride };
        if step < LEAST_STEP || self.is_full() {
            return false;
        }
        if near {
            self.cuts = 0;
        }
        if self.now > PAST * self.too_much {
            self.creep *= WIDENS;
        }
        self.now = (self.now * (1.0 + step)).min(self.full);
        true
    }

    /// To a part of what it is now; `sustains` is the part of it that seems not to be too much. `false`: it is least.
    pub fn lower(&mut self, to: f64, sustains: f64) -> bool {
        if self.now <= LEAST {
            return false;
        }
        self.too_much = self.now * sustains;
        self.creep = CREEP;
        self.now = (self.now * to).max(LEAST);
        true
    }

    /// The run is held by a signal at `over` times its limit. Where it was slowed down just before (`slowed`), that
    /// move has already learned where it is too much.
    pub fn cut(&mut self, over: f64, slowed: bool) {
        let (least, most) = CUT_WITHIN;
        let to = (CUT_TO / over).clamp(least, most) * CUT_AGAIN.powi(self.cuts);
        let learned = self.too_much;
        self.lower(to, HELD_AT);
        if slowed {
            self.too_much = learned.max(self.now);
        }
        self.cuts += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(now: f64, workers: u32) -> Effort {
        Effort { now, ..Effort::full(workers) }
    }

    #[test]
    fn the_share_of_time_is_reduced_first_then_the_number_of_workers() {
        for (effort, workers, share) in [
            (4.0, 4, 1.0),
            (3.6, 4, 0.9),
            (3.0, 3, 1.0),
            (2.5, 3, 2.5 / 3.0),
            (1.0, 1, 1.0),
            (0.3, 1, 0.3),
            (0.05, 1, 0.05),
        ] {
            assert_eq!(at(effort, 4).speed(), Speed { workers, share }, "{effort}");
        }
    }

    #[test]
    fn a_run_with_limits_begins_gently_and_is_at_four_workers_within_sixteen_steps() {
        let mut effort = Effort::gentle(4);
        assert_eq!(effort.speed(), Speed { workers: 1, share: 0.25 });
        let steps = std::iter::from_fn(|| effort.raise(1.0).then_some(())).count();
        assert_eq!((steps, effort.is_full()), (16, true));
    }

    #[test]
    fn it_creeps_where_it_was_too_much_and_widens_its_steps_past_that() {
        let mut effort = at(2.0, 8);
        assert!(effort.lower(0.5, 1.0));
        let mut speeds = vec![effort.now];
        while effort.raise(1.0) {
            speeds.push(effort.now);
        }
        let steps: Vec<f64> = speeds.windows(2).map(|pair| pair[1] / pair[0] - 1.0).collect();
        let near = speeds.windows(2).zip(&steps).filter(|(pair, _)| (1.7..2.0).contains(&pair[0]));
        assert!(near.clone().count() > 2 && near.clone().all(|(_, step)| (step - CREEP).abs() < 1e-9), "{speeds:?}");
        assert!(steps[0] > 3.0 * CREEP && steps[steps.len() - 2] > 3.0 * CREEP, "{steps:?}");
    }

    #[test]
    fn a_hold_cuts_deeper_the_further_over_and_again_before_it_is_back() {
        for (over, holds, left) in [(1.0, 1, 0.75), (1.6, 1, 0.5), (9.0, 1, 0.3), (1.6, 2, 0.125)] {
            let mut effort = at(1.0, 1);
            (0..holds).for_each(|_| effort.cut(over, false));
            assert!((effort.now - left).abs() < 1e-9, "{over} {holds}: {}", effort.now);
        }
    }

    #[test]
    fn it_never_leaves_its_bounds() {
        let mut effort = at(0.06, 1);
        assert!(effort.lower(0.1, 1.0));
        assert_eq!((effort.now, effort.lower(0.1, 1.0)), (LEAST, false));
        let mut full = at(1.0, 1);
        assert!(!full.raise(1.0) && full.is_full());
    }
}
