//! How fast may the run go, by all that was measured? Hears readings and the time, answers with a [`Verdict`]. Reads no
//! clock; knows neither who measures nor who waits.
//!
//! Every signal is judged by its utilisation u, what was seen as a part of its limit: low speeds up, then keep, then
//! slow down, above 1 hold until it has fallen to half or stayed below 1 for half a minute. The strictest of all signals
//! decides, moves are a cooldown apart, and a speed is first a share of one worker's time, then more workers. Where the
//! zones lie depends on what a reading says:
//!
//! - **a delay** (seconds, newest reading: lag) says that something queues. While it stands, whatever replays is fully
//!   used already, so more speed wins nothing: speed up below 0.4, keep to 0.7. It also keeps growing after we stop,
//!   until what is queued is drained, so it is judged by where it is heading ([`course`]).
//! - **a level** (any other newest reading: bytes, sessions) answers to the speed at once and stays: small steps up
//!   reach into the keep band, to 0.8; slow down from 0.9. Literal zones would leave a third of what is allowed unused.
//! - **a latency** (p95) grows like 1/(1 − load): at u = 0.7 only 79 % of what the limit allows is in use. A p95
//!   already counts the bad moments, so small steps reach to 0.88; slow down from 0.95.
//!
//! How large a step up is depends also on where it was too much the last time ([`effort`]): near that it creeps.

mod course;
mod effort;
mod hold;
#[cfg(test)]
mod simulation;
mod track;
mod zone;

use super::signal::{Limit, Reading};
use crate::event::{Reason, SignalName};
use crate::quantity::Quantity;
use effort::Effort;
use hold::Held;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};
use track::Track;
use zone::Advice;

/// Between two moves of the speed: five readings of a sensor that reads every 500 ms, so that a move is judged by what
/// it did. Shorter, and the next step is taken before the last one can be seen; longer, and a ramp takes minutes.
const COOLDOWN: Duration = Duration::from_millis(2500);

/// From little to what four workers can do takes 16 steps, 40 s. Shorter, and a run that shares takes what another on
/// its way up has not taken yet.
const CATCHES_UP: Duration = Duration::from_secs(45);

/// A batch takes about this long, so a worker that is busy for a share of its time makes signals rise and fall once in
/// this time divided by its share. Only what is left at the bottom of such a wave is a trend.
const BATCH_SECONDS: f64 = 1.0;

/// Waves are waited out within these seconds. Shorter than one is two readings, and one alone proves nothing; a trend
/// that is looked for over more than four is found too late.
const WAVE_SECONDS: (f64, f64) = (1.0, 4.0);

/// How much of their time how many workers may be busy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Speed {
    /// So many workers may begin batches.
    pub workers: u32,
    /// For this share of their time, above 0 up to 1.
    pub share: f64,
}

/// What all signals together allow.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// How fast, once nothing holds the run.
    pub speed: Speed,
    /// The signal that is nearest to its limit, while the run is slower than it could be.
    pub slowed_by: Option<SignalName>,
    /// Why no batch may begin; the strictest first. Empty: they may.
    pub held: Vec<Reason>,
    /// Signals whose hold has now lasted longer than their `max_hold`: told once for each hold.
    pub held_too_long: Vec<HeldTooLong>,
}

/// A hold that lasts longer than its signal's `max_hold`.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldTooLong {
    /// Why it holds.
    pub reason: Reason,
    /// For how long by now.
    pub lasted: Duration,
}

/// Where a signal is going.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Trend {
    /// Up.
    Rising,
    /// Neither.
    Steady,
    /// Down.
    Falling,
}

/// A signal as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SignalView {
    /// Its name.
    pub signal: String,
    /// What was seen; `None`: unknown.
    pub seen: Option<Quantity>,
    /// Of which replica, slot or table.
    pub of: Option<String>,
    /// Why it is unknown.
    pub unknown: Option<String>,
    /// Its limit.
    pub max: Quantity,
    /// Seconds since the reading; `None`: there was none yet.
    pub age_seconds: Option<f64>,
    /// Where it is going, once that can be told.
    pub trend: Option<Trend>,
    /// Whether it holds the run.
    pub holds: bool,
}

/// Judges all signals of a run together.
#[derive(Clone, Debug)]
pub struct Law {
    tracks: Vec<Track>,
    effort: Effort,
    moved: Move,
    held: Held,
    /// Nothing but signals may hold the run.
    walks: bool,
    begun: Instant,
    /// No step up before: somebody else is on the way up.
    makes_room_until: Option<Instant>,
}

/// The last move of the speed. What was seen before tells of another speed.
#[derive(Clone, Copy, Debug)]
struct Move {
    at: Instant,
    /// It was a move down: what is queued from before it goes on to arrive.
    down: bool,
}

