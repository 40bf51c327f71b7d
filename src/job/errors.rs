//! How many rows may fail before the run does? Judges `[errors]`.

use super::code::Code;
use super::file::ErrorsWords;
use super::judge::Judge;
use super::limit;
use super::problem::{Judged, Problem, Reported};
use super::section::Word;

/// How many rows may be set aside, and what is kept of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Errors {
    /// How many rows at most. `None`: no number is given.
    pub quarantine: Option<u32>,
    /// What share of the table's rows at most, 0 to 1. `None`: no share is given.
    pub quarantine_share: Option<f64>,
    /// Whether the server's own words about a row are kept in the quarantine: they repeat its values.
    pub quarantine_detail: bool,
}

impl Errors {
    /// How many rows of a table of about so many rows may be set aside: by number and by share, whichever is less; none
    /// where the job says neither. Never more than a job may name as a number.
    pub fn limit(&self, estimated_rows: u64) -> u64 {
        let by_share = self.quarantine_share.map(|share| rows_of(share, estimated_rows));
        let named = match (self.quarantine.map(u64::from), by_share) {
            (Some(count), Some(share)) => count.min(share),
            (Some(limit), None) | (None, Some(limit)) => limit,
            (None, None) => 0,
        };
        named.min(limit::QUARANTINE.end().unsigned_abs())
    }
}

/// So many rows are this share of all, rounded down.
fn rows_of(share: f64, all: u64) -> u64 {
    // 2.9 % of 1,000 rows are 29, although the nearest double is a hair below.
    const HAIR: f64 = 1e-6;
    (all as f64 * share + HAIR).floor() as u64
}

/// The section; without it, no row may be set aside.
pub(super) fn errors(word: Option<Word<ErrorsWords>>, judge: &mut Judge<'_>) -> Judged<Errors> {
    let Some(word) = word else { return Ok(Errors::default()) };
    let words = word.value?;
    let quarantine = words.quarantine.as_ref().map(|word| quarantine(word, judge)).transpose();
    let share = words.quarantine_share.as_ref();
    let share = share.map(|word| judge.share("errors.quarantine_share", word)).transpose();
    let detail = words.quarantine_detail.map_or(Ok(false), |word| word.value);
    Ok(Errors { quarantine: quarantine?, quarantine_share: share?, quarantine_detail: detail? })
}

fn quarantine(word: &Word<i64>, judge: &mut Judge<'_>) -> Judged<u32> {
    let rows = word.value?;
    let most = *limit::QUARANTINE.end();
    let (why, help) = match rows {
        few if few < *limit::QUARANTINE.start() => {
            ("there is no fewer than none", "write 0, and the run stops before the first row that fails".to_owned())
        }
        many if many > most => (
            "nobody looks at so many rows one by one",
            format!("write at most {most}; where more fail, mend the change"),
        ),
        rows => return u32::try_from(rows).map_err(|_| Reported),
    };
    let message = format!("`errors.quarantine` cannot be {rows}: {why}");
    Err(judge.report(Problem::new(Code::QuarantineOutOfRange, word.span.clone(), message).help(help)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_the_stricter_of_number_and_share() {
        let limit = |quarantine, quarantine_share| {
            Errors { quarantine, quarantine_share, quarantine_detail: false }.limit(1_000)
        };
        assert_eq!(limit(None, None), 0);
        assert_eq!(limit(Some(5), None), 5);
        assert_eq!(limit(None, Some(0.01)), 10);
        assert_eq!(limit(Some(5), Some(0.01)), 5);
        assert_eq!(limit(Some(50), Some(0.01)), 10);
        assert_eq!(limit(Some(0), Some(1.0)), 0);
        assert_eq!(limit(None, Some(2.9 / 100.0)), 29);
        assert_eq!(limit(None, Some(0.0009)), 0, "less than a row");
    }

    #[test]
    fn no_share_is_more_than_a_number_may_be() {
        let errors = Errors { quarantine_share: Some(0.5), ..Errors::default() };
        assert_eq!(errors.limit(10_000_000), 10_000);
    }
}
