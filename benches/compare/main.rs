//! How fast is tidegate beside the ways people do without it, and what does the application feel meanwhile, and what do
//! people cost who look? Prints one table for each question; never passes, never fails.
//!
//! `cargo bench`, once `tests/run --servers-only` has prepared the servers, for the first; `cargo bench -- --application`
//! for the second, `-- --watched` for the third; with `--quick` for a first look.
//! Everybody changes the same rows to the same values, each on its own untouched copy of the table. In every round all of
//! them run one after the other, and ratios are taken within a round, because a machine's speed changes from minute to
//! minute.
//!
//! Reading order: [`arena`] (where), [`contestant`] (who runs), [`program`] (tidegate as a process), [`report`] (the first
//! table), [`application`] (the second one), [`watched`] (the third), [`machine`] (the facts beside the figures), [`table`] (how they are laid
//! out).

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "figures are the result, words are progress")]

mod application;
mod arena;
mod contestant;
mod machine;
mod program;
mod report;
mod table;
mod watched;

#[path = "../../tests/promises/support/postgres.rs"]
#[allow(dead_code, clippy::expect_used, clippy::panic, reason = "the tests' own support; they use the rest of it")]
mod postgres;

use anyhow::Result;
use application::Lengths;
use arena::Arena;
use clap::builder::ArgPredicate::IsPresent;
use clap::{Parser, value_parser};
use contestant::{Contestant, Measured};
use table::Page;

/// Compares tidegate with one big UPDATE and with other ways to update in batches.
#[derive(Parser)]
struct Options {
    /// What the application feels meanwhile, with and without pace, instead of who is faster
    #[arg(long)]
    application: bool,
    /// What people who look cost, instead: the same job with and without two hundred clients of its server
    #[arg(long, conflicts_with = "application")]
    watched: bool,
    /// 100,000 rows each, as `pgbench -s`
    #[arg(long, env = "TIDEGATE_BENCH_SCALE", value_parser = value_parser!(u32).range(1..))]
    #[arg(default_value_t = 20, default_value_if("quick", IsPresent, "2"))]
    scale: u32,
    /// How many times everybody runs
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
    let page = match (options.application, options.watched) {
        (true, _) => application_page(&mut arena, &options, load).await?,
        (_, true) => watched_page(&mut arena, options.rounds, load).await?,
        _ => contest_page(&mut arena, options.rounds, load).await?,
    };
    println!("{}", if options.markdown { page.markdown() } else { page.text() });
    Ok(())
}

/// Who is faster?
async fn contest_page(arena: &mut Arena, rounds: u32, load: Option<String>) -> Result<Page> {
    let mut measured = Vec::new();
    for round in 0..rounds {
        eprintln!("round {} of {rounds}", round + 1);
        measured.push(one_round(arena, round).await?);
    }
    let facts = machine::facts(arena, rounds, load);
    Ok(report::Report { facts, rows: arena.rows, rounds: measured }.page())
}

/// What does the application feel?
async fn application_page(arena: &mut Arena, options: &Options, load: Option<String>) -> Result<Page> {
    let lengths = if options.quick { Lengths::QUICK } else { Lengths::USUAL };
    let mut measured = Vec::new();
    for round in 0..options.rounds {
        eprintln!("round {} of {}", round + 1, options.rounds);
        measured.push(application::round(arena, lengths, round).await?);
    }
    let facts = machine::facts(arena, options.rounds, load);
    Ok(application::Report { facts, rows: arena.rows, rounds: measured }.page())
}

/// What do those who look cost?
async fn watched_page(arena: &mut Arena, rounds: u32, load: Option<String>) -> Result<Page> {
    let mut measured = Vec::new();
    for round in 0..rounds {
        eprintln!("round {} of {rounds}", round + 1);
        measured.push(watched::round(arena, round).await?);
    }
    let facts = machine::facts(arena, rounds, load);
    Ok(watched::Report { facts, rows: arena.rows, rounds: measured }.page())
}

/// What each contestant needed, in the order of [`contestant::ALL`].
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
