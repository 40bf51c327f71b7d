//! Does an opening say what the clock on the wall says? A table of the edges, and an oracle that looks at the clock alone.

use super::*;
use proptest::prelude::*;
use std::time::Duration;

fn windows(texts: &[&str]) -> Vec<Window> {
    texts.iter().map(|text| text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))).collect()
}

fn at(moment: &str) -> SystemTime {
    moment.parse::<Timestamp>().unwrap().into()
}

#[test]
fn the_next_change_is_told_in_the_zone_of_the_window_that_changes() {
    let nights = ["Mon-Fri 22:00-06:00 Europe/Berlin"];
    let weekend = ["Mon-Fri 22:00-06:00 Europe/Berlin", "Sat-Sun 00:00-24:00 Europe/Berlin"];
    let two_zones = ["daily 08:00-12:00 UTC", "daily 07:00-09:00 America/New_York"];
    let monday = ["Mon 22:00-23:00 Europe/Berlin"];
    let skipped = ["Sun 02:00-03:00 Europe/Berlin"];
    let late = ["daily 22:00-02:30 Europe/Berlin"];
    for (texts, now, expected) in [
        (&nights[..], "2026-11-21T05:00Z", "closed until Mon 22:00 Europe/Berlin 2026-11-23T21:00:00Z"),
        (&nights, "2026-11-20T21:00Z", "open until 2026-11-21T05:00:00Z"),
        // The night of Friday, all of the weekend; the night of Monday is apart.
        (&weekend, "2026-11-20T21:00Z", "open until 2026-11-22T23:00:00Z"),
        // 12:00 UTC is 07:00 in New York: two windows of two zones adjoin.
        (&two_zones, "2026-01-05T09:00Z", "open until 2026-01-05T14:00:00Z"),
        (&two_zones, "2026-01-05T14:00Z", "closed until Tue 08:00 UTC 2026-01-06T08:00:00Z"),
        // Six days and 23 hours away: `Mon` alone would be today.
        (&monday, "2026-11-23T22:00Z", "closed until Mon 30 Nov 22:00 Europe/Berlin 2026-11-30T21:00:00Z"),
        // The only opening of that week lies in the gap.
        (&skipped, "2026-03-22T12:00Z", "closed until Sun 5 Apr 02:00 Europe/Berlin 2026-04-05T00:00:00Z"),
        // The hour that comes twice.
        (&late, "2026-10-24T22:00Z", "open until 2026-10-25T00:30:00Z"),
        (&late, "2026-10-25T00:30Z", "closed until Sun 02:00 Europe/Berlin 2026-10-25T01:00:00Z"),
        (&late, "2026-10-25T01:00Z", "open until 2026-10-25T01:30:00Z"),
        // The clock that is put forward before the window would have closed.
        (&late, "2026-03-28T22:00Z", "open until 2026-03-29T01:00:00Z"),
        (&["daily 00:00-24:00 Europe/Berlin"], "2026-03-28T22:00Z", "open"),
        (&["Mon-Sun 00:00-12:00 UTC", "Sat-Fri 12:00-00:00 utc"], "2026-03-28T22:00Z", "open"),
        (&[], "2026-03-28T22:00Z", "open"),
    ] {
        let shown = match opening(&windows(texts), at(now)) {
            Opening::Open { closes: None } => "open".to_owned(),
            Opening::Open { closes: Some(closes) } => {
                format!("open until {}", Timestamp::try_from(closes).unwrap())
            }
            Opening::Closed { opens, opens_at } => {
                format!("closed until {opens} {}", Timestamp::try_from(opens_at).unwrap())
            }
        };
        assert_eq!(shown, expected, "{texts:?} at {now}");
    }
}

#[test]
fn a_zone_that_is_not_known_is_refused_with_the_one_that_was_meant() {
    for (zone, help) in [
        ("Europe/Berln", "did you mean `Europe/Berlin`?"),
        ("Berlin", "did you mean `Europe/Berlin`?"),
        ("America/New York", "did you mean `America/New_York`?"),
        ("Nowhere/Xyzzy", "write the IANA name of a place, such as `Europe/Berlin`, or `UTC`"),
        ("GMT+1", "write the IANA name of a place, such as `Europe/Berlin`, or `UTC`"),
        ("Etc/Unknown", "write the IANA name of a place, such as `Europe/Berlin`, or `UTC`"),
    ] {
        let error = format!("daily 22:00-06:00 {zone}").parse::<Window>().unwrap_err();
        assert!(error.zone);
        assert_eq!((error.why.as_str(), error.help.as_str()), (&*format!("there is no zone `{zone}`"), help));
    }
}

