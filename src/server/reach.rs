//! How is a database asked on somebody's behalf? Over a connection of its own, of which there are few, and within a
//! deadline. Knows no question.

use super::limits::{LEDGER_DEADLINE, LEDGERS};
use super::problem::Problem;
use crate::db::{Failure, Ledger, Named};
use futures_util::future::BoxFuture;
use std::sync::Arc;
use tokio::sync::{Notify, Semaphore};

/// A database as this server reaches it.
pub(super) struct Reach {
    pub(super) named: Named,
    permits: Semaphore,
    /// Wakes whoever looks at its runs: something was done to one.
    pub(super) changed: Notify,
}

impl Reach {
    pub(super) fn new(named: Named) -> Self {
        Self { named, permits: Semaphore::new(LEDGERS), changed: Notify::new() }
    }

    /// Asks the ledger. The question goes on when whoever asked does not wait any more: a transaction of it ends in order.
    pub(super) async fn ask<T, F>(self: &Arc<Self>, question: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut Ledger) -> BoxFuture<'a, Result<T, Failure>> + Send + 'static,
    {
        self.ask_prepared(false, question).await
    }

    /// The same where there need not be state tables yet: they are made.
    pub(super) async fn ask_installing<T, F>(self: &Arc<Self>, question: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut Ledger) -> BoxFuture<'a, Result<T, Failure>> + Send + 'static,
    {
        self.ask_prepared(true, question).await
    }

    async fn ask_prepared<T, F>(self: &Arc<Self>, installs: bool, question: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut Ledger) -> BoxFuture<'a, Result<T, Failure>> + Send + 'static,
    {
        let reach = Arc::clone(self);
        let asking = tokio::spawn(async move { reach.ask_to_the_end(installs, question).await });
        match tokio::time::timeout(LEDGER_DEADLINE, asking).await {
            Ok(Ok(answered)) => answered,
            Ok(Err(_)) => Err(Problem::unavailable("stopped", "the server stops")),
            Err(_) => {
                let words = format!("{} has not answered for {} s", self.named.name, LEDGER_DEADLINE.as_secs());
                Err(Problem::unavailable("database-away", words))
            }
        }
    }

    async fn ask_to_the_end<T, F>(&self, installs: bool, question: F) -> Result<T, Problem>
    where
        F: for<'a> FnOnce(&'a mut Ledger) -> BoxFuture<'a, Result<T, Failure>>,
    {
        let _permit = self.permits.acquire().await;
        let mut ledger = self.named.database.ledger().await?;
        if installs {
            ledger.install().await?;
        } else if !ledger.is_installed().await? {
            return Err(Problem::no_such("no-run", "there are no state tables yet, so no run"));
        }
        Ok(question(&mut ledger).await?)
    }
}
