//! What becomes of a row that was set aside, when it is tried again? It is locked, and resolved together with its change;
//! or it stays, with its new error. Knows neither how it is changed nor who asks for it.

use super::Ledger;
use super::quarantine::QuarantinedRow;
use crate::db::dialect::{Dialect, literal};
use crate::db::failure::{Failure, RowFault};
use crate::db::session::{Session, Value};
use crate::db::statement::BatchStatements;

/// A row of the quarantine under its lock.
pub(crate) struct LockedAside {
    /// Server, table and columns as they are now.
    pub(crate) place: String,
    /// Whether the table has a row of that key.
    pub(crate) is_there: bool,
}

/// Locks a row of the quarantine and its run, in the caller's transaction; `key` is what the row's key binds. `None`: it is
/// resolved by now, the run was cancelled, or its holder is not this one any more.
///
/// Under the run's lock nobody can take the run. The row is looked for in the output of the locking read, because what
/// stands there is computed anew when the lock had to be waited for, and under a lock on the table that `place` names.
pub(crate) async fn lock_row_aside<S: Session>(
    session: &mut S,
    statements: &BatchStatements,
    place: &str,
    row: &QuarantinedRow,
    holder: Option<&str>,
    key: &[Value],
) -> Result<Option<LockedAside>, Failure> {
    let dialect = statements.dialect();
    let sql = format!(
        "select {place} as place, {is_there} as is_there from {quarantine} as q join {run} as r on r.id = q.run_id \
         where q.run_id = {run_id} and q.key = ${stored} and q.resolved_at is null \
         and r.{holder} and r.state <> 'cancelled'{lock}",
        is_there = statements.is_there(),
        quarantine = dialect.state_table("quarantine"),
        run = dialect.state_table("run"),
        run_id = row.run,
        stored = key.len() + 1,
        holder = holder.map_or("holder is null".to_owned(), |holder| format!("holder = {}", literal(holder))),
        lock = dialect.row_lock(),
    );
    let mut values = key.to_vec();
    values.push(row.key.to_stored().as_str().into());
    let rows = session.fetch(&sql, &values).await?;
    rows.first().map(|row| Ok(LockedAside { place: row.text(0)?, is_there: row.int(1)? == 1 })).transpose()
}

/// Takes a row off the quarantine and adds what was changed to its slice, so that the checkpoints of a run still add up to
/// the rows it changed. In the transaction of the change.
pub(crate) async fn resolve<S: Session>(
    session: &mut S,
    dialect: Dialect,
    row: &QuarantinedRow,
    rows_changed: u64,
) -> Result<(), Failure> {
    let mark = format!(
        "update {} set resolved_at = {}, tries = tries + 1 where run_id = $1 and key = $2 and resolved_at is null",
        dialect.state_table("quarantine"),
        dialect.now()
    );
    let add = format!(
        "update {} set rows_changed = rows_changed + $4 where run_id = $1 and pass = $2 and slice = $3",
        dialect.state_table("slice")
    );
    let count =
        format!("update {} set rows_quarantined = rows_quarantined - 1 where id = $1", dialect.state_table("run"));
    let rows_changed = i64::try_from(rows_changed).unwrap_or(i64::MAX);
    let run = row.run;
    let statements: [(&str, &[Value]); 3] = [
        (&mark, &[run.into(), row.key.to_stored().as_str().into()]),
        (&add, &[run.into(), row.pass.into(), row.slice.into(), rows_changed.into()]),
        (&count, &[run.into()]),
    ];
    for (sql, values) in statements {
        if session.execute(sql, values).await? != 1 {
            return Err(Failure::fatal("the state tables are not as this run left them; nothing was written"));
        }
    }
    Ok(())
}

impl Ledger {
    /// Keeps the error of another try of a row that stays aside.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn note_failed_try(
        &mut self,
        row: &QuarantinedRow,
        failure: &Failure,
        keep_detail: bool,
    ) -> Result<(), Failure> {
        let sql = format!(
            "update {} set tries = tries + 1, code = $3, message = $4, constraint_name = $5, column_name = $6, detail = $7 \
             where run_id = $1 and key = $2 and resolved_at is null",
            self.dialect.state_table("quarantine")
        );
        let unknown = RowFault::default();
        let fault = failure.row.as_deref().unwrap_or(&unknown);
        let values: [Value; 7] = [
            row.run.into(),
            row.key.to_stored().as_str().into(),
            failure.code.as_deref().into(),
            failure.message.as_str().into(),
            fault.constraint.as_deref().into(),
            fault.column.as_deref().into(),
            keep_detail.then_some(fault.detail.as_str()).into(),
        ];
        self.begin().await?;
        let noted = self.session.execute(&sql, &values).await.map(drop);
        self.end(noted, "keep the error of a row").await
    }
}
