//! What is done to each row? Judges the sections below `[change…]`, alone and against the table that is walked.

use super::code::Code;
use super::file::{ChangeWords, CopyWords, DeleteWords};
use super::judge::Judge;
use super::name::{Ident, TableName};
use super::problem::{Judged, Problem, Reported, quoted};
use super::section::{Assignment, Word};
use super::statement::Expression;
use super::table::Table;
use super::{Change, OnConflict};
use std::ops::Range;

const KINDS: &str = "`[change.set]`, `[change.copy]` or `[change.delete]`";

/// The one change of the job. What `table` is not known to be, the change is not held against.
pub(super) fn change(word: Option<Word<ChangeWords>>, table: Option<&Table>, judge: &mut Judge<'_>) -> Judged<Change> {
    let Some(word) = word else {
        let place = judge.end_of_file();
        return Err(judge.report(missing(place)));
    };
    let words = word.value?;
    let kinds = one_kind(&words, word.span, judge);
    let set = words.set.map(|word| set(word, table, judge));
    let copy = words.copy.map(|word| copy(&word.value?, table, judge));
    let delete = words.delete.map(|word| delete(&word.value?, table, judge));
    kinds?;
    set.or(copy).or(delete).unwrap_or(Err(Reported))
}

fn one_kind(words: &ChangeWords, section: Range<usize>, judge: &mut Judge<'_>) -> Judged<()> {
    let set = words.set.as_ref().map(|word| word.span.clone());
    let copy = words.copy.as_ref().map(|word| word.span.clone());
    let delete = words.delete.as_ref().map(|word| word.span.clone());
    let mut kinds: Vec<Range<usize>> = [set, copy, delete].into_iter().flatten().collect();
    kinds.sort_by_key(|place| place.start);
    match &kinds[..] {
        [_] => Ok(()),
        [] => Err(judge.report(missing(section))),
        [first, second, ..] => {
            let problem =
                Problem::new(Code::ChangeAmbiguous, second.clone(), "a job makes one change, and this says two")
                    .label("the second change")
                    .also(first.clone(), "the first change")
                    .help("keep one of them, and write a second job for the other");
            Err(judge.report(problem))
        }
    }
}

fn missing(place: Range<usize>) -> Problem {
    Problem::new(Code::ChangeMissing, place, "the job does not say what to do to the rows").help(format!("add {KINDS}"))
}

fn set(word: Word<Vec<Assignment>>, table: Option<&Table>, judge: &mut Judge<'_>) -> Judged<Change> {
    let assignments = assignments("change.set", &word, judge, |column, place, judge| {
        match table.and_then(|table| table.key_place(column)) {
            Some(key_place) => Err(judge.report(moves_rows(column, place, key_place))),
            None => Ok(()),
        }
    });
    assignments.map(Change::Set)
}

fn moves_rows(column: &Ident, place: &Range<usize>, key_place: &Range<usize>) -> Problem {
    let message = format!(
        "{} is in the key that the table is walked by, and a new value would move the row",
        quoted(column.as_str())
    );
    Problem::new(Code::KeyColumnSet, place.clone(), message)
        .label("changed here")
        .also(key_place.clone(), "walked by")
        .help("walk by another unique key, or leave this column as it is")
}

fn copy(words: &CopyWords, table: Option<&Table>, judge: &mut Judge<'_>) -> Judged<Change> {
    const CHOICES: &[(&str, OnConflict)] =
        &[("error", OnConflict::Error), ("skip", OnConflict::Skip), ("update", OnConflict::Update)];
    let into = words.into.as_ref().ok_or(Reported).and_then(|word| other_table(word, table, judge));
    let columns = words.columns.as_ref().ok_or(Reported);
    let columns = columns.and_then(|word| assignments("change.copy.columns", word, judge, |_, _, _| Ok(())));
    let on_conflict = words.on_conflict.as_ref();
    let on_conflict =
        on_conflict.map_or(Ok(OnConflict::Error), |word| judge.choice("change.copy.on_conflict", word, CHOICES));
    Ok(Change::Copy { into: into?, columns: columns?, on_conflict: on_conflict? })
}

fn delete(words: &DeleteWords, table: Option<&Table>, judge: &mut Judge<'_>) -> Judged<Change> {
    let archive_into = words.archive_into.as_ref().map(|word| other_table(word, table, judge)).transpose()?;
    Ok(Change::Delete { archive_into })
}

/// A table that rows are written into: never the one they are read from.
fn other_table(word: &Word<String>, table: Option<&Table>, judge: &mut Judge<'_>) -> Judged<TableName> {
    let name = judge.table(word)?;
    if !table.is_some_and(|table| table.is_named(&name)) {
        return Ok(name);
    }
    let message = format!(
        "{} is the table that is walked, and the walk would meet the rows it writes",
        quoted(&name.to_string())
    );
    Err(judge.report(Problem::new(Code::SameTable, word.span.clone(), message).help("name another table")))
}

/// Columns with their expressions, in the order of the file; each column once, and `also` holds for each of them.
fn assignments(
    name: &str,
    word: &Word<Vec<Assignment>>,
    judge: &mut Judge<'_>,
    also: impl Fn(&Ident, &Range<usize>, &mut Judge<'_>) -> Judged<()>,
) -> Judged<Vec<(Ident, Expression)>> {
    let written = word.get()?;
    if written.is_empty() {
        let problem = Problem::new(Code::ChangeEmpty, word.span.clone(), format!("`{name}` names no column"));
        return Err(judge.report(problem.help("add a column and its expression, such as `email = \"lower(email)\"`")));
    }
    let mut seen: Vec<(Ident, Range<usize>)> = Vec::new();
    let mut judged = Vec::new();
    for (column, sql) in written {
        let ident = judge.ident(column).and_then(|ident| {
            also(&ident, &column.span, judge)?;
            if let Some((_, first)) = seen.iter().find(|(known, _)| *known == ident) {
                return Err(judge.report(twice(&ident, &column.span, first)));
            }
            seen.push((ident.clone(), column.span.clone()));
            Ok(ident)
        });
        let expression = judge.expression(sql);
        judged.push(ident.and_then(|ident| Ok((ident, expression?))));
    }
    judged.into_iter().collect()
}

fn twice(column: &Ident, place: &Range<usize>, first: &Range<usize>) -> Problem {
    Problem::new(Code::ColumnTwice, place.clone(), format!("{} is given two values", quoted(column.as_str())))
        .label("the second value")
        .also(first.clone(), "the first value")
        .help("keep one of the two; quotes do not make another column")
}
