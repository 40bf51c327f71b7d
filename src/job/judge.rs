//! Is a single word well formed? Makes names, expressions, choices and durations of words, and reports what cannot
//! be made. Knows no rule that takes two words.

use super::code::Code;
use super::limit;
use super::name::{Ident, NameError, TableName};
use super::problem::{Judged, Problem, Reported, quoted};
use super::section::{Word, nearest_or_all};
use super::statement::{self, Expression};
use std::ops::Range;
use std::time::Duration;

/// Judges the words of one file. What cannot be made is reported here and nowhere else.
pub(super) struct Judge<'a> {
    text: &'a str,
    problems: &'a mut Vec<Problem>,
}

impl<'a> Judge<'a> {
    /// A judge of the words of this text.
    pub(super) fn new(text: &'a str, problems: &'a mut Vec<Problem>) -> Self {
        Self { text, problems }
    }

    /// Puts a problem on record.
    pub(super) fn report(&mut self, problem: Problem) -> Reported {
        self.problems.push(problem);
        Reported
    }

    /// Where the file ends, white space left out: the place to point at for what is missing.
    pub(super) fn end_of_file(&self) -> Range<usize> {
        let end = self.text.trim_end().len();
        end..end
    }

    /// The name of a column.
    pub(super) fn ident(&mut self, word: &Word<String>) -> Judged<Ident> {
        self.name(word, Ident::parse)
    }

    /// The name of a table.
    pub(super) fn table(&mut self, word: &Word<String>) -> Judged<TableName> {
        self.name(word, TableName::parse)
    }

    /// An expression over the walked row.
    pub(super) fn expression(&mut self, word: &Word<String>) -> Judged<Expression> {
        let sql = word.get()?;
        for finding in statement::findings(sql) {
            let span = self.place_within(word, sql, finding.range);
            let problem = Problem::new(finding.error.code(), span, finding.error.to_string());
            self.report(problem.help(finding.error.help()));
        }
        Expression::parse(sql).map_err(|_| Reported)
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&mut self, name: &str, word: &Word<String>, choices: &[(&str, T)]) -> Judged<T> {
        let value = word.get()?;
        if let Some((_, choice)) = choices.iter().find(|(known, _)| known == value) {
            return Ok(*choice);
        }
        let known: Vec<&str> = choices.iter().map(|(known, _)| *known).collect();
        let problem =
            Problem::new(Code::UnknownValue, word.span.clone(), format!("`{name}` cannot be {}", quoted(value)));
        Err(self.report(problem.help(nearest_or_all(value, &known))))
    }

    /// A timeout that a server can keep.
    pub(super) fn timeout(&mut self, name: &str, word: &Word<String>) -> Judged<Duration> {
        let value = word.get()?;
        read_timeout(value).map_err(|(code, why, help)| {
            let message = format!("`{name}` cannot be {}: {why}", quoted(value));
            self.report(Problem::new(code, word.span.clone(), message).help(help))
        })
    }

    fn name<T>(&mut self, word: &Word<String>, parse: impl FnOnce(&str) -> Result<T, NameError>) -> Judged<T> {
        parse(word.get()?).map_err(|error| {
            let problem = Problem::new(Code::Identifier, word.span.clone(), error.to_string());
            self.report(problem.help(error.help()))
        })
    }

    /// A place in a string's value as a place in the file. Where the string was written with escapes the two differ,
    /// and the whole string is pointed at.
    fn place_within(&self, word: &Word<String>, value: &str, range: Range<usize>) -> Range<usize> {
        let written = self.text.get(word.span.clone()).unwrap_or_default();
        match written.find(value) {
            Some(start) if !value.is_empty() => {
                let start = word.span.start + start;
                start + range.start..start + range.end
            }
            _ => word.span.clone(),
        }
    }
}

