//! What happened to a run, and who did it?

use super::cover::covered_if_any;
use super::{VERSION, moment};
use crate::db::RecordedEvent;
use serde::Serialize;
use utoipa::ToSchema;

/// Events, the oldest first.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HistoryView {
    /// Of the document.
    pub version: u32,
    /// What happened.
    pub events: Vec<EventView>,
}

/// Something that happened.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EventView {
    /// The run's number.
    pub run: i64,
    /// Its job's name.
    pub job: String,
    /// RFC 3339, UTC, by the server's clock.
    pub at: String,
    /// In a word: `created`, `taken`, `moved`.
    pub kind: String,
    /// Who.
    pub actor: String,
    /// The reason they gave.
    pub reason: Option<String>,
    /// Which knob was set; `from` and `to` are then its values.
    pub knob: Option<String>,
    /// What was before.
    pub from: Option<String>,
    /// What was after.
    pub to: Option<String>,
    /// More, for people.
    pub detail: Option<String>,
}

impl HistoryView {
    /// These events.
    pub fn of(events: &[RecordedEvent]) -> Self {
        Self { version: VERSION, events: events.iter().map(EventView::of).collect() }
    }

    /// The same without any key.
    #[must_use]
    pub fn without_keys(self) -> Self {
        Self { events: self.events.into_iter().map(EventView::without_keys).collect(), ..self }
    }
}

impl EventView {
    /// This event.
    pub fn of(event: &RecordedEvent) -> Self {
        let RecordedEvent { run, job, at, kind, actor, reason, knob, from, to, detail } = event.clone();
        Self { run, job, at: moment(at), kind, actor, reason, knob, from, to, detail }
    }

    fn without_keys(self) -> Self {
        let (reason, detail) = (covered_if_any(self.reason.as_deref()), covered_if_any(self.detail.as_deref()));
        Self { reason, detail, ..self }
    }
}
