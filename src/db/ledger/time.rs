//! Where did a run's time go? Seconds by bucket, kept up by the runner that holds it.

use super::Ledger;
use crate::db::failure::Failure;
use crate::db::session::Value;
use std::collections::BTreeMap;

/// Seconds of a run by the bucket's name.
pub type TimeSpent = BTreeMap<String, f64>;

impl Ledger {
    /// The time of all runners of a run.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn time_spent(&mut self, run: i64) -> Result<TimeSpent, Failure> {
        let sql = format!("select bucket, seconds from {} where run_id = $1", self.dialect.state_table("time_ledger"));
        self.begin_reading().await?;
        let rows = self.session.fetch(&sql, &[run.into()]).await;
        let rows = self.end(rows, "read where the time went").await?;
        rows.iter().map(|row| Ok((row.text(0)?, row.real_or_null(1).unwrap_or_default()))).collect()
    }

    /// Records the time of a run; the caller's transaction, and its knowledge that the run is its own.
    pub(super) async fn write_time(&mut self, run: i64, spent: &TimeSpent, held_seconds: f64) -> Result<(), Failure> {
        let held = format!("update {} set held_seconds = $2 where id = $1", self.dialect.state_table("run"));
        self.session.execute(&held, &[run.into(), Value::Real(held_seconds)]).await?;
        if spent.is_empty() {
            return Ok(());
        }
        let row = |number: usize| format!("($1, ${}, ${})", number * 2 + 2, number * 2 + 3);
        let rows: Vec<_> = (0..spent.len()).map(row).collect();
        let sql = format!(
            "insert into {} (run_id, bucket, seconds) values {} \
             on conflict (run_id, bucket) do update set seconds = excluded.seconds",
            self.dialect.state_table("time_ledger"),
            rows.join(", ")
        );
        let parts = spent.iter().flat_map(|(bucket, seconds)| [bucket.as_str().into(), Value::Real(*seconds)]);
        let values: Vec<Value> = std::iter::once(run.into()).chain(parts).collect();
        self.session.execute(&sql, &values).await.map(drop)
    }
}