impl Law {
    /// The law of a run with so many workers.
    pub fn new(limits: Vec<Limit>, workers: u32, now: Instant) -> Self {
        let effort = if limits.is_empty() { Effort::full(workers) } else { Effort::gentle(workers) };
        let tracks = limits.into_iter().map(Track::new).collect();
        let moved = Move { at: now, down: false };
        Self { tracks, effort, moved, held: Held::Not, walks: true, begun: now, makes_room_until: None }
    }

    /// So many workers from now on. Where signals limit the run, it finds its own way to more of them.
    pub fn set_workers(&mut self, workers: u32) {
        if self.tracks.is_empty() { self.effort = Effort::full(workers) } else { self.effort.set_full(workers) }
    }

    /// Other limits for the signals that it judges, from now on. What was seen of them stays known; a hold by another limit
    /// than before is judged anew.
    pub fn set_limits<'a>(&mut self, limits: impl IntoIterator<Item = &'a Limit>) {
        for limit in limits {
            if let Some(track) = self.tracks.iter_mut().find(|track| track.limit.signal == limit.signal) {
                track.set_limit(limit);
            }
        }
    }

    /// Hears what was seen of a signal.
    pub fn note(&mut self, reading: Reading) {
        if let Some(track) = self.tracks.iter_mut().find(|track| track.limit.signal == reading.signal) {
            track.note(reading, self.moved.at);
        }
    }

    /// Another run begins to share the limits, with little. What this one has learned is what the server sustains, and
    /// a part of that is its own; were it to take the room that the part leaves, the other would never come to its own.
    /// A run that has learned nothing yet begins together with the other.
    pub fn make_room(&mut self, now: Instant) {
        if now.saturating_duration_since(self.begun) >= CATCHES_UP {
            self.makes_room_until = Some(now + CATCHES_UP);
        } else if !self.tracks.is_empty() {
            self.effort.restart();
            self.moved = Move { at: now, down: false };
        }
    }

    /// Decides. Called several times a second. `walks`: nothing else holds the run; while something does, an idle server
    /// shows what it is without us, and the speed stays as it is.
    pub fn judge(&mut self, now: Instant, walks: bool) -> Verdict {
        if walks && !std::mem::replace(&mut self.walks, walks) {
            self.moved = Move { at: now, down: false };
        }
        self.walks = walks;
        let mut held_too_long = Vec::new();
        let mut holds = Vec::new();
        for track in &mut self.tracks {
            if let Some(hold) = track.look(now) {
                held_too_long.extend(track.too_long(&hold, now));
                holds.push(hold);
            }
        }
        holds.sort_by(|a, b| b.strictness.total_cmp(&a.strictness));
        self.steer(Held::by(&holds), holds.first().map_or(0.0, |hold| hold.strictness), now);
        let held = holds.into_iter().map(|hold| hold.reason).collect();
        Verdict { speed: self.effort.speed(), slowed_by: self.slowed_by(now), held, held_too_long }
    }

    /// All signals as they are shown.
    pub fn view(&self, now: Instant) -> Vec<SignalView> {
        self.tracks.iter().map(|track| track.view(now)).collect()
    }

    /// Nothing is learned while the run is held: an idle server shows what it is without us.
    fn steer(&mut self, held: Held, strictness: f64, now: Instant) {
        match (std::mem::replace(&mut self.held, held), held) {
            (Held::Not, Held::Not) if self.walks => self.step(now),
            (Held::Not | Held::ByUnknown, Held::ByOver) => {
                self.effort.cut(strictness, self.moved.down);
                self.moved = Move { at: now, down: true };
            }
            (Held::ByUnknown | Held::ByOver, Held::Not) => self.moved = Move { at: now, down: false },
            _ => {}
        }
    }

    fn step(&mut self, now: Instant) {
        if now.saturating_duration_since(self.moved.at) < COOLDOWN {
            return;
        }
        let (moved, wave) = (self.moved, self.wave());
        let advice = self.tracks.iter().filter_map(|track| track.advice(moved, wave, now)).min_by(Advice::strictest);
        let (moves, down) = match advice.unwrap_or(Advice::SpeedUp { room: 1.0 }) {
            Advice::SpeedUp { .. } if self.makes_room_until.is_some_and(|until| now < until) => return,
            Advice::SpeedUp { room } => (self.effort.raise(room), false),
            Advice::Keep => return,
            Advice::SlowDown { to, sustains } => (self.effort.lower(to, sustains), true),
        };
        if moves {
            self.moved = Move { at: now, down };
        }
    }

    fn wave(&self) -> Duration {
        let (least, most) = WAVE_SECONDS;
        Duration::from_secs_f64((BATCH_SECONDS / self.effort.speed().share).clamp(least, most))
    }

    fn slowed_by(&self, now: Instant) -> Option<SignalName> {
        if self.effort.is_full() {
            return None;
        }
        let known = self.tracks.iter().filter_map(|track| Some((track.utilisation(now)?, track)));
        known.max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, track)| SignalName::clone(&track.limit.signal))
    }
}

#[cfg(test)]
mod tests;
