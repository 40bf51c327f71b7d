//! Which runs wait for a scheduler, and how do they come and go there? Submitted, listed, planned when they are first
//! taken, given up when they may not run. Knows neither when a run is due nor who takes it: `scheduler` decides, this
//! records.

use super::Ledger;
use super::events::NewEvent;
use super::moves::Move;
use super::runs::{NewRun, RunRecord, stored_ends};
use super::slices::NewSlice;
use crate::db::failure::{Class, Failure};
use crate::db::session::Value;
use crate::key::Key;
use crate::run::RunState;

/// A job that is to be run by whoever has the time.
#[derive(Clone, Debug)]
pub struct NewSubmission {
    /// Its name.
    pub job: String,
    /// Of what it does.
    pub digest: String,
    /// The whole job file.
    pub job_text: String,
    /// The table it walks, as the job file names it.
    pub table_name: String,
    /// The higher is taken first.
    pub priority: i64,
    /// Not taken earlier, seconds since 1970.
    pub not_before: Option<f64>,
    /// Who submits it: `user@host`.
    pub actor: String,
}

/// What comes of a submission.
#[derive(Clone, Debug)]
pub enum Submitted {
    /// A new run of that number waits.
    Queued(i64),
    /// The job's run of that number, which was not over, goes on by a scheduler.
    HandedOver(i64),
    /// The job's newest run is in the way: it does something else, is paused, or somebody has it.
    NotNow(Box<RunRecord>),
    /// A run of another job has its table.
    TableBusy(Box<RunRecord>),
}

/// What the job's newest run means for a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Newest {
    IsOver,
    GoesOn,
    IsInTheWay,
}

impl Newest {
    /// Decides by the run's state, whether a runner is alive, and whether the job still does the same. Pure.
    fn of(state: RunState, alive: bool, same_digest: bool) -> Self {
        match state {
            RunState::Succeeded | RunState::Cancelled => Self::IsOver,
            RunState::Queued | RunState::Failed | RunState::Running | RunState::Sweeping if !alive && same_digest => {
                Self::GoesOn
            }
            _ => Self::IsInTheWay,
        }
    }
}

/// A submission under the lock of the job's newest run; the numbers are those of runs.
enum Entered {
    Queued(i64),
    HandedOver(i64),
    NotNow(i64),
    TableBusy(i64),
}

/// States of a run that is neither over nor failed, as a list of SQL.
const UNFINISHED: &str = "('queued', 'running', 'pausing', 'paused', 'cancelling', 'sweeping')";

/// The codes of PostgreSQL and of SQLite for what an index has already: here, a run of the job or on the table.
const DUPLICATE: &[&str] = &["23505", "2067"];

impl Ledger {
    /// Queues a run of a job, or hands the one over that it has.
    ///
    /// # Errors
    /// When the database does not answer, or somebody else began a run of the job at the same moment: then the next try
    /// finds that run.
    pub async fn submit(&mut self, new: &NewSubmission) -> Result<Submitted, Failure> {
        self.begin().await?;
        let entered = self.submit_in_transaction(new).await;
        let entered = match self.end(entered, "submit the job").await {
            Err(failure) if failure.has_code(DUPLICATE) => return Err(failure.classed(Class::Retry)),
            entered => entered?,
        };
        Ok(match entered {
            Entered::Queued(run) => Submitted::Queued(run),
            Entered::HandedOver(run) => Submitted::HandedOver(run),
            Entered::NotNow(run) => Submitted::NotNow(Box::new(self.existing_run(run).await?)),
            Entered::TableBusy(run) => Submitted::TableBusy(Box::new(self.existing_run(run).await?)),
        })
    }

    async fn existing_run(&mut self, run: i64) -> Result<RunRecord, Failure> {
        self.run(run).await?.ok_or_else(|| Failure::fatal("the run's record is gone"))
    }

    async fn submit_in_transaction(&mut self, new: &NewSubmission) -> Result<Entered, Failure> {
        let table = self.dialect.state_table("run");
        let newest = format!("select id, digest from {table} where id = (select max(id) from {table} where job = $1)");
        let rows = self.session.fetch(&newest, &[new.job.as_str().into()]).await?;
        let Some(row) = rows.first() else { return self.insert_submission(new).await };
        let (run, digest) = (row.int(0)?, row.text(1)?);
        let (state, held) = self.lock_run(run).await?;
        let alive = held.is_some_and(|held| held.is_alive());
        match Newest::of(state, alive, digest == new.digest) {
            Newest::IsOver => self.insert_submission(new).await,
            Newest::GoesOn => self.hand_over(run, state, new).await,
            Newest::IsInTheWay => Ok(Entered::NotNow(run)),
        }
    }

    async fn insert_submission(&mut self, new: &NewSubmission) -> Result<Entered, Failure> {
        let sql = format!(
            "insert into {} (job, digest, job_text, table_name, priority, not_before, actor, \
             submitted, planned, place, state, swept, estimated_rows) \
             values ($1, $2, $3, $4, $5, {}, $7, true, false, '', 'queued', false, 0) returning id",
            self.dialect.state_table("run"),
            self.dialect.moment("$6"),
        );
        let values: [Value; 7] = [
            new.job.as_str().into(),
            new.digest.as_str().into(),
            new.job_text.as_str().into(),
            new.table_name.as_str().into(),
            new.priority.into(),
            new.not_before.map_or(Value::NoReal, Value::Real),
            new.actor.as_str().into(),
        ];
        let run = self.insert_returning_id(&sql, &values).await?;
        self.note_submission(run, new, Some(RunState::Queued)).await?;
        Ok(Entered::Queued(run))
    }

