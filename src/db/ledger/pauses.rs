//! When does a pause end? The last word on it counts, and one whose time is over ends by itself: by the look of a runner
//! that waits, or when the next one takes the run. Each in the transaction of its event.

use super::events::NewEvent;
use super::moves::{Asked, Move};
use super::{Ledger, milliseconds};
use crate::db::failure::Failure;
use crate::db::session::Value;
use crate::run::{Answer, Intent, RunState, answer};
use std::time::Duration;

impl Ledger {
    /// The last word on a pause counts: one that was to end by itself does not end under somebody who wants it to last.
    pub(super) async fn change_pause(&mut self, run: i64, asked: &Asked) -> Result<bool, Failure> {
        let d = self.dialect;
        let (resume_at, condition) = match asked.resume_in {
            Some(_) => (d.now_plus_ms("$4"), ""),
            None => ("null".to_owned(), " and resume_at is not null"),
        };
        let sql = format!(
            "update {} set resume_at = {resume_at}, actor = $2, reason = $3, version = version + 1 where id = $1{condition}",
            d.state_table("run")
        );
        let mut values: Vec<Value> = vec![run.into(), asked.actor.as_str().into(), asked.reason.as_deref().into()];
        values.extend(asked.resume_in.map(|lasts| milliseconds(lasts).into()));
        if self.session.execute(&sql, &values).await? == 0 {
            return Ok(false);
        }
        let detail = asked.resume_in.map_or("until somebody resumes it".to_owned(), lasting);
        let event = NewEvent { reason: asked.reason.as_deref(), ..NewEvent::new(run, "pause-changed", &asked.actor) };
        self.insert_event(&NewEvent { detail: Some(&detail), ..event }).await?;
        Ok(true)
    }

    /// Ends a pause whose time is over. `None`: there is none such.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn end_pause(&mut self, run: i64) -> Result<Option<RunState>, Failure> {
        self.begin().await?;
        let ended = self.end_pause_where_over(run).await;
        self.end(ended, "end the pause").await
    }

    async fn end_pause_where_over(&mut self, run: i64) -> Result<Option<RunState>, Failure> {
        let (state, held) = self.lock_run(run).await?;
        self.end_pause_in_transaction(run, state, held.is_some_and(|held| held.is_alive())).await
    }

    /// The same; the caller holds the lock on the run's row. The state it is in now, if a pause was ended.
    pub(super) async fn end_pause_in_transaction(
        &mut self,
        run: i64,
        state: RunState,
        runner_alive: bool,
    ) -> Result<Option<RunState>, Failure> {
        if !matches!(state, RunState::Pausing | RunState::Paused) {
            return Ok(None);
        }
        let d = self.dialect;
        let over = format!(
            "select r.actor, (select e.detail from {event} as e where e.run_id = r.id \
             and e.kind in ('moved', 'pause-changed') and e.detail like 'for %' order by e.id desc limit 1) \
             from {run} as r where r.id = $1 and r.resume_at <= {now}",
            event = d.state_table("event"),
            run = d.state_table("run"),
            now = d.now(),
        );
        let rows = self.session.fetch(&over, &[run.into()]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let Answer::Move(to) = answer(state, Intent::Resume, runner_alive) else { return Ok(None) };
        let detail = row.text_or_null(1).unwrap_or_default();
        let lasted = detail.strip_prefix("for ").map_or(String::new(), |lasted| format!(" of {lasted}"));
        let by = Move {
            reason: Some(format!("the pause{lasted} is over")),
            ..Move::new(to, &row.text_or_null(0).unwrap_or_default())
        };
        self.set_state(run, state, &by).await?;
        Ok(Some(to))
    }
}

/// How long a pause is to last, as its event keeps it and [`Ledger::end_pause`] reads it.
pub(super) fn lasting(time: Duration) -> String {
    format!("for {}", humantime::format_duration(time))
}
