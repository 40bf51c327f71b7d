//! How are numbers, times and lines written? The same everywhere, readable without colour.

use crate::job::Problem;
use serde::Serialize;
use std::io::Write;
use std::time::Duration;

pub(super) use crate::view::moment as time;

/// Writes a line of the result. A reader that went away is no error of ours.
pub(super) fn print(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// Writes a line about the way there.
pub(super) fn say(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Writes a result for programs.
pub(super) fn print_json(value: &impl Serialize) {
    print(&serde_json::to_string_pretty(value).unwrap_or_default());
}

/// Writes problems of a job file.
pub(super) fn say_problems(path: &str, text: &str, problems: &[Problem]) {
    use std::io::IsTerminal;
    let color = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    say(crate::job::render(path, text, problems, color).trim_end());
}

/// `1234567` as `1,234,567`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// A count with its noun: `1 row`, `2 rows`.
pub(super) fn counted(number: u64, noun: &str) -> String {
    let plural = match noun {
        noun if noun.ends_with("ch") || noun.ends_with("ss") => "es",
        _ => "s",
    };
    format!("{} {noun}{}", count(number), if number == 1 { "" } else { plural })
}

/// A duration with at most two units: `1h 3m`, `4m 12s`, `2.5s`, `80ms`.
pub(super) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{}ms", duration.as_millis()),
        1..10 => format!("{:.1}s", duration.as_secs_f64()),
        10..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h {}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

/// A range of seconds: `4m 10s to 5m 2s`, or one value where both ends look the same.
pub(super) fn seconds_range(low: f64, high: f64) -> String {
    let [low, high] = [low, high].map(|seconds| duration(Duration::try_from_secs_f64(seconds).unwrap_or_default()));
    if low == high { low } else { format!("{low} to {high}") }
}

/// A knob's value as people read it; without one nothing is limited.
pub(super) fn value(value: Option<&str>) -> &str {
    value.unwrap_or("none")
}

/// Bytes in binary units: `1.5 GiB`.
pub(super) fn bytes(bytes: f64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let unit = (0..UNITS.len() - 1).find(|unit| bytes < 1024_f64.powi(*unit as i32 + 1)).unwrap_or(UNITS.len() - 1);
    let scaled = bytes / 1024_f64.powi(unit as i32);
    match unit {
        0 => format!("{scaled:.0} B"),
        unit => format!("{scaled:.1} {}", UNITS[unit]),
    }
}

/// A share as a percentage that reads 100 only when all is done.
pub(super) fn percent(share: f64) -> String {
    match share {
        share if share >= 1.0 => "100 %".to_owned(),
        share => format!("{:.1} %", (share * 1000.0).floor() / 10.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([counted(1, "row"), counted(2, "batch")], ["1 row", "2 batches"]);
        let durations = [0.08, 2.5, 42.0, 252.0, 3780.0, 180_000.0].map(|s| duration(Duration::from_secs_f64(s)));
        assert_eq!(durations, ["80ms", "2.5s", "42s", "4m 12s", "1h 3m", "2d 2h"]);
        assert_eq!([512.0, 1536.0, 3.2 * 1024.0 * 1024.0].map(bytes), ["512 B", "1.5 KiB", "3.2 MiB"]);
        assert_eq!(seconds_range(60.0, 60.2), "1m 0s");
    }

    #[test]
    fn all_but_the_last_row_is_not_a_hundred_per_cent() {
        assert_eq!([0.0, 0.43, 0.9999, 1.0].map(percent), ["0.0 %", "43.0 %", "99.9 %", "100 %"]);
    }
}
