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
    pub(crate) pace: Pace,
    pub(crate) sizes: Sizes,
    /// The table is vacuumed meanwhile.
    pub(crate) vacuum: bool,
}

/// What keeps it from taking all there is.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Pace {
    Nothing,
    /// A limit for the application's latency.
    Probe,
    /// It rests between batches, whatever the application feels.
    Duty,
}

/// How large batches are.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Sizes {
    /// As many rows as the others have, always: where ways are compared, not laws of sizing.
    Pinned,
    /// As they become for everybody who writes no more than `rows`.
    Learned,
    /// Some milliseconds, where an application waits for rows that a batch has.
    Short,
    /// About as long as the least time that a scheduler gives a process before another has its turn.
    Few,
}

impl Manner {
    pub(crate) const fn plain(workers: u32) -> Self {
        Self { workers, swept: false, pace: Pace::Nothing, sizes: Sizes::Pinned, vacuum: false }
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
            (self.pace == Pace::Probe, ", pace"),
            (self.pace == Pace::Duty, ", duty 0.6"),
            (self.sizes == Sizes::Learned, ", sizes as they come"),
            (self.sizes == Sizes::Short, ", batches of 20 ms"),
            (self.sizes == Sizes::Few, ", batches of 225 rows"),
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
        Sizes::Few => "rows = 225\nmin_rows = 225\nmax_rows = 225".to_owned(),
        Sizes::Short => "rows = 1000\nmin_rows = 100\nmax_rows = 5000\ntarget_time = \"20ms\"".to_owned(),
    };
    let vacuum = if manner.vacuum { "vacuum = \"auto\"\n" } else { "" };
    format!("[batch]\n{rows}\nworkers = {}\n{vacuum}", manner.workers)
}

fn pace(shape: &Shape, manner: Manner, limit: Duration) -> String {
    match manner.pace {
        Pace::Nothing => String::new(),
        Pace::Probe => {
            format!("[pace.probe]\nsql = {}\nmax = \"{}us\"\n", quoted(&probe::sql(shape)), limit.as_micros())
        }
        Pace::Duty => "[pace]\nduty = 0.6\n".to_owned(),
    }
}

/// As TOML writes a text; it escapes as JSON does.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
