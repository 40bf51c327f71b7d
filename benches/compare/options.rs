//! What is asked of the comparison? The command line, and what follows from it.

use crate::application::Lengths;
use crate::contest::Conditions;
use crate::contestant::Abilities;
use crate::goals::Goal;
use crate::postgres::{Durability, FILES};
use crate::shape::{self, INTEGER, Shape};
use anyhow::Result;
use clap::builder::ArgPredicate::IsPresent;
use clap::{Parser, value_parser};
use std::path::{Path, PathBuf};

/// Rows for each step of `--scale`, as pgbench counts.
const ROWS_PER_SCALE: u64 = 100_000;

/// With `--quick`: a few batches each.
const QUICK_ROWS_PER_SCALE: u64 = 20_000;

/// Where no file is named: Markdown in the place of text.
const ON_SCREEN: &str = "-";

/// Compares tidegate with one big statement and with other ways to change rows in batches.
#[derive(Parser)]
pub(crate) struct Options {
    /// Which tables and changes: integer, uuid, text, sparse, sparse-indexed, wide, copy, delete, or all
    #[arg(long, value_delimiter = ',', default_value = INTEGER.name, default_value_if("quick", IsPresent, shape::EVERY))]
    shape: Vec<String>,
    /// Beside an application at work on the same table: what it feels meanwhile
    #[arg(long)]
    application: bool,
    /// What people who look cost, instead: the same job with and without two hundred clients of its server
    #[arg(long, conflicts_with_all = ["application", "goals"])]
    pub(crate) watched: bool,
    /// What was promised, row by row, instead: each with what it needs, at its own size
    #[arg(long, conflicts_with = "application")]
    pub(crate) goals: bool,
    /// Only this goal, or these
    #[arg(long, value_enum, value_delimiter = ',', requires = "goals")]
    only: Vec<Goal>,
    /// 100,000 rows each, as `pgbench -s`; some goals take ten times as many
    #[arg(long, env = "TIDEGATE_BENCH_SCALE", value_parser = value_parser!(u32).range(1..))]
    #[arg(default_value_t = 20, default_value_if("quick", IsPresent, "1"))]
    scale: u32,
    /// How many times everybody runs
    #[arg(long, env = "TIDEGATE_BENCH_ROUNDS", value_parser = value_parser!(u32).range(1..))]
    #[arg(default_value_t = 3, default_value_if("quick", IsPresent, "1"))]
    rounds: u32,
    /// The version of the PostgreSQL server, one that `tests/run` prepares
    #[arg(long, env = "TIDEGATE_BENCH_POSTGRES", default_value_t = 15)]
    postgres: u32,
    /// Every shape, 20,000 rows for each step of the scale, one round, nothing to the disk: does it work, not how fast is it
    #[arg(long)]
    quick: bool,
    /// Where the server has its files: `/dev/shm` where the disk's own pauses are in the way
    #[arg(long, value_name = "DIR", default_value = FILES)]
    files: PathBuf,
    /// Writes Markdown to this file; without one, prints it
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = ON_SCREEN)]
    markdown: Option<PathBuf>,
    /// Writes every figure of every round to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Given by `cargo bench`; without it somebody meant to run tests
    #[arg(long, hide = true)]
    pub(crate) bench: bool,
}

impl Options {
    /// The shapes that are compared.
    pub(crate) fn shapes(&self) -> Result<Vec<&'static Shape>> {
        shape::chosen(&self.shape)
    }

    /// The goals that are looked at.
    pub(crate) fn chosen_goals(&self) -> &[Goal] {
        if self.only.is_empty() { &Goal::ALL } else { &self.only }
    }

    /// How everything is measured.
    pub(crate) async fn conditions(&self) -> Result<Conditions> {
        let rows_per_scale = if self.quick { QUICK_ROWS_PER_SCALE } else { ROWS_PER_SCALE };
        Ok(Conditions {
            postgres: self.postgres,
            durability: if self.quick { Durability::None } else { Durability::Full },
            files: self.files.clone(),
            scaled: rows_per_scale * u64::from(self.scale),
            rounds: self.rounds,
            with_application: self.application,
            lengths: match self.quick {
                true => Lengths::quick(self.application || self.goals),
                false => Lengths::usual(self.application || self.goals),
            },
            can: Abilities::found().await?,
        })
    }

    /// Whether Markdown is printed instead of text.
    pub(crate) fn prints_markdown(&self) -> bool {
        self.markdown.as_deref() == Some(Path::new(ON_SCREEN))
    }

    /// Where Markdown is written.
    pub(crate) fn markdown_file(&self) -> Option<&Path> {
        self.markdown.as_deref().filter(|path| *path != Path::new(ON_SCREEN))
    }
}
