//! Which days and times does a window name? Reads the words of a window; knows no calendar and no zone's rules.

use super::WindowError;

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Minutes of a day.
const DAY: u16 = 24 * 60;

/// Days of the week, and times that begin on them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hours {
    /// From Monday on.
    days: [bool; 7],
    /// Minute of the day.
    start: u16,
    /// Minute since the same midnight; past `DAY` it is on the next day.
    end: u16,
}

/// Reads `Mon-Fri 22:00-06:00 Europe/Berlin`: the hours, and the name of the zone.
pub(super) fn read(text: &str) -> Result<(Hours, String), WindowError> {
    let mut words = text.split_whitespace();
    let (first, second) = (words.next(), words.next());
    let zone = words.collect::<Vec<_>>().join(" ");

    let first = first.ok_or_else(|| missing(text, "days"))?;
    if first.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(missing(text, "days"));
    }
    let days = days(first)?;
    let (start, end) = times(second.ok_or_else(|| missing(text, "times"))?)?;
    if zone.is_empty() {
        return Err(missing(text, "zone"));
    }
    Ok((Hours { days, start, end }, zone))
}

impl Hours {
    /// Whether they cover a minute of a day of the week, as the clock on the wall shows it.
    pub(super) fn contain(&self, day: u8, minute: u16) -> bool {
        let on = |day: u8| self.days.get(usize::from(day % 7)).is_some_and(|on| *on);
        let covers = |minute| (self.start..self.end).contains(&minute);
        (on(day) && covers(minute)) || (on(day + 6) && covers(minute + DAY))
    }

    /// The minutes of a day at which they may begin or end.
    pub(super) fn times(&self) -> [u16; 2] {
        [self.start, self.end % DAY]
    }
}

fn days(word: &str) -> Result<[bool; 7], WindowError> {
    if word.eq_ignore_ascii_case("daily") {
        return Ok([true; 7]);
    }
    let mut days = [false; 7];
    for part in word.split(',') {
        let (first, last) = match part.split_once('-') {
            Some((first, last)) => (day(first)?, day(last)?),
            None => (day(part)?, day(part)?),
        };
        if part.contains('-') && first == last {
            let why = format!("`{part}` is either one day or all of them");
            return Err(refused(why, format!("write `{}` for the one, `daily` for all", DAYS[first])));
        }
        // `Fri-Mon` goes on past Sunday.
        let length = (last + 7 - first) % 7;
        (first..=first + length).for_each(|day| days[day % 7] = true);
    }
    Ok(days)
}

fn day(word: &str) -> Result<usize, WindowError> {
    if let Some(day) = DAYS.iter().position(|name| name.eq_ignore_ascii_case(word)) {
        return Ok(day);
    }
    let meant = word.get(..3).and_then(|start| DAYS.iter().find(|name| name.eq_ignore_ascii_case(start)));
    let help = match meant {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("write days as `Mon`, `Mon-Fri` or `Mon,Wed` out of {}, or `daily`", DAYS.join(", ")),
    };
    Err(refused(format!("there is no day `{word}`"), help))
}

fn times(word: &str) -> Result<(u16, u16), WindowError> {
    let Some((start, end)) = word.split_once('-') else {
        let help = "write when it opens and when it closes, without spaces: `22:00-06:00`";
        return Err(refused(format!("`{word}` is not a start and an end"), help));
    };
    let (start, end) = (time(start)?, time(end)?);
    if start == DAY {
        return Err(refused("no day starts at 24:00", "write `00:00`, and the next day"));
    }
    if start == end {
        let help = "write `00:00-24:00` for the whole day";
        return Err(refused(format!("`{word}` opens and closes at the same time"), help));
    }
    Ok((start, if end < start { end + DAY } else { end }))
}

