//! Is what was promised true? A row for each promise: what it is, which figure would keep it, and the figure that was
//! measured, with nothing run that no row needs.
//!
//! Reading order: this file (the rows), [`workbench`] (how a row gets its runs), [`ratios`] (two contestants side by side),
//! [`felt`] (what the application feels), [`long_run`] (one run of a large table), [`own_time`] with [`between`] (what the
//! engine itself takes), [`sqlite`] (the other database).

mod between;
mod felt;
mod long_run;
mod own_time;
mod ratios;
mod sqlite;
mod workbench;

use crate::contest::Conditions;
use crate::machine::Server;
use crate::table::{Page, grouped};
use anyhow::Result;
use clap::ValueEnum;
use serde_json::{Value, json};
use workbench::Workbench;

/// What was promised, in the order in which it is told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Goal {
    OneWorker,
    TwoWorkers,
    Cte,
    Pgroll,
    Uuid,
    Application,
    Flat,
    Bloat,
    Sparse,
    OwnTime,
    Memory,
    FirstCommit,
    Sqlite,
}

/// What was found.
pub(crate) struct Verdicts {
    each: Vec<Verdict>,
    /// Where: shape and rows of the table, and its server.
    servers: Vec<(&'static str, u64, Server)>,
}

/// What was found of one of them.
struct Verdict {
    goal: Goal,
    found: Finding,
}

/// What there is to say of a goal.
pub(crate) enum Finding {
    /// A figure, and whether it keeps the promise.
    Figure {
        reached: bool,
        figure: String,
        /// What was measured, in a sentence.
        how: String,
        details: Value,
    },
    /// This machine or this version cannot do what is needed.
    NotMeasured(String),
}

impl Goal {
    /// In the order in which they are looked at: those of one table after each other, as it takes minutes to make a large
    /// one.
    pub(crate) const ALL: [Self; 13] = [
        Self::OneWorker,
        Self::TwoWorkers,
        Self::Cte,
        Self::Pgroll,
        Self::Application,
        Self::Bloat,
        Self::OwnTime,
        Self::Uuid,
        Self::Sparse,
        Self::Flat,
        Self::Memory,
        Self::FirstCommit,
        Self::Sqlite,
    ];

    /// What is compared, and what it must come to.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::OneWorker => ("speed of 1 worker / one big UPDATE, integer key", "≥ 0.97"),
            Self::TwoWorkers => ("speed of 2 workers / one big UPDATE, integer key", "≥ 1.5"),
            Self::Cte => ("speed of 1 worker / the CTE form at equal batch size", "≥ 1.4"),
            Self::Pgroll => ("speed of 1 worker / pgroll's backfill", "≥ 2"),
            Self::Uuid => ("random UUID, small cache: WAL and time of 1 worker / one big UPDATE", "≤ 1.05, ≤ 1.1"),
            Self::Application => {
                ("the application's p99 with pace / idle, and share of the unpaced speed", "≤ 2, ≥ 0.5")
            }
            Self::Flat => ("last tenth / first tenth of a long run, seconds per row", "≤ 1.1"),
            Self::Bloat => ("table / the same written anew, and time / the time without vacuum", "≤ 1.1, ≤ 1.05"),
            Self::Sparse => ("1 % to change, index on the predicate: time of 1 worker / one UPDATE", "≤ 1.2"),
            Self::OwnTime => ("the engine's own time per batch", "≤ 0.3 ms"),
            Self::Memory => ("peak memory of `run` with 4 workers", "≤ 32 MB"),
            Self::FirstCommit => ("start to first commit", "≤ 300 ms"),
            Self::Sqlite => ("SQLite: speed in batches of 5,000 / one big UPDATE", "≥ 0.8"),
        }
    }

    /// As `--only` takes it.
    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    async fn look(self, bench: &mut Workbench<'_>) -> Result<Finding> {
        match self {
            Self::OneWorker => ratios::one_worker(bench).await,
            Self::TwoWorkers => ratios::two_workers(bench).await,
            Self::Cte => ratios::cte(bench).await,
            Self::Pgroll => ratios::pgroll(bench).await,
            Self::Uuid => ratios::uuid(bench).await,
            Self::Application => felt::application(bench).await,
            Self::Flat => long_run::flat(bench).await,
            Self::Bloat => ratios::bloat(bench).await,
            Self::Sparse => ratios::sparse(bench).await,
            Self::OwnTime => own_time::own_time(bench).await,
            Self::Memory => long_run::memory(bench).await,
            Self::FirstCommit => long_run::first_commit(bench).await,
            Self::Sqlite => sqlite::batches(bench.conditions).await,
        }
    }
}

/// Looks at these, one after the other. One that cannot be measured here is no failure of the others.
pub(crate) async fn look_at(goals: &[Goal], conditions: &Conditions) -> Verdicts {
    let mut bench = Workbench::new(conditions);
    let mut verdicts = Vec::new();
    for goal in Goal::ALL.into_iter().filter(|goal| goals.contains(goal)) {
        eprintln!("{}: {}", goal.name(), goal.words().0);
        let found = goal.look(&mut bench).await;
        let found = found.unwrap_or_else(|error| Finding::NotMeasured(format!("{error:#}")));
        match &found {
            Finding::Figure { figure, .. } => eprintln!("  {figure}"),
            Finding::NotMeasured(why) => eprintln!("  not measured: {why}"),
        }
        verdicts.push(Verdict { goal, found });
    }
    verdicts.sort_by_key(|verdict| verdict.goal);
    Verdicts { each: verdicts, servers: bench.servers }
}

impl Verdicts {
    /// As they are laid out.
    pub(crate) fn page(&self) -> Page {
        let headings = ["", "goal", "reached", "figure"].map(str::to_owned).to_vec();
        let notes = self.each.iter().map(|Verdict { goal, found }| match found {
            Finding::Figure { how, .. } => format!("{}: {how}.", goal.name()),
            Finding::NotMeasured(why) => format!("{}: not measured: {why}.", goal.name()),
        });
        let facts = self.servers.iter().map(|(shape, rows, server)| {
            let rows = grouped(*rows);
            format!("shape {shape}, {rows} rows: {}", server.line())
        });
        let lines = [headings].into_iter().chain(self.each.iter().map(Verdict::line)).collect();
        Page { facts: facts.collect(), lines, notes: notes.collect() }
    }

    /// With every figure of every round.
    pub(crate) fn json(&self) -> Value {
        let servers =
            self.servers.iter().map(|(shape, rows, server)| json!({ "shape": shape, "rows": rows, "server": server }));
        let goals = self.each.iter().map(Verdict::json);
        json!({ "servers": servers.collect::<Vec<_>>(), "goals": goals.collect::<Vec<_>>() })
    }
}

impl Verdict {
    fn line(&self) -> Vec<String> {
        let (what, limit) = self.goal.words();
        let (reached, figure) = match &self.found {
            Finding::Figure { reached, figure, .. } => (if *reached { "yes" } else { "no" }, figure.as_str()),
            Finding::NotMeasured(_) => ("not measured", ""),
        };
        [what, limit, reached, figure].map(str::to_owned).to_vec()
    }

    fn json(&self) -> Value {
        let (what, limit) = self.goal.words();
        let (reached, figure, how, details) = match &self.found {
            Finding::Figure { reached, figure, how, details } => (Some(*reached), Some(figure), how, details),
            Finding::NotMeasured(why) => (None, None, why, &Value::Null),
        };
        json!({
            "goal": self.goal.name(), "what": what, "limit": limit,
            "reached": reached, "figure": figure, "how": how, "details": details,
        })
    }
}
