//! What will a run do, and may it? A job and the facts about its table become a [`Plan`]. Pure: knows no database.
//!
//! Reading order: [`facts`] (what was read) → [`resolve`] (the job's open questions answered, or refused, with
//! [`key_choice`], [`missing`], [`hazards`] and [`held`]) → [`work`] (the answer) → [`Plan`] with its [`slices`] and
//! [`estimate`]s. Of a run that has ended: [`growth`].

mod estimate;
mod facts;
mod forecast;
mod growth;
mod hazards;
mod held;
mod key_choice;
mod laps;
mod missing;
mod refusal;
mod resolve;
mod route;
mod slices;
mod vacuum;
mod walking;
mod work;

use crate::job::Job;
use crate::key::{Key, KeyRange};
use crate::pace::Sizes;

pub use estimate::{Estimate, Span};
pub use facts::{
    ColumnFacts, Facts, Heap, KeyFlaw, Leg, Owner, QueryPlan, SampledBatch, Statements, Survey, TableFacts, TableKind,
    UnavailableSignal, UnsuitedKey, VacuumRight,
};
pub use forecast::Forecast;
pub use growth::{Growth, IndexGrowth, IndexSize, SizeChange, TableSizes};
pub use laps::{Lapping, lapping};
pub use refusal::Refusal;
pub use resolve::{Resolved, resolve};
pub use route::{End, Extent, Laps, Order, Route};
pub use slices::{slice_count, tile};
pub use walking::{Walking, walking};
pub use work::{Action, Archive, Conflict, KeyColumn, Work};

/// What a run will do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What was asked.
    pub job: Job,
    /// What is done to which rows.
    pub work: Work,
    /// How many batches run at once.
    pub workers: u32,
    /// How many at most, whatever a job asks for.
    pub max_workers: Option<u32>,
    /// Within what batches are sized.
    pub sizes: Sizes,
    /// The table as it is.
    pub table: TableFacts,
    /// Bounds, cuts, statements and query plans.
    pub survey: Survey,
    /// How the table is walked, and why so.
    pub walking: Walking,
    /// In how many laps, and why so.
    pub lapping: Lapping,
    /// The slices of the walk, those of one part ascending; none where the table is empty.
    pub slices: Vec<(Route, KeyRange)>,
    /// Why the job may not run; empty when it may.
    pub refusals: Vec<Refusal>,
    /// What somebody should know before the start.
    pub notes: Vec<String>,
}

impl Plan {
    /// The plan of a resolved job on a surveyed table.
    pub fn new(
        job: Job,
        resolved: Resolved,
        table: TableFacts,
        walking: Walking,
        lapping: Lapping,
        mut survey: Survey,
    ) -> Self {
        let Resolved { work, workers, max_workers, sizes, mut notes } = resolved;
        survey.legs.iter_mut().for_each(|leg| leg.route.laps = lapping.laps);
        let slices = survey.legs.iter().flat_map(Leg::slices).collect();
        let refusals = refusal::of_survey(&table, &survey);
        notes.extend(refusal::notes_of_survey(&survey));
        Self { job, work, workers, max_workers, sizes, table, walking, lapping, survey, slices, refusals, notes }
    }

    /// How far the passes of a run go.
    pub fn extent(&self) -> Extent {
        let end = |leg: &Leg| End { route: leg.route.clone(), last: leg.last.clone() };
        Extent { walk: self.survey.legs.iter().map(end).collect(), bound: self.survey.last.clone() }
    }

    /// The last key of the walk, frozen.
    pub fn bound(&self) -> Option<&Key> {
        self.survey.last.as_ref()
    }

    /// How many rows a run may set aside.
    pub fn quarantine_limit(&self) -> u64 {
        self.job.errors.limit(self.table.estimated_rows)
    }

    /// How much there is to do, from statistics.
    pub fn estimate(&self) -> Estimate {
        Estimate::from_statistics(self.table.estimated_rows, self.survey.estimated_scope, self.sizes.start)
    }
}