#[test]
fn a_window_is_shown_as_it_was_written() {
    let text = "mon,WED-fri 22:00-06:00 europe/berlin";
    assert_eq!(windows(&[text])[0].to_string(), text);
}

const ZONES: [&str; 10] = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe", // daylight saving of half an hour
    "Asia/Kolkata",
    "Pacific/Apia",
    "America/Sao_Paulo",
    "Africa/Casablanca", // put back for Ramadan
    "America/Havana",    // put back and forward at midnight
    "Pacific/Chatham",   // a quarter of an hour off the others
    "UTC",
];

/// Days, start and length of a window in quarters of an hour, zone.
type Asked = (Vec<bool>, u32, u32, usize);

fn asked() -> impl Strategy<Value = Asked> {
    let days = prop::collection::vec(any::<bool>(), 7).prop_filter("no day", |days| days.contains(&true));
    // Every other time is one of the night, which is when clocks are put forward and back.
    (days, prop_oneof![0..96u32, 0..16u32], prop_oneof![1..96u32, 1..16u32], 0..ZONES.len())
}

fn written((days, start, length, zone): &Asked) -> Window {
    let names = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let days: Vec<_> = names.iter().zip(days).filter(|(_, on)| **on).map(|(name, _)| *name).collect();
    let time = |quarter: u32| format!("{:02}:{:02}", quarter / 4 % 24, quarter % 4 * 15);
    let text = format!("{} {}-{} {}", days.join(","), time(*start), time(start + length), ZONES[*zone]);
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Looks at nothing but the local wall clock, in minutes since Monday.
fn oracle(asked: &[Asked], at: SystemTime) -> bool {
    let at = Timestamp::try_from(at).unwrap();
    asked.iter().any(|(days, start, length, zone)| {
        let local = zones().get(ZONES[*zone]).unwrap().to_datetime(at);
        let days_since_monday = local.weekday().to_monday_zero_offset() as i64;
        let minute = days_since_monday * 1440 + i64::from(local.hour()) * 60 + i64::from(local.minute());
        (0..7).filter(|day| days[*day]).any(|day| {
            let since_start = (minute - day as i64 * 1440 - i64::from(*start) * 15).rem_euclid(7 * 1440);
            since_start < i64::from(*length) * 15
        })
    })
}

/// A moment of 2024 to 2030; every other one within a day of a change of the zone's clock.
fn moment(zone: usize, near: bool, random: u32) -> SystemTime {
    let from: Timestamp = "2024-01-01T00:00Z".parse().unwrap();
    let zone = zones().get(ZONES[zone]).unwrap();
    let put: Vec<_> = zone.following(from).take(14).map(|transition| transition.timestamp()).collect();
    if !near || put.is_empty() {
        return SystemTime::from(from) + Duration::from_secs(u64::from(random) % (7 * 365 * 86_400));
    }
    let around = put[random as usize % put.len()];
    SystemTime::from(around) - Duration::from_secs(86_400) + Duration::from_secs(u64::from(random) % (2 * 86_400))
}

proptest! {
    // So many that a change of the clock which falls on a window's start or end is among them in each run.
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn an_opening_is_what_the_wall_clock_says_until_the_very_moment_it_changes(
        asked in prop::collection::vec(asked(), 1..4), near: bool, random: u32,
    ) {
        let windows: Vec<_> = asked.iter().map(written).collect();
        let now = moment(asked[0].3, near, random);
        let (open, change) = match opening(&windows, now) {
            Opening::Open { closes } => (true, closes),
            Opening::Closed { opens_at, .. } => (false, Some(opens_at)),
        };
        prop_assert_eq!(oracle(&asked, now), open);
        if let Some(change) = change {
            prop_assert!(change > now);
            prop_assert_eq!(oracle(&asked, change - Duration::from_nanos(1)), open);
            prop_assert_eq!(oracle(&asked, change), !open);
        }
        // Every window and every zone here turns on a quarter of an hour, so this looks at every state there is.
        let end = change.unwrap_or(now + Duration::from_secs(14 * 86_400));
        let quarters = end.duration_since(now).unwrap().as_secs() / 900;
        for quarter in 1..=quarters {
            let between = now + Duration::from_secs(quarter * 900);
            prop_assert!(between >= end || oracle(&asked, between) == open);
        }
    }
}