fn time(word: &str) -> Result<u16, WindowError> {
    let number = |digits: &str| -> Option<u16> {
        let is_two_digits = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse().ok().filter(|_| is_two_digits)
    };
    let minute = word.split_once(':').and_then(|(hour, minute)| Some((number(hour)?, number(minute)?)));
    match minute {
        Some((hour, minute)) if minute < 60 && hour * 60 + minute <= DAY => Ok(hour * 60 + minute),
        _ => {
            let help = "write two digits each for hours and minutes, from `00:00` to `24:00`";
            Err(refused(format!("there is no time `{word}`"), help))
        }
    }
}

fn missing(text: &str, what: &str) -> WindowError {
    let help = "write days, times and a zone, such as `Mon-Fri 22:00-06:00 Europe/Berlin`";
    refused(format!("the window `{}` has no {what}", text.trim()), help)
}

fn refused(why: impl Into<String>, help: impl Into<String>) -> WindowError {
    WindowError { why: why.into(), help: help.into(), zone: false }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn days_and_times_are_read_as_people_write_them() {
        for (text, days, start, end) in [
            ("Mon 00:00-24:00 UTC", "1000000", 0, 1440),
            ("mon-FRI 22:00-06:00 UTC", "1111100", 1320, 1800),
            ("Fri-Mon 01:30-01:31 UTC", "1000111", 90, 91),
            ("Mon,Wed-Fri 22:00-00:00 UTC", "1011100", 1320, 1440),
            ("Sun-Mon,Wed,Wed 22:00-24:00 UTC", "1010001", 1320, 1440),
            (" daily  23:59-23:58   UTC ", "1111111", 1439, 2878),
        ] {
            let (hours, zone) = read(text).unwrap();
            let shown: String = hours.days.iter().map(|on| if *on { '1' } else { '0' }).collect();
            assert_eq!((shown.as_str(), hours.start, hours.end, zone.as_str()), (days, start, end, "UTC"), "{text}");
        }
    }

    #[test]
    fn a_text_that_is_no_window_is_refused_with_what_to_write_instead() {
        let whole = "write days, times and a zone, such as `Mon-Fri 22:00-06:00 Europe/Berlin`";
        let two_digits = "write two digits each for hours and minutes, from `00:00` to `24:00`";
        for (text, why, help) in [
            ("", "the window `` has no days", whole),
            ("22:00-06:00 UTC", "the window `22:00-06:00 UTC` has no days", whole),
            ("Mon", "the window `Mon` has no times", whole),
            ("Mon 22:00-06:00", "the window `Mon 22:00-06:00` has no zone", whole),
            ("Monday 22:00-06:00 UTC", "there is no day `Monday`", "did you mean `Mon`?"),
            (
                "Mon-Mon 22:00-06:00 UTC",
                "`Mon-Mon` is either one day or all of them",
                "write `Mon` for the one, `daily` for all",
            ),
            (
                "Mo,Tue 22:00-06:00 UTC",
                "there is no day `Mo`",
                "write days as `Mon`, `Mon-Fri` or `Mon,Wed` out of Mon, Tue, Wed, Thu, Fri, Sat, Sun, or `daily`",
            ),
            (
                "Mon 22:00 UTC",
                "`22:00` is not a start and an end",
                "write when it opens and when it closes, without spaces: `22:00-06:00`",
            ),
            ("Mon 22:00-6:00 UTC", "there is no time `6:00`", two_digits),
            ("Mon 22:00-24:01 UTC", "there is no time `24:01`", two_digits),
            ("Mon 10pm-06:00 UTC", "there is no time `10pm`", two_digits),
            ("Mon 24:00-06:00 UTC", "no day starts at 24:00", "write `00:00`, and the next day"),
            (
                "Mon 06:00-06:00 UTC",
                "`06:00-06:00` opens and closes at the same time",
                "write `00:00-24:00` for the whole day",
            ),
        ] {
            let error = read(text).unwrap_err();
            assert_eq!((error.why.as_str(), error.help.as_str(), error.zone), (why, help, false), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_a_panic(text in ".*|[MontueFri,\\-]{0,12} [0-9:\\-]{0,14} UTC") {
            let _ = read(&text);
        }
    }
}
