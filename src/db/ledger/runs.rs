//! Which runs are there? Found, created, listed.

use super::Ledger;
use super::events::NewEvent;
use super::recorded::Recorded;
use super::slices::NewSlice;
use crate::db::dialect::Dialect;
use crate::db::failure::Failure;
use crate::db::session::{Row, Value};
use crate::key::{Key, KeyRange};
use crate::pace::PaceReport;
use crate::plan::{End, Extent, Route, TableSizes};
use crate::run::RunState;
use crate::runner::Runner;

/// A run as it is recorded, with the sums of its slices.
#[derive(Clone, Debug)]
pub struct RunRecord {
    /// Its number.
    pub id: i64,
    /// Its job's name.
    pub job: String,
    /// Of what the job does.
    pub digest: String,
    /// The whole job file, as its last runner had it.
    pub job_text: String,
    /// The table it walks.
    pub table_name: String,
    /// Server, table and columns.
    pub place: String,
    /// Where it is.
    pub state: RunState,
    /// The frozen upper bound; `None`: the table was empty.
    pub bound: Option<Key>,
    /// Where the parts of its walk end, unless it goes over the whole table by its key.
    pub ends: Vec<End>,
    /// Whether a sweep proves its end.
    pub swept: bool,
    /// Rows of the table at the start, from statistics.
    pub estimated_rows: i64,
    /// Who made the last move.
    pub actor: Option<String>,
    /// The reason they gave.
    pub reason: Option<String>,
    /// Why it failed.
    pub failure: Option<String>,
    /// Batches tried again.
    pub retries: i64,
    /// Rows that are set aside and not resolved.
    pub rows_quarantined: i64,
    /// For how many seconds runners have held it.
    pub held_seconds: f64,
    /// When it was created, seconds since 1970.
    pub created_at: f64,
    /// When it made its last move, seconds since 1970.
    pub moved_at: f64,
    /// When it ended, seconds since 1970.
    pub ended_at: Option<f64>,
    /// The server's clock when this was read, seconds since 1970.
    pub read_at: f64,
    /// Counts what was done to it: its moves and its overrides.
    pub version: i64,
    /// Whether a scheduler may take it.
    pub submitted: bool,
    /// Whether its place, bound and slices are made; a submitted run's are when it is first taken.
    pub planned: bool,
    /// Schedulers take the higher first.
    pub priority: i64,
    /// No scheduler takes it earlier, seconds since 1970.
    pub not_before: Option<f64>,
    /// When its pause ends by itself, seconds since 1970.
    pub resume_at: Option<f64>,
    /// Its runner, if one holds it.
    pub held: Option<super::Held>,
    /// Its pace, as its last runner told.
    pub pace: Option<PaceReport>,
    /// Seconds since it told.
    pub reported_ago: f64,
    /// How large table and indexes were before the first batch, where the database tells.
    pub sizes_before: Option<TableSizes>,
}

/// A run to be.
#[derive(Clone, Debug)]
pub struct NewRun {
    /// Its job's name.
    pub job: String,
    /// Of what the job does.
    pub digest: String,
    /// The whole job file.
    pub job_text: String,
    /// The table it walks, as the catalog names it.
    pub table_name: String,
    /// Server, table and columns.
    pub place: String,
    /// How far its passes go.
    pub extent: Extent,
    /// Whether a sweep proves its end.
    pub swept: bool,
    /// Rows of the table, from statistics.
    pub estimated_rows: i64,
    /// The slices of the walk, those of one part ascending.
    pub slices: Vec<(Route, KeyRange)>,
    /// How large table and indexes are, where the database tells.
    pub sizes: Option<TableSizes>,
    /// Who asked for it.
    pub actor: String,
}

impl NewRun {
    /// The sizes as they are stored.
    pub(super) fn stored_sizes(&self) -> Option<String> {
        // Numbers and texts of ours always have a JSON form.
        self.sizes.as_ref().and_then(|sizes| serde_json::to_string(sizes).ok())
    }
}

impl RunRecord {
    /// How far its passes go.
    pub fn extent(&self) -> Extent {
        match self.ends.as_slice() {
            [] => Extent::plain(self.bound.clone()),
            ends => Extent { walk: ends.to_vec(), bound: self.bound.clone() },
        }
    }

