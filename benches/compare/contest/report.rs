//! How are the figures of one shape shown? A line for each contestant, the medians over the rounds; and everything, round
//! by round, as JSON. Measures nothing.

use super::{Found, Measured};
use crate::application::{Felt, Load};
use crate::ground::Sizes;
use crate::table::{Page, Spread, grouped};
use serde_json::{Value, json};
use std::time::Duration;

const MEGABYTE: f64 = 1e6;

const LEGEND: &str = "Medians, in brackets the least and the most. Ratio: the speed, as a multiple of the big statement's in \
                      the same round. Table and indexes: afterwards, as a multiple of before, and of the same rows written \
                      anew (`vacuum full`). Memory: the most that the contestant's process ever had; what runs in the \
                      server has none. tidegate's batches do not wait for the disk, as it may lose them and do them \
                      again; the others commit as people run them, and wait. pgroll's time is that of its backfill alone.";

const FELT: &str = "p50 to max: how long the application's transactions took that were due while the change ran, counted \
                    from the moment they were due, so that waiting for a stalled server counts; max is the most of all \
                    rounds. WAL, dead rows and sizes are with what the application wrote.";

impl Found {
    /// As it is laid out.
    pub(crate) fn page(&self) -> Page {
        let feels = self.rounds.iter().any(|round| round.idle.is_some());
        let mut lines = vec![headings(feels)];
        lines.extend(feels.then(|| self.idle_line()));
        lines.extend((0..self.contestants.len()).map(|place| self.line(place, feels)));
        let mut notes = vec![LEGEND.to_owned()];
        notes.extend(feels.then(|| FELT.to_owned()));
        notes.extend(self.answers_note());
        notes.extend((0..self.contestants.len()).filter_map(|place| self.missing_note(place)));
        Page { facts: self.facts(feels), lines, notes }
    }

    /// Every figure of every round.
    pub(crate) fn json(&self) -> Value {
        let contestants = self.contestants.iter().enumerate().map(|(place, contestant)| {
            let rounds: Vec<_> = self.rounds.iter().map(|round| self.round_json(&round.measured, place)).collect();
            json!({ "name": contestant.to_string(), "rounds": rounds })
        });
        json!({
            "shape": self.shape.name,
            "about": self.shape.about,
            "server": self.server,
            "rows": self.rows,
            "rows_to_change": self.to_change,
            "batch_rows": self.shape.batch_rows,
            "rewritten": self.rewritten,
            "idle": self.rounds.iter().map(|round| &round.idle).collect::<Vec<_>>(),
            "probe_p95_seconds": self.rounds.iter().map(|round| round.probe_p95.as_secs_f64()).collect::<Vec<_>>(),
            "contestants": contestants.collect::<Vec<_>>(),
        })
    }

    fn round_json(&self, measured: &[Result<Measured, String>], place: usize) -> Value {
        let rows = self.to_change.max(1) as f64;
        match &measured[place] {
            Ok(run) => json!({
                "figures": run,
                "ratio": ratio(measured, place),
                "rows_per_second": rows / run.seconds,
                "wal_bytes_per_row": run.wal_bytes as f64 / rows,
            }),
            Err(error) => json!({ "error": error }),
        }
    }

    fn facts(&self, feels: bool) -> Vec<String> {
        let rows = [self.rows, self.to_change, self.shape.batch_rows.into()].map(grouped);
        let p95 = Spread::of(self.rounds.iter().map(|round| round.probe_p95.as_secs_f64() * 1e3));
        let limit = Spread::of(self.rounds.iter().map(|round| round.probe_limit.as_secs_f64() * 1e3));
        let mut facts = vec![
            format!("shape {}: {}", self.shape.name, self.shape.about),
            format!(
                "{} rows, {} of them to change, batches of {}; rounds: {}",
                rows[0],
                rows[1],
                rows[2],
                self.rounds.len()
            ),
            self.server.line(),
            format!("pace: a probe that reads one row, p95 idle {:.2} ms, limit {:.2} ms", p95.median, limit.median),
        ];
        facts.extend(feels.then(Load::words));
        facts
    }

    /// The application alone: no change, so no figures of one.
    fn idle_line(&self) -> Vec<String> {
        let idle: Vec<_> =
            self.rounds.iter().filter_map(|round| round.idle.as_ref().map(|felt| (felt, felt))).collect();
        let blank = |count| std::iter::repeat_n(String::new(), count);
        let line = ["idle".to_owned()].into_iter().chain(blank(4)).chain(felt_cells(&idle));
        line.chain(blank(4)).collect()
    }

