//! Why may a job not run? Every refusal has a stable code, a reason and the next step.

use super::facts::{Survey, TableFacts};
use serde::Serialize;

/// One reason why a job may not run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// Stable, for programs.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

impl Refusal {
    /// A refusal.
    pub fn new(code: &'static str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { code, message: message.into(), help: help.into() }
    }
}

/// PostgreSQL's code for a role that may not do this. What an expression names, only the server knows.
const INSUFFICIENT_PRIVILEGE: &str = "42501";

/// A table of this size is read whole faster than through its index, and nobody waits for it.
const SMALL_TABLE_ROWS: u64 = 20_000;

/// What the survey forbids.
pub(super) fn of_survey(table: &TableFacts, survey: &Survey) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    if let Some((code, message)) = survey.statement_error.as_ref().filter(|(code, _)| code == INSUFFICIENT_PRIVILEGE) {
        refusals.push(Refusal::new(
            "privilege-missing",
            format!("the database refuses the statement of the change to this role: {message} ({code})"),
            "grant what the expressions of the job read and call: `grant select (…) on … to …`, `grant execute …`",
        ));
    } else if let Some((code, message)) = &survey.statement_error {
        refusals.push(Refusal::new(
            "statement-refused",
            format!("the database refuses the statement of the change: {message} ({code})"),
            "mend the expression in the job file; `plan` shows the whole statement",
        ));
    }
    let is_small = table.estimated_rows < SMALL_TABLE_ROWS;
    if survey.last.is_some() && !survey.boundary_plan.by_index {
        refusals.push(Refusal::new(
            "boundary-not-by-index",
            "the end of a batch would be looked up by reading the whole table",
            "create a unique index on exactly the key's columns, in the key's order",
        ));
    }
    if survey.statement_error.is_none() && survey.last.is_some() && !survey.change_plan.by_index && !is_small {
        refusals.push(Refusal::new(
            "change-not-by-index",
            "each batch would read the whole table",
            "run ANALYZE on the table, and look at the query plan that `plan` shows",
        ));
    }
    refusals
}

/// What the survey shows that does not forbid the run.
pub(super) fn notes_of_survey(survey: &Survey) -> Vec<String> {
    match survey.last {
        None => vec!["the table is empty: the run ends at once".to_owned()],
        Some(_) => Vec::new(),
    }
}
