//! How fast is tidegate beside the ways people do without it, at which price, and is what was promised of it true? Prints
//! tables; never passes, never fails.
//!
//! `cargo bench`, once `tests/run --servers-only` has prepared the servers, compares all ways on one shape of table, or on
//! more (`--shape all`); with `-- --application` beside an application at work; `-- --goals` goes through what was
//! promised; `-- --watched` asks what people cost who look; with `--quick` for a first look. docs/benchmarks.md says what
//! each figure means.
//!
//! Everybody makes the same change, each on its own untouched copy of the table. In every round all of them run one after
//! the other, and ratios are taken within a round, because a machine's speed changes from minute to minute.
//!
//! Reading order: [`options`] (what is asked), [`shape`] (tables and changes), [`contestant`] (who makes them), [`arena`] and
//! [`ground`] (where), [`contest`] (the first question), [`application`] (what it feels), [`goals`] (the second),
//! [`watched`] (the third), [`program`] and [`process`] (tidegate as a process), [`machine`] (the facts beside the
//! figures), [`output`] and [`table`] (where they go, and how they are laid out).

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "figures are the result, words are progress")]

mod application;
mod arena;
mod contest;
mod contestant;
mod goals;
mod ground;
mod machine;
mod options;
mod output;
mod process;
mod program;
mod shape;
mod table;
mod watched;

#[path = "../../tests/promises/support/postgres.rs"]
#[allow(dead_code, clippy::expect_used, clippy::panic, reason = "the tests' own support; they use the rest of it")]
mod postgres;

use anyhow::Result;
use arena::Arena;
use clap::Parser;
use contest::Conditions;
use machine::Server;
use options::Options;
use output::Output;
use shape::INTEGER;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let options = Options::parse();
    if !options.bench {
        eprintln!("the comparison takes minutes and is no test; `cargo bench` runs it");
        return Ok(());
    }
    let mut output = Output::new(&options);
    let conditions = options.conditions().await?;
    match (options.goals, options.watched) {
        (true, _) => goals(&options, &conditions, &mut output).await,
        (_, true) => watched(&conditions, &mut output).await,
        _ => contest(&options, &conditions, &mut output).await,
    }
}

/// Who is faster, at which price?
async fn contest(options: &Options, conditions: &Conditions, output: &mut Output<'_>) -> Result<()> {
    for shape in options.shapes()? {
        let found = contest::hold(conditions, shape).await?;
        output.tell(found.page(), "shapes", found.json())?;
    }
    Ok(())
}

/// Is what was promised true?
async fn goals(options: &Options, conditions: &Conditions, output: &mut Output<'_>) -> Result<()> {
    let verdicts = goals::look_at(options.chosen_goals(), conditions).await;
    output.tell(verdicts.page(), "goals", verdicts.json())
}

/// What do those who look cost?
async fn watched(conditions: &Conditions, output: &mut Output<'_>) -> Result<()> {
    let mut arena = Arena::build(conditions, &INTEGER, 1).await?;
    let mut rounds = Vec::new();
    for round in 0..conditions.rounds {
        eprintln!("round {} of {}", round + 1, conditions.rounds);
        rounds.push(watched::round(&mut arena, round).await?);
    }
    let facts = vec![Server::of(&arena).line()];
    let report = watched::Report { facts, rows: arena.rows, rounds };
    output.tell(report.page(), "watched", report.json())
}
