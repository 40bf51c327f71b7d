//! Who else is there? Operators who pause, resume and cancel through the real ledger, and an application that works on the
//! same rows, and whose transactions end soon.

use super::server::{Reply, Request, Touch};
use super::session::Wire;
use super::statement::Statement;
use super::tables::RowKey;
use super::world::Here;
use crate::db::{Asked, Failure};
use crate::run::{Answer, Intent};

/// An operator asks something, and tries again a few times where nobody answers.
pub async fn operate(here: Here, intent: Intent) {
    for _ in 0..5 {
        match ask(&here, intent).await {
            Ok(()) => return,
            Err(failure) => here.tell(|| format!("operator: {intent:?} failed: {failure}")),
        }
        here.sleep(500).await;
    }
}

async fn ask(here: &Here, intent: Intent) -> Result<(), Failure> {
    let moved = Wire::ledger(here, 0)?.ask(1, intent, &Asked::by("operator", None)).await?;
    here.tell(|| format!("operator: {intent:?} of a {} run: {:?}", moved.from, moved.answer));
    if matches!(moved.answer, Answer::Move(_)) {
        here.world().server.rules.operator_was_told();
    }
    Ok(())
}

/// A transaction of the application: one or two rows, in any order, kept for a while.
pub async fn apply(here: Here, touches: Vec<(Touch, RowKey)>, keeps: i64) {
    let outcome = transact(&here, &touches, keeps).await;
    here.tell(|| format!("application: {touches:?} {}", if outcome.is_ok() { "done" } else { "gave in" }));
}

async fn transact(here: &Here, touches: &[(Touch, RowKey)], keeps: i64) -> Result<Reply, Failure> {
    let mut wire = Wire::open(here, 0)?;
    for (touch, key) in touches {
        // It begins with the lock of its first row.
        wire.call(Request::Application(Touch::Lock, *key)).await?;
        wire.call(Request::Application(*touch, *key)).await?;
    }
    here.sleep(keeps).await;
    wire.call(Request::Sql(Statement::Commit, Vec::new())).await
}
