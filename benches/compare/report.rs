//! Who is faster? The contestants' medians over the rounds, as one page. Measures nothing.

use crate::contestant::{self, Measured};
use crate::table::{Page, Spread, grouped};
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
    /// As it is laid out.
    pub(crate) fn page(self) -> Page {
        let contestants = contestant::ALL.iter().enumerate();
        let figures = contestants.map(|(place, contestant)| self.line(place, contestant.to_string()));
        let lines = [HEADINGS.map(str::to_owned)].into_iter().chain(figures).map(Vec::from).collect();
        Page { lines, notes: vec![LEGEND.to_owned(), self.answers()], facts: self.facts }
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
