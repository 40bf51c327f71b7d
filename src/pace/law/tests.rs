//! What the law promises, one reading at a time. How it does on a server that answers is in [`super::simulation`].

use super::*;
use crate::event::all_reasons;
use crate::pace::signal::{OnUnknown, Seen, Statistic};

fn limit(signal: &str, max: Quantity) -> Limit {
    let statistic = Statistic::Latest;
    let max_hold = Duration::from_secs(60);
    Limit { signal: signal.into(), max, on_unknown: OnUnknown::Hold, max_hold, statistic }
}

fn lag() -> Limit {
    limit("lag", Quantity::seconds(2.0))
}

fn sessions() -> Limit {
    limit("sessions", Quantity::number(10.0))
}

fn probe() -> Limit {
    Limit { statistic: Statistic::P95, ..limit("probe", Quantity::seconds(0.02)) }
}

/// A law and its clock, in seconds.
struct Run {
    law: Law,
    start: Instant,
}

impl Run {
    fn new(limits: Vec<Limit>, workers: u32) -> Self {
        let start = Instant::now();
        Self { law: Law::new(limits, workers, start), start }
    }

    fn at(&self, second: f64) -> Instant {
        self.start + Duration::from_secs_f64(second)
    }

    fn hears(&mut self, second: f64, signal: &str, seen: Seen) {
        let at = self.at(second);
        self.law.note(Reading { signal: signal.into(), at, seen });
    }

    fn sees(&mut self, second: f64, signal: &str, value: f64) {
        self.hears(second, signal, Seen::Value { value, of: None });
    }

    fn judged(&mut self, second: f64) -> Verdict {
        self.law.judge(self.at(second), true)
    }

    fn held(&mut self, second: f64) -> String {
        all_reasons(&self.judged(second).held)
    }

    /// Sees the same every half second, and is judged as often.
    fn goes_on(&mut self, seconds: std::ops::Range<u32>, signal: &str, value: f64) -> Verdict {
        let mut verdict = None;
        for half in seconds.start * 2..seconds.end * 2 {
            self.sees(f64::from(half) / 2.0, signal, value);
            verdict = Some(self.judged(f64::from(half) / 2.0));
        }
        verdict.expect("some seconds")
    }
}

fn effort(verdict: &Verdict) -> f64 {
    f64::from(verdict.speed.workers) * verdict.speed.share
}

#[test]
fn without_limits_a_run_has_full_speed_at_once() {
    let verdict = Run::new(Vec::new(), 3).judged(0.0);
    assert_eq!(verdict.speed, Speed { workers: 3, share: 1.0 });
    assert_eq!((verdict.slowed_by, verdict.held), (None, Vec::new()));
}

#[test]
fn what_was_not_read_yet_or_cannot_be_read_or_is_old_holds_and_says_why() {
    let mut run = Run::new(vec![lag()], 1);
    assert_eq!(run.held(0.0), "lag unknown: no reading yet");
    run.sees(1.0, "lag", 0.1);
    assert_eq!(run.held(1.0), "");
    assert_eq!(run.held(16.0), "");
    assert_eq!(run.held(17.5), "lag unknown: no reading for 16s");
    run.hears(18.0, "lag", Seen::Unknown("permission denied".into()));
    assert_eq!(run.held(18.0), "lag unknown: permission denied");
    run.sees(19.0, "lag", f64::NAN);
    assert_eq!(run.held(19.0), "lag unknown: NaN is no number");
    run.sees(20.0, "lag", 1.9);
    assert_eq!(run.held(20.0), "", "a hold by what was unknown needs no fall to half");
}

#[test]
fn an_unknown_signal_holds_at_the_speed_it_had() {
    let mut run = Run::new(vec![lag()], 4);
    let before = effort(&run.goes_on(0..20, "lag", 0.1));
    assert!(before > 0.5);
    run.hears(20.0, "lag", Seen::Unknown("gone".into()));
    assert!(!run.judged(20.0).held.is_empty());
    run.sees(25.0, "lag", 0.1);
    assert_eq!(effort(&run.judged(25.0)), before);
}

#[test]
fn while_something_else_holds_the_run_its_speed_stays() {
    let mut run = Run::new(vec![lag()], 4);
    let before = effort(&run.goes_on(0..20, "lag", 0.1));
    for second in 20..80 {
        run.sees(f64::from(second), "lag", 0.0);
        let now = run.at(f64::from(second));
        assert_eq!(effort(&run.law.judge(now, false)), before, "an idle server proves nothing");
    }
    run.sees(80.0, "lag", 0.0);
    assert_eq!(effort(&run.judged(80.0)), before, "not at once either");
    assert!(effort(&run.goes_on(81..90, "lag", 0.1)) > before);
}

#[test]
fn an_unknown_signal_that_is_ignored_takes_no_part() {
    let mut run = Run::new(vec![Limit { on_unknown: OnUnknown::Ignore, ..lag() }], 1);
    let speeds: Vec<f64> = (0..60).map(|second| effort(&run.judged(f64::from(second)))).collect();
    assert_eq!((run.held(60.0).as_str(), speeds[2], speeds[59]), ("", 0.25, 1.0));
    run.sees(61.0, "lag", 5.0);
    assert_eq!(run.held(61.0), "lag 5s > 2s");
    assert_eq!(run.held(77.0), "", "and when it is old it takes no part again");
}