    fn line(&self, place: usize, feels: bool) -> Vec<String> {
        let runs: Vec<_> = self.rounds.iter().filter_map(|round| round.measured[place].as_ref().ok()).collect();
        let mut line = vec![self.contestants[place].to_string()];
        if runs.is_empty() {
            line.resize(headings(feels).len(), "–".to_owned());
            return line;
        }
        let over_rounds = |figure: fn(&Measured) -> f64| Spread::of(runs.iter().map(|run| figure(run)));
        let seconds = over_rounds(|run| run.seconds);
        let ratio = Spread::of(self.rounds.iter().filter_map(|round| ratio(&round.measured, place)));
        line.extend([
            seconds.bracketed(1),
            grouped((self.to_change as f64 / seconds.median) as u64),
            ratio.bracketed(2),
            format!("{:.0} B", over_rounds(|run| run.wal_bytes as f64).median / self.to_change.max(1) as f64),
        ]);
        if feels {
            let felt: Vec<_> = self
                .rounds
                .iter()
                .filter_map(|round| Some((round.measured[place].as_ref().ok()?.felt.as_ref()?, round.idle.as_ref()?)))
                .collect();
            line.extend(felt_cells(&felt));
        }
        line.extend([
            grouped(over_rounds(|run| run.dead_rows as f64).median.max(0.0) as u64),
            self.size(&runs, |sizes| sizes.table_bytes),
            self.size(&runs, |sizes| sizes.index_bytes),
            runs.iter().filter_map(|run| run.peak_memory_bytes).max().map(megabytes).unwrap_or_default(),
        ]);
        line
    }

    /// `412 MB, ×1.95, ×1.28`.
    fn size(&self, runs: &[&Measured], of: fn(&Sizes) -> i64) -> String {
        let after = Spread::of(runs.iter().map(|run| of(&run.after) as f64)).median;
        let before = runs.first().map_or(0, |run| of(&run.before));
        let times = |bytes: i64| format!(", ×{:.2}", after / bytes as f64);
        // The index of an empty table has pages too.
        let than_before = if before > 20_000 { times(before) } else { ", new".to_owned() };
        let than_rewritten = self.rewritten.map(|sizes| times(of(&sizes))).unwrap_or_default();
        format!("{:.0} MB{than_before}{than_rewritten}", after / MEGABYTE)
    }

    fn answers_note(&self) -> Option<String> {
        let answers = self.answers.as_ref()?;
        let milliseconds = |took: Duration| took.as_secs_f64() * 1e3;
        Some(format!(
            "`tidegate status` answers in {:.0} ms, `tidegate run` on a finished job in {:.0} ms.",
            milliseconds(answers.status),
            milliseconds(answers.finished_run)
        ))
    }

    /// Why a contestant has no figures, or not of every round.
    fn missing_note(&self, place: usize) -> Option<String> {
        let error = self.rounds.iter().find_map(|round| round.measured[place].as_ref().err())?;
        Some(format!("No figures of {}: {error}.", self.contestants[place]))
    }
}

/// The speed of a contestant, as a multiple of the big statement's.
fn ratio(measured: &[Result<Measured, String>], place: usize) -> Option<f64> {
    Some(measured.first()?.as_ref().ok()?.seconds / measured.get(place)?.as_ref().ok()?.seconds)
}

fn headings(feels: bool) -> Vec<String> {
    let felt: &[&str] = if feels { &["p50", "p95", "p99", "max", "p99 / idle"] } else { &[] };
    let parts = [&["", "seconds", "rows/s", "ratio", "WAL/row"], felt, &["dead rows", "table", "indexes", "memory"]];
    parts.concat().into_iter().map(str::to_owned).collect()
}

/// What was felt, each beside what is felt on an idle server in the same round.
fn felt_cells(felt: &[(&Felt, &Felt)]) -> [String; 5] {
    let over_rounds = |figure: fn(&Felt) -> f64| Spread::of(felt.iter().map(|(felt, _)| figure(felt)));
    let harm = Spread::of(felt.iter().map(|(felt, idle)| felt.p99_ms / idle.p99_ms));
    [
        shown(over_rounds(|felt| felt.p50_ms).median),
        shown(over_rounds(|felt| felt.p95_ms).median),
        shown(over_rounds(|felt| felt.p99_ms).median),
        shown(over_rounds(|felt| felt.max_ms).most),
        harm.bracketed(2),
    ]
}

/// `0.42 ms`, `6.3 ms`, `120 ms`, `18.3 s`.
pub(crate) fn shown(milliseconds: f64) -> String {
    match milliseconds {
        0.0..1.0 => format!("{milliseconds:.2} ms"),
        1.0..100.0 => format!("{milliseconds:.1} ms"),
        100.0..1000.0 => format!("{milliseconds:.0} ms"),
        _ => format!("{:.1} s", milliseconds / 1e3),
    }
}

/// `13.0 MB`.
pub(crate) fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / MEGABYTE)
}
