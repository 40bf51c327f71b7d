//! Was a batch committed whose COMMIT had no answer? Never guessed: a locking read of the checkpoint tells, because it
//! waits for a commit that is still under way.

use super::batch::Committed;
use crate::db::{Failure, Lane, SliceLease};

/// The truth about a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    /// It is durable.
    Committed,
    /// It never happened.
    RolledBack,
    /// The slice is another runner's by now; what happened is theirs to know.
    NotOurs,
}

/// Learns the truth over a new connection.
pub(super) async fn settle(lane: &mut dyn Lane, lease: &SliceLease, sent: &Committed) -> Result<Settled, Failure> {
    Ok(verdict(sent.batch.seq, lane.committed_seq(lease).await?))
}

/// `before`: batches committed when the batch began; `now`: by the locking read. Fewer than before means that a
/// failover lost committed batches, rows and checkpoints together: those are done again like any other.
fn verdict(before: i64, now: Option<i64>) -> Settled {
    match now {
        None => Settled::NotOurs,
        Some(now) if now > before => Settled::Committed,
        Some(_) => Settled::RolledBack,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_higher_number_proves_the_commit() {
        for (before, now, settled) in [
            (4, Some(5), Settled::Committed),
            (4, Some(4), Settled::RolledBack),
            (4, Some(2), Settled::RolledBack),
            (4, None, Settled::NotOurs),
        ] {
            assert_eq!(verdict(before, now), settled, "{before} {now:?}");
        }
    }
}