#[test]
fn a_hold_ends_when_the_signal_has_fallen_to_half_its_limit() {
    let mut run = Run::new(vec![lag()], 1);
    for (second, seen, held) in [
        (1.0, 2.0, ""),
        (2.0, 2.1, "lag 2.1s > 2s"),
        (3.0, 1.9, "lag 1.9s > 1s, where it goes on"),
        (4.0, 2.5, "lag 2.5s > 2s"),
        (5.0, 1.1, "lag 1.1s > 1s, where it goes on"),
        (6.0, 1.0, ""),
        (7.0, 1.9, ""),
    ] {
        run.sees(second, "lag", seen);
        assert_eq!(run.held(second), held, "{seen}");
    }
}

#[test]
fn a_hold_goes_on_where_it_was_when_the_signal_is_known_again() {
    let mut run = Run::new(vec![lag()], 1);
    run.sees(1.0, "lag", 3.0);
    run.judged(1.0);
    run.hears(2.0, "lag", Seen::Unknown("gone".into()));
    run.judged(2.0);
    run.sees(3.0, "lag", 1.5);
    assert_eq!(run.held(3.0), "lag 1.5s > 1s, where it goes on");
}

#[test]
fn all_reasons_are_told_at_once_the_strictest_first() {
    let mut run =
        Run::new(vec![sessions(), lag(), limit("files", Quantity::number(0.0)), limit("x", Quantity::number(1.0))], 1);
    run.sees(1.0, "lag", 3.0);
    run.hears(1.0, "sessions", Seen::Value { value: 40.0, of: Some("app".into()) });
    run.sees(1.0, "files", 0.0);
    assert_eq!(run.held(1.0), "sessions 40 > 10 (app); lag 3s > 2s; x unknown: no reading yet");
    run.sees(2.0, "lag", 1.5);
    run.sees(2.0, "files", 1.0);
    assert_eq!(
        run.held(2.0),
        "files 1 > 0; sessions 40 > 10 (app); x unknown: no reading yet; lag 1.5s > 1s, where it goes on"
    );
}

#[test]
fn a_hold_cuts_the_speed_once() {
    let mut run = Run::new(vec![lag()], 4);
    let before = effort(&run.goes_on(0..20, "lag", 0.1));
    let during = effort(&run.goes_on(20..30, "lag", 2.2));
    let after = effort(&run.goes_on(30..31, "lag", 0.1));
    assert!(during < 0.8 * before && during > 0.6 * before, "{before} {during}");
    assert_eq!(during, after);
}

#[test]
fn a_hold_that_lasts_too_long_is_told_once_and_goes_on() {
    let mut run = Run::new(vec![lag(), sessions()], 1);
    let mut told = Vec::new();
    for second in 0..200 {
        let second = f64::from(second);
        // Over, unknown and over again are one hold; it ends at 110 and begins anew at 120.
        match second as u32 {
            0..30 | 40..110 | 120.. => run.sees(second, "lag", 3.0),
            30..40 => run.hears(second, "lag", Seen::Unknown("gone".into())),
            _ => run.sees(second, "lag", 0.0),
        }
        run.sees(second, "sessions", 1.0);
        let verdict = run.judged(second);
        told.extend(
            verdict.held_too_long.into_iter().map(|hold| (second, hold.lasted.as_secs(), hold.reason.to_string())),
        );
        assert_eq!(verdict.held.is_empty(), (110.0..120.0).contains(&second), "{second}");
    }
    assert_eq!(told, [(60.0, 60, "lag 3s > 2s".to_owned()), (180.0, 60, "lag 3s > 2s".to_owned())]);
}

#[test]
fn moves_are_a_cooldown_apart() {
    let (mut run, mut moves) = (Run::new(vec![sessions()], 4), Vec::new());
    let mut before = 0.25;
    for tenth in 0..600 {
        let second = f64::from(tenth) / 10.0;
        run.sees(second, "sessions", 0.0);
        let now = effort(&run.judged(second));
        if now != before {
            moves.push(second);
            before = now;
        }
    }
    assert_eq!(before, 4.0);
    assert!(moves.windows(2).all(|pair| pair[1] - pair[0] >= 2.49), "{moves:?}");
}

#[test]
fn one_slow_answer_of_many_does_not_hold_but_two_do() {
    let mut run = Run::new(vec![probe()], 1);
    for second in 1..40 {
        run.sees(f64::from(second), "probe", if second % 20 == 10 { 0.5 } else { 0.004 });
        assert_eq!(run.held(f64::from(second)), "", "{second}");
    }
    run.sees(40.0, "probe", 0.5);
    run.sees(41.0, "probe", 0.5);
    assert_eq!(run.held(41.0), "probe 500ms > 20ms");
    run.sees(42.0, "probe", 0.004);
    run.sees(43.0, "probe", 0.004);
    assert_eq!(run.held(43.0), "probe 500ms > 20ms", "two answers prove nothing");
    run.sees(44.0, "probe", 0.004);
    assert_eq!(run.held(44.0), "", "answers from before the hold do not count");
}

