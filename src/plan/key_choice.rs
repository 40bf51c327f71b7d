//! By which key is a table walked, and can it be? A key that is null, that two rows share or that is read back as another
//! one would leave rows out in silence.

use super::facts::{KeyFlaw, TableFacts};
use super::missing::{existing, shown};
use super::refusal::Refusal;
use super::work::KeyColumn;
use crate::job::{Ident, Job};

/// The key's columns as far as they are there, and every reason why they are no key.
pub(super) fn key(job: &Job, table: &TableFacts, refusals: &mut Vec<Refusal>) -> Vec<KeyColumn> {
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
    for column in &columns {
        if let Some(setting) = column.text_depends_on {
            refusals.push(Refusal::new(
                "key-type-unstable",
                format!(
                    "key column {} is of type {}, whose text depends on {setting}: a checkpoint could be read as another key",
                    column.name, column.sql_type
                ),
                "walk by another key",
            ));
        }
    }
    if columns.len() == names.len() && !table.unique_keys.iter().any(|unique| is_same_set(unique, names)) {
        refusals.push(not_unique(table, names));
    }
    columns.iter().map(|c| KeyColumn { name: c.name.clone(), sql_type: c.sql_type.clone() }).collect()
}

/// With the index that comes nearest, where there is one.
fn not_unique(table: &TableFacts, names: &[Ident]) -> Refusal {
    let unsuited = table.unsuited_keys.iter().find(|unsuited| is_same_set(&unsuited.columns, names));
    let (why, help) = match unsuited.map(|unsuited| (&unsuited.index, unsuited.flaw)) {
        None => (String::new(), "walk by the primary key, or create a unique index on these columns"),
        Some((index, KeyFlaw::NotUnique)) => (
            format!(": index {index} is not unique"),
            "walk by the primary key, or create a unique index on these columns",
        ),
        Some((index, KeyFlaw::Partial)) => (
            format!(": index {index} holds for some rows only"),
            "walk by the primary key, or create a unique index without `where`",
        ),
        Some((index, KeyFlaw::Deferrable)) => (
            format!(": index {index} is deferrable, so that two rows may have the same key until a transaction ends"),
            "walk by another key, or make the constraint not deferrable",
        ),
        Some((index, KeyFlaw::Invalid)) => {
            (format!(": index {index} is invalid, its building was broken off"), "drop the index and create it again")
        }
        Some((index, KeyFlaw::Collation)) => (
            format!(": index {index} has another collation than its columns"),
            "walk by the primary key, or create a unique index in the columns' own collation",
        ),
    };
    Refusal::new("key-not-unique", format!("no unique index covers exactly the key ({}){why}", shown(names)), help)
}

/// Whether both name the same columns.
pub(super) fn is_same_set(unique: &[Ident], names: &[Ident]) -> bool {
    unique.len() == names.len() && names.iter().all(|name| unique.contains(name))
}
