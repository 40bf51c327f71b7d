//! What does a job become with what operators set over it? The file's text with other values in a few places, read like
//! any job file, so that every rule of the format holds for a knob too. Pure: knows neither who set what nor until when.

use super::problem::Problem;
use super::section::nearest_or_all;
use super::{Job, amount, parse, problem};
use toml::{Table, Value};

/// What every job has. How it changes rows is not among them: that must not change while a run is under way.
const OF_EVERY_JOB: [&str; 9] = [
    "batch.rows",
    "batch.min_rows",
    "batch.max_rows",
    "batch.workers",
    "batch.target_time",
    "batch.max_wal",
    "batch.vacuum",
    "pace.max_rows_per_second",
    "pace.duty",
];

/// Limits that a job may name. Only those it does name can be changed: another would need a sensor that nobody has started.
const LIMITS: [&str; 9] = [
    "pace.replication_lag.max",
    "pace.replication_lag.max_bytes",
    "pace.wal_rate.max",
    "pace.retained_wal.max",
    "pace.archive_backlog.max",
    "pace.oldest_transaction.max",
    "pace.active_sessions.max",
    "pace.lock_waits.max",
    "pace.probe.max",
];

/// A `[[pace.signal]]` is known by its name: `pace.signal.queue-depth.max`.
const OF_CUSTOM_SIGNAL: (&str, &str) = ("pace.signal.", ".max");

/// A job with what was set over it.
#[derive(Clone, Debug)]
pub struct Overridden {
    /// The job. Its text is the file's, as it was written.
    pub job: Job,
    /// Everything that can be set, with the value it has.
    pub knobs: Vec<Knob>,
}

/// Something that can be set while a run goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Knob {
    /// Its path in the job file: `batch.rows`.
    pub name: String,
    /// Its value as it is typed: `5000`, `2s`. `None`: none, which is no limit.
    pub value: Option<String>,
    /// Whether it is written; else the value is the default.
    pub written: bool,
}

/// What was set and cannot be, because the file changed since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// Which knob.
    pub knob: String,
    /// Why, in the words of the job file's check.
    pub why: String,
}

/// The job of that text with each knob at the value that was typed for it.
///
/// # Errors
/// What is wrong with the values, or with the text.
pub fn overridden(text: &str, values: &[(String, String)]) -> Result<Overridden, Vec<String>> {
    let file = File::read(text)?;
    file.with(values)
}

/// The same, where a value that the text does not take any more is left out instead.
///
/// # Errors
/// What is wrong with the text itself.
pub fn overridden_where_possible(
    text: &str,
    values: &[(String, String)],
) -> Result<(Overridden, Vec<Ignored>), Vec<String>> {
    let file = File::read(text)?;
    if let Ok(all) = file.with(values) {
        return Ok((all, Vec::new()));
    }
    let (mut taken, mut left) = (Vec::new(), values.to_vec());
    let mut best = file.with(&[])?;
    // One may only fit beside another: `rows` above a `max_rows` that was raised with it.
    while let Some((number, with)) = (0..left.len()).find_map(|number| {
        let tried: Vec<_> = taken.iter().chain([&left[number]]).cloned().collect();
        file.with(&tried).ok().map(|with| (number, with))
    }) {
        taken.push(left.remove(number));
        best = with;
    }
    let why = |value: &(String, String)| {
        let tried: Vec<_> = taken.iter().chain([value]).cloned().collect();
        file.with(&tried).err().unwrap_or_default().join("; ")
    };
    let ignored = left.iter().map(|value| Ignored { knob: value.0.clone(), why: why(value) }).collect();
    Ok((best, ignored))
}

/// What to say of the knobs among these that the job of that text has not.
pub fn unknown_knobs<'k>(text: &str, knobs: impl IntoIterator<Item = &'k str>) -> Vec<String> {
    let Ok(file) = File::read(text) else { return Vec::new() };
    knobs.into_iter().filter_map(|knob| file.unknown(knob)).collect()
}

/// What was typed, as TOML writes it: a number stays one, everything else is a string.
pub fn as_toml(typed: &str) -> String {
    value(typed).to_string()
}

/// What TOML writes, as it is typed.
pub fn as_typed(toml: &str) -> String {
    typed(&value(toml))
}

/// A job file's text, once as TOML and once as a job.
struct File<'t> {
    text: &'t str,
    table: Table,
    job: Job,
}

impl<'t> File<'t> {
    fn read(text: &'t str) -> Result<Self, Vec<String>> {
        let (job, _) = parse(text).map_err(|problems| words(&problems))?;
        let table = text.parse::<Table>().map_err(|error| vec![error.message().to_owned()])?;
        Ok(Self { text, table, job })
    }

    fn with(&self, values: &[(String, String)]) -> Result<Overridden, Vec<String>> {
        let unknown: Vec<_> = values.iter().filter_map(|(knob, _)| self.unknown(knob)).collect();
        if !unknown.is_empty() {
            return Err(unknown);
        }
        let mut table = self.table.clone();
        for (knob, typed) in values {
            put(&mut table, knob, value(typed));
        }
        let (read, _) = parse(&table.to_string()).map_err(|problems| words(&problems))?;
        // Nothing else is taken from the text that was made here: whatever it says of the change is the file's to say.
        let job = Job { batch: read.batch, pace: read.pace, text: self.text.to_owned(), ..self.job.clone() };
        let knobs = self.names().into_iter().map(|name| knob(name, &table, &job)).collect();
        Ok(Overridden { job, knobs })
    }

