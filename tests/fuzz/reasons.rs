//! Is every reason why a run waits told in words, whatever was measured? And does a law never let a run go that a signal
//! holds, however odd its readings are?

use crate::support::holds_for;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::time::{Duration, Instant};
use tidegate::event::{Reason, all_reasons};
use tidegate::pace::{Law, Limit, OnUnknown, PaceReport, Reading, Seen, Statistic};
use tidegate::quantity::{Quantity, Unit};

#[test]
fn a_reason_names_its_signal_whatever_was_seen() {
    holds_for((vec((any_number(), any_number(), unit(), any::<bool>()), 1..4), "[a-z-]{1,12}"), |(seen, name)| {
        let over = |(value, max, unit, falling)| over(&name, value, max, unit, falling);
        let reasons: Vec<_> = seen.into_iter().map(over).collect();
        let shown = all_reasons(&reasons);
        prop_assert_eq!(shown.split("; ").count(), reasons.len(), "{}", shown);
        prop_assert!(shown.split("; ").all(|reason| reason.starts_with(&name) && reason.contains(" > ")), "{shown}");
        Ok(())
    });
}

#[test]
fn a_run_is_held_while_its_newest_reading_is_over_the_limit_or_none() {
    let readings = vec((prop::option::of(any_number()), 0..20_000_u64), 1..30);
    holds_for((readings, 0.001..1e12_f64, any::<bool>()), |(readings, max, may_ignore)| {
        let on_unknown = if may_ignore { OnUnknown::Ignore } else { OnUnknown::Hold };
        let begun = Instant::now();
        let mut now = begun;
        let mut law = Law::new(vec![limit(max, on_unknown)], 4, begun);
        for (value, milliseconds) in readings {
            now += Duration::from_millis(milliseconds);
            let seen = match value {
                Some(value) => Seen::Value { value, of: None },
                None => Seen::Unknown("no answer".to_owned()),
            };
            law.note(Reading { signal: "lag".into(), at: now, seen });
            let verdict = law.judge(now, true);
            prop_assert!(verdict.speed.share > 0.0 && verdict.speed.share <= 1.0, "{verdict:?}");
            prop_assert!((1..=4).contains(&verdict.speed.workers), "{verdict:?}");
            // What is no number was not measured.
            let known = value.filter(|value| value.is_finite());
            let must_hold = known.map_or(!may_ignore, |value| value > max);
            prop_assert!(!must_hold || !verdict.held.is_empty(), "{value:?} of {max}: {verdict:?}");
            prop_assert!(verdict.held.iter().all(|reason| !reason.to_string().is_empty()));
            let _ = law.view(now);
        }
        Ok(())
    });
}

/// What another tidegate, or another hand, left in the state tables as a run's pace.
#[test]
fn a_report_is_read_or_is_none() {
    let report = r#"{"rows_per_second":1.5,"speed":{"workers":2,"share":0.5},"batch_rows":5000,"held":["x"],"signals":[],"changes":[]}"#;
    assert!(serde_json::from_str::<PaceReport>(report).is_ok(), "an example to begin with");
    holds_for((any::<prop::sample::Index>(), "\\PC{0,3}|[0-9e.-]{1,6}|null|\\[|\"", 0..12_usize), |(at, new, gone)| {
        let start = at.index(report.len());
        let end = (start + gone).min(report.len());
        let text = format!("{}{new}{}", &report[..start], &report[end..]);
        if let Ok(read) = serde_json::from_str::<PaceReport>(&text) {
            prop_assert!(serde_json::to_string(&read).is_ok());
        }
        Ok(())
    });
}

fn over(name: &str, value: f64, max: f64, unit: Unit, falling: bool) -> Reason {
    let (seen, limit) = (Quantity { value, unit }, Quantity { value: max, unit });
    Reason::Over { signal: name.into(), seen, limit, falling, of: None }
}

fn limit(max: f64, on_unknown: OnUnknown) -> Limit {
    Limit {
        signal: "lag".into(),
        max: Quantity::seconds(max),
        on_unknown,
        max_hold: Duration::from_secs(1),
        statistic: Statistic::Latest,
    }
}

fn unit() -> impl Strategy<Value = Unit> {
    select(vec![Unit::Seconds, Unit::Bytes, Unit::BytesPerSecond, Unit::Number])
}

/// The ends of the type as often as the middle.
fn any_number() -> impl Strategy<Value = f64> {
    let odd = vec![0.0, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN_POSITIVE, -1.0, 1e-320];
    prop_oneof![any::<f64>(), 0.0..10.0_f64, select(odd)]
}
