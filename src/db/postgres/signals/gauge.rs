//! How is a signal read that one statement tells whole? Knows only the shape of its answer: one row of the number
//! (null: unknown), of what, and why it is unknown.

use super::watch::{Watch, cannot_be_read};
use crate::db::session::Row;
use crate::event::SignalName;
use crate::pace::{Seen, Sensor};
use async_trait::async_trait;
use std::time::Duration;

/// One statement, one number.
pub(super) struct Gauge {
    signal: SignalName,
    every: Duration,
    sql: String,
    watch: Watch,
}

impl Gauge {
    pub(super) fn new(signal: &str, every: Duration, sql: String, watch: Watch) -> Self {
        Self { signal: signal.into(), every, sql, watch }
    }
}

#[async_trait]
impl Sensor for Gauge {
    fn signals(&self) -> Vec<SignalName> {
        vec![self.signal.clone()]
    }

    fn every(&self) -> Duration {
        self.every
    }

    async fn read(&mut self) -> Result<Vec<(SignalName, Seen)>, String> {
        let rows = self.watch.look(&self.sql).await.map_err(|failure| cannot_be_read(&failure))?;
        Ok(vec![(self.signal.clone(), seen(rows.first()))])
    }
}

/// What the row says.
pub(super) fn seen(row: Option<&Row>) -> Seen {
    let Some(row) = row else { return Seen::Unknown("the server gave no answer".to_owned()) };
    match row.real_or_null(0) {
        Some(value) => Seen::Value { value, of: row.text_or_null(1) },
        None => Seen::Unknown(row.text_or_null(2).unwrap_or_else(|| "the server gave no number".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::session::Value;

    #[test]
    fn a_null_is_unknown_and_never_nothing() {
        let table = [
            (vec![Value::Real(1.5), "slot".into()], Seen::Value { value: 1.5, of: Some("slot".into()) }),
            (vec![Value::Int(3), Value::Null, "why".into()], Seen::Value { value: 3.0, of: None }),
            (vec![Value::Null, "slot".into(), "why".into()], Seen::Unknown("why".into())),
            (vec![Value::Null], Seen::Unknown("the server gave no number".into())),
        ];
        for (row, expected) in table {
            assert_eq!(seen(Some(&Row(row.clone()))), expected, "{row:?}");
        }
        assert_eq!(seen(None), Seen::Unknown("the server gave no answer".into()));
    }
}
