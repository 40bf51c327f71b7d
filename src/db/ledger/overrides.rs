//! What did operators set over the job file, and until when? Set, taken back and forgotten in one transaction with its
//! event, under the lock of the run's row. Whether a value is right is for [`crate::job`] to say; what a runner makes of it,
//! for the engine.

use super::Ledger;
use super::events::{NewEvent, Turned};
use crate::db::failure::Failure;
use crate::db::session::{Row, Value};
use crate::job::{Knob, Overridden, as_toml, as_typed, overridden, overridden_where_possible, unknown_knobs};
use crate::run::RunState;
use std::collections::BTreeMap;
use std::time::Duration;

/// A value that an operator set over the job file.
#[derive(Clone, Debug, PartialEq)]
pub struct Override {
    /// Which knob: `batch.rows`.
    pub knob: String,
    /// Its value, as it is typed.
    pub value: String,
    /// What the job file says, which comes back when this ends. `None`: nothing, which is no limit.
    pub was: Option<String>,
    /// Who: `user@host`.
    pub actor: String,
    /// Why, as they said.
    pub reason: Option<String>,
    /// Since when, seconds since 1970.
    pub set_at: f64,
    /// Until when, seconds since 1970; `None`: until somebody takes it back.
    pub expires_at: Option<f64>,
}

/// What somebody wants to be set.
#[derive(Clone, Debug)]
pub struct NewOverrides {
    /// Knobs with their values as they are typed; `None` takes back what was set.
    pub values: BTreeMap<String, Option<String>>,
    /// Who: `user@host`.
    pub actor: String,
    /// Why, as they said.
    pub reason: Option<String>,
    /// For how long; `None`: until somebody takes it back.
    pub lasts: Option<Duration>,
    /// The run's version that they saw; with another one by now, nothing is set.
    pub if_version: Option<i64>,
}

/// What came of it. All or nothing is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Set {
    /// It is set; the run's version now.
    Done(i64),
    /// Somebody did something to the run since: its state and version as they are.
    Conflict(RunState, i64),
    /// Nothing more happens in this run.
    Over(RunState),
    /// The job cannot have these values: everything that is wrong, in the job file's words.
    Wrong(Vec<String>),
}

