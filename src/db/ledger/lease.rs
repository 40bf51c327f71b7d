//! Who holds a run? Taking, keeping and letting go, judged by the server's clock.

use super::events::NewEvent;
use super::moves::Move;
use super::recorded::Recorded;
use super::report::Report;
use super::runs::read_held;
use super::{Ledger, milliseconds};
use crate::db::failure::Failure;
use crate::db::session::Value;
use crate::run::RunState;
use crate::runner::Runner;
use std::time::Duration;

/// A runner with its lease.
#[derive(Clone, Debug)]
pub struct Held {
    /// Who.
    pub runner: Runner,
    /// Since when, seconds since 1970.
    pub since: f64,
    /// Seconds until the lease ends, by the server's clock; negative when it has.
    pub expires_in: f64,
    /// Seconds until the run may end, at best and at worst, as the runner sees it.
    pub eta: Option<(f64, f64)>,
}

impl Held {
    /// Whether the runner must be taken for alive: its lease lasts, and nothing shows that it died.
    pub fn is_alive(&self) -> bool {
        self.expires_in > 0.0 && !self.runner.is_seen_dead()
    }
}

/// What comes of trying to take a run.
#[derive(Clone, Debug)]
pub enum Taken {
    /// This runner has it; the state it is in now.
    Yes(RunState),
    /// Another runner has it.
    HeldBy(Box<Held>),
    /// Its state does not let a runner begin: paused, or over.
    NotNow(RunState),
}

/// What a heartbeat answers.
#[derive(Clone, Debug)]
pub struct Beat {
    /// The run's state.
    pub state: RunState,
    /// Who made the last move.
    pub actor: Option<String>,
    /// The reason they gave.
    pub reason: Option<String>,
    /// Counts what was done to the run: another number means that a move was made or a knob was set.
    pub version: i64,
    /// How many overrides are in force: one fewer means that one has expired.
    pub overrides: i64,
    /// The run is paused, and its pause is over.
    pub pause_is_over: bool,
    /// How many runs of this database share its limits now, this one included if it does.
    pub sharing: i64,
}

impl Ledger {
    /// Takes a run for `runner` until `lease` has passed, if nobody alive holds it.
    ///
    /// Every slice of the run gets a new token in the same transaction. That waits for a batch of the last holder that
    /// is in hand, and afterwards its token matches nothing: a holder that was only asleep commits no more.
    ///
    /// # Errors
    /// When the database does not answer, or a batch of the last holder stays in hand: try again.
    pub async fn take_run(&mut self, run: i64, runner: &Runner, lease: Duration) -> Result<Taken, Failure> {
        self.begin().await?;
        let taken = self.take_in_transaction(run, runner, lease).await;
        self.end(taken, "take the run").await
    }

    async fn take_in_transaction(&mut self, run: i64, runner: &Runner, lease: Duration) -> Result<Taken, Failure> {
        let (state, held) = self.lock_run(run).await?;
        if let Some(held) = held.filter(|held| held.runner.holder != runner.holder && held.is_alive()) {
            return Ok(Taken::HeldBy(Box::new(held)));
        }
        let state = self.end_pause_in_transaction(run, state, false).await?.unwrap_or(state);
        // A pause or cancel that the last runner did not live to see is reached now: nothing is in hand.
        let next = match state {
            RunState::Queued | RunState::Failed | RunState::Running => RunState::Running,
            RunState::Sweeping => RunState::Sweeping,
            RunState::Pausing | RunState::Paused => RunState::Paused,
            RunState::Cancelling | RunState::Cancelled => RunState::Cancelled,
            RunState::Succeeded => RunState::Succeeded,
        };
        if next != state {
            self.set_state(run, state, &Move::new(next, &runner.actor)).await?;
        }
        if !next.lets_batches_begin() {
            return Ok(Taken::NotNow(next));
        }
        self.write_lease(run, runner, lease).await?;
        let detail = format!("process {} on {}", runner.pid, runner.host);
        let event = NewEvent { detail: Some(&detail), ..NewEvent::new(run, "taken", &runner.actor) };
        self.insert_event(&event).await?;
        Ok(Taken::Yes(next))
    }

    async fn write_lease(&mut self, run: i64, runner: &Runner, lease: Duration) -> Result<(), Failure> {
        let d = self.dialect;
        let holder: Value = runner.holder.as_str().into();
        let take = format!("update {} set holder = $1, token = token + 1 where id = $2", d.state_table("run"));
        self.session.execute(&take, &[holder.clone(), run.into()]).await?;
        let fence = format!(
            "update {} set token = token + 1, holder = $1 where run_id = $2 and not done",
            d.state_table("slice")
        );
        self.session.execute(&fence, &[holder, run.into()]).await?;
        let forget = format!("delete from {} where run_id = $1", d.state_table("heartbeat"));
        self.session.execute(&forget, &[run.into()]).await?;
        let beat = format!(
            "insert into {} (holder, run_id, host, boot_id, pid, pid_started, actor, expires_at) \
             values ($1, $2, $3, $4, $5, $6, $7, {})",
            d.state_table("heartbeat"),
            d.now_plus_ms("$8")
        );
        let values: [Value; 8] = [
            runner.holder.as_str().into(),
            run.into(),
            runner.host.as_str().into(),
            runner.boot_id.as_str().into(),
            runner.pid.into(),
            runner.pid_started.into(),
            runner.actor.as_str().into(),
            milliseconds(lease).into(),
        ];
        self.session.execute(&beat, &values).await.map(drop)
    }

