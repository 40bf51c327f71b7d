//! What does it mean that a signal is over its limit, or unknown? Judges the words that every signal takes, and makes its
//! limits.

use super::super::judge::Judge;
use super::super::limit;
use super::super::problem::Judged;
use super::words::HoldWords;
use crate::event::SignalName;
use crate::pace::{Limit, OnUnknown, Statistic};
use crate::quantity::Quantity;
use std::time::Duration;

/// How a signal holds.
#[derive(Clone, Copy)]
pub(super) struct Hold {
    on_unknown: OnUnknown,
    max_hold: Duration,
}

impl Hold {
    /// A limit of the newest reading.
    pub(super) fn limit(self, signal: impl Into<SignalName>, max: Quantity) -> Limit {
        let Self { on_unknown, max_hold } = self;
        Limit { signal: signal.into(), max, on_unknown, max_hold, statistic: Statistic::Latest }
    }
}

/// Judges the words. `section` is the signal's path, such as `pace.wal_rate`.
pub(super) fn hold(section: &str, words: &HoldWords, judge: &mut Judge<'_>) -> Judged<Hold> {
    const CHOICES: &[(&str, OnUnknown)] = &[("hold", OnUnknown::Hold), ("ignore", OnUnknown::Ignore)];
    let on_unknown = words.on_unknown.as_ref();
    let on_unknown =
        on_unknown.map_or(Ok(OnUnknown::Hold), |word| judge.choice(&format!("{section}.on_unknown"), word, CHOICES));
    let max_hold = words.max_hold.as_ref();
    let max_hold = max_hold.map_or(Ok(limit::DEFAULT_MAX_HOLD), |word| {
        judge.duration(&format!("{section}.max_hold"), word, &limit::MAX_HOLD)
    });
    Ok(Hold { on_unknown: on_unknown?, max_hold: max_hold? })
}
