//! When may batches begin? Windows of the week in a zone's own time. Hears the time; reads no clock. The only home of
//! jiff.
//!
//! **The wall clock decides.** A moment is inside a window exactly when the clock on the wall of that zone shows a day
//! and time that the window covers. So nothing ever runs at an hour that nobody allowed, whatever daylight saving does:
//! a start that is skipped is the first moment after the gap, a window that lies wholly in the gap does not open that
//! day, and an hour that the clock shows twice counts both times. `22:00-02:30`, where 02:00 to 03:00 comes twice, is
//! open until 02:30, closed until the clock goes back, and open until 02:30 again.

mod words;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp, ToSpan};
use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;
use words::Hours;

/// How far ahead the next change is looked for. A week is enough for every window that opens each week; two, and a day
/// for the zones, where daylight saving skips a week's only opening.
const HORIZON: SignedDuration = SignedDuration::from_hours(15 * 24);

/// Beyond this a day's name alone could be read as the wrong week's.
const WEEKDAY_IS_ENOUGH: SignedDuration = SignedDuration::from_hours(6 * 24);

/// Days and times of the week in a zone, as written: `Mon-Fri 22:00-06:00 Europe/Berlin`.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    text: String,
    hours: Hours,
    zone: TimeZone,
}

/// Why a text is no window.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct WindowError {
    /// What is wrong.
    pub why: String,
    /// What to write instead.
    pub help: String,
    /// The zone is what is wrong.
    pub zone: bool,
}

/// Whether batches may begin, and until when.
#[derive(Clone, Debug, PartialEq)]
pub enum Opening {
    /// A window is open.
    Open {
        /// When the last of the windows that are open or follow each other without a gap closes; `None`: not within
        /// the next two weeks, so as good as never.
        closes: Option<SystemTime>,
    },
    /// None is.
    Closed {
        /// When the next one opens, for people: `Mon 22:00 Europe/Berlin`.
        opens: String,
        /// The same moment.
        opens_at: SystemTime,
    },
}

/// Whether any of the windows is open. No windows at all: always.
pub fn opening(windows: &[Window], now: SystemTime) -> Opening {
    let Some(first) = windows.first() else { return Opening::Open { closes: None } };
    // A clock that shows no year known to the calendar is past every window that anyone wrote.
    let now = Timestamp::try_from(now).unwrap_or(Timestamp::MAX);
    let horizon = now.checked_add(HORIZON).unwrap_or(Timestamp::MAX);
    let open_one = |at: Timestamp| windows.iter().find(|window| window.is_open(at));

    let is_open = open_one(now).is_some();
    let mut turns: Vec<_> = windows.iter().flat_map(|window| window.turns(now, horizon)).collect();
    turns.sort_unstable();
    let change = turns.into_iter().find(|turn| open_one(*turn).is_some() != is_open);
    if is_open {
        return Opening::Open { closes: change.map(SystemTime::from) };
    }
    // Each window opens within the horizon; only at the end of all calendars there is no next opening to be found.
    let opens_at = change.unwrap_or(horizon);
    let opens = open_one(opens_at).unwrap_or(first).moment(opens_at, now);
    Opening::Closed { opens, opens_at: opens_at.into() }
}

impl Window {
    fn is_open(&self, at: Timestamp) -> bool {
        let local = self.zone.to_datetime(at);
        let day = local.weekday().to_monday_zero_offset().unsigned_abs();
        let minute = u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs());
        self.hours.contain(day, minute)
    }

    /// Every moment after `now` where the window may open or close: its times on each day, and each moment where the
    /// zone's clock is put forward or back. Between two of them nothing changes.
    fn turns(&self, now: Timestamp, horizon: Timestamp) -> Vec<Timestamp> {
        let last = self.zone.to_datetime(horizon).date();
        let days = self.zone.to_datetime(now).date().series(1.day()).take_while(|day| *day <= last);
        let scheduled = days.flat_map(|day| self.hours.times().map(|minute| on(day, minute)));
        let put = self.zone.following(now).map(|transition| transition.timestamp());
        let put = put.take_while(|at| *at <= horizon);
        scheduled.flat_map(|local| self.moments(local)).flatten().filter(|at| *at > now).chain(put).collect()
    }

    /// The moments when the zone's clock shows this: one, two where it is put back, none where it skips it.
    fn moments(&self, local: DateTime) -> [Option<Timestamp>; 2] {
        match self.zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => [offset.to_timestamp(local).ok(), None],
            AmbiguousOffset::Fold { before, after } => [before, after].map(|offset| offset.to_timestamp(local).ok()),
            AmbiguousOffset::Gap { .. } => [None, None],
        }
    }

    fn moment(&self, at: Timestamp, now: Timestamp) -> String {
        let format = if at.duration_since(now) > WEEKDAY_IS_ENOUGH { "%a %-d %b %H:%M" } else { "%a %H:%M" };
        format!("{} {}", self.zone.to_datetime(at).strftime(format), self.zone.iana_name().unwrap_or("UTC"))
    }
}

fn on(day: Date, minute: u16) -> DateTime {
    let (hour, minute) = (minute / 60 % 24, minute % 60);
    day.to_datetime(Time::constant(hour as i8, minute as i8, 0, 0))
}

impl FromStr for Window {
    type Err = WindowError;

    fn from_str(text: &str) -> Result<Self, WindowError> {
        let (hours, name) = words::read(text)?;
        Ok(Self { text: text.to_owned(), hours, zone: zone(&name)? })
    }
}

/// The zones that came with the program, not the machine's: those differ from machine to machine, may be years old, and
/// then a window that was checked on one opens at another hour on the next.
fn zones() -> TimeZoneDatabase {
    TimeZoneDatabase::bundled()
}

fn zone(name: &str) -> Result<TimeZone, WindowError> {
    if let Ok(zone) = zones().get(name)
        && !zone.is_unknown()
    {
        return Ok(zone);
    }
    let help = match similar_zone(name) {
        Some(similar) => format!("did you mean `{similar}`?"),
        None => "write the IANA name of a place, such as `Europe/Berlin`, or `UTC`".to_owned(),
    };
    Err(WindowError { why: format!("there is no zone `{name}`"), help, zone: true })
}

/// The zone that was meant, by its whole name or by its place alone: `Berlin`.
fn similar_zone(name: &str) -> Option<String> {
    // `GMT+1` looks like `Etc/GMT+1`, which is an hour behind UTC instead of ahead: no guess is better than that one.
    if name.contains(['+', ':']) || name.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let wanted = name.to_lowercase();
    let likeness = |known: &str| {
        let known = known.to_lowercase();
        let place = known.rsplit('/').next().unwrap_or_default();
        strsim::jaro_winkler(&known, &wanted).max(strsim::jaro_winkler(place, &wanted))
    };
    let zones = zones();
    let known = zones.available().map(|name| (likeness(name.as_str()), name.as_str().to_owned()));
    let similar = known.filter(|(likeness, _)| *likeness > 0.85);
    // Of two that are as near, always the same one.
    similar.max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(&a.1))).map(|(_, name)| name)
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests;
