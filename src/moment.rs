//! How is a moment written? The same on the screen and in JSON.

use std::time::{Duration, UNIX_EPOCH};

/// The last moment that has a year of four digits: a later one cannot be written, whoever put it into the state tables.
const END_OF_YEAR_9999: Duration = Duration::from_secs(253_402_300_799);

/// Seconds since 1970 as `2026-11-21T03:04:05Z`.
pub fn moment(seconds: f64) -> String {
    let since = Duration::try_from_secs_f64(seconds).unwrap_or_default().min(END_OF_YEAR_9999);
    humantime::format_rfc3339_seconds(UNIX_EPOCH + since).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_can_always_be_written() {
        assert_eq!(moment(0.0), "1970-01-01T00:00:00Z");
        assert_eq!([1e15, f64::INFINITY].map(moment), ["9999-12-31T23:59:59Z", "1970-01-01T00:00:00Z"]);
    }
}
