//! What does a runner tell of its run beside the checkpoints? Its pace, and where the time went. Written with its
//! heartbeat, kept when it has gone.

use super::Ledger;
use crate::db::failure::Failure;
use crate::db::session::Value;
use crate::pace::PaceReport;
use std::collections::BTreeMap;

/// Seconds of a run by the bucket's name.
pub type TimeSpent = BTreeMap<String, f64>;

/// What a runner tells with its heartbeat.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Seconds until the run may end, at best and at worst.
    pub eta: Option<(f64, f64)>,
    /// Its pace.
    pub pace: Option<PaceReport>,
    /// Where the run's time went so far, that of earlier runners included.
    pub spent: TimeSpent,
    /// For how many seconds runners have held it, this one included.
    pub held_seconds: f64,
    /// Whether the run's batches may begin and its limits are shared with the other runs of its database.
    pub sharing: bool,
}

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

    /// Records what a runner tells; the caller's transaction, and its knowledge that the run is its own.
    pub(super) async fn write_report(&mut self, run: i64, report: &Report) -> Result<(), Failure> {
        let d = self.dialect;
        // Numbers and texts of ours always have a JSON form.
        if let Some(pace) = report.pace.as_ref().and_then(|pace| serde_json::to_string(pace).ok()) {
            let sql = format!(
                "insert into {} (run_id, report, reported_at) values ($1, $2, {}) on conflict (run_id) \
                 do update set report = excluded.report, reported_at = excluded.reported_at",
                d.state_table("pace"),
                d.now()
            );
            self.session.execute(&sql, &[run.into(), pace.as_str().into()]).await?;
        }
        let held = format!("update {} set held_seconds = $2 where id = $1", d.state_table("run"));
        self.session.execute(&held, &[run.into(), Value::Real(report.held_seconds)]).await?;
        self.write_time(run, &report.spent).await
    }

    async fn write_time(&mut self, run: i64, spent: &TimeSpent) -> Result<(), Failure> {
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
