//! Is a single word well formed? Makes names, expressions, queries, choices and amounts of words, and reports
//! what cannot be made. Knows no rule that takes two words.

use super::amount::{self, AmountError};
use super::code::Code;
use super::limit::DurationRange;
use super::name::{Ident, NameError, TableName};
use super::problem::{Judged, Problem, Reported, quoted};
use super::query::{self, Query};
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

    /// A query of a signal's.
    pub(super) fn query(&mut self, word: &Word<String>) -> Judged<Query> {
        let sql = word.get()?;
        for (error, range) in query::findings(sql) {
            let span = self.place_within(word, sql, range);
            let problem = Problem::new(error.code(), span, error.to_string());
            self.report(problem.help(error.help()));
        }
        Query::parse(sql).map_err(|_| Reported)
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

    /// A duration that the key of this name takes.
    pub(super) fn duration(&mut self, name: &str, word: &Word<String>, takes: &DurationRange) -> Judged<Duration> {
        let value = word.get()?;
        amount::duration(value, takes).map_err(|error| self.no_amount(name, word, value, error))
    }

    /// A size in bytes.
    pub(super) fn size(&mut self, name: &str, word: &Word<String>) -> Judged<u64> {
        let value = word.get()?;
        amount::size(value).map_err(|error| self.no_amount(name, word, value, error))
    }

    /// A share, above 0 up to 1.
    pub(super) fn share(&mut self, name: &str, word: &Word<String>) -> Judged<f64> {
        let value = word.get()?;
        amount::share(value).map_err(|error| self.no_amount(name, word, value, error))
    }

    fn name<T>(&mut self, word: &Word<String>, parse: impl FnOnce(&str) -> Result<T, NameError>) -> Judged<T> {
        parse(word.get()?).map_err(|error| {
            let problem = Problem::new(Code::Identifier, word.span.clone(), error.to_string());
            self.report(problem.help(error.help()))
        })
    }

    fn no_amount(&mut self, name: &str, word: &Word<String>, value: &str, error: AmountError) -> Reported {
        let message = format!("`{name}` cannot be {}: {}", quoted(value), error.why);
        self.report(Problem::new(error.code, word.span.clone(), message).help(error.help))
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
