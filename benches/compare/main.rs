//! How fast is tidegate beside the ways people do without it? Prints one table; never passes, never fails.
//!
//! `cargo bench`, once `tests/run --servers-only` has prepared the servers; `cargo bench -- --quick` for a first look.
//! Every contestant changes the same rows to the same values, each on its own untouched copy of the table. In every
//! round all of them run one after the other, and ratios are taken within a round, because a machine's speed changes
//! from minute to minute.
//!
//! Reading order: [`contestant`] (who runs), [`arena`] (where), [`program`] (tidegate as a process), [`machine`] (the
//! facts beside the figures), [`report`] (the table).

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "figures are the result, words are progress")]

mod arena;
mod contestant;
mod machine;
mod program;
mod report;

#[path = "../../tests/promises/support/postgres.rs"]
#[allow(dead_code, clippy::expect_used, clippy::panic, reason = "the tests' own support; they use the rest of it")]
mod postgres;

use anyhow::Result;
use arena::Arena;
use clap::builder::ArgPredicate::IsPresent;
use clap::{Parser, value_parser};
use contestant::{Contestant, Measured};
use report::Report;

/// Compares tidegate with one big UPDATE and with other ways to update in batches.
#[derive(Parser)]
struct Options {
    /// 100,000 rows each, as `pgbench -s`
    #[arg(long, env = "TIDEGATE_BENCH_SCALE", value_parser = value_parser!(u32).range(1..))]
    #[arg(default_value_t = 20, default_value_if("quick", IsPresent, "2"))]
    scale: u32,
    /// How many times every contestant runs
    #[arg(long, env = "TIDEGATE_BENCH_ROUNDS", value_parser = value_parser!(u32).range(1..))]
    #[arg(default_value_t = 3, default_value_if("quick", IsPresent, "1"))]
    rounds: u32,
    /// The version of the PostgreSQL server, one that `tests/run` prepares
    #[arg(long, env = "TIDEGATE_BENCH_POSTGRES", default_value_t = 15)]
    postgres: u32,
    /// Scale 2 and one round: does it work, not how fast is it
    #[arg(long)]
    quick: bool,
    /// Prints Markdown
    #[arg(long)]
    markdown: bool,
    /// Given by `cargo bench`; without it somebody meant to run tests
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let options = Options::parse();
    if !options.bench {
        eprintln!("the comparison takes minutes and is no test; `cargo bench` runs it");
        return Ok(());
    }
    let load = machine::load();
    let mut arena = Arena::build(options.postgres, options.scale).await?;
    let rounds = rounds(&mut arena, options.rounds).await?;
    let report = Report { facts: machine::facts(&arena, options.rounds, load), rows: arena.rows, rounds };
    println!("{}", if options.markdown { report.markdown() } else { report.text() });
    Ok(())
}

/// What each contestant needed in each round, in the order of [`contestant::ALL`].
async fn rounds(arena: &mut Arena, rounds: u32) -> Result<Vec<Vec<Measured>>> {
    let mut measured = Vec::new();
    for round in 0..rounds {
        eprintln!("round {} of {rounds}", round + 1);
        measured.push(one_round(arena, round).await?);
    }
    Ok(measured)
}

async fn one_round(arena: &mut Arena, round: u32) -> Result<Vec<Measured>> {
    let mut order: Vec<(usize, Contestant)> = contestant::ALL.into_iter().enumerate().collect();
    // Each round begins with another one, so that nobody always comes after the same neighbour's garbage.
    let places = order.len();
    order.rotate_left(round as usize % places);

    let mut measured = Vec::new();
    for (place, contestant) in order {
        let run = contestant.measure(arena).await?;
        eprintln!("  {contestant}: {:.1} s", run.took.as_secs_f64());
        measured.push((place, run));
    }
    measured.sort_by_key(|(place, _)| *place);
    Ok(measured.into_iter().map(|(_, run)| run).collect())
}
