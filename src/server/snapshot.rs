//! What is known of all runs now? One value for everybody who asks: made once, read by many. Pure.

use crate::view::{RunView, VERSION, WhyView};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;

/// All runs as they were seen last.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Grows with every look, also over restarts of the server: milliseconds since 1970 where that is more.
    pub number: u64,
    seen: BTreeMap<String, Seen>,
    /// For whoever may see keys, and for the others.
    documents: [Arc<str>; 2],
}

/// What a look at a database brought.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Seen {
    /// Why it cannot be looked at.
    pub(super) failure: Option<String>,
    /// Its runs, those of the last good look where it cannot be looked at.
    pub(super) runs: Vec<RunView>,
}

/// All runs of all databases.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct RunsDocument {
    /// Of the document.
    version: u32,
    /// Every database of this server.
    databases: Vec<DatabaseView>,
    /// The newest run of every job; of a database that is away, as they were seen last.
    runs: Vec<NamedRun>,
}

/// One run.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct RunDocument {
    /// Of the document.
    pub(super) version: u32,
    /// It.
    pub(super) run: NamedRun,
}

/// A database of this server.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct DatabaseView {
    /// Its short name.
    name: String,
    /// Whether it answered when it was asked last.
    reachable: bool,
    /// What it said instead.
    failure: Option<String>,
}

/// A run with its database.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct NamedRun {
    /// The database's short name.
    pub database: String,
    /// The run.
    #[serde(flatten)]
    pub run: RunView,
}

/// Why one run is as fast as it is, with its database.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct NamedWhy {
    /// The database's short name.
    pub(super) database: String,
    /// Why.
    #[serde(flatten)]
    pub(super) why: WhyView,
}

impl Snapshot {
    /// Before anything was seen.
    pub(super) fn is_empty(&self) -> bool {
        self.number == 0
    }

    /// Whether every one of these databases was looked at.
    pub(super) fn has_all(&self, databases: usize) -> bool {
        self.seen.len() == databases
    }

    /// Whether any database answers.
    pub(super) fn any_reachable(&self) -> bool {
        self.seen.values().any(|seen| seen.failure.is_none())
    }

    /// Every run with its database's name.
    pub fn runs(&self) -> impl Iterator<Item = NamedRun> + '_ {
        let named = |(database, run): (&String, &RunView)| NamedRun { database: database.clone(), run: run.clone() };
        self.seen.iter().flat_map(|(database, seen)| seen.runs.iter().map(move |run| (database, run))).map(named)
    }

    /// The document of all runs; with everything for whoever may see keys.
    pub(super) fn document(&self, with_keys: bool) -> Arc<str> {
        Arc::clone(&self.documents[usize::from(!with_keys)])
    }

    /// Takes in what was seen of a database at that moment, in milliseconds since 1970. Whether it is news: that a lease
    /// lasts a second less is none.
    pub(super) fn take_in(&mut self, database: &str, mut seen: Seen, millis: u64) -> bool {
        let before = self.seen.get(database);
        if let (Some(_), Some(before)) = (&seen.failure, before) {
            seen.runs.clone_from(&before.runs);
        }
        let is_news = before.is_none_or(|before| timeless(before) != timeless(&seen));
        self.seen.insert(database.to_owned(), seen);
        self.number = millis.max(self.number + 1);
        self.documents = [true, false].map(|with_keys| self.write(with_keys));
        is_news
    }

    fn write(&self, with_keys: bool) -> Arc<str> {
        let database = |(name, seen): (&String, &Seen)| DatabaseView {
            name: name.clone(),
            reachable: seen.failure.is_none(),
            failure: seen.failure.clone(),
        };
        let shown = |named: NamedRun| match with_keys {
            true => named,
            false => NamedRun { run: named.run.without_keys(), ..named },
        };
        let document = RunsDocument {
            version: VERSION,
            databases: self.seen.iter().map(database).collect(),
            runs: self.runs().map(shown).collect(),
        };
        // Numbers and texts of ours always have a JSON form.
        serde_json::to_string(&document).unwrap_or_default().into()
    }
}

/// What was seen, but for what changes with the clock alone.
fn timeless(seen: &Seen) -> Seen {
    let mut seen = seen.clone();
    for runner in seen.runs.iter_mut().filter_map(|run| run.runner.as_mut()) {
        runner.expires_in_seconds = 0.0;
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_grow_and_the_same_again_is_no_news() {
        let mut snapshot = Snapshot::default();
        assert!(snapshot.is_empty() && !snapshot.any_reachable());
        assert!(snapshot.take_in("shop", Seen::default(), 1_000), "the first look");
        assert!(!snapshot.take_in("shop", Seen::default(), 2_000));
        let away = Seen { failure: Some("connection refused".into()), runs: Vec::new() };
        assert!(snapshot.take_in("shop", away, 500), "a clock that was set back");
        assert_eq!(snapshot.number, 2_001);
        let document: serde_json::Value = serde_json::from_str(&snapshot.document(false)).unwrap();
        assert_eq!(document["databases"][0]["reachable"], false);
        assert_eq!(document["databases"][0]["failure"], "connection refused");
    }
}