/// A duration, or the code, the reason and the help for a text that is none.
fn read_timeout(text: &str) -> Result<Duration, (Code, String, &'static str)> {
    const EXAMPLE: &str = "write a number and a unit, such as `500ms`, `30s` or `2m`";
    const NO_LENGTH: &[&str] = &["M", "month", "months", "y", "yr", "yrs", "year", "years"];
    if text.split(|c: char| !c.is_ascii_alphabetic()).any(|unit| NO_LENGTH.contains(&unit)) {
        let why = "months and years have no fixed length".to_owned();
        return Err((Code::DurationWithoutLength, why, "use a unit of fixed length; a minute is `1m`, in lower case"));
    }
    // Beyond this length humantime 2.4 can overflow where it adds up seconds, and panic.
    const MAX_DIGITS: usize = 9;
    if text.split(|c: char| !c.is_ascii_digit()).any(|digits| digits.len() > MAX_DIGITS) {
        let why = format!("a number of more than {MAX_DIGITS} digits is no duration");
        return Err((Code::DurationInvalid, why, EXAMPLE));
    }
    let duration = humantime::parse_duration(text).map_err(|error| {
        let why = match error {
            // Its own words recommend months and years.
            humantime::DurationError::UnknownUnit { unit, .. } if !unit.is_empty() => {
                format!("no unit is called `{unit}`")
            }
            error => error.to_string(),
        };
        (Code::DurationInvalid, why, EXAMPLE)
    })?;
    if duration < limit::MIN_TIMEOUT {
        let why = "below 1ms a server takes it as no timeout at all".to_owned();
        return Err((Code::DurationTooShort, why, "write at least `1ms`"));
    }
    if duration > limit::MAX_TIMEOUT {
        let why = "longer than a day, it limits nothing".to_owned();
        return Err((Code::DurationTooLong, why, "write at most `24h`; a healthy batch takes less than a second"));
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn timeouts_are_read_or_refused_with_the_reason() {
        let cases: &[(&str, Result<Duration, Code>)] = &[
            ("30s", Ok(Duration::from_secs(30))),
            ("1m 30s", Ok(Duration::from_secs(90))),
            ("24h", Ok(Duration::from_secs(86_400))),
            ("1ms", Ok(Duration::from_millis(1))),
            ("1M", Err(Code::DurationWithoutLength)),
            ("2 months", Err(Code::DurationWithoutLength)),
            ("1h 1y", Err(Code::DurationWithoutLength)),
            ("1year", Err(Code::DurationWithoutLength)),
            ("0s", Err(Code::DurationTooShort)),
            ("999us", Err(Code::DurationTooShort)),
            ("24h 1ms", Err(Code::DurationTooLong)),
            ("", Err(Code::DurationInvalid)),
            ("30", Err(Code::DurationInvalid)),
            ("-1s", Err(Code::DurationInvalid)),
            ("soon", Err(Code::DurationInvalid)),
            ("5124095576030431h15s1000ms", Err(Code::DurationInvalid)),
        ];
        for (text, expected) in cases {
            assert_eq!(read_timeout(text).map_err(|(code, ..)| code), *expected, "{text}");
        }
    }

    #[test]
    fn a_place_in_a_string_is_a_place_in_the_file() {
        let cases = [
            (r#"x = "a, b""#, "a, b", ","),
            ("x = '''\na, b'''", "a, b", ","),
            // The value is not in the file as it is, so the whole string is the place.
            (r#"x = "\u0061, b""#, "a, b", r#""\u0061, b""#),
        ];
        for (text, value, expected) in cases {
            let word = Word { value: Err(Reported), span: 4..text.len() };
            let place = Judge::new(text, &mut Vec::new()).place_within(&word, value, 1..2);
            assert_eq!(&text[place], expected);
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_a_panic(text in "[0-9.]{0,12}[a-zMyµ ]{0,4}[0-9]{0,20}[a-z]{0,4}[0-9]{0,9}[a-z]{0,2}") {
            let _ = read_timeout(&text);
        }
    }
}
