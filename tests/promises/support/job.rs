//! What is asked in a test? A job file in the test's folder, and the sections that most of them share.

use super::target::Target;

/// A job file.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) name: String,
    pub(crate) path: String,
}

impl Target {
    /// Writes a job file: the given sections, after the version and the name.
    pub(crate) fn job(&self, name: &str, sections: &str) -> Job {
        let path = self.folder().join(format!("{name}.toml"));
        std::fs::write(&path, format!("version = 1\nname = \"{name}\"\n{sections}\n")).expect("a job file");
        Job { name: name.to_owned(), path: path.to_str().expect("a plain path").to_owned() }
    }
}

/// Adds one to `applied` of every row: not idempotent, so a row visited twice or never shows.
pub(crate) fn add_one(table: &str, batch: &str) -> String {
    format!("[table]\nname = \"{table}\"\n[change.set]\napplied = \"applied + 1\"\n{batch}")
}

/// Batches of exactly that size, two at a time.
pub(crate) fn batches_of(rows: u64) -> String {
    batches_by(2, rows)
}

/// Batches of exactly that size, by so many workers.
pub(crate) fn batches_by(workers: u64, rows: u64) -> String {
    format!("[batch]\nrows = {rows}\nmin_rows = {rows}\nmax_rows = {rows}\nworkers = {workers}\n")
}
