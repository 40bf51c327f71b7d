//! What does the job mean on this table? Key, conflict key and archive columns come from the catalog; what cannot be
//! answered, or must not be done, is refused, every reason at once.

use super::facts::{Facts, TableFacts, TableKind, UnavailableSignal};
use super::hazards;
use super::held;
use super::key_choice::{is_same_set, key};
use super::missing::{existing, no_table, no_table_of_rows};
use super::refusal::Refusal;
use super::vacuum;
use super::work::{Action, Archive, Conflict, KeyColumn, Work};
use crate::job::{Change, Expression, Ident, Job, OnConflict, TableName};
use crate::pace::Sizes;

/// What a job means on its table.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// What is done to which rows.
    pub work: Work,
    /// How many batches run at once.
    pub workers: u32,
    /// How many at most, whatever a job asks for.
    pub max_workers: Option<u32>,
    /// Within what batches are sized.
    pub sizes: Sizes,
    /// What somebody should know before the start.
    pub notes: Vec<String>,
}

/// Answers a job's open questions from the catalog.
///
/// # Errors
/// Every reason why the job may not run.
pub fn resolve(job: &Job, facts: &Facts) -> Result<Resolved, Vec<Refusal>> {
    let mut refusals: Vec<_> = facts.missing_grants.iter().map(missing_grant).collect();
    let Some(table) = &facts.table else {
        // A role that may not look into a schema cannot know what is in it.
        let nothing_else = refusals.is_empty().then(|| no_table(&job.table, &facts.similar_tables));
        refusals.extend(nothing_else);
        return Err(refusals);
    };
    if let Some(refusal) = no_table_of_rows(&job.table, table) {
        return Err(vec![refusal]);
    }
    let key = key(job, table, &mut refusals);
    let action = action(job, table, facts.target.as_ref(), &key, &mut refusals);
    refusals.extend(hazards::of_walked(&job.table, table));
    refusals.extend(facts.unavailable_signals.iter().map(unavailable));
    let workers = job.batch.workers.min(facts.max_workers.unwrap_or(u32::MAX));
    let mut notes = notes(job, table, workers);
    notes.extend(facts.signal_notes.iter().cloned());
    notes.extend(vacuum::note(job, facts));
    let queries = held::queries_of_others(job.expressions(), facts);
    notes.extend(facts.can_hold_to_index.then(|| held::note(&queries)));
    let held_to_index = facts.can_hold_to_index && queries.is_empty();
    match action {
        Some(action) if refusals.is_empty() => {
            let sizes = job.batch.sizes(table.row_bytes);
            let work = Work { table: job.table.clone(), key, scope: job.scope.clone(), action, held_to_index };
            Ok(Resolved { work, workers, max_workers: facts.max_workers, sizes, notes })
        }
        _ => Err(refusals),
    }
}

fn action(
    job: &Job,
    table: &TableFacts,
    target: Option<&TableFacts>,
    key: &[KeyColumn],
    refusals: &mut Vec<Refusal>,
) -> Option<Action> {
    match &job.change {
        Change::Set(columns) => {
            for (name, _) in columns {
                settable(table, &job.table, name, refusals);
                if key.iter().any(|part| part.name == *name) {
                    refusals.push(Refusal::new(
                        "sets-key-column",
                        format!(
                            "the change sets {name}, a column of the key: a changed row could be visited twice or never"
                        ),
                        "walk by another key, or change the key outside of tidegate",
                    ));
                }
            }
            Some(Action::Set(columns.clone()))
        }
        Change::Copy { into, columns, on_conflict } => {
            let target = target_table(into, target, refusals)?;
            for (name, _) in columns {
                settable(target, into, name, refusals);
            }
            let conflict = conflict(into, target, columns, *on_conflict, refusals)?;
            Some(Action::Copy { into: into.clone(), columns: columns.clone(), conflict })
        }
        Change::Delete { archive_into: None } => Some(Action::Delete { archive: None }),
        Change::Delete { archive_into: Some(into) } => {
            let target = target_table(into, target, refusals)?;
            Some(Action::Delete { archive: Some(archive(table, into, target, refusals)) })
        }
    }
}