    /// What to say of a knob that this job has not.
    fn unknown(&self, knob: &str) -> Option<String> {
        let names = self.names();
        if names.iter().any(|name| name == knob) {
            return None;
        }
        let is_limit = LIMITS.contains(&knob) || custom_name(knob).is_some();
        let known: Vec<&str> = names.iter().map(String::as_str).collect();
        Some(match known.split_at(OF_EVERY_JOB.len()).1 {
            [] if is_limit => format!("`{knob}` cannot be set: the job limits no signal"),
            limits if is_limit => {
                let limits = limits.join("`, `");
                format!("`{knob}` cannot be set: the job does not limit it; it has `{limits}`")
            }
            _ => format!("{} cannot be set; {}", problem::quoted(knob), nearest_or_all(knob, &known)),
        })
    }

    /// Every knob of this job; the limits last.
    fn names(&self) -> Vec<String> {
        let limits = LIMITS.into_iter().filter(|knob| written(&self.table, knob).is_some()).map(str::to_owned);
        let (before, behind) = OF_CUSTOM_SIGNAL;
        let customs = custom_signals(&self.table).filter_map(|signal| signal.get("name")?.as_str());
        let customs = customs.map(|name| format!("{before}{name}{behind}"));
        OF_EVERY_JOB.into_iter().map(str::to_owned).chain(limits).chain(customs).collect()
    }
}

fn knob(name: String, table: &Table, job: &Job) -> Knob {
    let batch = &job.batch;
    let found = written(table, &name).map(typed);
    let default = || match name.as_str() {
        "batch.rows" => Some(batch.rows.to_string()),
        "batch.max_rows" => Some(batch.max_rows.to_string()),
        "batch.workers" => Some(batch.workers.to_string()),
        "batch.target_time" => Some(amount::shown(batch.target_time)),
        "batch.max_wal" => Some(amount::shown_size(batch.max_wal)),
        "batch.vacuum" => Some(batch.vacuum.as_str().to_owned()),
        _ => None,
    };
    Knob { written: found.is_some(), value: found.or_else(default), name }
}

/// What is written in that place.
fn written<'t>(table: &'t Table, knob: &str) -> Option<&'t Value> {
    if let Some(name) = custom_name(knob) {
        return custom_signals(table)
            .find(|signal| signal.get("name").and_then(Value::as_str) == Some(name))?
            .get("max");
    }
    let (sections, key) = knob.rsplit_once('.')?;
    sections.split('.').try_fold(table, |table, section| table.get(section)?.as_table())?.get(key)
}

/// Writes a value in that place. Sections on the way are made, so the knob must be one that the job may have.
fn put(table: &mut Table, knob: &str, value: Value) {
    if let Some(name) = custom_name(knob) {
        let signals = table.get_mut("pace").and_then(|pace| pace.get_mut("signal")).and_then(Value::as_array_mut);
        let named = |signal: &&mut Value| signal.get("name").and_then(Value::as_str) == Some(name);
        let signal = signals.and_then(|signals| signals.iter_mut().find(named)).and_then(Value::as_table_mut);
        return signal.into_iter().for_each(|signal| drop(signal.insert("max".to_owned(), value.clone())));
    }
    let Some((sections, key)) = knob.rsplit_once('.') else { return };
    let mut place = Some(table);
    for section in sections.split('.') {
        let inner = place.map(|table| table.entry(section).or_insert_with(|| Value::Table(Table::new())));
        place = inner.and_then(Value::as_table_mut);
    }
    if let Some(section) = place {
        section.insert(key.to_owned(), value);
    }
}

fn custom_name(knob: &str) -> Option<&str> {
    let (before, behind) = OF_CUSTOM_SIGNAL;
    knob.strip_prefix(before)?.strip_suffix(behind)
}

fn custom_signals(table: &Table) -> impl Iterator<Item = &Table> {
    let signals = table.get("pace").and_then(|pace| pace.get("signal")).and_then(Value::as_array);
    signals.into_iter().flatten().filter_map(Value::as_table)
}

/// A word as a value: what TOML reads as a number or a string is that, everything else is the text of a string.
fn value(word: &str) -> Value {
    let read = format!("value = {word}").parse::<Table>().ok().filter(|table| table.len() == 1);
    match read.and_then(|mut table| table.remove("value")) {
        Some(value @ (Value::Integer(_) | Value::Float(_) | Value::String(_))) => value,
        _ => Value::String(word.to_owned()),
    }
}

fn typed(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Problems without their places, which are those of a text that nobody wrote.
fn words(problems: &[Problem]) -> Vec<String> {
    let errors = problems.iter().filter(|problem| problem.is_error());
    let in_words = |problem: &Problem| match &problem.help {
        Some(help) => format!("{}; {help}", problem.message),
        None => problem.message.clone(),
    };
    errors.map(in_words).collect()
}

#[cfg(test)]
mod tests;
