//! How does a run's state change? By compare-and-set, with its event in the same transaction.

use super::events::NewEvent;
use super::pauses::lasting;
use super::slices::SliceRecord;
use super::{Ledger, milliseconds};
use crate::db::failure::Failure;
use crate::db::session::Value;
use crate::run::{Answer, Intent, RunState, answer};
use std::time::Duration;

/// A move and who makes it.
#[derive(Clone, Debug)]
pub struct Move {
    /// The state it leads to.
    pub to: RunState,
    /// Who: `user@host`.
    pub actor: String,
    /// Why, as they said.
    pub reason: Option<String>,
    /// The failure that ends the run.
    pub failure: Option<String>,
    /// After how long a pause ends by itself.
    pub resume_in: Option<Duration>,
}

impl Move {
    /// A move without a reason.
    pub fn new(to: RunState, actor: &str) -> Self {
        Self { to, actor: actor.to_owned(), reason: None, failure: None, resume_in: None }
    }
}

/// Who asks for a move, and on what terms.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Who: `user@host`.
    pub actor: String,
    /// Why, as they said.
    pub reason: Option<String>,
    /// After how long a pause ends by itself; `None`: when somebody resumes.
    pub resume_in: Option<Duration>,
    /// The run's version that they saw; with another one by now, nothing moves.
    pub if_version: Option<i64>,
}

impl Asked {
    /// Asked without terms.
    pub fn by(actor: &str, reason: Option<&str>) -> Self {
        Self { actor: actor.to_owned(), reason: reason.map(str::to_owned), ..Self::default() }
    }
}

/// What came of an intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The state as it was.
    pub from: RunState,
    /// What was decided.
    pub answer: Answer,
    /// The run's version as it is now.
    pub version: i64,
}

/// What came of ending a run as succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Success {
    /// It is.
    Reached,
    /// Its state is another by now, or another runner has it.
    NotNow,
    /// What is recorded does not prove the end any more.
    NotProven,
}

