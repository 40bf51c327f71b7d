//! What makes a row fail? A table `items` whose change is not idempotent, where some rows break one rule; and what is to
//! be seen of them afterwards.

use crate::support::{Job, Random, Target, batches_by, series};
use serde_json::Value;
use std::collections::BTreeSet;

/// A rule that rows may break, and what the database says of it.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// Statements before the table is made, and columns of it.
    pub(super) before: &'static str,
    pub(super) columns: &'static str,
    /// Statements after its rows are in.
    pub(super) after: &'static str,
    /// What the job sets beside `applied`.
    pub(super) set: &'static str,
    /// What makes a row break the rule, and keep it.
    pub(super) poison: &'static str,
    pub(super) mend: &'static str,
    pub(super) code: &'static str,
    pub(super) constraint: Option<&'static str>,
    pub(super) column: Option<&'static str>,
}

/// A check that every database has.
pub(super) const CHECK: Kind = Kind {
    name: "check",
    before: "",
    columns: "amount integer not null default 0 constraint positive check (amount >= 0), \
              wanted integer not null default 1",
    after: "",
    set: "amount = \"wanted\"",
    poison: "wanted = -1",
    mend: "wanted = 1",
    code: "23514",
    constraint: Some("positive"),
    column: None,
};

/// A table with rows that fail, and a job on it.
pub(super) struct Poisoned<'a> {
    pub(super) target: &'a Target,
    pub(super) rows: u64,
    pub(super) poison: BTreeSet<u64>,
    pub(super) kind: Kind,
    pub(super) job: Job,
}

impl<'a> Poisoned<'a> {
    /// Keys `1..=rows`; those of `poison` fail. `sections` come after the change: `[errors]`, `[batch]`.
    pub(super) async fn new(
        target: &'a Target,
        kind: Kind,
        rows: u64,
        poison: impl IntoIterator<Item = u64>,
        sections: &str,
    ) -> Self {
        let Kind { name, before, columns, after, set, .. } = kind;
        let options = target.either(" with (autovacuum_enabled = false)", "");
        // At once, because another connection of SQLite's may still know a trigger of the table that was dropped.
        target
            .execute(&format!(
                "drop table if exists items; {before};
                 create table items (id integer primary key, applied integer not null default 0, {columns}){options};
                 insert into items (id) {rows}; {after}",
                rows = series(target, rows)
            ))
            .await;
        let text = format!("[table]\nname = \"items\"\n[change.set]\napplied = \"applied + 1\"\n{set}\n{sections}");
        let job = target.job(&format!("poison-{name}"), &text);
        let poisoned = Self { target, rows, poison: poison.into_iter().collect(), kind, job };
        poisoned.set(kind.poison, &poisoned.poison).await;
        poisoned
    }

    /// Makes these rows keep the rule.
    pub(super) async fn mend(&self, rows: impl IntoIterator<Item = u64>) {
        self.set(self.kind.mend, &rows.into_iter().collect()).await;
    }

    async fn set(&self, what: &str, rows: &BTreeSet<u64>) {
        if !rows.is_empty() {
            self.target.execute(&format!("update items set {what} where id in ({})", list(rows))).await;
        }
    }

    /// Runs the job to its end with rows set aside; the summary.
    pub(super) async fn run(&self) -> Value {
        self.target.tidegate(&["run", &self.job.path, "--output", "json"]).await.exits(3).json()
    }

    /// Exactly these rows are set aside and unchanged, and everything else was changed once.
    pub(super) async fn only_these_are_aside(&self, aside: &BTreeSet<u64>) {
        let target = self.target;
        let name = self.kind.name;
        assert_eq!(keys(&self.list().await), *aside, "{name}: the rows that are set aside");
        let changed = target.column("select id from items where applied = 0 order by id").await;
        let unchanged: BTreeSet<u64> = changed.iter().map(|id| id.parse().expect("a number")).collect();
        assert_eq!(unchanged, *aside, "{name}: the rows that are not changed");
        assert_eq!(target.number("select count(*) from items where applied > 1").await, 0, "{name}: changed twice");
        let status = target.status(&self.job).await;
        assert_eq!(status["rows_changed"], self.rows - aside.len() as u64, "{name}: the checkpoints' sum");
        assert_eq!(status["rows_quarantined"], aside.len(), "{name}: as `status` shows it");
    }

    /// What `quarantine list` says.
    pub(super) async fn list(&self) -> Value {
        let arguments = ["quarantine", "list", &self.job.name, "--output", "json"];
        self.target.tidegate(&arguments).await.exits(0).json()
    }
}

/// The keys of a list.
pub(super) fn keys(list: &Value) -> BTreeSet<u64> {
    let rows = list["rows"].as_array().expect("rows");
    assert_eq!(list["total"], rows.len(), "{list}");
    let key = |row: &Value| row["key"][0].as_str().expect("a text").trim_start_matches("i:").parse().expect("a number");
    rows.iter().map(key).collect()
}

/// Batches of 500, by so many workers, and so many rows that may fail.
pub(super) fn sections(workers: u64, quarantine: u64) -> String {
    format!("{}[errors]\nquarantine = {quarantine}\n", batches_by(workers, 500))
}

/// So many rows of `2..=rows`; the first is left for others.
pub(super) fn some_of(random: &mut Random, rows: u64, some: usize) -> BTreeSet<u64> {
    let mut chosen = BTreeSet::new();
    while chosen.len() < some {
        chosen.insert(2 + random.below(rows - 1));
    }
    chosen
}

/// As in SQL's `in (…)`.
pub(super) fn list(rows: &BTreeSet<u64>) -> String {
    rows.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}
