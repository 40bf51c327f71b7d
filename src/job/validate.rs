//! Do the words make a job? Every rule is asked even after one has failed, so that all problems are told at once.

use super::batch;
use super::change;
use super::code::Code;
use super::file::{JobFile, TableWords};
use super::judge::Judge;
use super::limit;
use super::name::{Ident, TableName};
use super::problem::{Judged, Problem, Reported, quoted};
use super::section::Word;
use super::statement::Expression;
use super::{Job, Walk};
use std::ops::Range;

/// The job, or `None` when a rule was broken; `problems` says which.
pub(super) fn validate(file: JobFile, text: &str, problems: &mut Vec<Problem>) -> Option<Job> {
    let judge = &mut Judge::new(text, problems);
    let version = required(file.version).and_then(|word| version(&word, judge));
    let name = required(file.name).and_then(|word| job_name(&word, judge));
    let table = required(file.table).and_then(|word| word.value).map(|words| table(&words, judge));
    let change = change::change(file.change, table.as_ref().ok(), judge);
    let batch = batch::batch(file.batch, judge);
    // Everything has been asked; from here on the first report ends it.
    let job = || {
        version?;
        let table = table?;
        Ok::<Job, Reported>(Job {
            name: name?,
            description: file.description.map(|word| word.value).transpose()?,
            owner: file.owner.map(|word| word.value).transpose()?,
            table: table.name?,
            key: table.key?.map(|key| key.into_iter().map(|(column, _)| column).collect()),
            scope: table.scope?,
            walk: table.walk?,
            change: change?,
            batch: batch?,
            text: text.to_owned(),
        })
    };
    job().ok()
}

/// What is known of a `[table]` section, each part by itself.
pub(super) struct Table {
    name: Judged<TableName>,
    key: Judged<Option<Vec<KeyColumn>>>,
    scope: Judged<Option<Expression>>,
    walk: Judged<Walk>,
}

type KeyColumn = (Ident, Range<usize>);

impl Table {
    /// Whether this is the table of that name.
    pub(super) fn is_named(&self, name: &TableName) -> bool {
        self.name.as_ref() == Ok(name)
    }

    /// Where `table.key` names the column.
    pub(super) fn key_place(&self, column: &Ident) -> Option<&Range<usize>> {
        let key = self.key.as_ref().ok()?.as_ref()?;
        key.iter().find(|(known, _)| known == column).map(|(_, place)| place)
    }
}

/// A word whose absence was reported when the file was read.
fn required<T>(word: Option<Word<T>>) -> Judged<Word<T>> {
    word.ok_or(Reported)
}

fn version(word: &Word<i64>, judge: &mut Judge<'_>) -> Judged<()> {
    let version = word.value?;
    if version == limit::VERSION {
        return Ok(());
    }
    let message = format!("this tidegate reads version {} of the job format, not {version}", limit::VERSION);
    let problem = Problem::new(Code::UnsupportedVersion, word.span.clone(), message);
    Err(judge.report(problem.help("write `version = 1`, or use the tidegate that the job was written for")))
}

fn job_name(word: &Word<String>, judge: &mut Judge<'_>) -> Judged<String> {
    let name = word.value.clone()?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if (1..=limit::MAX_JOB_NAME).contains(&name.len()) && name.chars().all(plain) {
        return Ok(name);
    }
    let message = format!("{} cannot name a job: it is used in shells and metrics without quotes", quoted(&name));
    let help = format!("write 1 to {} of the characters a-z, 0-9 and `-`", limit::MAX_JOB_NAME);
    Err(judge.report(Problem::new(Code::JobName, word.span.clone(), message).help(help)))
}

fn table(words: &TableWords, judge: &mut Judge<'_>) -> Table {
    let name = words.name.as_ref().ok_or(Reported).and_then(|word| judge.table(word));
    let key = words.key.as_ref().map(|word| key(word, judge)).transpose();
    let scope = words.scope.as_ref().map(|word| judge.expression(word)).transpose();
    let walk = words.walk.as_ref().map_or(Ok(Walk::Auto), |word| walk(word, judge));
    Table { name, key, scope, walk }
}

fn key(word: &Word<Vec<Word<String>>>, judge: &mut Judge<'_>) -> Judged<Vec<KeyColumn>> {
    let columns = word.get()?;
    if columns.is_empty() {
        let problem = Problem::new(Code::KeyEmpty, word.span.clone(), "`table.key` names no column to walk by");
        return Err(
            judge.report(problem.help("name the columns of a unique key, or remove `key` to use the primary key"))
        );
    }
    let mut judged = Ok(());
    if columns.len() > limit::MAX_KEY_COLUMNS {
        let message = format!(
            "a key of {} columns is more than the {} that are walked by",
            columns.len(),
            limit::MAX_KEY_COLUMNS
        );
        let problem = Problem::new(Code::KeyTooWide, word.span.clone(), message);
        judged = Err(judge.report(problem.help("name fewer columns that are unique together")));
    }
    let mut key: Vec<KeyColumn> = Vec::new();
    for word in columns {
        let column = judge.ident(word).and_then(|column| match key.iter().find(|(known, _)| *known == column) {
            Some((_, first)) => Err(judge.report(twice(&column, word, first))),
            None => Ok(column),
        });
        match column {
            Ok(column) => key.push((column, word.span.clone())),
            Err(reported) => judged = Err(reported),
        }
    }
    judged.map(|()| key)
}

fn twice(column: &Ident, word: &Word<String>, first: &Range<usize>) -> Problem {
    let message = format!("{} is in the key twice", quoted(column.as_str()));
    Problem::new(Code::KeyColumnTwice, word.span.clone(), message)
        .also(first.clone(), "named here before")
        .help("remove one of the two")
}

fn walk(word: &Word<String>, judge: &mut Judge<'_>) -> Judged<Walk> {
    if word.value.as_deref() == Ok("physical") {
        let message = "`walk = \"physical\"` belongs to the job format, but this version of tidegate cannot do it";
        let problem = Problem::new(Code::NotYetSupported, word.span.clone(), message);
        return Err(judge.report(problem.help("remove it; the table is then walked by its key")));
    }
    judge.choice("table.walk", word, &[("auto", Walk::Auto), ("key", Walk::Key)])
}
