//! How does the engine reach the state tables while servers come and go? One connection, opened again as often as
//! needed. Knows no batch.

use super::backoff;
use crate::db::{Class, Database, Failure, Ledger};
use crate::event::Event;
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedSender;

/// Logins that may be refused in a row: a password is being rotated, and many wrong ones lock an account.
const MAX_REFUSED: u32 = 3;

/// A connection to the state tables that comes back.
pub(super) struct Control {
    database: Arc<dyn Database>,
    ledger: Option<Ledger>,
    events: UnboundedSender<Event>,
}

impl Control {
    pub(super) fn new(database: Arc<dyn Database>, ledger: Option<Ledger>, events: UnboundedSender<Event>) -> Self {
        Self { database, ledger, events }
    }

    /// Another connection to the same tables, opened when it is first used.
    pub(super) fn another(&self) -> Self {
        Self::new(Arc::clone(&self.database), None, self.events.clone())
    }

    /// Calls the ledger until it answers. Every call is a compare-and-set or a reading, so a call whose answer was
    /// lost may be made again.
    ///
    /// # Errors
    /// What trying again cannot mend.
    pub(super) async fn call<T, F>(&mut self, mut call: F) -> Result<T, Failure>
    where
        F: AsyncFnMut(&mut Ledger) -> Result<T, Failure>,
    {
        let (mut delays, mut patience, mut refused) = (backoff::delays(), backoff::patient_delays(), 0);
        let mut lost = false;
        loop {
            let answer = match self.ledger().await {
                Ok(ledger) => call(ledger).await,
                Err(failure) => Err(failure),
            };
            let failure = match answer {
                Ok(value) => {
                    if lost {
                        let _ = self.events.send(Event::ConnectionRestored);
                    }
                    return Ok(value);
                }
                Err(failure) if matches!(failure.class, Class::Fatal | Class::Row) => return Err(failure),
                Err(failure) => failure,
            };
            if failure.class == Class::Login {
                refused += 1;
                if refused > MAX_REFUSED {
                    return Err(failure);
                }
                tokio::time::sleep(backoff::next(&mut patience)).await;
                continue;
            }
            if failure.class == Class::Lost && !lost {
                lost = true;
                let _ = self.events.send(Event::ConnectionLost { failure: failure.to_string() });
            }
            tokio::time::sleep(backoff::next(&mut delays)).await;
        }
    }

    async fn ledger(&mut self) -> Result<&mut Ledger, Failure> {
        if self.ledger.as_ref().is_none_or(Ledger::is_closed) {
            self.ledger = None;
            self.ledger = Some(self.database.ledger().await?);
        }
        self.ledger.as_mut().ok_or_else(|| Failure::new(Class::Lost, "not connected"))
    }
}
