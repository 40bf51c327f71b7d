//! What is a worker's next batch for? Pure: from what the last one was for and how it ended to what the next one is for.
//! Knows neither connections nor waits.

use super::batch::{Committed, Deed};
use super::isolation::{Isolation, Narrowed};
use crate::db::{Failure, OpenBatch, RowAside};
use crate::key::Key;
use crate::pace::{Scan, Stretch};

/// What the next batch is for.
#[derive(Clone, Debug, Default)]
pub(super) enum Errand {
    /// To change rows.
    #[default]
    Change,
    /// To find the row at fault: this many are tried.
    Isolate(Isolation),
    /// To set this row aside, for that failure.
    SetRowAside(Key, Failure),
    /// To set a range of this many rows aside, for what is said.
    Carve(u32, String),
    /// To learn what became of a COMMIT.
    Settle(Box<Unsettled>),
}

/// A batch whose COMMIT had no answer.
#[derive(Clone, Debug)]
pub(super) struct Unsettled {
    pub(super) sent: Committed,
    /// How far it was to go.
    pub(super) stretch: Stretch,
    /// What it was for: done if it is durable, else still to be done.
    pub(super) errand: Errand,
}

impl Errand {
    /// How far the batch is to go, where `sized` rows are right for one that changes them, and `scan` knows how to find them.
    pub(super) fn stretch(&self, sized: u32, scan: Scan) -> Stretch {
        match self {
            Self::Change => scan.stretch(sized),
            Self::Isolate(isolation) => scan.stretch_of(isolation.rows()),
            Self::SetRowAside(..) => scan.stretch_of(1),
            // As far as the batch went that met the lock.
            Self::Carve(rows, _) => scan.stretch(*rows),
            Self::Settle(unsettled) => unsettled.stretch,
        }
    }

    /// What the batch is to do with its range; `aside` tells what to write down of a row that failed.
    pub(super) fn deed<'a>(&'a self, aside: impl FnOnce(&'a Failure) -> RowAside<'a>) -> Deed<'a> {
        match self {
            Self::SetRowAside(key, failure) => Deed::SetRowAside(key, aside(failure)),
            Self::Carve(..) => Deed::Carve,
            Self::Change | Self::Isolate(_) | Self::Settle(_) => Deed::Change,
        }
    }

    /// Whether nothing may be begun before this is known.
    pub(super) fn is_settling(&self) -> bool {
        matches!(self, Self::Settle(_))
    }

    /// The same over another connection. Behind it may be a server that never saw what was wrong with the row: a failover takes
    /// commits back. So the row is tried once more before it is set aside.
    pub(super) fn over_another_connection(self) -> Self {
        match self {
            Self::SetRowAside(..) => Self::Isolate(Isolation::of_one_row()),
            Self::Change | Self::Isolate(_) | Self::Carve(..) | Self::Settle(_) => self,
        }
    }

    /// The batch is durable: what is next.
    pub(super) fn committed(&self, batch: &OpenBatch) -> Self {
        match self {
            Self::Isolate(isolation) => {
                isolation.passed(batch.counted().unwrap_or(u32::MAX)).map_or(Self::Change, Self::Isolate)
            }
            Self::Change | Self::SetRowAside(..) | Self::Carve(..) | Self::Settle(_) => Self::Change,
        }
    }

    /// A row of the batch is at fault: half of it is next, or the row alone.
    ///
    /// # Errors
    /// When it fails without any row.
    pub(super) fn row_failed(failure: Failure, rows: u32, batch: Option<&OpenBatch>) -> Result<Self, Failure> {
        match (Isolation::failed(rows), batch) {
            (Narrowed::To(narrower), _) => Ok(Self::Isolate(narrower)),
            (Narrowed::Found, Some(batch)) if batch.counted() == Some(1) => {
                Ok(Self::SetRowAside(batch.range.through.clone(), failure))
            }
            (Narrowed::Found, _) => Err(failure),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Class;

    #[test]
    fn a_row_is_tried_once_more_before_it_is_set_aside_over_another_connection() {
        let aside = Errand::SetRowAside(Key::new(vec!["7".into()]), Failure::new(Class::Row, "raised"));
        let next = aside.over_another_connection();
        assert!(matches!(next, Errand::Isolate(_)) && next.stretch(5_000, Scan::every_row()).rows == 1, "{next:?}");
        let again = Errand::row_failed(Failure::new(Class::Row, "raised"), 1, None);
        assert!(again.is_err(), "without its row nothing can be set aside");
        let carve = Errand::Carve(20, "locked".into()).over_another_connection();
        assert!(matches!(carve, Errand::Carve(20, _)), "{carve:?}");
    }
}
