//! Is any text read as a job file without a panic, and is every problem shown at a place of that text?

use crate::support::{corpus, holds_for, jobs_in};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::TestCaseResult;
use std::ops::Range;
use tidegate::job::{Problem, parse, render};

#[test]
fn any_bytes_are_a_job_or_have_a_problem_at_a_place() {
    holds_for(vec(any::<u8>(), 0..400), |bytes| is_read_whole(&String::from_utf8_lossy(&bytes)));
}

#[test]
fn any_text_is_a_job_or_has_a_problem_at_a_place() {
    holds_for("\\PC{0,200}|[a-z.\\[\\]=\"'#{}, \n0-9]{0,200}", |text| is_read_whole(&text));
}

#[test]
fn any_change_to_a_job_leaves_a_job_or_a_problem_at_a_place() {
    let texts = corpus();
    holds_for((select(texts.clone()), vec(edit(texts), 1..6)), |(mut text, edits)| {
        edits.iter().for_each(|edit| edit.apply(&mut text));
        is_read_whole(&text)
    });
}

/// The same words in another spelling of TOML: other quotes, another order, no comments.
#[test]
fn a_job_is_what_it_says_and_not_how_it_is_spelled() {
    let texts = jobs_in("jobs");
    holds_for((select(texts.clone()), vec(edit(texts), 0..3)), |(mut text, edits)| {
        edits.iter().for_each(|edit| edit.apply(&mut text));
        let Ok((job, _)) = parse(&text) else { return Ok(()) };
        let respelled = text.parse::<toml::Table>().expect("a job is TOML").to_string();
        let (again, _) = parse(&respelled).expect("the same words");
        prop_assert_eq!(again.pinned().digest(), job.pinned().digest());
        prop_assert_eq!((again.batch, again.pace, again.name), (job.batch, job.pace, job.name));
        Ok(())
    });
}

/// Reading, showing and reading again; every place that is named must be one of the text.
fn is_read_whole(text: &str) -> TestCaseResult {
    let (problems, is_job) = match parse(text) {
        Ok((job, warnings)) => {
            prop_assert_eq!(parse(&job.text).expect("it was a job"), (job, warnings.clone()));
            (warnings, true)
        }
        Err(problems) => (problems, false),
    };
    prop_assert!(is_job || problems.iter().any(Problem::is_error), "no job, and no reason");
    for problem in &problems {
        let places = std::iter::once(&problem.span).chain(problem.also.as_ref().map(|(span, _)| span));
        for Range { start, end } in places {
            prop_assert!(start <= end && *end <= text.len(), "{start}..{end} is outside of the text: {problem:?}");
        }
        prop_assert!(!problem.message.contains('\n'), "a message is one line: {problem:?}");
        let record = serde_json::to_value(problem.record(text)).expect("plain values");
        prop_assert!(record["line"].as_u64() <= Some(text.matches('\n').count() as u64 + 1), "{record}");
    }
    prop_assert!(problems.is_empty() || !render("a.toml", text, &problems, false).is_empty());
    Ok(())
}

/// One change that a slip of the hand, a merge or a broken disk makes.
#[derive(Clone, Debug)]
enum Edit {
    Insert(Index, String),
    Remove(Index, usize),
    SwapLines(Index, Index),
    RepeatLine(Index),
    ReplaceValue(Index, String),
    Borrow(Index, String),
}

fn edit(texts: Vec<String>) -> impl Strategy<Value = Edit> {
    let lines: Vec<String> = texts.iter().flat_map(|text| text.lines()).map(|line| format!("{line}\n")).collect();
    prop_oneof![
        (any::<Index>(), "[\"'\\[\\]{}=,.#\n\\\\]|\\PC{1,4}|\u{0}").prop_map(|(at, text)| Edit::Insert(at, text)),
        (any::<Index>(), 1..30_usize).prop_map(|(at, length)| Edit::Remove(at, length)),
        (any::<Index>(), any::<Index>()).prop_map(|(left, right)| Edit::SwapLines(left, right)),
        any::<Index>().prop_map(Edit::RepeatLine),
        (any::<Index>(), value()).prop_map(|(line, value)| Edit::ReplaceValue(line, value)),
        (any::<Index>(), select(lines)).prop_map(|(line, other)| Edit::Borrow(line, other)),
    ]
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| format!("{number:?}")),
        "\\PC{0,12}".prop_map(|text| format!("{text:?}")),
        select(vec!["true", "[]", "[[]]", "{}", "1979-05-27", "'''x\ny'''", "nan", "0x7f", "\"\\u0000\""])
            .prop_map(str::to_owned),
    ]
}

impl Edit {
    fn apply(&self, text: &mut String) {
        let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
        if lines.is_empty() {
            return;
        }
        match self {
            Self::Insert(at, new) => return text.insert_str(boundary(text, at), new),
            Self::Remove(at, length) => {
                let start = boundary(text, at);
                return drop(text.drain(start..text.ceil_char_boundary(start + length)));
            }
            Self::SwapLines(left, right) => lines.swap(left.index(text_lines(text)), right.index(text_lines(text))),
            Self::RepeatLine(line) => lines.insert(line.index(lines.len()), lines[line.index(lines.len())].clone()),
            Self::ReplaceValue(line, value) => {
                let line = line.index(lines.len());
                if let Some((name, _)) = lines[line].split_once('=') {
                    lines[line] = format!("{name}= {value}\n");
                }
            }
            Self::Borrow(line, other) => lines.insert(line.index(lines.len()), other.clone()),
        }
        *text = lines.concat();
    }
}

fn text_lines(text: &str) -> usize {
    text.split_inclusive('\n').count()
}

fn boundary(text: &str, at: &Index) -> usize {
    text.floor_char_boundary(at.index(text.len() + 1))
}
