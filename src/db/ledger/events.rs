//! What happened to a run? Written by the transaction that made it so, never changed.

use super::Ledger;
use crate::db::failure::Failure;
use crate::db::session::{Row, Value};
use crate::run::RunState;

/// An event as it is recorded.
#[derive(Clone, Debug)]
pub struct RecordedEvent {
    /// The run it belongs to.
    pub run: i64,
    /// The run's job.
    pub job: String,
    /// Seconds since 1970, by the server's clock.
    pub at: f64,
    /// What happened: `created`, `taken`, `moved`, `set`.
    pub kind: String,
    /// Which knob was set; `from` and `to` are then its values, `None` where it has none.
    pub knob: Option<String>,
    /// Who: `user@host`.
    pub actor: String,
    /// Why, as they said.
    pub reason: Option<String>,
    /// The state before, or the knob's value.
    pub from: Option<String>,
    /// The state after, or the knob's value.
    pub to: Option<String>,
    /// More, for people.
    pub detail: Option<String>,
}

/// Something that happened to a run beside its moves.
#[derive(Clone, Debug)]
pub struct Happening {
    /// What, in a word: `held-too-long`.
    pub kind: &'static str,
    /// Whose run it was: `user@host`.
    pub actor: String,
    /// More, for people.
    pub detail: String,
}

/// An event to be.
pub(super) struct NewEvent<'a> {
    pub(super) run: i64,
    pub(super) kind: &'a str,
    pub(super) actor: &'a str,
    pub(super) reason: Option<&'a str>,
    pub(super) from: Option<RunState>,
    pub(super) to: Option<RunState>,
    /// In place of states: a knob that was set.
    pub(super) turned: Option<Turned<'a>>,
    pub(super) detail: Option<&'a str>,
}

/// A knob, from one value to another.
#[derive(Clone, Copy)]
pub(super) struct Turned<'a> {
    pub(super) knob: &'a str,
    pub(super) from: Option<&'a str>,
    pub(super) to: Option<&'a str>,
}

impl<'a> NewEvent<'a> {
    /// An event with nothing more to say.
    pub(super) fn new(run: i64, kind: &'a str, actor: &'a str) -> Self {
        Self { run, kind, actor, reason: None, from: None, to: None, turned: None, detail: None }
    }
}

impl Ledger {
    /// The events of every run of that job, or of all jobs, oldest first; at most `limit`, the newest of them.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn events(&mut self, job: Option<&str>, limit: i64) -> Result<Vec<RecordedEvent>, Failure> {
        let d = self.dialect;
        let sql = format!(
            "select e.run_id, r.job, {at}, e.kind, e.actor, e.reason, e.from_state, e.to_state, e.detail, e.knob \
             from {event} as e join {run} as r on r.id = e.run_id \
             where $1 is null or r.job = $1 order by e.id desc limit $2",
            at = d.seconds("e.at"),
            event = d.state_table("event"),
            run = d.state_table("run"),
        );
        self.begin_reading().await?;
        let rows = self.session.fetch(&sql, &[job.into(), limit.into()]).await;
        let rows = self.end(rows, "read the events").await?;
        rows.iter().rev().map(read_event).collect()
    }

    /// Puts something on record that happened to a run that this holder has.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn note(&mut self, run: i64, holder: &str, event: &Happening) -> Result<(), Failure> {
        self.begin().await?;
        let noted = self.note_in_transaction(run, holder, event).await;
        self.end(noted, "record what happened").await
    }

    /// Puts on record what an operator did to a run that no runner has.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn note_by_hand(&mut self, run: i64, event: &Happening) -> Result<(), Failure> {
        self.begin().await?;
        let Happening { kind, actor, detail } = event;
        let noted = self.insert_event(&NewEvent { detail: Some(detail), ..NewEvent::new(run, kind, actor) }).await;
        self.end(noted, "record what was done").await
    }

    async fn note_in_transaction(&mut self, run: i64, holder: &str, event: &Happening) -> Result<(), Failure> {
        if self.read_beat(run, holder).await?.is_none() {
            return Ok(());
        }
        let Happening { kind, actor, detail } = event;
        self.insert_event(&NewEvent { detail: Some(detail), ..NewEvent::new(run, kind, actor) }).await
    }

    /// Adds an event; the caller's transaction.
    pub(super) async fn insert_event(&mut self, event: &NewEvent<'_>) -> Result<(), Failure> {
        let sql = format!(
            "insert into {} (run_id, kind, actor, reason, from_state, to_state, detail, knob) \
             values ($1, $2, $3, $4, $5, $6, $7, $8)",
            self.dialect.state_table("event")
        );
        let states = (event.from.map(RunState::as_str), event.to.map(RunState::as_str));
        let (from, to) = event.turned.map_or(states, |turned| (turned.from, turned.to));
        let values: [Value; 8] = [
            event.run.into(),
            event.kind.into(),
            event.actor.into(),
            event.reason.into(),
            from.into(),
            to.into(),
            event.detail.into(),
            event.turned.map(|turned| turned.knob).into(),
        ];
        self.session.execute(&sql, &values).await.map(drop)
    }
}

fn read_event(row: &Row) -> Result<RecordedEvent, Failure> {
    Ok(RecordedEvent {
        run: row.int(0)?,
        job: row.text(1)?,
        at: row.real_or_null(2).unwrap_or_default(),
        kind: row.text(3)?,
        actor: row.text(4)?,
        reason: row.text_or_null(5),
        from: row.text_or_null(6),
        to: row.text_or_null(7),
        detail: row.text_or_null(8),
        knob: row.text_or_null(9),
    })
}
