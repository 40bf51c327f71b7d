//! What does the engine itself take for a batch? The time that a worker's server process waits for the worker, without what
//! the same number of round trips takes a client that does nothing else.

use super::Finding;
use super::between::Between;
use super::workbench::Workbench;
use crate::arena::{connect, run};
use crate::contestant::job::{self, Manner};
use crate::program;
use crate::shape::{INTEGER, Shape};
use crate::table::Spread;
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::path::Path;
use std::time::Duration;

/// Many batches, as it is the time of a batch, whatever its rows, that is asked for.
const SMALL_BATCHES: Shape = Shape { batch_rows: 500, ..INTEGER };

/// Round trips of the client that does nothing: enough for a mean.
const BARE_ROUND_TRIPS: usize = 2_000;

/// Of the waits, so many hundredths at either end are left out: there a connection waits for the run's start and its end.
const LEFT_OUT: usize = 10;

/// One run seen from between.
struct Seen {
    /// Round trips of a batch.
    round_trips: f64,
    /// How long the server waited for the worker, for each batch.
    waited_ms: f64,
    /// The same for the batch in the middle: a busy machine makes some wait for a core.
    waited_median_ms: f64,
    /// The same as the mean, for each round trip of the client that does nothing.
    bare_ms: f64,
}

pub(super) async fn own_time(bench: &mut Workbench<'_>) -> Result<Finding> {
    let mut seen = Vec::new();
    for _ in 0..bench.conditions.rounds {
        seen.push(look(bench).await?);
    }
    let own = Spread::of(seen.iter().map(Seen::own_ms));
    let over_rounds = |figure: fn(&Seen) -> f64| Spread::of(seen.iter().map(figure)).median;
    Ok(Finding::Figure {
        reached: own.median <= 0.3,
        figure: format!("{} ms", own.bracketed(2)),
        how: format!(
            "between an answer and what the worker sends next, seen by a proxy: {:.2} ms for each batch (the one in the \
             middle {:.2} ms) of {:.1} round trips, less {:.3} ms for each that a client needs which only asks `select 1`; \
             1 worker, batches of {}, rounds: {}",
            over_rounds(|seen| seen.waited_ms),
            over_rounds(|seen| seen.waited_median_ms),
            over_rounds(|seen| seen.round_trips),
            over_rounds(|seen| seen.bare_ms),
            SMALL_BATCHES.batch_rows,
            seen.len()
        ),
        details: seen.iter().map(Seen::json).collect(),
    })
}

async fn look(bench: &mut Workbench<'_>) -> Result<Seen> {
    let arena = bench.arena(&INTEGER, 1).await?;
    let ground = arena.fresh_ground().await?;
    let job = ground.folder.join("job.toml");
    std::fs::write(&job, job::text(&SMALL_BATCHES, Manner::plain(1), Duration::ZERO))?;

    let between = Between::before(&arena.socket())?;
    let arguments = ["run", program::path(&job)?, "--output", "json"];
    let summary = program::document(&arguments, &between.address(&ground.url)).await?;
    let batches = summary["batches"].as_f64().context("the number of batches")?;
    let waits = between.waits_of_the_busiest();
    let middle = middle(&waits);
    ensure!(!middle.is_empty(), "no worker was seen");
    let round_trips = waits.len() as f64 / batches;
    // As many neighbours as a batch has round trips, wherever they begin, are the round trips of one batch.
    let of_a_batch = middle.chunks_exact((round_trips.round() as usize).max(1)).map(milliseconds);
    Ok(Seen {
        round_trips,
        waited_ms: milliseconds(middle) * round_trips / middle.len() as f64,
        waited_median_ms: Spread::of(of_a_batch).median,
        bare_ms: bare_round_trip_ms(&arena.socket(), &ground.url).await?,
    })
}

/// What the server waits for a client that only asks, for each round trip.
async fn bare_round_trip_ms(socket: &Path, url: &str) -> Result<f64> {
    let between = Between::before(socket)?;
    let mut connection = connect(&between.address(url)).await?;
    for _ in 0..BARE_ROUND_TRIPS {
        run(&mut connection, "select 1").await?;
    }
    let waits = between.waits_of_the_busiest();
    let middle = middle(&waits);
    Ok(milliseconds(middle) / middle.len() as f64)
}

fn middle(waits: &[Duration]) -> &[Duration] {
    let end = waits.len() * LEFT_OUT / 100;
    &waits[end..waits.len() - end]
}

fn milliseconds(waits: &[Duration]) -> f64 {
    waits.iter().sum::<Duration>().as_secs_f64() * 1e3
}

impl Seen {
    /// Noise may make it negative: then it is nothing.
    fn own_ms(&self) -> f64 {
        (self.waited_ms - self.round_trips * self.bare_ms).max(0.0)
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "round_trips_per_batch": self.round_trips,
            "waited_ms_per_batch": self.waited_ms,
            "waited_ms_of_the_median_batch": self.waited_median_ms,
            "bare_ms_per_round_trip": self.bare_ms,
            "own_ms_per_batch": self.own_ms(),
        })
    }
}