fn conflict(
    into: &TableName,
    target: &TableFacts,
    columns: &[(Ident, Expression)],
    on_conflict: OnConflict,
    refusals: &mut Vec<Refusal>,
) -> Option<Conflict> {
    let key = target.primary_key.clone();
    let is_given = |name: &Ident| columns.iter().any(|(given, _)| given == name);
    if on_conflict != OnConflict::Error && (key.is_empty() || !key.iter().all(is_given)) {
        refusals.push(Refusal::new(
            "conflict-key-not-copied",
            format!("`on_conflict` goes by the primary key of {into}, and the copy does not give all of it"),
            "copy every column of that primary key, or set `on_conflict = \"error\"`",
        ));
        return None;
    }
    if on_conflict != OnConflict::Error && !target.unique_keys.iter().any(|unique| is_same_set(unique, &key)) {
        refusals.push(Refusal::new(
            "conflict-key-deferrable",
            format!("the primary key of {into} is deferrable, and `on_conflict` cannot go by it"),
            "make the constraint not deferrable, or set `on_conflict = \"error\"`",
        ));
        return None;
    }
    Some(match on_conflict {
        OnConflict::Error => Conflict::Error,
        OnConflict::Skip => Conflict::Skip(key),
        OnConflict::Update => Conflict::Update(key),
    })
}

fn archive(table: &TableFacts, into: &TableName, target: &TableFacts, refusals: &mut Vec<Refusal>) -> Archive {
    let columns: Vec<_> = table.columns.iter().filter(|column| !column.generated).collect();
    for column in &columns {
        if target.column(&column.name).is_none() {
            refusals.push(Refusal::new(
                "archive-lacks-column",
                format!("{into} has no column {}: its values would be lost with the rows", column.name),
                format!("add the column to {into}"),
            ));
        }
    }
    Archive { into: into.clone(), columns: columns.into_iter().map(|column| column.name.clone()).collect() }
}

fn missing_grant(grant: &String) -> Refusal {
    Refusal::new("privilege-missing", "this role lacks a privilege that the job needs", format!("run `{grant}`"))
}

/// A run would be held for ever by a signal that is never seen.
fn unavailable(signal: &UnavailableSignal) -> Refusal {
    let code = if signal.writes { "probe-writes" } else { "signal-unavailable" };
    Refusal::new(code, format!("{} cannot be watched: {}", signal.signal, signal.why), signal.help.as_str())
}

fn notes(job: &Job, table: &TableFacts, workers: u32) -> Vec<String> {
    let mut notes = Vec::new();
    if !table.triggers.is_empty() {
        notes.push(format!("triggers fire for every row: {}", table.triggers.join(", ")));
    }
    if table.kind == TableKind::Partitioned {
        notes.push("partitions that come to the table after the start are told; a sweep visits their rows".to_owned());
    }
    if workers < job.batch.workers {
        notes.push(format!("{workers} worker instead of {}: this database has a single writer", job.batch.workers));
    }
    let is_done_predicate = job.scope.is_some() && !matches!(job.change, Change::Copy { .. });
    notes.push(match is_done_predicate {
        true => "the end is proven by a sweep: passes over the table until one finds no row in scope".to_owned(),
        false => "the end is proven by the slices alone: every row that exists at the start, once; \
                  rows added behind the walk are not visited"
            .to_owned(),
    });
    notes
}

fn settable(table: &TableFacts, name: &TableName, column: &Ident, refusals: &mut Vec<Refusal>) {
    if existing(table, name, column, refusals).is_some_and(|column| column.generated) {
        refusals.push(Refusal::new(
            "column-generated",
            format!("{name}.{column} is generated by the database and cannot be set"),
            "leave it out of the change",
        ));
    }
}

fn target_table<'a>(
    name: &TableName,
    target: Option<&'a TableFacts>,
    refusals: &mut Vec<Refusal>,
) -> Option<&'a TableFacts> {
    match target {
        None => refusals.push(no_table(name, &[])),
        Some(target) => match no_table_of_rows(name, target) {
            Some(refusal) => refusals.push(refusal),
            None => {
                refusals.extend(hazards::of_target(name, target));
                return Some(target);
            }
        },
    }
    None
}
