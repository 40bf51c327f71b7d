//! Who is faster on one shape, at which price, and what does the application feel? Runs every contestant in turn, and keeps
//! what each of them needed.
//!
//! Reading order: this file (the rounds), [`measured`] (one contestant's turn), [`report`] (the table).

mod measured;
pub(crate) mod report;

use crate::application::{Felt, Lengths, Load};
use crate::arena::Arena;
use crate::contestant::{self, Abilities, Circumstances, Contestant};
use crate::ground::Sizes;
use crate::machine::Server;
use crate::postgres::Durability;
use crate::program::Answers;
use crate::shape::Shape;
use anyhow::Result;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) use measured::{Measured, Turn, alone, beside_a_busy_core};

/// How the comparison is made.
pub(crate) struct Conditions {
    pub(crate) postgres: u32,
    /// Whether commits go to the disk, as they do on a real server.
    pub(crate) durability: Durability,
    /// Where the server's files go.
    pub(crate) files: PathBuf,
    /// Rows of the table, where they are of the usual size.
    pub(crate) scaled: u64,
    pub(crate) rounds: u32,
    /// The application at work on the same table.
    pub(crate) with_application: bool,
    /// How long is measured what does not end by itself.
    pub(crate) lengths: Lengths,
    pub(crate) can: Abilities,
}

/// What was found out on one shape.
pub(crate) struct Found {
    pub(crate) shape: &'static Shape,
    pub(crate) server: Server,
    pub(crate) rows: u64,
    pub(crate) to_change: u64,
    pub(crate) contestants: Vec<Contestant>,
    pub(crate) rounds: Vec<Round>,
    /// The changed table, written anew: what it would take at least.
    pub(crate) rewritten: Option<Sizes>,
    pub(crate) answers: Option<Answers>,
}

/// Everybody once.
pub(crate) struct Round {
    /// The application alone.
    pub(crate) idle: Option<Felt>,
    pub(crate) probe_p95: Duration,
    pub(crate) probe_limit: Duration,
    /// In the order of the contestants. An error: it gives no figures, and why.
    pub(crate) measured: Vec<Result<Measured, String>>,
}

/// Lets everybody make the change of one shape, several times.
pub(crate) async fn hold(conditions: &Conditions, shape: &'static Shape) -> Result<Found> {
    let mut arena = Arena::build(conditions, shape, 1).await?;
    let mut found = Found {
        shape,
        server: Server::of(&arena),
        rows: arena.rows,
        to_change: arena.to_change,
        contestants: contestant::of(shape, conditions.with_application),
        rounds: Vec::new(),
        rewritten: None,
        answers: None,
    };
    for number in 0..conditions.rounds {
        eprintln!("{}, round {} of {}", shape.name, number + 1, conditions.rounds);
        let round = one_round(&mut arena, conditions, number, &mut found).await?;
        found.rounds.push(round);
    }
    Ok(found)
}

async fn one_round(arena: &mut Arena, conditions: &Conditions, number: u32, found: &mut Found) -> Result<Round> {
    let load = conditions.with_application.then(|| Load::on(arena, conditions.lengths));
    let (idle, probe_p95) = measured::alone(arena, load.as_ref(), conditions.lengths).await?;
    let around = Circumstances {
        shape: arena.shape,
        probe_limit: conditions.lengths.probe_limit(probe_p95),
        can: &conditions.can,
    };
    let mut order: Vec<(usize, Contestant)> = found.contestants.iter().copied().enumerate().collect();
    // Each round begins with another one, so that nobody always comes after the same neighbour's garbage.
    let places = order.len();
    order.rotate_left(number as usize % places);

    let mut measured = Vec::new();
    for (place, contestant) in order {
        let turn = Turn { contestant, around: &around, load: load.as_ref(), at_most: conditions.lengths.at_most };
        let run = turn.measure(arena, found).await.map_err(|error| format!("{error:#}"));
        match &run {
            Ok(run) => eprintln!("  {contestant}: {:.1} s", run.seconds),
            Err(error) => eprintln!("  {contestant}: no figures: {error}"),
        }
        measured.push((place, run));
    }
    measured.sort_by_key(|(place, _)| *place);
    Ok(Round {
        idle,
        probe_p95,
        probe_limit: around.probe_limit,
        measured: measured.into_iter().map(|(_, run)| run).collect(),
    })
}