impl Ledger {
    /// Does what an operator asks, if the run's state allows it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn ask(&mut self, run: i64, intent: Intent, asked: &Asked) -> Result<Moved, Failure> {
        self.begin().await?;
        let moved = self.ask_in_transaction(run, intent, asked).await;
        self.end(moved, &format!("{} the run", intent.as_str())).await
    }

    async fn ask_in_transaction(&mut self, run: i64, intent: Intent, asked: &Asked) -> Result<Moved, Failure> {
        let (from, held) = self.lock_run(run).await?;
        let version = self.version_of(run).await?;
        if asked.if_version.is_some_and(|seen| seen != version) {
            return Ok(Moved { from, answer: Answer::Conflict, version });
        }
        let alive = held.is_some_and(|held| held.is_alive());
        let answer = answer(from, intent, alive);
        let counted = match answer {
            Answer::Move(to) => {
                let Asked { reason, resume_in, .. } = asked.clone();
                self.set_state(run, from, &Move { reason, resume_in, ..Move::new(to, &asked.actor) }).await?;
                if to.is_over() {
                    self.clear_lease(run).await?;
                }
                true
            }
            Answer::AlreadySo if intent == Intent::Pause => self.change_pause(run, asked).await?,
            Answer::AlreadySo | Answer::Refused | Answer::Conflict => false,
        };
        Ok(Moved { from, answer, version: version + i64::from(counted) })
    }

    /// Moves a run that `holder` holds from one of these states. `true` also when the run is there already, so that a
    /// move whose answer was lost may be made again. `false`: its state is another by now, or another runner has it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn move_held(&mut self, run: i64, holder: &str, from: &[RunState], by: &Move) -> Result<bool, Failure> {
        self.begin().await?;
        let moved = self.move_held_in_transaction(run, holder, from, by).await;
        self.end(moved, &format!("move the run to {}", by.to)).await
    }

    async fn move_held_in_transaction(
        &mut self,
        run: i64,
        holder: &str,
        from: &[RunState],
        by: &Move,
    ) -> Result<bool, Failure> {
        let (state, held) = self.lock_run(run).await?;
        if state == by.to {
            return Ok(true);
        }
        if !from.contains(&state) || held.is_none_or(|held| held.runner.holder != holder) {
            return Ok(false);
        }
        self.set_state(run, state, by).await?;
        if by.to.is_over() || by.to == RunState::Failed {
            self.clear_lease(run).await?;
        }
        Ok(true)
    }

    /// Ends a run that `holder` holds as succeeded, if the slices, read in the transaction that records it, still prove the
    /// end. What was read before may never have been: batches do not wait for the disk, and a crash takes them back.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn succeed(
        &mut self,
        run: i64,
        holder: &str,
        actor: &str,
        proves: &(dyn Fn(&[SliceRecord]) -> bool + Sync),
    ) -> Result<Success, Failure> {
        self.begin().await?;
        let succeeded = self.succeed_in_transaction(run, holder, actor, proves).await;
        self.end(succeeded, "end the run as succeeded").await
    }

    async fn succeed_in_transaction(
        &mut self,
        run: i64,
        holder: &str,
        actor: &str,
        proves: &(dyn Fn(&[SliceRecord]) -> bool + Sync),
    ) -> Result<Success, Failure> {
        let (state, held) = self.lock_run(run).await?;
        if state == RunState::Succeeded {
            return Ok(Success::Reached);
        }
        if state != RunState::Sweeping || held.is_none_or(|held| held.runner.holder != holder) {
            return Ok(Success::NotNow);
        }
        if !proves(&self.read_slices(run).await?) {
            return Ok(Success::NotProven);
        }
        self.set_state(run, state, &Move::new(RunState::Succeeded, actor)).await?;
        self.clear_lease(run).await?;
        Ok(Success::Reached)
    }

    /// Adds to the number of batches that were tried again.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn count_retries(&mut self, run: i64, retries: u64) -> Result<(), Failure> {
        self.begin().await?;
        let sql = format!("update {} set retries = retries + $2 where id = $1", self.dialect.state_table("run"));
        let retries = i64::try_from(retries).unwrap_or(i64::MAX);
        let counted = self.session.execute(&sql, &[run.into(), retries.into()]).await.map(drop);
        self.end(counted, "count the retries").await
    }

    /// The one place where a state is written. The caller holds the lock on the run's row.
    pub(super) async fn set_state(&mut self, run: i64, from: RunState, by: &Move) -> Result<(), Failure> {
        if !from.may_become(by.to) {
            return Err(Failure::fatal(format!("a {from} run cannot become {}", by.to)));
        }
        let d = self.dialect;
        let ended = if by.to.is_over() || by.to == RunState::Failed { d.now() } else { "null" };
        let resume_at = match by.resume_in {
            Some(_) => d.now_plus_ms("$7"),
            // Asked and reached are one pause; it ends when it was to.
            None if (from, by.to) == (RunState::Pausing, RunState::Paused) => "resume_at".to_owned(),
            None => "null".to_owned(),
        };
        let sql = format!(
            "update {} set state = $1, actor = $2, reason = $3, failure = $4, version = version + 1, \
             moved_at = {}, ended_at = {ended}, resume_at = {resume_at} \
             where id = $5 and state = $6",
            d.state_table("run"),
            d.now()
        );
        let mut values: Vec<Value> = vec![
            by.to.as_str().into(),
            by.actor.as_str().into(),
            by.reason.as_deref().into(),
            by.failure.as_deref().into(),
            run.into(),
            from.as_str().into(),
        ];
        values.extend(by.resume_in.map(|lasts| milliseconds(lasts).into()));
        let detail = by.failure.clone().or_else(|| by.resume_in.map(lasting));
        match self.session.execute(&sql, &values).await? {
            1 => {
                let event = NewEvent {
                    reason: by.reason.as_deref(),
                    from: Some(from),
                    to: Some(by.to),
                    detail: detail.as_deref(),
                    ..NewEvent::new(run, "moved", &by.actor)
                };
                self.insert_event(&event).await
            }
            _ => Err(Failure::fatal(format!("the run left the state {from} under our lock"))),
        }
    }
}
