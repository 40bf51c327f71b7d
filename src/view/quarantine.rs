//! Which rows of a run could not be changed, and why?

use super::{VERSION, moment};
use crate::db::{QuarantinedRow, RunRecord};
use crate::job;
use crate::run::RunState;
use serde::Serialize;
use utoipa::ToSchema;

/// The rows of a run that are set aside, the oldest first.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct QuarantineView {
    /// Of the document.
    pub version: u32,
    /// Its job's name.
    pub job: String,
    /// Its number.
    pub run: i64,
    /// The table it walks.
    pub table: String,
    /// Where it is.
    pub state: RunState,
    /// How many rows are set aside, also where fewer are listed.
    pub total: u64,
    /// How many may be, by the job as it last ran; `null` where this tidegate does not read its file.
    pub limit: Option<u64>,
    /// The rows.
    pub rows: Vec<QuarantinedRowView>,
}

/// A row that is set aside.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct QuarantinedRowView {
    /// The text of each key column; `null` for whoever may not see keys.
    pub key: Option<Vec<String>>,
    /// The database's code of the error.
    pub code: Option<String>,
    /// What is wrong, without values; `null` for whoever may not see keys.
    pub message: Option<String>,
    /// The constraint that refused it.
    pub constraint: Option<String>,
    /// The column.
    pub column: Option<String>,
    /// How often it was tried.
    pub tries: i64,
    /// RFC 3339, UTC.
    pub since: String,
    /// The database's own words, which repeat values; only where the job keeps them and they were asked for.
    pub detail: Option<String>,
}

impl QuarantineView {
    /// These rows of the run, without the database's own words.
    pub fn of(run: &RunRecord, rows: &[QuarantinedRow]) -> Self {
        Self {
            version: VERSION,
            job: run.job.clone(),
            run: run.id,
            table: run.table_name.clone(),
            state: run.state,
            total: run.rows_quarantined.unsigned_abs().max(rows.len() as u64),
            limit: limit(run),
            rows: rows.iter().map(QuarantinedRowView::of).collect(),
        }
    }

    /// The same with the database's own words, where the job keeps them.
    #[must_use]
    pub fn with_details(mut self, rows: &[QuarantinedRow]) -> Self {
        self.rows.iter_mut().zip(rows).for_each(|(view, row)| view.detail.clone_from(&row.detail));
        self
    }

    /// The same without keys and messages.
    #[must_use]
    pub fn without_keys(mut self) -> Self {
        self.rows.iter_mut().for_each(|row| (row.key, row.message, row.detail) = (None, None, None));
        self
    }
}

impl QuarantinedRowView {
    fn of(row: &QuarantinedRow) -> Self {
        Self {
            key: Some(row.key.parts().to_vec()),
            code: row.code.clone(),
            message: Some(row.message.clone()),
            constraint: row.constraint.clone(),
            column: row.column.clone(),
            tries: row.tries,
            since: moment(row.at),
            detail: None,
        }
    }
}

/// How many rows may be set aside, by the job as it last ran; unknown where this tidegate does not read its file.
fn limit(run: &RunRecord) -> Option<u64> {
    let (job, _) = job::parse(&run.job_text).ok()?;
    Some(job.errors.limit(run.estimated_rows.unsigned_abs()))
}