    /// From now on a scheduler may take the run. The caller holds the lock on its row.
    async fn hand_over(&mut self, run: i64, state: RunState, new: &NewSubmission) -> Result<Entered, Failure> {
        if let Some(other) = self.other_on_table(run).await? {
            return Ok(Entered::TableBusy(other));
        }
        if state == RunState::Failed {
            self.set_state(run, state, &Move::new(RunState::Queued, &new.actor)).await?;
        }
        let sql = format!(
            "update {} set submitted = true, priority = $2, not_before = {}, job_text = $4, version = version + 1 \
             where id = $1",
            self.dialect.state_table("run"),
            self.dialect.moment("$3"),
        );
        let not_before = new.not_before.map_or(Value::NoReal, Value::Real);
        let values: [Value; 4] = [run.into(), new.priority.into(), not_before, new.job_text.as_str().into()];
        self.session.execute(&sql, &values).await?;
        self.note_submission(run, new, None).await?;
        Ok(Entered::HandedOver(run))
    }

    async fn note_submission(&mut self, run: i64, new: &NewSubmission, to: Option<RunState>) -> Result<(), Failure> {
        let detail = format!("priority {}", new.priority);
        let event = NewEvent { to, detail: Some(&detail), ..NewEvent::new(run, "submitted", &new.actor) };
        self.insert_event(&event).await
    }

    /// Another run that is planned for this run's table and not over.
    async fn other_on_table(&mut self, run: i64) -> Result<Option<i64>, Failure> {
        let table = self.dialect.state_table("run");
        let sql = format!(
            "select other.id from {table} as other join {table} as r on r.table_name = other.table_name \
             where r.id = $1 and other.id <> r.id and r.planned and other.planned and other.state in {UNFINISHED}"
        );
        let rows = self.session.fetch(&sql, &[run.into()]).await?;
        rows.first().map(|row| row.int(0)).transpose()
    }

    /// Every run that is neither over nor failed, whoever has it: what may be taken, and what is in its way.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn unfinished_runs(&mut self) -> Result<Vec<RunRecord>, Failure> {
        let condition = format!("where r.state in {UNFINISHED} order by r.priority desc, r.id");
        self.read_runs(&condition, &[], "look for runs that wait").await
    }

    /// Records place, bound and slices of a run that was only submitted. Nothing happens when they are there: another
    /// runner was faster, and its plan is as good.
    ///
    /// # Errors
    /// When the database does not answer, or has another run on the table that is not over.
    pub async fn plan_run(&mut self, run: i64, plan: &NewRun) -> Result<(), Failure> {
        self.begin().await?;
        let planned = self.plan_in_transaction(run, plan).await;
        self.end(planned, "record the plan of the run").await
    }

    async fn plan_in_transaction(&mut self, run: i64, plan: &NewRun) -> Result<(), Failure> {
        self.lock_run(run).await?;
        let sql = format!(
            "update {} set table_name = $2, place = $3, bound_key = $4, swept = ($5 = 1), estimated_rows = $6, \
             ends = $7, sizes_before = $8, planned = true where id = $1 and not planned and state <> 'cancelled'",
            self.dialect.state_table("run"),
        );
        let bound = plan.extent.bound.as_ref().map(Key::to_stored);
        let values: [Value; 8] = [
            run.into(),
            plan.table_name.as_str().into(),
            plan.place.as_str().into(),
            bound.as_deref().into(),
            i64::from(plan.swept).into(),
            plan.estimated_rows.into(),
            stored_ends(&plan.extent).as_deref().into(),
            plan.stored_sizes().as_deref().into(),
        ];
        if self.session.execute(&sql, &values).await? == 0 {
            return Ok(());
        }
        for (number, (route, range)) in (0..).zip(&plan.slices) {
            self.insert_slice(&NewSlice { run, pass: 0, number, route, range }).await?;
        }
        let detail = format!("{} slices of {}", plan.slices.len(), plan.table_name);
        let event = NewEvent { detail: Some(&detail), ..NewEvent::new(run, "planned", &plan.actor) };
        self.insert_event(&event).await
    }

    /// Fails a run that a scheduler cannot begin, so that nobody tries it again before the cause is mended. `false`:
    /// somebody has it, or it has moved meanwhile.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn give_up(&mut self, run: i64, actor: &str, why: &str) -> Result<bool, Failure> {
        self.begin().await?;
        let given_up = self.give_up_in_transaction(run, actor, why).await;
        self.end(given_up, "give the run up").await
    }

    async fn give_up_in_transaction(&mut self, run: i64, actor: &str, why: &str) -> Result<bool, Failure> {
        let (state, held) = self.lock_run(run).await?;
        if !state.may_become(RunState::Failed) || held.is_some_and(|held| held.is_alive()) {
            return Ok(false);
        }
        let by = Move { failure: Some(why.to_owned()), ..Move::new(RunState::Failed, actor) };
        self.set_state(run, state, &by).await?;
        self.clear_lease(run).await?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_run_that_nobody_has_and_that_does_the_same_is_handed_over() {
        for state in RunState::ALL {
            let free = Newest::of(state, false, true);
            let expected = match state {
                RunState::Succeeded | RunState::Cancelled => Newest::IsOver,
                RunState::Pausing | RunState::Paused | RunState::Cancelling => Newest::IsInTheWay,
                RunState::Queued | RunState::Running | RunState::Sweeping | RunState::Failed => Newest::GoesOn,
            };
            assert_eq!(free, expected, "{state}");
            let in_the_way = if state.is_over() { Newest::IsOver } else { Newest::IsInTheWay };
            assert_eq!(Newest::of(state, true, true), in_the_way, "{state}, a runner has it");
            assert_eq!(Newest::of(state, false, false), in_the_way, "{state}, another text");
        }
    }
}
