//! What did those who look cost? Medians over the rounds, as one page. Measures nothing.

use super::clients::Seen;
use super::{Round, WORKERS, clients};
use crate::table::{Page, Spread, grouped};
use serde_json::{Value, json};
use std::time::Duration;

/// Everything that is printed.
pub(crate) struct Report {
    pub(crate) facts: Vec<String>,
    /// How many rows were changed.
    pub(crate) rows: u64,
    pub(crate) rounds: Vec<Round>,
}

const LEGEND: &str = "Medians, in brackets the least and the most. Speed: of the same round's without clients.";

impl Report {
    /// As it is laid out.
    pub(crate) fn page(&self) -> Page {
        let headings = ["", "seconds", "rows/s", "speed"].map(str::to_owned).to_vec();
        let lines = vec![
            headings,
            self.line("alone", |round| round.alone),
            self.line(&format!("{} clients", clients::CLIENTS), |round| round.watched),
        ];
        let clients = self.clients();
        Page { facts: self.facts.iter().cloned().chain([clients]).collect(), lines, notes: vec![LEGEND.to_owned()] }
    }

    /// Every figure of every round.
    pub(crate) fn json(&self) -> Value {
        let rounds = self.rounds.iter().map(|round| {
            let Seen { answers, events, sets, refused } = round.seen;
            json!({
                "seconds_alone": round.alone.as_secs_f64(), "seconds_watched": round.watched.as_secs_f64(),
                "answers": answers, "events": events, "knobs_set": sets, "knobs_refused": refused,
            })
        });
        json!({ "rows": self.rows, "workers": WORKERS, "clients": clients::CLIENTS, "rounds": rounds.collect::<Vec<_>>() })
    }

    fn clients(&self) -> String {
        let sum = |figure: fn(&clients::Seen) -> u64| {
            grouped(self.rounds.iter().map(|round| figure(&round.seen)).sum::<u64>())
        };
        format!(
            "{} clients, each with a stream of events and a question every {} s; one operator sets a knob every {} ms: \
             {} answers, {} events, {} knobs set ({} refused: no run yet, or over); {WORKERS} workers",
            clients::CLIENTS,
            clients::ASK_EVERY.as_secs(),
            clients::SET_EVERY.as_millis(),
            sum(|seen| seen.answers),
            sum(|seen| seen.events),
            sum(|seen| seen.sets),
            sum(|seen| seen.refused),
        )
    }

    fn line(&self, name: &str, took: fn(&Round) -> Duration) -> Vec<String> {
        let seconds = Spread::of(self.rounds.iter().map(|round| took(round).as_secs_f64()));
        let speed = Spread::of(self.rounds.iter().map(|round| round.alone.div_duration_f64(took(round))));
        vec![
            name.to_owned(),
            seconds.bracketed(1),
            grouped((self.rows as f64 / seconds.median) as u64),
            speed.bracketed(2),
        ]
    }
}
