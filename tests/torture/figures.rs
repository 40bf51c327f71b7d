//! What did a scenario do? One line at its end, to be copied where the figures of a release are published.

use crate::support::Random;
use std::time::{Duration, Instant};

/// The figures of one scenario.
pub(super) struct Figures {
    scenario: &'static str,
    begun: Instant,
    counts: Vec<String>,
}

impl Figures {
    /// Begins to measure.
    pub(super) fn of(scenario: &'static str) -> Self {
        Self { scenario, begun: Instant::now(), counts: Vec::new() }
    }

    pub(super) fn count(mut self, number: u64, what: &str) -> Self {
        self.counts.push(format!("{number} {what}"));
        self
    }

    pub(super) fn took(mut self, what: &str, took: Duration) -> Self {
        self.counts.push(format!("{what} {:.1} s", took.as_secs_f64()));
        self
    }

    pub(super) fn seed(mut self, random: &Random) -> Self {
        self.counts.push(format!("seed {}", random.seed()));
        self
    }

    /// `T02: 20 kills, 100000 rows, seed 7; 4.2 s`. Cargo shows it with `--nocapture`.
    pub(super) fn tell(self) {
        println!("{}: {}; {:.1} s", self.scenario, self.counts.join(", "), self.begun.elapsed().as_secs_f64());
    }
}