impl Ledger {
    /// Sets values over a run's job file, or takes them back.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn set(&mut self, run: i64, new: &NewOverrides) -> Result<Set, Failure> {
        self.begin().await?;
        let set = self.set_in_transaction(run, new).await;
        self.end(set, "change how the run goes").await
    }

    async fn set_in_transaction(&mut self, run: i64, new: &NewOverrides) -> Result<Set, Failure> {
        let (state, _) = self.lock_run(run).await?;
        let version = self.version_of(run).await?;
        if new.if_version.is_some_and(|seen| seen != version) {
            return Ok(Set::Conflict(state, version));
        }
        if state.is_over() {
            return Ok(Set::Over(state));
        }
        let text = self.job_text(run).await?;
        let expired = self.forget_expired(run, &text).await?;
        let set = self.overrides_of(run).await?;
        let taken_back = new.values.iter().filter(|(knob, value)| value.is_none() && !is_set(&set, knob));
        let unknown = unknown_knobs(&text, taken_back.map(|(knob, _)| knob.as_str()));
        if !unknown.is_empty() {
            return Ok(Set::Wrong(unknown));
        }
        let after = match planned(&text, &set, &new.values) {
            Ok(after) => after,
            Err(problems) => return Ok(Set::Wrong(problems)),
        };
        let before = effective(&text, &set);
        let changes: Vec<_> = new.values.iter().filter(|(knob, value)| value.is_some() || is_set(&set, knob)).collect();
        for (knob, value) in &changes {
            let turned = Turned { knob, from: value_of(&before, knob), to: value_of(&after.knobs, knob) };
            self.turn(run, value.as_deref(), turned, new).await?;
        }
        if changes.is_empty() {
            return Ok(Set::Done(version + i64::from(expired)));
        }
        self.count_version(run).await?;
        Ok(Set::Done(version + 1 + i64::from(expired)))
    }

    /// Sets one value, or takes back what was set, with its event.
    async fn turn(
        &mut self,
        run: i64,
        value: Option<&str>,
        turned: Turned<'_>,
        new: &NewOverrides,
    ) -> Result<(), Failure> {
        let kind = match value {
            Some(value) => {
                self.put_override(run, turned.knob, value, new).await?;
                "set"
            }
            None => {
                self.delete_override(run, turned.knob).await?;
                "set-back"
            }
        };
        let lasts = new.lasts.filter(|_| value.is_some());
        let detail = lasts.map(|lasts| format!("for {}", humantime::format_duration(lasts)));
        let reason = new.reason.as_deref();
        let event = NewEvent { reason, detail: detail.as_deref(), ..NewEvent::new(run, kind, &new.actor) };
        self.insert_event(&NewEvent { turned: Some(turned), ..event }).await
    }

    /// What is set over a run's job file now, in the order in which it was set. Writes nothing.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn overrides(&mut self, run: i64) -> Result<Vec<Override>, Failure> {
        self.begin_reading().await?;
        let read = self.read_overrides(run).await;
        self.end(read, "read what was set").await
    }

    /// The same, after those that have expired are put on record as ended and forgotten.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn overrides_in_force(&mut self, run: i64) -> Result<Vec<Override>, Failure> {
        self.begin().await?;
        let read = self.expire_in_transaction(run).await;
        self.end(read, "read what was set").await
    }

    async fn expire_in_transaction(&mut self, run: i64) -> Result<Vec<Override>, Failure> {
        self.lock_run(run).await?;
        let text = self.job_text(run).await?;
        self.forget_expired(run, &text).await?;
        self.read_overrides(run).await
    }

    /// Forgets what has expired. Whether anything has; the run's version then counts one more.
    async fn forget_expired(&mut self, run: i64, text: &str) -> Result<bool, Failure> {
        let d = self.dialect;
        let forget = format!(
            "delete from {} where run_id = $1 and expires_at <= {} returning knob, value, actor, reason",
            d.state_table("override"),
            d.now()
        );
        let expired = self.session.fetch(&forget, &[run.into()]).await?;
        if expired.is_empty() {
            return Ok(false);
        }
        // Of the knobs that are left some may hold no more without those that ended.
        let after = effective(text, &self.overrides_of(run).await?);
        for row in &expired {
            let (knob, value, actor, reason) =
                (row.text(0)?, as_typed(&row.text(1)?), row.text(2)?, row.text_or_null(3));
            let turned = Turned { knob: &knob, from: Some(&value), to: value_of(&after, &knob) };
            let event = NewEvent { reason: reason.as_deref(), ..NewEvent::new(run, "set-expired", &actor) };
            self.insert_event(&NewEvent { turned: Some(turned), ..event }).await?;
        }
        self.count_version(run).await?;
        Ok(true)
    }

    async fn read_overrides(&mut self, run: i64) -> Result<Vec<Override>, Failure> {
        let text = self.job_text(run).await?;
        let written = effective(&text, &[]);
        let set = self.overrides_of(run).await?;
        let with_file = |set: Override| Override { was: value_of(&written, &set.knob).map(str::to_owned), ..set };
        Ok(set.into_iter().map(with_file).collect())
    }

    /// Those in force, without what the file says; the caller's transaction.
    async fn overrides_of(&mut self, run: i64) -> Result<Vec<Override>, Failure> {
        let d = self.dialect;
        let sql = format!(
            "select knob, value, actor, reason, {set_at}, {expires_at} from {} \
             where run_id = $1 and (expires_at is null or expires_at > {now}) order by set_at, knob",
            d.state_table("override"),
            set_at = d.seconds("set_at"),
            expires_at = d.seconds("expires_at"),
            now = d.now(),
        );
        self.session.fetch(&sql, &[run.into()]).await?.iter().map(read_override).collect()
    }

    async fn put_override(&mut self, run: i64, knob: &str, value: &str, new: &NewOverrides) -> Result<(), Failure> {
        let d = self.dialect;
        let expires_at = new.lasts.map_or("null".to_owned(), |_| d.now_plus_ms("$6"));
        let sql = format!(
            "insert into {} (run_id, knob, value, actor, reason, set_at, expires_at) \
             values ($1, $2, $3, $4, $5, {}, {expires_at}) on conflict (run_id, knob) do update set \
             value = excluded.value, actor = excluded.actor, reason = excluded.reason, set_at = excluded.set_at, \
             expires_at = excluded.expires_at",
            d.state_table("override"),
            d.now()
        );
        let mut values: Vec<Value> = vec![
            run.into(),
            knob.into(),
            as_toml(value).as_str().into(),
            new.actor.as_str().into(),
            new.reason.as_deref().into(),
        ];
        values.extend(new.lasts.map(|lasts| super::milliseconds(lasts).into()));
        self.session.execute(&sql, &values).await.map(drop)
    }

    async fn delete_override(&mut self, run: i64, knob: &str) -> Result<(), Failure> {
        let sql = format!("delete from {} where run_id = $1 and knob = $2", self.dialect.state_table("override"));
        self.session.execute(&sql, &[run.into(), knob.into()]).await.map(drop)
    }

    async fn job_text(&mut self, run: i64) -> Result<String, Failure> {
        let sql = format!("select job_text from {} where id = $1", self.dialect.state_table("run"));
        let rows = self.session.fetch(&sql, &[run.into()]).await?;
        rows.first().ok_or_else(|| Failure::fatal(format!("there is no run {run}")))?.text(0)
    }

    /// What was done to the run so far; the caller holds the lock on its row.
    pub(super) async fn version_of(&mut self, run: i64) -> Result<i64, Failure> {
        let sql = format!("select version from {} where id = $1", self.dialect.state_table("run"));
        let rows = self.session.fetch(&sql, &[run.into()]).await?;
        rows.first().ok_or_else(|| Failure::fatal(format!("there is no run {run}")))?.int(0)
    }

    async fn count_version(&mut self, run: i64) -> Result<(), Failure> {
        let sql = format!("update {} set version = version + 1 where id = $1", self.dialect.state_table("run"));
        self.session.execute(&sql, &[run.into()]).await.map(drop)
    }
}

