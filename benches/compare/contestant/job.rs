//! What is tidegate told? The job file of a shape, in one of the manners that are compared.

use crate::application::probe;
use crate::shape::{Change, Shape};
use std::fmt;
use std::time::Duration;

/// The name of the job that is compared.
pub(crate) const NAME: &str = "compare";

/// How tidegate is asked to make a change.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Manner {
    pub(crate) workers: u32,
    /// With a `where`, so that a sweep proves the end. The others prove nothing of the kind, so the fair comparison is
    /// without, where the shape leaves a choice.
    pub(crate) swept: bool,
    /// With a limit for the application's latency.
    pub(crate) paced: bool,
    pub(crate) sizes: Sizes,
    /// The table is vacuumed meanwhile.
    pub(crate) vacuum: bool,
}

/// How large batches are.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Sizes {
    /// As many rows as the others have, always: where ways are compared, not laws of sizing.
    Pinned,
    /// As they become for everybody who writes no more than `rows`.
    Learned,
    /// A few milliseconds, where an application waits for rows that a batch has.
    Short,
}

impl Manner {
    pub(crate) const fn plain(workers: u32) -> Self {
        Self { workers, swept: false, paced: false, sizes: Sizes::Pinned, vacuum: false }
    }

    pub(crate) const fn as_it_comes(workers: u32) -> Self {
        Self { sizes: Sizes::Learned, ..Self::plain(workers) }
    }

    pub(crate) const fn swept(workers: u32) -> Self {
        Self { swept: true, ..Self::plain(workers) }
    }
}

impl fmt::Display for Manner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.workers == 1 { "" } else { "s" };
        write!(f, "{} worker{plural}", self.workers)?;
        let said = [
            (self.swept, ", where and sweep"),
            (self.paced, ", pace"),
            (self.sizes == Sizes::Learned, ", sizes as they come"),
            (self.sizes == Sizes::Short, ", batches of 10 ms"),
            (self.vacuum, ", vacuum"),
        ];
        said.iter().filter(|(is, _)| *is).try_for_each(|(_, words)| f.write_str(words))
    }
}

/// The job file.
pub(crate) fn text(shape: &Shape, manner: Manner, probe_limit: Duration) -> String {
    let sections = [head(shape, manner), change(shape), batch(shape, manner), pace(shape, manner, probe_limit)];
    sections.concat()
}

fn head(shape: &Shape, manner: Manner) -> String {
    let key: Vec<_> = shape.key.iter().map(|column| quoted(column.name)).collect();
    let needs = shape.needs.as_ref().filter(|_| manner.swept);
    let condition = needs.map(|needs| format!("where = {}\n", quoted(needs.predicate))).unwrap_or_default();
    format!(
        "version = 1\nname = \"{NAME}\"\n[table]\nname = \"public.{}\"\nkey = [{}]\n{condition}",
        shape.table,
        key.join(", ")
    )
}

fn change(shape: &Shape) -> String {
    let values = |columns: &[(&str, &str)]| -> String {
        columns.iter().map(|(name, value)| format!("{name} = {}\n", quoted(value))).collect()
    };
    match shape.change {
        Change::Set(columns) => format!("[change.set]\n{}", values(columns)),
        Change::Copy { into, columns } => {
            format!("[change.copy]\ninto = \"public.{into}\"\n[change.copy.columns]\n{}", values(columns))
        }
        Change::Delete => "[change.delete]\n".to_owned(),
    }
}

fn batch(shape: &Shape, manner: Manner) -> String {
    let rows = shape.batch_rows;
    let rows = match manner.sizes {
        Sizes::Pinned => format!("rows = {rows}\nmin_rows = {rows}\nmax_rows = {rows}"),
        Sizes::Learned => format!("rows = {rows}"),
        Sizes::Short => "rows = 1000\nmin_rows = 100\nmax_rows = 5000\ntarget_time = \"10ms\"".to_owned(),
    };
    let vacuum = if manner.vacuum { "vacuum = \"auto\"\n" } else { "" };
    format!("[batch]\n{rows}\nworkers = {}\n{vacuum}", manner.workers)
}

fn pace(shape: &Shape, manner: Manner, limit: Duration) -> String {
    if !manner.paced {
        return String::new();
    }
    format!("[pace.probe]\nsql = {}\nmax = \"{}us\"\n", quoted(&probe::sql(shape)), limit.as_micros())
}

/// As TOML writes a text; it escapes as JSON does.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
