//! May a run be resumed with this job? Only while it still says the same of which rows get which value; how fast that
//! is done may change. Knows no run.

use super::{Change, Job, OnConflict};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Raised when the same job would give other fields, so that a digest of an older tidegate is never taken for one of
/// this.
const FORM: u32 = 1;

/// The part of a job that decides which rows get which value.
///
/// Without the walk and its laps: each kind of walk meets the same rows. Assignments have no order here, as all of them see the
/// row as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pinned {
    /// By name of the field, as the job file has it.
    fields: BTreeMap<String, String>,
}

/// A field that is no longer what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// As in the job file: `change.set.full_name`.
    pub field: String,
    /// `None` when it was not written.
    pub was: Option<String>,
    /// `None` when it is not written any more; of both, when the two could not be compared.
    pub now: Option<String>,
}

impl Job {
    /// What must not change while the job's run is under way.
    pub fn pinned(&self) -> Pinned {
        let mut fields = change(&self.change);
        fields.insert("table.name".to_owned(), self.table.to_string());
        if let Some(key) = &self.key {
            let columns: Vec<String> = key.iter().map(ToString::to_string).collect();
            fields.insert("table.key".to_owned(), columns.join(", "));
        }
        if let Some(scope) = &self.scope {
            fields.insert("table.where".to_owned(), scope.to_string());
        }
        Pinned { fields }
    }
}

