//! Does pace spare the application, and at which share of the speed? The application alone, beside a run without pace, and
//! beside runs with it.

use super::Finding;
use super::workbench::Workbench;
use crate::application::{Lengths, Load};
use crate::contest::{Measured, alone, beside_a_busy_core};
use crate::contestant::Contestant;
use crate::contestant::job::{Manner, Pace, Sizes};
use crate::shape::INTEGER;
use crate::table::{Spread, grouped};
use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::{Value, json};

/// Ways to leave something over; one of them must keep the promise. Two workers are as many as two cores carry: without
/// pace they leave nothing. The last one's pace is its batches: whoever waits for a core or a row waits for no more than one.
const PACED: [Manner; 5] = [
    Manner { pace: Pace::Probe, ..Manner::plain(2) },
    Manner { pace: Pace::Probe, sizes: Sizes::Short, ..Manner::plain(2) },
    Manner { pace: Pace::Duty, sizes: Sizes::Short, ..Manner::plain(1) },
    Manner { pace: Pace::Probe, sizes: Sizes::Few, ..Manner::plain(1) },
    Manner { sizes: Sizes::Few, ..Manner::plain(1) },
];

/// What one way came to in one round.
struct Spared {
    /// The 99th percentile, as a multiple of the idle server's.
    harm: f64,
    /// Of the speed that as many workers have without pace, in batches of sizes as they come.
    share: f64,
}

/// One way in one round.
#[derive(Serialize)]
struct Run {
    way: String,
    unpaced: Measured,
    /// Nothing where it did not end.
    paced: Option<Measured>,
}

impl Run {
    /// Beside what the application feels alone: its 99th percentile, in milliseconds.
    fn spared(&self, idle_p99_ms: f64) -> Option<Spared> {
        let paced = self.paced.as_ref()?;
        let harm = paced.felt.as_ref()?.p99_ms / idle_p99_ms;
        Some(Spared { harm, share: self.unpaced.seconds / paced.seconds })
    }
}

/// The same over the rounds.
struct Way {
    manner: Manner,
    harm: Spread,
    share: Spread,
}

pub(super) async fn application(bench: &mut Workbench<'_>) -> Result<Finding> {
    let (mut rounds, mut busy_core, mut details) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.conditions.rounds {
        let Round { ways, busy_core: harm, figures } = round(bench, bench.conditions.lengths).await?;
        rounds.push(ways);
        busy_core.push(harm);
        details.push(figures);
    }
    let ways: Vec<_> = PACED.into_iter().zip(0..).filter_map(|(manner, way)| Way::of(manner, way, &rounds)).collect();
    let gentlest = ways.iter().min_by(|one, other| one.harm.median.total_cmp(&other.harm.median));
    let best = ways.iter().find(|way| way.keeps_the_promise()).or(gentlest).context("no run with pace ended")?;
    let each = ways.iter().map(|Way { manner, harm, share }| {
        format!("{manner}: p99 {} of the idle one at {} of the speed", harm.bracketed(2), share.bracketed(2))
    });
    Ok(Finding::Figure {
        reached: best.keeps_the_promise(),
        figure: format!("{} at {}", best.harm.bracketed(2), best.share.bracketed(2)),
        how: format!(
            "{}; speed of that of as many workers without pace, sizes as they come; beside a loop that keeps a core busy and asks \
             no database anything: p99 {} of the idle one; {} rows, rounds: {}",
            each.collect::<Vec<_>>().join(", "),
            Spread::of(busy_core.into_iter()).bracketed(2),
            grouped(bench.rows()),
            rounds.len()
        ),
        details: details.into(),
    })
}

impl Way {
    /// Of the rounds in which it ended: one may be held until it is given up. Nothing where there is none.
    fn of(manner: Manner, way: usize, rounds: &[Vec<Option<Spared>>]) -> Option<Self> {
        let ended: Vec<_> = rounds.iter().filter_map(|round| round[way].as_ref()).collect();
        let spread = |figure: fn(&Spared) -> f64| Spread::of(ended.iter().map(|spared| figure(spared)));
        let (harm, share) = (spread(|spared| spared.harm), spread(|spared| spared.share));
        (!ended.is_empty()).then_some(Self { manner, harm, share })
    }

    fn keeps_the_promise(&self) -> bool {
        self.harm.median <= 2.0 && self.share.median >= 0.5
    }
}

/// Every way in one round.
struct Round {
    ways: Vec<Option<Spared>>,
    /// The 99th percentile beside a busy core, as a multiple of the idle server's.
    busy_core: f64,
    figures: Value,
}

async fn round(bench: &mut Workbench<'_>, lengths: Lengths) -> Result<Round> {
    let table = (&INTEGER, 1);
    let arena = bench.arena(table.0, table.1).await?;
    let load = Load::on(arena, lengths);
    let (before, probe_p95) = alone(arena, Some(&load), lengths).await?;

    let mut runs = Vec::new();
    for manner in PACED {
        let unpaced = Contestant::Tidegate(Manner::as_it_comes(manner.workers));
        let unpaced = bench.turn_beside(Some(&load), probe_p95, table, unpaced).await?.0;
        let turn = bench.turn_beside(Some(&load), probe_p95, table, Contestant::Tidegate(manner)).await;
        let paced = turn.inspect_err(|error| eprintln!("  no figures: {error:#}")).ok().map(|(run, _)| run);
        runs.push(Run { way: manner.to_string(), unpaced, paced });
    }
    let busy_core = beside_a_busy_core(bench.arena(table.0, table.1).await?, &load, lengths).await?.p99_ms;
    // The lesser of two: a disk that stands still meanwhile would make any run look gentle.
    let after = alone(bench.arena(table.0, table.1).await?, Some(&load), lengths).await?.0;
    let idle = [before, after].into_iter().flatten().map(|felt| felt.p99_ms).min_by(f64::total_cmp);
    let idle = idle.context("what the application feels alone")?;
    Ok(Round {
        ways: runs.iter().map(|run| run.spared(idle)).collect(),
        busy_core: busy_core / idle,
        figures: json!({ "idle_p99_ms": idle, "beside_a_busy_core_p99_ms": busy_core, "runs": runs }),
    })
}
