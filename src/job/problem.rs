//! What is wrong, where, and what helps? Knows how a problem is shown, not how one is found.

use super::code::{Code, Severity};
use super::secret;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde::Serialize;
use std::ops::Range;

/// One thing wrong with a job file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Its kind, which also says how grave it is.
    pub code: Code,
    /// What is wrong and why: one line, lower case.
    pub message: String,
    /// The bytes of the file it points at.
    pub span: Range<usize>,
    /// Said right beside that place.
    pub label: String,
    /// A second place that has to do with it, and what is said there.
    pub also: Option<(Range<usize>, String)>,
    /// The next step.
    pub help: Option<String>,
}

impl Problem {
    /// A problem at a place.
    pub fn new(code: Code, span: Range<usize>, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), span, label: String::new(), also: None, help: None }
    }

    /// Says something right beside the place.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Points at a second place.
    #[must_use]
    pub fn also(mut self, span: Range<usize>, label: impl Into<String>) -> Self {
        self.also = Some((span, label.into()));
        self
    }

    /// Says the next step.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Whether it stops the job.
    pub fn is_error(&self) -> bool {
        self.code.severity() == Severity::Error
    }

    /// The problem for machines; `text` is the file it was found in.
    pub fn record(&self, text: &str) -> ProblemRecord<'_> {
        let (line, column) = line_and_column(text, self.span.start);
        let Self { code, message, help, .. } = self;
        ProblemRecord { code: *code, severity: code.severity(), message, line, column, help: help.as_deref() }
    }
}

/// Proof that a problem has been put on record, so that whoever meets it need not report anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reported;

/// A value, or the proof that what is wrong with it has been reported.
pub(super) type Judged<T> = Result<T, Reported>;

/// A problem as `--output json` shows it.
#[derive(Clone, Debug, Serialize)]
pub struct ProblemRecord<'a> {
    /// Its kind.
    pub code: Code,
    /// Whether it stops the job.
    pub severity: Severity,
    /// What is wrong and why.
    pub message: &'a str,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// The next step.
    pub help: Option<&'a str>,
}

/// The problems for people: each points at its place in `text`, which was read from `path`. What may be a password there
/// is not shown.
pub fn render(path: &str, text: &str, problems: &[Problem], color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let addresses = problems.iter().filter(|problem| problem.code == Code::AddressInJob);
    let text = secret::blanked(text, addresses.map(|problem| problem.span.clone()));
    let shown: Vec<String> = problems.iter().map(|problem| render_one(&renderer, path, &text, problem)).collect();
    shown.join("\n")
}

fn render_one(renderer: &Renderer, path: &str, text: &str, problem: &Problem) -> String {
    let mut place = AnnotationKind::Primary.span(within(text, &problem.span));
    if !problem.label.is_empty() {
        place = place.label(&problem.label);
    }
    let also = problem.also.iter().map(|(span, label)| AnnotationKind::Context.span(within(text, span)).label(label));
    let snippet = Snippet::source(text).path(path).annotation(place).annotations(also);
    let level = if problem.is_error() { Level::ERROR } else { Level::WARNING };
    let what = level.primary_title(&problem.message).id(problem.code.as_str()).element(snippet);
    let mut report = vec![what];
    report.extend(
        problem.help.as_ref().map(|help| annotate_snippets::Group::with_title(Level::HELP.secondary_title(help))),
    );
    renderer.render(&report) + "\n"
}

/// The span, moved to where the text can be cut: the renderer panics on any other.
fn within(text: &str, span: &Range<usize>) -> Range<usize> {
    let start = text.floor_char_boundary(span.start);
    start..text.ceil_char_boundary(span.end).max(start)
}

fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(offset)];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// A user's word inside a message: short, on one line, in backticks.
pub(super) fn quoted(word: &str) -> String {
    const SHOWN: usize = 40;
    let word = word.replace(char::is_control, " ");
    match word.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("`{}…`", &word[..end]),
        None => format!("`{word}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "min_rows = 1000\nrows     = 500\n";

    fn problem() -> Problem {
        Problem::new(Code::BatchBelowMinimum, 27..30, "a batch cannot start at 500 rows")
            .label("smaller than `min_rows`")
            .also(0..15, "the minimum")
            .help("raise `rows`")
    }

    #[test]
    fn people_see_the_place() {
        let expected = "\
error[batch-below-minimum]: a batch cannot start at 500 rows
 --> jobs/a.toml:2:12
  |
1 | min_rows = 1000
  | --------------- the minimum
2 | rows     = 500
  |            ^^^ smaller than `min_rows`
  |
help: raise `rows`
";
        assert_eq!(render("jobs/a.toml", TEXT, &[problem()], false), expected);
    }

    #[test]
    fn colour_is_only_there_when_asked_for() {
        assert!(render("a", TEXT, &[problem()], true).contains('\u{1b}'));
        assert!(!render("a", TEXT, &[problem()], false).contains('\u{1b}'));
    }

    #[test]
    fn machines_see_the_same_place() {
        let expected = serde_json::json!({
            "code": "batch-below-minimum", "severity": "error", "message": "a batch cannot start at 500 rows",
            "line": 2, "column": 12, "help": "raise `rows`",
        });
        assert_eq!(serde_json::to_value(problem().record(TEXT)).unwrap(), expected);
    }

    #[test]
    fn a_word_in_a_message_is_short_and_on_one_line() {
        assert_eq!(quoted("it's \"a\"\nb"), "`it's \"a\" b`");
        assert_eq!(quoted(&"é".repeat(50)), format!("`{}…`", "é".repeat(40)));
    }

    proptest! {
        #[test]
        fn no_place_makes_a_panic(text in any::<String>(), start in 0..200usize, length in 0..20usize) {
            let problem = Problem::new(Code::TomlSyntax, start..start + length, "x").also(0..length, "y");
            render("a.toml", &text, std::slice::from_ref(&problem), true);
            let _ = problem.record(&text);
        }
    }
}
