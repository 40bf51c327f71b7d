//! Which rows of a run are set aside? Written in a batch's own transaction, read by operators. Knows neither how a row
//! was found nor how it is tried again.

use super::Ledger;
use super::slices::read_key;
use crate::db::dialect::Dialect;
use crate::db::failure::{Failure, RowFault};
use crate::db::session::{Row, Session, Value};
use crate::db::{RowAside, SliceLease};
use crate::key::Key;

/// A row that was set aside, as it is recorded.
#[derive(Clone, Debug)]
pub struct QuarantinedRow {
    /// The run.
    pub run: i64,
    /// Its key.
    pub key: Key,
    /// The pass of the slice that met it.
    pub pass: i64,
    /// That slice.
    pub slice: i64,
    /// The database's code of the error.
    pub code: Option<String>,
    /// What is wrong, without values.
    pub message: String,
    /// The constraint that refused it.
    pub constraint: Option<String>,
    /// The column.
    pub column: Option<String>,
    /// The database's own words, which repeat values; kept only where the job says so.
    pub detail: Option<String>,
    /// How often it was tried.
    pub tries: i64,
    /// When it was set aside, seconds since 1970.
    pub at: f64,
}

/// Sets the row of that key aside, in the batch's transaction. `false`: the run's limit is reached, so nothing was
/// written and the caller rolls back.
pub(crate) async fn set_row_aside<S: Session>(
    session: &mut S,
    dialect: Dialect,
    lease: &SliceLease,
    key: &Key,
    aside: &RowAside<'_>,
) -> Result<bool, Failure> {
    let key = key.to_stored();
    let quarantine = dialect.state_table("quarantine");
    let known = format!("select 1 from {quarantine} where run_id = $1 and key = $2 and resolved_at is null");
    if !session.fetch(&known, &[lease.run.into(), key.as_str().into()]).await?.is_empty() {
        // A sweep met it again.
        return Ok(true);
    }
    let count = format!(
        "update {} set rows_quarantined = rows_quarantined + 1 where id = $1 and rows_quarantined < $2",
        dialect.state_table("run")
    );
    let limit = i64::try_from(aside.limit).unwrap_or(i64::MAX);
    if session.execute(&count, &[lease.run.into(), limit.into()]).await? == 0 {
        return Ok(false);
    }
    let sql = format!(
        "insert into {quarantine} (run_id, key, pass, slice, code, message, constraint_name, column_name, detail) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (run_id, key) do update set pass = excluded.pass, \
         slice = excluded.slice, code = excluded.code, message = excluded.message, \
         constraint_name = excluded.constraint_name, column_name = excluded.column_name, detail = excluded.detail, \
         tries = {quarantine_name}.tries + 1, at = {now}, resolved_at = null",
        quarantine_name = dialect.row_of("quarantine"),
        now = dialect.now(),
    );
    session.execute(&sql, &values(lease, &key, aside)).await?;
    Ok(true)
}

fn values(lease: &SliceLease, key: &str, aside: &RowAside<'_>) -> [Value; 9] {
    let unknown = RowFault::default();
    let fault = aside.failure.row.as_deref().unwrap_or(&unknown);
    [
        lease.run.into(),
        key.into(),
        lease.pass.into(),
        lease.number.into(),
        aside.failure.code.as_deref().into(),
        aside.failure.message.as_str().into(),
        fault.constraint.as_deref().into(),
        fault.column.as_deref().into(),
        aside.keep_detail.then_some(fault.detail.as_str()).into(),
    ]
}

impl Ledger {
    /// The rows of a run that are set aside and not resolved, the oldest first; at most `limit`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn quarantined(&mut self, run: i64, limit: i64) -> Result<Vec<QuarantinedRow>, Failure> {
        let d = self.dialect;
        let sql = format!(
            "select run_id, key, pass, slice, code, message, constraint_name, column_name, detail, tries, {at} from {} \
             where run_id = $1 and resolved_at is null order by at, key limit $2",
            d.state_table("quarantine"),
            at = d.seconds("at"),
        );
        self.begin_reading().await?;
        let rows = self.session.fetch(&sql, &[run.into(), limit.into()]).await;
        let rows = self.end(rows, "read the quarantine").await?;
        rows.iter().map(read_quarantined).collect()
    }
}

fn read_quarantined(row: &Row) -> Result<QuarantinedRow, Failure> {
    Ok(QuarantinedRow {
        run: row.int(0)?,
        key: read_key(&row.text(1)?)?,
        pass: row.int(2)?,
        slice: row.int(3)?,
        code: row.text_or_null(4),
        message: row.text(5)?,
        constraint: row.text_or_null(6),
        column: row.text_or_null(7),
        detail: row.text_or_null(8),
        tries: row.int(9)?,
        at: row.real_or_null(10).unwrap_or_default(),
    })
}