    /// Whether the run is paused, and was to go on by now.
    pub fn pause_is_over(&self) -> bool {
        let is_paused = matches!(self.state, RunState::Pausing | RunState::Paused);
        is_paused && self.resume_at.is_some_and(|resume_at| resume_at <= self.read_at)
    }
}

impl Ledger {
    /// The newest run of that job.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn newest_run(&mut self, job: &str) -> Result<Option<RunRecord>, Failure> {
        let condition =
            format!("where r.id = (select max(id) from {} where job = $1)", self.dialect.state_table("run"));
        Ok(self.read_runs(&condition, &[job.into()], "find the job's run").await?.pop())
    }

    /// The run of that number.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn run(&mut self, id: i64) -> Result<Option<RunRecord>, Failure> {
        Ok(self.read_runs("where r.id = $1", &[id.into()], "read the run").await?.pop())
    }

    /// The newest run of every job, newest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn newest_runs(&mut self) -> Result<Vec<RunRecord>, Failure> {
        let run = self.dialect.state_table("run");
        let condition = format!("where r.id in (select max(id) from {run} group by job) order by r.id desc");
        self.read_runs(&condition, &[], "list the runs").await
    }

    /// The run that is not over on that table, if there is one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn run_on_table(&mut self, table_name: &str) -> Result<Option<RunRecord>, Failure> {
        let condition = "where r.table_name = $1 and r.planned and r.state not in ('succeeded', 'failed', 'cancelled')";
        Ok(self.read_runs(condition, &[table_name.into()], "look for another run on the table").await?.pop())
    }

    /// Records a run with its slices; its number.
    ///
    /// # Errors
    /// When the database does not answer, or has a run on the table that is not over.
    pub async fn create_run(&mut self, new: &NewRun) -> Result<i64, Failure> {
        self.begin().await?;
        let created = self.insert_run(new).await;
        self.end(created, "record the run").await
    }

    /// Keeps the job file as its new runner has it: how fast it goes and how many rows may fail are not pinned.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn keep_job_text(&mut self, run: i64, holder: &str, text: &str) -> Result<(), Failure> {
        self.begin().await?;
        let sql = format!("update {} set job_text = $3 where id = $1 and holder = $2", self.dialect.state_table("run"));
        let kept = self.session.execute(&sql, &[run.into(), holder.into(), text.into()]).await.map(drop);
        self.end(kept, "keep the job file").await
    }

    async fn insert_run(&mut self, new: &NewRun) -> Result<i64, Failure> {
        let sql = format!(
            "insert into {} (job, digest, job_text, table_name, place, state, bound_key, swept, estimated_rows, actor, ends, \
             sizes_before) values ($1, $2, $3, $4, $5, 'queued', $6, ($7 = 1), $8, $9, $10, $11) returning id",
            self.dialect.state_table("run")
        );
        let bound = new.extent.bound.as_ref().map(Key::to_stored);
        let values: Vec<Value> = vec![
            new.job.as_str().into(),
            new.digest.as_str().into(),
            new.job_text.as_str().into(),
            new.table_name.as_str().into(),
            new.place.as_str().into(),
            bound.as_deref().into(),
            i64::from(new.swept).into(),
            new.estimated_rows.into(),
            new.actor.as_str().into(),
            stored_ends(&new.extent).as_deref().into(),
            new.stored_sizes().as_deref().into(),
        ];
        let id = self.insert_returning_id(&sql, &values).await?;
        for (number, (route, range)) in (0..).zip(&new.slices) {
            self.insert_slice(&NewSlice { run: id, pass: 0, number, route, range }).await?;
        }
        let event = NewEvent { to: Some(RunState::Queued), ..NewEvent::new(id, "created", &new.actor) };
        self.insert_event(&event).await?;
        Ok(id)
    }

    pub(super) async fn read_runs(
        &mut self,
        condition: &str,
        values: &[Value],
        doing: &str,
    ) -> Result<Vec<RunRecord>, Failure> {
        let sql = format!("{} {condition}", select_runs(self.dialect));
        self.begin_reading().await?;
        let rows = self.session.fetch(&sql, values).await;
        let rows = self.end(rows, doing).await?;
        let table = self.dialect.state_table("run");
        rows.iter().map(|row| read_run(row, &table)).collect()
    }
}

/// Only what `bound_key` does not say.
pub(super) fn stored_ends(extent: &Extent) -> Option<String> {
    let is_plain = extent.walk.iter().all(|end| end.route.is_plain());
    (!is_plain).then(|| serde_json::json!(extent.walk).to_string())
}

