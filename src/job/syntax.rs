//! Is the text TOML, and what can still be told when it is not? Knows brackets and lines, no key of a job.

use super::code::Code;
use super::problem::Problem;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};

/// A file with more syntax errors is no job with slips but something else, an SQL dump perhaps.
const MAX_TOLD: usize = 20;

/// The text as TOML, with the parser's best guess in place of what is none.
pub(super) fn parse<'t>(text: &'t str, problems: &mut Vec<Problem>) -> Spanned<DeTable<'t>> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut syntax: Vec<Problem> = errors.iter().map(|error| problem(error, text)).collect();
    if let Some(bracket) = errors.iter().find_map(|error| never_closed(error.message())) {
        syntax = only_the_opening(syntax, bracket, document.get_ref(), text);
    }
    syntax.sort_by_key(|problem| problem.span.start);
    // What the parser says next of the same line is what it guessed from the first.
    let newline_between = |from: usize, to: usize| text.as_bytes()[from..to].contains(&b'\n');
    syntax.dedup_by(|next, first| !newline_between(first.span.start, next.span.start));
    syntax.truncate(MAX_TOLD);
    problems.append(&mut syntax);
    document
}

/// Leaves out what may only follow from the parser's guess: whatever stands behind the first syntax error, and whatever
/// is told because something is not written, for it may be written there.
pub(super) fn forget_consequences(problems: &mut Vec<Problem>) {
    let syntax = problems.iter().filter(|problem| problem.code == Code::TomlSyntax);
    let Some(sure) = syntax.map(|problem| problem.span.start).min() else { return };
    problems.retain(|problem| {
        let stands_before = problem.span.end <= sure;
        let also_before = problem.also.as_ref().is_some_and(|(span, _)| span.end <= sure);
        problem.code == Code::TomlSyntax
            || match problem.code {
                Code::MissingKey | Code::ChangeMissing | Code::ChangeEmpty => false,
                Code::BatchBelowMinimum
                | Code::BatchAboveMaximum
                | Code::LockTimeoutTooLong
                | Code::TargetTimeTooLong => stands_before && also_before,
                _ => stands_before && (also_before || problem.also.is_none()),
            }
    });
}

fn problem(error: &Error, text: &str) -> Problem {
    let span = error.span().unwrap_or(text.len()..text.len());
    let (label, help) = match error.message() {
        "duplicate key" => ("said a second time", "remove one of the two"),
        _ => ("not understood", "a string needs quotes, a section brackets, and every other line is `key = value`"),
    };
    Problem::new(Code::TomlSyntax, span, format!("the file is no TOML: {}", error.message())).label(label).help(help)
}

/// The bracket that is never closed, if the message is of one. A header, "unclosed table", ends with its line whatever
/// it lacks.
fn never_closed(message: &str) -> Option<char> {
    match message {
        message if message.starts_with("unclosed array,") => Some('['),
        message if message.starts_with("unclosed inline table,") => Some('{'),
        _ => None,
    }
}

/// A bracket that is never closed swallows the rest of the file, and the parser is astonished at every word of it. The
/// one thing to tell is where it was opened.
fn only_the_opening(mut syntax: Vec<Problem>, bracket: char, document: &DeTable<'_>, text: &str) -> Vec<Problem> {
    let closing = if bracket == '[' { ']' } else { '}' };
    let mut open = bracketed(document, text);
    open.retain(|place| text[place.clone()].starts_with(bracket));
    // What the parser took for the end of it may be the end of another; what has no such end at all is it for sure.
    let sure = open.iter().filter(|place| !text[(*place).clone()].ends_with(closing)).map(|place| place.start).max();
    let Some(opening) = sure.or_else(|| open.iter().map(|place| place.start).max()) else { return syntax };
    syntax.retain(|problem| problem.span.start < opening);
    let message = format!("the file is no TOML: `{bracket}` is never closed");
    let problem = Problem::new(Code::TomlSyntax, opening..opening + 1, message).label("opened here");
    syntax.push(problem.help("close it on the same line, or after the last value that belongs to it"));
    syntax
}

/// The arrays and inline tables that are in no other.
fn bracketed(table: &DeTable<'_>, text: &str) -> Vec<Range<usize>> {
    let within = |value: &Spanned<DeValue<'_>>| {
        let place = value.span();
        match value.get_ref() {
            // Sections in double brackets, whose headers are whole.
            DeValue::Array(items) if is_section(items.first(), text) => {
                let sections = items.iter().filter_map(|item| item.get_ref().as_table());
                sections.flat_map(|section| bracketed(section, text)).collect()
            }
            DeValue::Table(section) if !text[place.clone()].starts_with('{') => bracketed(section, text),
            DeValue::Array(_) | DeValue::Table(_) => vec![place],
            _ => Vec::new(),
        }
    };
    table.values().flat_map(within).collect()
}

/// Whether this item of an array was written below a header of its own.
fn is_section(item: Option<&Spanned<DeValue<'_>>>, text: &str) -> bool {
    item.is_some_and(|item| item.get_ref().is_table() && text[item.span().start..].starts_with("[["))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_broken_line_is_told_once() {
        let cases: &[(&str, &[&str])] = &[
            ("a = 1\nb = 2", &[]),
            ("a = x y\nb = 2\nc = 3 4", &["x y", "3 4"]),
            ("a = 1\na = 2", &["a"]),
            ("[a\nb = 1", &[""]),
            ("a = 1\nb = [1\nc = 2\nd = \"x\"\n[e]\nf = 3\n", &["["]),
            ("a = [1]\nb.c = { d = 1\ne = 2\n\n", &["{"]),
            ("a = x\nb = [[1, 2]\nc = x", &["x", "["]),
            ("[[a]]\nb = 1\n[[a]]\nb = [1\nc = 2\n", &["["]),
            ("[[a.b]]\nc = 1\n[d\ne = 1\n", &[""]),
            ("a = {\nb = 1\n[c]\nd = [1]\n[[e]]\nf = { g = 1 }", &["{"]),
            ("a = [1]\n[[b]\nc = [1]\n", &[""]),
            ("a = [1]\n[b\nc = [1]\n", &[""]),
        ];
        for (text, expected) in cases {
            let mut problems = Vec::new();
            parse(text, &mut problems);
            let places: Vec<&str> = problems.iter().map(|problem| &text[problem.span.clone()]).collect();
            assert_eq!(places, *expected, "{text}");
        }
    }

    #[test]
    fn a_file_of_another_kind_is_soon_told() {
        let mut problems = Vec::new();
        parse(&"insert into users values (1, 'a');\n".repeat(7000), &mut problems);
        assert_eq!(problems.len(), MAX_TOLD);
    }
}
