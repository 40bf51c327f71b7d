//! How does a process reach the state tables while the server comes and goes? As `engine/control.rs`.

use super::process::Ground;
use super::session::Wire;
use crate::db::{Class, Failure, Ledger};

/// A connection to the state tables that comes back.
pub struct Control {
    ground: Ground,
    ledger: Option<Ledger>,
}

impl Control {
    pub fn new(ground: Ground, ledger: Option<Ledger>) -> Self {
        Self { ground, ledger }
    }

    /// Calls the ledger until it answers.
    pub async fn call<T>(
        &mut self,
        mut call: impl AsyncFnMut(&mut Ledger) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        loop {
            let failure = match self.ledger() {
                Ok(ledger) => match call(ledger).await {
                    Ok(value) => return Ok(value),
                    Err(failure) => failure,
                },
                Err(failure) => failure,
            };
            if matches!(failure.class, Class::Fatal | Class::Row) {
                return Err(failure);
            }
            let delay = self.ground.here.world().chance.between(50, 2_000);
            self.ground.here.rest(self.ground.process, delay).await;
        }
    }

    fn ledger(&mut self) -> Result<&mut Ledger, Failure> {
        if self.ledger.as_ref().is_none_or(Ledger::is_closed) {
            self.ledger = None;
            self.ledger = Some(Wire::ledger(&self.ground.here, self.ground.process)?);
        }
        self.ledger.as_mut().ok_or_else(|| Failure::new(Class::Lost, "not connected"))
    }
}
