//! What did the application feel, and what did sparing it cost? Medians over the rounds, as one page. Measures nothing.

use super::{ARMS, Arm, Felt, Round, UNPACED, clients, probe};
use crate::table::{Page, Spread, grouped};
use std::time::Duration;

/// Everything that is printed.
pub(crate) struct Report {
    pub(crate) facts: Vec<String>,
    /// How many rows were changed.
    pub(crate) rows: i64,
    pub(crate) rounds: Vec<Round>,
}

const HEADINGS: [&str; 10] = ["", "seconds", "rows/s", "speed", "tps", "p50", "p95", "p99", "max", "p99 / idle"];

const LEGEND: &str = "Medians, in brackets the least and the most; max: the most of all rounds. Speed: of that with 2 \
                      workers without pace in the same round. The rest is the application's: transactions done per \
                      second while the change ran, and how long those took that were due in that time, counted from \
                      the moment they were due, so that waiting for a stalled server counts.";

impl Report {
    /// As it is laid out.
    pub(crate) fn page(self) -> Page {
        let arms = ARMS.iter().enumerate();
        let figures = arms.map(|(place, arm)| self.line(place, *arm).to_vec());
        let lines = [HEADINGS.map(str::to_owned).to_vec()].into_iter().chain(figures).collect();
        let application = self.application();
        let facts = self.facts.into_iter().chain(application).collect();
        Page { facts, lines, notes: vec![LEGEND.to_owned()] }
    }

    /// Facts about the application and its probe.
    fn application(&self) -> [String; 2] {
        let over_rounds = |figure: fn(Duration) -> Duration| {
            let figures = self.rounds.iter().map(|round| figure(round.probe_p95).as_secs_f64());
            let spread = Spread::of(figures);
            let [least, most] = [spread.least, spread.most].map(|seconds| shown(Duration::from_secs_f64(seconds)));
            if least == most { least } else { format!("{least} to {most}") }
        };
        [
            format!(
                "application: pgbench's {}, {} clients, {} transactions a second, on the same table",
                clients::SCRIPT,
                clients::CLIENTS,
                clients::RATE
            ),
            format!(
                "probe: {}; p95 idle {}, limit {} times that, but at least {}: {}",
                probe::SQL,
                over_rounds(|p95| p95),
                probe::TIMES,
                shown(probe::LEAST),
                over_rounds(probe::limit)
            ),
        ]
    }

    fn line(&self, place: usize, arm: Arm) -> [String; HEADINGS.len()] {
        let over_rounds = |figure: fn(&Felt) -> f64| self.spread(|felt| figure(&felt[place]));
        let seconds = over_rounds(|felt| felt.took.as_secs_f64());
        let speed = self.spread(|felt| felt[UNPACED].took.div_duration_f64(felt[place].took));
        let harm = self.spread(|felt| p99(&felt[place]).div_duration_f64(p99(&felt[0])));
        let latency = |spread: Spread| shown(Duration::from_secs_f64(spread.median));
        let bracketed = |spread: Spread| format!("{:.2} ({:.2}–{:.2})", spread.median, spread.least, spread.most);
        // Who changes nothing has no speed.
        let of_change = |figure: String| if matches!(arm, Arm::Idle) { String::new() } else { figure };
        [
            arm.to_string(),
            format!("{:.1} ({:.1}–{:.1})", seconds.median, seconds.least, seconds.most),
            of_change(grouped((self.rows as f64 / seconds.median) as u64)),
            of_change(bracketed(speed)),
            format!("{:.0}", over_rounds(Felt::per_second).median),
            latency(over_rounds(|felt| felt.latencies.percentile(50).as_secs_f64())),
            latency(over_rounds(|felt| felt.latencies.percentile(95).as_secs_f64())),
            latency(over_rounds(|felt| p99(felt).as_secs_f64())),
            shown(Duration::from_secs_f64(over_rounds(|felt| felt.latencies.max().as_secs_f64()).most)),
            bracketed(harm),
        ]
    }

    fn spread(&self, figure: impl Fn(&[Felt]) -> f64) -> Spread {
        Spread::of(self.rounds.iter().map(|round| figure(&round.felt)))
    }
}

fn p99(felt: &Felt) -> Duration {
    felt.latencies.percentile(99)
}

/// `0.42 ms`, `6.3 ms`, `120 ms`, `18.3 s`.
pub(super) fn shown(latency: Duration) -> String {
    let milliseconds = latency.as_secs_f64() * 1e3;
    match milliseconds {
        0.0..1.0 => format!("{milliseconds:.2} ms"),
        1.0..100.0 => format!("{milliseconds:.1} ms"),
        100.0..1000.0 => format!("{milliseconds:.0} ms"),
        _ => format!("{:.1} s", latency.as_secs_f64()),
    }
}
