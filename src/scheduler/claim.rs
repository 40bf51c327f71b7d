//! Which of the runs that wait begin now? By priority, one on a table, so many at once, each in its window. Pure: hears
//! what was seen and the time.

use crate::db::RunRecord;
use crate::job;
use crate::pace::{Opening, opening};
use crate::run::RunState;
use std::time::SystemTime;

/// A run, wherever it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    /// The database, by its place among those of the scheduler.
    pub(super) database: usize,
    /// The run's number there.
    pub(super) run: i64,
}

/// A run that has its table: it is here, or planned.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Here {
    pub(super) place: Place,
    pub(super) job: String,
    pub(super) table: String,
    /// Whether it takes one of the places for runs.
    pub(super) walks: bool,
}

/// A run that may begin now, if there is room.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Candidate {
    pub(super) place: Place,
    pub(super) job: String,
    pub(super) text: String,
    table: String,
    priority: i64,
    /// When it was created, seconds since 1970: across databases the older goes first.
    since: f64,
    /// `false`: somebody asked it to stop and its runner is gone; what was asked for is only to be reached.
    walks: bool,
}

impl Candidate {
    /// The run as a candidate, if it is one: submitted, due, in its window, and nobody alive has it.
    pub(super) fn of(database: usize, run: &RunRecord, now: SystemTime) -> Option<Self> {
        let is_due = run.not_before.is_none_or(|from| from <= run.read_at);
        let is_free = run.held.as_ref().is_none_or(|held| !held.is_alive());
        let walks = match run.state {
            RunState::Queued | RunState::Running | RunState::Sweeping => true,
            RunState::Paused => run.resume_at.is_some_and(|at| at <= run.read_at),
            _ => false,
        };
        let ends = matches!(run.state, RunState::Pausing | RunState::Cancelling);
        let may = run.submitted && is_free && (ends || walks && is_due && is_open(&run.job_text, now));
        may.then(|| Self {
            place: Place { database, run: run.id },
            job: run.job.clone(),
            text: run.job_text.clone(),
            table: run.table_name.clone(),
            priority: run.priority,
            since: run.created_at,
            walks,
        })
    }

    /// The same run, once it was begun.
    pub(super) fn here(&self) -> Here {
        Here { place: self.place, job: self.job.clone(), table: self.table.clone(), walks: self.walks }
    }
}

impl Here {
    /// The run, if its plan has a table that nobody else may have.
    pub(super) fn with_table(database: usize, run: &RunRecord) -> Option<Self> {
        let place = Place { database, run: run.id };
        run.planned.then(|| Self { place, job: run.job.clone(), table: run.table_name.clone(), walks: true })
    }

    fn keeps_out(&self, candidate: &Candidate) -> bool {
        self.place.database == candidate.place.database
            && self.place.run != candidate.place.run
            && may_be_one_table(&self.table, &candidate.table)
    }
}

/// The candidates that begin now, the first of them first. `here`: runs of this scheduler; `in_use`: runs that have their
/// table, here or elsewhere.
pub(super) fn claims(
    mut candidates: Vec<Candidate>,
    here: &[Here],
    in_use: &[Here],
    max_runs: usize,
) -> Vec<Candidate> {
    candidates.sort_by(|a, b| {
        b.priority.cmp(&a.priority).then(a.since.total_cmp(&b.since)).then(a.place.run.cmp(&b.place.run))
    });
    let mut room = max_runs.saturating_sub(here.iter().filter(|run| run.walks).count());
    let mut claimed: Vec<Here> = Vec::new();
    candidates.retain(|candidate| {
        if here.iter().any(|run| run.place == candidate.place) {
            return false;
        }
        if !candidate.walks {
            return true;
        }
        if room == 0 || here.iter().chain(in_use).chain(&claimed).any(|run| run.keeps_out(candidate)) {
            return false;
        }
        room -= 1;
        claimed.push(candidate.here());
        true
    });
    candidates
}

/// A text that is no job any more is begun all the same: that is how it comes to be said.
fn is_open(text: &str, now: SystemTime) -> bool {
    let Ok((job, _)) = job::parse(text) else { return true };
    matches!(opening(&job.pace.windows, now), Opening::Open { .. })
}

/// Whether two names may be one table. A name without a schema may be in any: until the run is planned nobody knows.
fn may_be_one_table(one: &str, other: &str) -> bool {
    let parts = |name: &str| match name.rsplit_once('.') {
        Some((schema, table)) => (Some(schema.to_owned()), table.to_owned()),
        None => (None, name.to_owned()),
    };
    let ((schema, table), (other_schema, other_table)) = (parts(one), parts(other));
    table == other_table && (schema == other_schema || schema.is_none() || other_schema.is_none())
}

#[cfg(test)]
mod tests;
