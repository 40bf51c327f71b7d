//! What do the user's own queries tell? One is timed, others return a number. They run in a transaction that cannot
//! write, each sent whole and alone, as it was written.

use super::USUAL;
use super::watch::{Measured, Watch, cannot_be_read};
use crate::db::failure::Failure;
use crate::db::one_number::{ROWS_READ, ROWS_TIMED, is_short, one_number};
use crate::event::SignalName;
use crate::pace::{Seen, Sensor};
use async_trait::async_trait;
use std::time::Duration;

/// What the server answers when the time is up, or somebody cancelled.
const CANCELLED: &str = "57014";

/// The application's own query, timed.
pub(super) struct Probe {
    signal: SignalName,
    sql: String,
    watch: Watch,
}

impl Probe {
    pub(super) fn new(signal: &str, sql: String, watch: Watch) -> Self {
        Self { signal: signal.into(), sql, watch }
    }

    /// Runs it once. A new connection's first run is not the one that counts: the application's are warm.
    async fn time(&mut self) -> Result<Measured, Failure> {
        let measured = self.watch.measure(&self.sql, ROWS_TIMED).await?;
        match measured {
            Measured { is_new: true, answer: Ok(_), .. } => self.watch.measure(&self.sql, ROWS_TIMED).await,
            measured => Ok(measured),
        }
    }
}

#[async_trait]
impl Sensor for Probe {
    fn signals(&self) -> Vec<SignalName> {
        vec![self.signal.clone()]
    }

    fn every(&self) -> Duration {
        USUAL
    }

    async fn read(&mut self) -> Result<Vec<(SignalName, Seen)>, String> {
        let longest = self.watch.timeout();
        let measured = self.time().await.map_err(|failure| cannot_be_read(&failure))?;
        Ok(vec![(self.signal.clone(), timed(measured, longest))])
    }
}

/// A query that runs into its timeout took at least that long: too slow is not unknown.
pub(super) fn timed(measured: Measured, longest: Duration) -> Seen {
    let took = |time: Duration| Seen::Value { value: time.as_secs_f64(), of: None };
    match measured.answer {
        Ok(rows) => is_short(&rows).map_or_else(Seen::Unknown, |()| took(measured.took)),
        Err(failure) if failure.has_code(&[CANCELLED]) && measured.took >= longest => took(longest),
        Err(failure) => Seen::Unknown(failure.to_string()),
    }
}

/// A query that returns one number.
pub(super) struct Custom {
    signal: SignalName,
    sql: String,
    watch: Watch,
}

impl Custom {
    pub(super) fn new(signal: &str, sql: String, watch: Watch) -> Self {
        Self { signal: signal.into(), sql, watch }
    }
}

#[async_trait]
impl Sensor for Custom {
    fn signals(&self) -> Vec<SignalName> {
        vec![self.signal.clone()]
    }

    fn every(&self) -> Duration {
        USUAL
    }

    async fn read(&mut self) -> Result<Vec<(SignalName, Seen)>, String> {
        let measured = self.watch.measure(&self.sql, ROWS_READ).await.map_err(|failure| cannot_be_read(&failure))?;
        let number = measured.answer.map_err(|failure| failure.to_string()).and_then(|rows| one_number(&rows));
        let seen = number.map_or_else(Seen::Unknown, |value| Seen::Value { value, of: None });
        Ok(vec![(self.signal.clone(), seen)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::failure::Class;

    #[test]
    fn a_probe_that_takes_too_long_has_a_time_and_one_that_fails_has_none() {
        let cancelled = || Failure { code: Some(CANCELLED.into()), ..Failure::new(Class::Shrink, "canceled") };
        let seconds = Duration::from_secs;
        let measured = |answer, took| Measured { answer, took, is_new: false };
        let value = |value| Seen::Value { value, of: None };
        for (measured, expected) in [
            (measured(Ok(vec![]), Duration::from_millis(20)), value(0.02)),
            (measured(Err(cancelled()), seconds(6)), value(5.0)),
            (measured(Err(cancelled()), seconds(1)), Seen::Unknown("canceled (57014)".into())),
            (measured(Err(Failure::fatal("no such table")), seconds(1)), Seen::Unknown("no such table".into())),
        ] {
            assert_eq!(timed(measured, seconds(5)), expected);
        }
    }
}