#[test]
fn after_a_time_in_the_dark_the_first_answer_counts() {
    let mut run = Run::new(vec![probe()], 1);
    (1..9).for_each(|second| run.sees(f64::from(second), "probe", 0.004));
    run.hears(9.0, "probe", Seen::Unknown("gone".into()));
    run.sees(10.0, "probe", 0.5);
    assert_eq!(run.held(10.0), "probe 500ms > 20ms");
}

#[test]
fn a_speed_up_waits_for_three_answers_since_the_last_move() {
    let (mut run, mut answers_at) = (Run::new(vec![probe()], 4), Vec::new());
    let (mut before, mut answers) = (0.25, 0);
    for tenth in 0..600 {
        let second = f64::from(tenth) / 10.0;
        if tenth % 20 == 0 {
            run.sees(second, "probe", 0.001);
            answers += 1;
        }
        let now = effort(&run.judged(second));
        if now != before {
            answers_at.push(std::mem::take(&mut answers));
            before = now;
        }
    }
    assert!(answers_at.len() > 5 && answers_at.iter().all(|answers| *answers >= 3), "{answers_at:?}");
}

#[test]
fn the_strictest_signal_decides_and_is_named_until_nothing_slows_the_run() {
    let mut run = Run::new(vec![sessions(), limit("files", Quantity::number(100.0))], 1);
    let mut verdict = run.judged(0.0);
    for half in 0..120 {
        let second = f64::from(half) / 2.0;
        run.sees(second, "files", 20.0);
        run.sees(second, "sessions", 8.5);
        verdict = run.judged(second);
    }
    assert_eq!((effort(&verdict), verdict.slowed_by.as_deref()), (0.25, Some("sessions")));
    for half in 120..300 {
        let second = f64::from(half) / 2.0;
        run.sees(second, "files", 20.0);
        run.sees(second, "sessions", 1.0);
        verdict = run.judged(second);
    }
    assert_eq!((effort(&verdict), verdict.slowed_by), (1.0, None));
}

#[test]
fn a_reading_that_comes_late_does_not_replace_a_newer_one() {
    let mut run = Run::new(vec![lag()], 1);
    run.sees(5.0, "lag", 3.0);
    run.sees(4.0, "lag", 0.0);
    run.sees(5.0, "nobody-asked", 9.0);
    assert_eq!(run.held(5.0), "lag 3s > 2s");
}

#[test]
fn a_signal_is_shown_with_value_age_trend_and_whether_it_holds() {
    let mut run = Run::new(vec![lag(), sessions()], 1);
    for half in 1..=24 {
        let second = f64::from(half) / 2.0;
        run.hears(second, "lag", Seen::Value { value: f64::from(half) / 10.0, of: Some("db2".into()) });
        run.judged(second);
    }
    let view = run.law.view(run.at(13.5));
    let [lag, sessions] = [&view[0], &view[1]];
    assert_eq!((lag.signal.as_str(), lag.of.as_deref(), lag.max), ("lag", Some("db2"), Quantity::seconds(2.0)));
    assert_eq!((lag.seen, lag.age_seconds), (Some(Quantity::seconds(2.4)), Some(1.5)));
    assert_eq!((lag.trend, lag.holds, lag.unknown.as_deref()), (Some(Trend::Rising), true, None));
    assert_eq!((sessions.seen, sessions.age_seconds, sessions.trend), (None, None, None));
    assert_eq!((sessions.holds, sessions.unknown.as_deref()), (true, Some("no reading yet")));
}

#[test]
fn another_limit_is_in_force_at_once_and_what_was_seen_stays_known() {
    let mut run = Run::new(vec![lag()], 1);
    run.sees(0.0, "lag", 6.0);
    assert_eq!(run.held(0.1), "lag 6s > 2s");
    run.law.set_limits(&[limit("lag", Quantity::seconds(10.0))]);
    assert_eq!(run.held(0.2), "", "under the new limit, though over half of it");
    run.law.set_limits(&[limit("lag", Quantity::seconds(1.0))]);
    assert_eq!(run.held(0.3), "lag 6s > 1s");
    run.law.set_limits(&[limit("other", Quantity::seconds(1.0))]);
    assert_eq!(run.law.view(run.at(0.3)).len(), 1, "nobody reads what is not there");
}

#[test]
fn more_workers_are_found_step_by_step_where_a_signal_limits_the_run_and_at_once_where_none_does() {
    let mut free = Law::new(Vec::new(), 2, Instant::now());
    free.set_workers(4);
    assert_eq!(free.judge(Instant::now(), true).speed, Speed { workers: 4, share: 1.0 });
    let mut limited = Run::new(vec![lag()], 2);
    let before = limited.goes_on(0..20, "lag", 0.1).speed;
    limited.law.set_workers(8);
    assert_eq!(limited.judged(20.0).speed, before);
    limited.law.set_workers(1);
    assert!(limited.judged(20.1).speed.workers == 1);
}
