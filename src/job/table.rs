//! Does the `[table]` section name a table, a key and a scope? Knows neither the change nor the batch.

use super::code::Code;
use super::file::TableWords;
use super::judge::Judge;
use super::limit;
use super::name::{Ident, TableName};
use super::problem::{Judged, Problem, Reported, quoted};
use super::section::Word;
use super::statement::Expression;
use super::{Change, LapCount, Walk};
use std::ops::Range;

/// What is known of a `[table]` section, each part by itself.
pub(super) struct Table {
    pub(super) name: Judged<TableName>,
    pub(super) key: Judged<Option<Vec<KeyColumn>>>,
    pub(super) scope: Judged<Option<Expression>>,
    pub(super) walk: Judged<Walk>,
    pub(super) laps: Judged<LapCount>,
    walk_place: Option<Range<usize>>,
}

/// A column of the key, and where it is named.
pub(super) type KeyColumn = (Ident, Range<usize>);

impl Table {
    /// Whether this is the table of that name.
    pub(super) fn is_named(&self, name: &TableName) -> bool {
        self.name.as_ref() == Ok(name)
    }

    /// A row that moves on disk, as a changed one does, is met twice or never by a walk as rows lie there: only a change
    /// after which it is out of scope does it once, and only a sweep finds the ones that were missed.
    pub(super) fn walk_is_proven(&self, change: &Judged<Change>, judge: &mut Judge<'_>) {
        let (Ok(Walk::Physical), Ok(scope), Ok(change)) = (self.walk, &self.scope, change) else { return };
        let why = match (scope, change) {
            (None, _) => "the job has no `where`",
            (Some(_), Change::Copy { .. }) => "a copy leaves the rows in scope",
            (Some(_), Change::Set(_) | Change::Delete { .. }) => return,
        };
        let message =
            format!("`walk = \"physical\"` cannot be proven here: {why}, so a row that moves is met twice or never");
        let problem = Problem::new(Code::PhysicalWithoutProof, self.walk_place.clone().unwrap_or_default(), message);
        judge.report(problem.help("remove it; the table is then walked by its key"));
    }

    /// Where `table.key` names the column.
    pub(super) fn key_place(&self, column: &Ident) -> Option<&Range<usize>> {
        let key = self.key.as_ref().ok()?.as_ref()?;
        key.iter().find(|(known, _)| known == column).map(|(_, place)| place)
    }
}

/// Judges the section.
pub(super) fn table(words: &TableWords, judge: &mut Judge<'_>) -> Table {
    let name = words.name.as_ref().ok_or(Reported).and_then(|word| judge.table(word));
    let key = words.key.as_ref().map(|word| key(word, judge)).transpose();
    let scope = words.scope.as_ref().map(|word| judge.expression(word)).transpose();
    let walk = words.walk.as_ref().map_or(Ok(Walk::Auto), |word| walk(word, judge));
    let laps = words.laps.as_ref();
    let laps = laps.map_or(Ok(LapCount::Auto), |word| judge.choice("table.laps", word, &LapCount::WORDS));
    let walk_place = words.walk.as_ref().map(|word| word.span.clone());
    Table { name, key, scope, walk, laps, walk_place }
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
    judge.choice("table.walk", word, &[("auto", Walk::Auto), ("key", Walk::Key), ("physical", Walk::Physical)])
}