fn select_runs(d: Dialect) -> String {
    format!(
        "select r.id, r.job, r.digest, r.job_text, r.table_name, r.place, r.state, r.bound_key, r.swept, \
         r.estimated_rows, r.actor, r.reason, r.failure, r.retries, {created}, {moved}, {ended}, {now}, \
         r.held_seconds, h.holder, h.host, h.boot_id, h.pid, h.pid_started, h.actor, {since}, {expires}, \
         h.eta_low_seconds, h.eta_high_seconds, p.report, {reported}, r.rows_quarantined, r.version, r.submitted, \
         r.planned, r.priority, {not_before}, {resume_at}, r.ends, r.sizes_before \
         from {run} as r left join {heartbeat} as h on h.holder = r.holder left join {pace} as p on p.run_id = r.id",
        created = d.seconds("r.created_at"),
        moved = d.seconds("r.moved_at"),
        ended = d.seconds("r.ended_at"),
        now = d.seconds(d.now()),
        since = d.seconds("h.since"),
        expires = d.seconds("h.expires_at"),
        reported = d.seconds("p.reported_at"),
        not_before = d.seconds("r.not_before"),
        resume_at = d.seconds("r.resume_at"),
        run = d.state_table("run"),
        heartbeat = d.state_table("heartbeat"),
        pace = d.state_table("pace"),
    )
}

fn read_run(row: &Row, table: &str) -> Result<RunRecord, Failure> {
    let id = Recorded::new(row, table.to_owned()).int(0, "id")?;
    let run = Recorded::new(row, format!("{table} of run {id}"));
    let read_at = row.real_or_null(17).unwrap_or_default();
    Ok(RunRecord {
        id,
        job: run.text(1, "job")?,
        digest: run.text(2, "digest")?,
        job_text: run.text(3, "job_text")?,
        table_name: run.text(4, "table_name")?,
        place: run.text(5, "place")?,
        state: run.state(6)?,
        bound: run.key_or_null(7, "bound_key")?,
        ends: run.ends(38, "ends")?,
        swept: run.int(8, "swept")? == 1,
        estimated_rows: run.int(9, "estimated_rows")?,
        actor: row.text_or_null(10),
        reason: row.text_or_null(11),
        failure: row.text_or_null(12),
        retries: run.int(13, "retries")?,
        created_at: row.real_or_null(14).unwrap_or_default(),
        moved_at: row.real_or_null(15).unwrap_or_default(),
        ended_at: row.real_or_null(16),
        read_at,
        rows_quarantined: row.int(31)?,
        version: run.int(32, "version")?,
        submitted: run.int(33, "submitted")? == 1,
        planned: run.int(34, "planned")? == 1,
        priority: run.int(35, "priority")?,
        not_before: row.real_or_null(36),
        resume_at: row.real_or_null(37),
        held_seconds: row.real_or_null(18).unwrap_or_default(),
        held: read_held(row, 19, read_at)?,
        // A report of another tidegate that this one does not read is no report.
        pace: row.text_or_null(29).and_then(|json| serde_json::from_str(&json).ok()),
        reported_ago: read_at - row.real_or_null(30).unwrap_or(read_at),
        sizes_before: row.text_or_null(39).and_then(|json| serde_json::from_str(&json).ok()),
    })
}

/// Reads a heartbeat's columns where a row has them from `first` on.
pub(super) fn read_held(row: &Row, first: usize, read_at: f64) -> Result<Option<super::Held>, Failure> {
    let Some(holder) = row.text_or_null(first) else { return Ok(None) };
    let heartbeat = Recorded::new(row, "the heartbeat of the run".to_owned());
    let runner = Runner {
        holder,
        host: heartbeat.text(first + 1, "host")?,
        boot_id: heartbeat.text(first + 2, "boot_id")?,
        pid: heartbeat.int(first + 3, "pid")?,
        pid_started: heartbeat.int(first + 4, "pid_started")?,
        actor: heartbeat.text(first + 5, "actor")?,
    };
    let since = row.real_or_null(first + 6).unwrap_or_default();
    let expires_in = row.real_or_null(first + 7).unwrap_or_default() - read_at;
    let eta = row.real_or_null(first + 8).zip(row.real_or_null(first + 9));
    Ok(Some(super::Held { runner, since, expires_in, eta }))
}