/// The job with what is set and what is to be set. What the file takes no more of the old is no reason against the new.
fn planned(text: &str, set: &[Override], new: &BTreeMap<String, Option<String>>) -> Result<Overridden, Vec<String>> {
    let kept = set.iter().filter(|set| !new.contains_key(&set.knob));
    let kept: Vec<_> = kept.map(|set| (set.knob.clone(), set.value.clone())).collect();
    let (_, ignored) = overridden_where_possible(text, &kept)?;
    let holds = |(knob, _): &(String, String)| ignored.iter().all(|ignored| ignored.knob != *knob);
    let new_values = new.iter().filter_map(|(knob, value)| Some((knob.clone(), value.clone()?)));
    let all: Vec<_> = kept.into_iter().filter(holds).chain(new_values).collect();
    overridden(text, &all)
}

/// Every knob as it is with these overrides. None where the text is no job to this tidegate.
fn effective(text: &str, set: &[Override]) -> Vec<Knob> {
    let values: Vec<_> = set.iter().map(|set| (set.knob.clone(), set.value.clone())).collect();
    overridden_where_possible(text, &values).map(|(overridden, _)| overridden.knobs).unwrap_or_default()
}

fn is_set(set: &[Override], knob: &str) -> bool {
    set.iter().any(|set| set.knob == knob)
}

fn value_of<'a>(knobs: &'a [Knob], name: &str) -> Option<&'a str> {
    knobs.iter().find(|knob| knob.name == name)?.value.as_deref()
}

fn read_override(row: &Row) -> Result<Override, Failure> {
    Ok(Override {
        knob: row.text(0)?,
        value: as_typed(&row.text(1)?),
        was: None,
        actor: row.text(2)?,
        reason: row.text_or_null(3),
        set_at: row.real_or_null(4).unwrap_or_default(),
        expires_at: row.real_or_null(5),
    })
}