impl Pinned {
    /// The same for the same fields, today and in later versions: SHA-256 in hexadecimal.
    pub fn digest(&self) -> String {
        let form = json!({ "fields": self.fields, "form": FORM }).to_string();
        Sha256::digest(form).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// What `now` says otherwise, by name of the field.
    pub fn differences(&self, now: &Self) -> Vec<Difference> {
        let fields: BTreeSet<&String> = self.fields.keys().chain(now.fields.keys()).collect();
        let difference = |field: &String| Difference {
            field: field.clone(),
            was: self.fields.get(field).cloned(),
            now: now.fields.get(field).cloned(),
        };
        fields.into_iter().map(difference).filter(|difference| difference.was != difference.now).collect()
    }
}

impl Difference {
    /// What to tell when the file that a run began with is no job to this tidegate, so that nothing can be compared.
    pub fn unreadable() -> Self {
        Self { field: "job".to_owned(), was: None, now: None }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = &self.field;
        match (&self.was, &self.now) {
            (Some(was), Some(now)) => write!(f, "{field}: was `{was}`, now `{now}`"),
            (Some(was), None) => write!(f, "{field}: was `{was}`, now not written"),
            (None, Some(now)) => write!(f, "{field}: was not written, now `{now}`"),
            (None, None) => write!(f, "{field}: this tidegate does not read the file that the run began with"),
        }
    }
}

fn change(change: &Change) -> BTreeMap<String, String> {
    let assignments = |prefix: &str, columns: &[(super::Ident, super::Expression)]| {
        let field = |(column, sql): &(_, super::Expression)| (format!("{prefix}.{column}"), sql.to_string());
        columns.iter().map(field).collect::<BTreeMap<_, _>>()
    };
    let (kind, mut fields) = match change {
        Change::Set(columns) => ("set", assignments("change.set", columns)),
        Change::Copy { into, columns, on_conflict } => {
            let mut fields = assignments("change.copy.columns", columns);
            fields.insert("change.copy.into".to_owned(), into.to_string());
            fields.insert("change.copy.on_conflict".to_owned(), conflict_word(*on_conflict).to_owned());
            ("copy", fields)
        }
        Change::Delete { archive_into } => {
            let archive = archive_into.iter().map(|table| ("change.delete.archive_into".to_owned(), table.to_string()));
            ("delete", archive.collect())
        }
    };
    fields.insert("change".to_owned(), kind.to_owned());
    fields
}

fn conflict_word(on_conflict: OnConflict) -> &'static str {
    match on_conflict {
        OnConflict::Error => "error",
        OnConflict::Skip => "skip",
        OnConflict::Update => "update",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::parse;

    const JOB: &str = r#"
version = 1
name = "fill-full-name"
[table]
name = "public.users"
where = "full_name is null"
[change.set]
full_name = "first_name || ' ' || last_name"
initials = "left(first_name, 1)"
"#;

    fn pinned(text: &str) -> Pinned {
        parse(text).unwrap().0.pinned()
    }

    #[test]
    fn the_digest_never_changes() {
        // If this fails, every run under way would be refused after an upgrade: raise `FORM` only on purpose.
        assert_eq!(pinned(JOB).digest(), "90d662aff35fe06445b633d367ee4c9663f59892b9372bb6cdfd86ef90377c91");
    }

    #[test]
    fn speed_words_and_order_are_free() {
        let slower = format!("{JOB}[batch]\nrows = 1000\nworkers = 3\nlock_timeout = \"100ms\"\nvacuum = \"auto\"\n");
        let paced = format!(
            "{JOB}[batch]\ntarget_time = \"100ms\"\nmax_wal = \"1MiB\"\n[pace]\nduty = 0.1\n[pace.lock_waits]\nmax = \"1s\"\n"
        );
        let lenient = format!("{JOB}[errors]\nquarantine = 5\nquarantine_share = \"1%\"\nquarantine_detail = true\n");
        let by_key = JOB.replace("[change.set]", "walk = \"key\"\n[change.set]");
        let described = JOB.replace("[table]", "owner = \"somebody\"\ndescription = \"else\"\n[table]");
        let quoted = JOB.replace("public.users", r#"\"public\".\"users\""#);
        let mut lines: Vec<&str> = JOB.trim().lines().collect();
        let end = lines.len();
        lines.swap(end - 1, end - 2);
        for same in [slower, paced, lenient, by_key, described, quoted, lines.join("\n")] {
            assert_eq!(pinned(&same), pinned(JOB), "{same}");
        }
    }

    #[test]
    fn what_is_done_is_told_field_by_field() {
        for (from, to, expected) in [
            ("public.users", "users", "table.name: was `public.users`, now `users`"),
            ("[change.set]", "key = [\"id\", \"Odd\"]\n[change.set]", "table.key: was not written, now `id, Odd`"),
            ("where = \"full_name is null\"", "", "table.where: was `full_name is null`, now not written"),
            ("left(first_name, 1)", "''", "change.set.initials: was `left(first_name, 1)`, now `''`"),
        ] {
            let now = pinned(&JOB.replace(from, to));
            let shown: Vec<String> = pinned(JOB).differences(&now).iter().map(ToString::to_string).collect();
            assert_eq!(shown, [expected]);
            assert_ne!(now.digest(), pinned(JOB).digest());
        }
    }

    #[test]
    fn what_cannot_be_compared_is_told_as_such() {
        let shown = Difference::unreadable().to_string();
        assert_eq!(shown, "job: this tidegate does not read the file that the run began with");
    }

    #[test]
    fn every_kind_of_change_is_pinned() {
        let job = |change: &str| format!("version = 1\nname = \"a\"\n[table]\nname = \"t\"\n{change}");
        let jobs = [
            "[change.delete]",
            "[change.delete]\narchive_into = \"u\"",
            "[change.copy]\ninto = \"u\"\ncolumns = { a = \"a\" }",
            "[change.copy]\ninto = \"u\"\ncolumns = { a = \"a\" }\non_conflict = \"skip\"",
            "[change.copy]\ninto = \"u\"\ncolumns = { a = \"a\" }\non_conflict = \"update\"",
            "[change.copy]\ninto = \"u\"\ncolumns = { b = \"a\" }",
            "[change.set]\na = \"a\"",
        ];
        let digests: BTreeSet<String> = jobs.iter().map(|change| pinned(&job(change)).digest()).collect();
        assert_eq!(digests.len(), jobs.len());
    }
}
