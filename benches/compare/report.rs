//! What came out? Medians over the rounds as one table, in text or in Markdown. Measures nothing.

use crate::contestant::{self, Measured};
use std::time::Duration;

/// Everything that is printed.
pub(crate) struct Report {
    pub(crate) facts: Vec<String>,
    /// How many rows everybody changed.
    pub(crate) rows: i64,
    /// What each contestant needed in each round, the big UPDATE first.
    pub(crate) rounds: Vec<Vec<Measured>>,
}

type Line = [String; 7];

const HEADINGS: [&str; 7] = ["", "seconds", "rows/s", "speed", "WAL/row", "table after", "memory"];

const LEGEND: &str = "Medians, in brackets the least and the most. Speed: of the big UPDATE's in the same round. \
                      Table: without indexes. Memory: the most that tidegate's process ever had. \
                      tidegate's batches do not wait for the disk, as it may lose them and do them again; the others \
                      commit as people run them, and wait.";

const MEGABYTE: f64 = 1e6;

impl Report {
    /// In columns, for a terminal.
    pub(crate) fn text(&self) -> String {
        let lines = self.lines();
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
        let widths: [usize; HEADINGS.len()] = std::array::from_fn(width);
        let aligned = |line: &Line| {
            let figures = line.iter().zip(widths).skip(1).map(|(cell, width)| format!("  {cell:>width$}"));
            format!("{:<width$}{}", line[0], figures.collect::<String>(), width = widths[0])
        };
        let table: Vec<_> = lines.iter().map(aligned).collect();
        format!("{}\n\n{}\n\n{LEGEND}\n{}", self.facts.join("\n"), table.join("\n"), self.answers())
    }

    /// For a README or an issue.
    pub(crate) fn markdown(&self) -> String {
        let facts: Vec<_> = self.facts.iter().map(|fact| format!("- {fact}")).collect();
        let mut table: Vec<_> = self.lines().iter().map(|line| format!("| {} |", line.join(" | "))).collect();
        table.insert(1, format!("|---{}|", "|--:".repeat(HEADINGS.len() - 1)));
        format!("{}\n\n{}\n\n{LEGEND}\n{}", facts.join("\n"), table.join("\n"), self.answers())
    }

    fn lines(&self) -> Vec<Line> {
        let contestants = contestant::ALL.iter().enumerate();
        let figures = contestants.map(|(place, contestant)| self.line(place, contestant.to_string()));
        [HEADINGS.map(str::to_owned)].into_iter().chain(figures).collect()
    }

    fn line(&self, place: usize, name: String) -> Line {
        let over_rounds = |figure: fn(&Measured) -> f64| Spread::of(self.rounds.iter().map(|run| figure(&run[place])));
        let seconds = over_rounds(|run| run.took.as_secs_f64());
        let speed = Spread::of(self.rounds.iter().map(|run| run[0].took.div_duration_f64(run[place].took)));
        let wal = over_rounds(|run| run.wal_bytes as f64);
        let table = over_rounds(|run| run.table_bytes as f64 / MEGABYTE);
        let growth = over_rounds(|run| run.table_bytes as f64 / run.table_bytes_before as f64);
        let memory = self.rounds.iter().filter_map(|run| run[place].peak_memory).max();
        [
            name,
            format!("{:.1} ({:.1}–{:.1})", seconds.median, seconds.least, seconds.most),
            grouped((self.rows as f64 / seconds.median) as u64),
            format!("{:.2} ({:.2}–{:.2})", speed.median, speed.least, speed.most),
            format!("{:.0} B", wal.median / self.rows as f64),
            format!("{:.0} MB, ×{:.2}", table.median, growth.median),
            memory.map(|bytes| format!("{:.1} MB", bytes as f64 / MEGABYTE)).unwrap_or_default(),
        ]
    }

    fn answers(&self) -> String {
        let median = |answer: fn(&Measured) -> Option<Duration>| {
            let answers = self.rounds.iter().flatten().filter_map(answer);
            Spread::of(answers.map(|took| took.as_secs_f64() * 1e3)).median
        };
        let status = median(|run| Some(run.answers.as_ref()?.status));
        let finished_run = median(|run| Some(run.answers.as_ref()?.finished_run));
        format!(
            "`tidegate status` answers in {status:.0} ms, `tidegate run` on a finished job in {finished_run:.0} ms."
        )
    }
}

/// What one figure was over the rounds.
struct Spread {
    least: f64,
    median: f64,
    most: f64,
}

impl Spread {
    /// Zeros when there was no round.
    fn of(figures: impl Iterator<Item = f64>) -> Self {
        let mut sorted: Vec<_> = figures.collect();
        sorted.sort_by(f64::total_cmp);
        let at = |place: usize| sorted.get(place).copied().unwrap_or_default();
        let last = sorted.len().saturating_sub(1);
        Self { least: at(0), median: f64::midpoint(at(last / 2), at(last.div_ceil(2))), most: at(last) }
    }
}

/// `2,000,000`.
pub(crate) fn grouped(number: u64) -> String {
    match number {
        0..1000 => number.to_string(),
        _ => format!("{},{:03}", grouped(number / 1000), number % 1000),
    }
}