    /// Keeps the lease for another `lease` and reads what was asked of the run. `None`: another runner has it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn beat(
        &mut self,
        run: i64,
        holder: &str,
        lease: Duration,
        report: &Report,
    ) -> Result<Option<Beat>, Failure> {
        self.begin().await?;
        let beat = self.beat_in_transaction(run, holder, lease, report).await;
        self.end(beat, "keep the lease").await
    }

    async fn beat_in_transaction(
        &mut self,
        run: i64,
        holder: &str,
        lease: Duration,
        report: &Report,
    ) -> Result<Option<Beat>, Failure> {
        let d = self.dialect;
        let keep = format!(
            "update {} set expires_at = {}, eta_low_seconds = $4, eta_high_seconds = $5, sharing = ($6 = 1) \
             where holder = $1 and run_id = $3",
            d.state_table("heartbeat"),
            d.now_plus_ms("$2"),
        );
        let (low, high) = report.eta.unzip();
        let [low, high] = [low, high].map(|seconds| seconds.map_or(Value::NoReal, Value::Real));
        let sharing = i64::from(report.sharing).into();
        let values: [Value; 6] = [holder.into(), milliseconds(lease).into(), run.into(), low, high, sharing];
        if self.session.execute(&keep, &values).await? == 1 {
            self.write_report(run, report).await?;
        }
        self.read_beat(run, holder).await
    }

    /// Reads what was asked of the run without writing. `None`: another runner has it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn look(&mut self, run: i64, holder: &str) -> Result<Option<Beat>, Failure> {
        self.begin_reading().await?;
        let beat = self.read_beat(run, holder).await;
        self.end(beat, "read what was asked of the run").await
    }

    pub(super) async fn read_beat(&mut self, run: i64, holder: &str) -> Result<Option<Beat>, Failure> {
        let d = self.dialect;
        let read = format!(
            "select state, actor, reason, version, \
             (select count(*) from {overrides} where run_id = $1 and (expires_at is null or expires_at > {now})), \
             coalesce(state in ('pausing', 'paused') and resume_at <= {now}, false), \
             (select count(*) from {heartbeat} where sharing and expires_at > {now}) \
             from {run} where id = $1 and holder = $2",
            overrides = d.state_table("override"),
            heartbeat = d.state_table("heartbeat"),
            run = d.state_table("run"),
            now = d.now(),
        );
        let rows = self.session.fetch(&read, &[run.into(), holder.into()]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let state = Recorded::new(row, self.place_of(run)).state(0)?;
        Ok(Some(Beat {
            state,
            actor: row.text_or_null(1),
            reason: row.text_or_null(2),
            version: row.int(3)?,
            overrides: row.int(4)?,
            pause_is_over: row.int(5)? == 1,
            sharing: row.int(6)?,
        }))
    }

    /// Lets the run go, so that the next runner need not wait. Nothing happens when another has it.
    ///
    /// # Errors
    /// When the database does not answer; the lease then ends by itself.
    pub async fn release(&mut self, run: i64, runner: &Runner, reason: Option<&str>) -> Result<(), Failure> {
        self.begin().await?;
        let released = self.release_in_transaction(run, runner, reason).await;
        self.end(released, "let the run go").await
    }

    async fn release_in_transaction(&mut self, run: i64, runner: &Runner, reason: Option<&str>) -> Result<(), Failure> {
        let (state, held) = self.lock_run(run).await?;
        if held.is_none_or(|held| held.runner.holder != runner.holder) {
            return Ok(());
        }
        self.clear_lease(run).await?;
        let next = match state {
            RunState::Running | RunState::Sweeping => RunState::Queued,
            RunState::Pausing => RunState::Paused,
            RunState::Cancelling => RunState::Cancelled,
            over_or_waiting => over_or_waiting,
        };
        if next != state {
            let mut by = Move::new(next, &runner.actor);
            by.reason = reason.map(str::to_owned);
            self.set_state(run, state, &by).await?;
        }
        Ok(())
    }

    /// Forgets who holds the run.
    pub(super) async fn clear_lease(&mut self, run: i64) -> Result<(), Failure> {
        let d = self.dialect;
        for sql in [
            format!("update {} set holder = null where id = $1", d.state_table("run")),
            format!("update {} set holder = null where run_id = $1", d.state_table("slice")),
            format!("delete from {} where run_id = $1", d.state_table("heartbeat")),
        ] {
            self.session.execute(&sql, &[run.into()]).await?;
        }
        Ok(())
    }

    /// Locks the run's row; its state and its holder as they are under the lock.
    pub(super) async fn lock_run(&mut self, run: i64) -> Result<(RunState, Option<Held>), Failure> {
        let d = self.dialect;
        let lock = format!("select state from {} where id = $1{}", d.state_table("run"), d.row_lock());
        let rows = self.session.fetch(&lock, &[run.into()]).await?;
        let row = rows.first().ok_or_else(|| Failure::fatal(format!("there is no run {run}")))?;
        let state = Recorded::new(row, self.place_of(run)).state(0)?;
        // A second statement: under READ COMMITTED it sees what was committed while the lock was awaited.
        let read = format!(
            "select h.holder, h.host, h.boot_id, h.pid, h.pid_started, h.actor, {}, {}, \
             h.eta_low_seconds, h.eta_high_seconds, {} \
             from {} as h join {} as r on r.holder = h.holder where r.id = $1",
            d.seconds("h.since"),
            d.seconds("h.expires_at"),
            d.seconds(d.now()),
            d.state_table("heartbeat"),
            d.state_table("run"),
        );
        let rows = self.session.fetch(&read, &[run.into()]).await?;
        let held = rows.first().map(|row| read_held(row, 0, row.real_or_null(10).unwrap_or_default())).transpose()?;
        Ok((state, held.flatten()))
    }

    fn place_of(&self, run: i64) -> String {
        format!("{} of run {run}", self.dialect.state_table("run"))
    }
}
