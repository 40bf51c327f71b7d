//! How does a row get its runs? A server with the table it asks for, kept while rows ask for the same one, and turns of
//! contestants on it.

use crate::application::Load;
use crate::arena::Arena;
use crate::contest::{Conditions, Measured, Turn};
use crate::contestant::{Circumstances, Contestant};
use crate::ground::Ground;
use crate::machine::Server;
use crate::shape::Shape;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::time::Duration;

/// Where the runs of the goals are made.
pub(super) struct Workbench<'a> {
    pub(super) conditions: &'a Conditions,
    arena: Option<Arena>,
    /// Every server that there was, with the shape and the rows of its table.
    pub(super) servers: Vec<(&'static str, u64, Server)>,
}

/// Two contestants, one right after the other.
pub(super) struct Pair {
    pub(super) ours: Measured,
    pub(super) theirs: Measured,
}

impl<'a> Workbench<'a> {
    pub(super) fn new(conditions: &'a Conditions) -> Self {
        Self { conditions, arena: None, servers: Vec::new() }
    }

    /// A server with the table of this shape, so many times as large as the usual one.
    pub(super) async fn arena(&mut self, shape: &'static Shape, times: u64) -> Result<&mut Arena> {
        let rows = shape.rows(self.conditions.scaled * times);
        let fits = |arena: &Arena| arena.shape.name == shape.name && arena.rows == rows;
        if !self.arena.as_ref().is_some_and(fits) {
            // The one before first: two of them may be more than the disk has.
            self.arena = None;
            let arena = Arena::build(self.conditions, shape, times).await?;
            self.servers.push((shape.name, rows, Server::of(&arena)));
            self.arena = Some(arena);
        }
        self.arena.as_mut().context("a server")
    }

    /// How many rows the table has that was asked for last.
    pub(super) fn rows(&self) -> u64 {
        self.arena.as_ref().map_or(0, |arena| arena.rows)
    }

    /// One turn of a contestant on an untouched copy, and the copy as it leaves it.
    pub(super) async fn turn(
        &mut self,
        (shape, times): (&'static Shape, u64),
        contestant: Contestant,
    ) -> Result<(Measured, Ground)> {
        self.turn_beside(None, Duration::ZERO, (shape, times), contestant).await
    }

    /// The same beside an application, with that limit of the probe.
    pub(super) async fn turn_beside(
        &mut self,
        load: Option<&Load>,
        probe_p95: Duration,
        (shape, times): (&'static Shape, u64),
        contestant: Contestant,
    ) -> Result<(Measured, Ground)> {
        let conditions = self.conditions;
        let arena = self.arena(shape, times).await?;
        let mut ground = arena.fresh_ground().await?;
        let around =
            Circumstances { shape, probe_limit: conditions.lengths.probe_limit(probe_p95), can: &conditions.can };
        let turn = Turn { contestant, around: &around, load, at_most: conditions.lengths.at_most };
        let measured = turn.on(&mut ground, arena).await.with_context(|| contestant.to_string())?;
        let felt = measured.felt.as_ref().map(|felt| format!(", p99 {:.2} ms", felt.p99_ms));
        eprintln!("  {contestant}: {:.1} s{}", measured.seconds, felt.unwrap_or_default());
        Ok((measured, ground))
    }

    /// Two contestants, in turns: every second round begins with the other one.
    pub(super) async fn pairs(
        &mut self,
        table: (&'static Shape, u64),
        ours: Contestant,
        theirs: Contestant,
    ) -> Result<Vec<Pair>> {
        let mut pairs = Vec::new();
        for round in 0..self.conditions.rounds {
            let ours_first = round.is_multiple_of(2);
            let early = self.turn(table, if ours_first { ours } else { theirs }).await?.0;
            let late = self.turn(table, if ours_first { theirs } else { ours }).await?.0;
            let (ours, theirs) = if ours_first { (early, late) } else { (late, early) };
            pairs.push(Pair { ours, theirs });
        }
        Ok(pairs)
    }
}

impl Pair {
    /// How many times as fast ours was.
    pub(super) fn speed(&self) -> f64 {
        self.theirs.seconds / self.ours.seconds
    }

    pub(super) fn json(&self) -> Value {
        json!({ "ours": self.ours, "theirs": self.theirs })
    }
}
