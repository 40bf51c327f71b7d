//! What does the job mean on this table? Key, conflict key and archive columns come from the catalog; what cannot be
//! answered, or must not be done, is refused, every reason at once.

use super::facts::{ColumnFacts, Facts, TableFacts, TableKind, UnavailableSignal};
use super::refusal::Refusal;
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
    let Some(table) = &facts.table else { return Err(vec![no_table(&job.table, &facts.similar_tables)]) };
    if table.kind == TableKind::Other {
        return Err(vec![no_plain_table(&job.table)]);
    }
    let mut refusals = Vec::new();
    let key = key(job, table, &mut refusals);
    let action = action(job, table, facts.target.as_ref(), &key, &mut refusals);
    hazards(job, table, &mut refusals);
    refusals.extend(facts.missing_grants.iter().map(|grant| {
        Refusal::new("privilege-missing", "this role lacks a privilege that the job needs", format!("run `{grant}`"))
    }));
    refusals.extend(facts.unavailable_signals.iter().map(unavailable));
    let workers = job.batch.workers.min(facts.max_workers.unwrap_or(u32::MAX));
    let mut notes = notes(job, table, workers);
    notes.extend(facts.signal_notes.iter().cloned());
    match action {
        Some(action) if refusals.is_empty() => {
            let sizes = job.batch.sizes(table.row_bytes);
            let work = Work { table: job.table.clone(), key, scope: job.scope.clone(), action };
            Ok(Resolved { work, workers, sizes, notes })
        }
        _ => Err(refusals),
    }
}

fn key(job: &Job, table: &TableFacts, refusals: &mut Vec<Refusal>) -> Vec<KeyColumn> {
    let names = job.key.as_ref().unwrap_or(&table.primary_key);
    if names.is_empty() {
        refusals.push(Refusal::new(
            "no-key",
            format!("{} has no primary key, and the job names no key", job.table),
            "name a unique, not null set of columns in `table.key`",
        ));
        return Vec::new();
    }
    let columns: Vec<_> = names.iter().filter_map(|name| existing(table, &job.table, name, refusals)).collect();
    for column in columns.iter().filter(|column| column.nullable) {
        refusals.push(Refusal::new(
            "key-nullable",
            format!("key column {} may be null: rows without a key would never be visited", column.name),
            "walk by the primary key, or make the column not null",
        ));
    }
    if columns.len() == names.len() && !table.unique_keys.iter().any(|unique| is_same_set(unique, names)) {
        refusals.push(Refusal::new(
            "key-not-unique",
            format!("no unique index covers exactly the key ({})", shown(names)),
            "walk by the primary key, or create a unique index on these columns",
        ));
    }
    columns.iter().map(|c| KeyColumn { name: c.name.clone(), sql_type: c.sql_type.clone() }).collect()
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

/// What makes any change on this table unsafe.
fn hazards(job: &Job, table: &TableFacts, refusals: &mut Vec<Refusal>) {
    if table.unlogged {
        refusals.push(Refusal::new(
            "table-unlogged",
            format!("{} is unlogged: a crash empties it while the checkpoints would say it is done", job.table),
            "make it logged first: `alter table … set logged`",
        ));
    }
    if table.row_security {
        refusals.push(Refusal::new(
            "row-security",
            format!("row-level security hides rows of {} from this role: they would be left out in silence", job.table),
            "run as the table's owner, or as a role with BYPASSRLS",
        ));
    }
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
        notes.push("the table is partitioned: it is walked through its parent, in key order".to_owned());
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

fn existing<'a>(
    table: &'a TableFacts,
    name: &TableName,
    column: &Ident,
    refusals: &mut Vec<Refusal>,
) -> Option<&'a ColumnFacts> {
    let found = table.column(column);
    if found.is_none() {
        let near = table
            .columns
            .iter()
            .map(|other| (strsim::jaro_winkler(other.name.as_str(), column.as_str()), &other.name))
            .filter(|(likeness, _)| *likeness > 0.8)
            .max_by(|a, b| a.0.total_cmp(&b.0));
        let help = match near {
            Some((_, near)) => format!("did you mean {near}?"),
            None => format!("{name} has {}", shown(table.columns.iter().map(|column| &column.name))),
        };
        refusals.push(Refusal::new("no-such-column", format!("{name} has no column {column}"), help));
    }
    found
}

fn target_table<'a>(
    name: &TableName,
    target: Option<&'a TableFacts>,
    refusals: &mut Vec<Refusal>,
) -> Option<&'a TableFacts> {
    match target {
        None => refusals.push(no_table(name, &[])),
        Some(target) if target.kind == TableKind::Other => refusals.push(no_plain_table(name)),
        Some(target) => return Some(target),
    }
    None
}

fn no_table(name: &TableName, similar: &[String]) -> Refusal {
    let help = match similar {
        [] => "check the schema and the name; they are taken as written, upper and lower case included".to_owned(),
        similar => format!("did you mean {}?", similar.join(" or ")),
    };
    Refusal::new("no-such-table", format!("there is no table {name} that this role can see"), help)
}

fn no_plain_table(name: &TableName) -> Refusal {
    Refusal::new("not-a-table", format!("{name} is a view or a foreign table"), "name the table that holds the rows")
}

fn is_same_set(unique: &[Ident], names: &[Ident]) -> bool {
    unique.len() == names.len() && names.iter().all(|name| unique.contains(name))
}

fn shown<'a>(names: impl IntoIterator<Item = &'a Ident>) -> String {
    names.into_iter().map(Ident::as_str).collect::<Vec<_>>().join(", ")
}
