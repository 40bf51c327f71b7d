//! What does a worker take that has no slice left? The upper half of the one with the most left, where that saves more
//! time than it costs. The decisions are pure; [`halve`] is the one transaction. Knows neither gate nor connections.

use super::kill_point;
use crate::db::{Class, Failure, Lane, SliceLease, Split, Wanted};
use std::time::Duration;

/// Batches that a half has at least: the last one of a slice is a part of one on average, and each slice costs a look-up
/// for its end and a state row for good.
const LEAST_BATCHES: u64 = 2;

/// What taking a half costs: a dozen round trips, a commit that waits for the disk, and counting up to 50,000 rows of an
/// index, during which the owner waits too.
const COST: Duration = Duration::from_millis(25);

/// What walking the half takes, so many times what taking it costs: less would hardly be seen in a run.
const WORTH: u32 = 4;

/// No batch is faster than this, so that a first, empty one does not make a half look worthless.
const FASTEST_BATCH: Duration = Duration::from_millis(1);

/// Failures in a row after which a worker leaves the rest to the others: nothing but evenness is lost.
const MOST_TRIES: u32 = 5;

/// The fewest rows that either half of a slice must have to be worth taking, where a batch has so many rows and took so
/// long lately. `None`: not known; as long as it should take.
pub fn least_half(batch_rows: u32, batch_took: Option<Duration>) -> u64 {
    let took = batch_took.map_or(COST * WORTH, |took| took.max(FASTEST_BATCH));
    let batches = (COST * WORTH).as_nanos().div_ceil(took.as_nanos());
    let batches = u64::try_from(batches).unwrap_or(u64::MAX).max(LEAST_BATCHES);
    u64::from(batch_rows.max(1)).saturating_mul(batches)
}

/// The one with the most rows left, by a guess; of those with as much, the first. One whose guess is used up comes last, and
/// is not left out: how much is left of it nobody knows.
pub fn largest<T>(slices: impl Iterator<Item = (T, f64)>) -> Option<(T, f64)> {
    slices.reduce(|most, slice| if slice.1 > most.1 { slice } else { most })
}

/// What follows when a half could not be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// Look again after a short rest.
    Again,
    /// The same, over a new connection.
    Reconnect,
    /// Leave the rest to those who have it. They meet what is wrong too, and know what to do about it.
    Leave,
}

/// Decides after so many failures in a row, the last of this class.
pub(super) fn after_failure(class: Class, tries: u32) -> Then {
    match class {
        _ if tries >= MOST_TRIES => Then::Leave,
        Class::Retry | Class::Locked => Then::Again,
        Class::Lost | Class::Ambiguous | Class::Reset => Then::Reconnect,
        Class::Shrink | Class::Cancelled | Class::Wait | Class::Login | Class::Row | Class::Fatal => Then::Leave,
    }
}

/// Takes the upper half of what is left of a slice, in a transaction of its own.
///
/// Whether a COMMIT without an answer has made the slice is not asked: if it has, nobody in this process walks it, and it
/// is laid out anew with what the pass has left.
///
/// # Errors
/// When the database does not answer; nothing was written, or a slice that the next look at the pass finds.
pub(super) async fn halve(lane: &mut dyn Lane, lease: &SliceLease, wanted: Wanted) -> Result<Split, Failure> {
    let split = lane.split(lease, wanted).await;
    if !matches!(split, Ok(Split::Made(_))) {
        lane.rollback().await;
        return split;
    }
    kill_point("slice-split");
    if let Err(failure) = lane.commit().await {
        lane.rollback().await;
        return Err(failure.while_doing("commit a split"));
    }
    kill_point("split-committed");
    split
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_is_worth_taking_from_some_batches_on_and_more_of_them_where_they_are_short() {
        let milliseconds = |count| Some(Duration::from_millis(count));
        for (batch_rows, took, least) in [
            (5_000, milliseconds(500), 10_000),
            (5_000, milliseconds(50), 10_000),
            (5_000, milliseconds(10), 50_000),
            (5_000, None, 10_000),
            (100, milliseconds(2), 5_000),
            (1, milliseconds(4), 25),
            (10, milliseconds(0), 1_000),
            (0, None, 2),
            (u32::MAX, milliseconds(1), 429_496_729_500),
        ] {
            assert_eq!(least_half(batch_rows, took), least, "{batch_rows} rows in {took:?}");
        }
    }

    #[test]
    fn the_slice_with_the_most_left_is_halved() {
        for (left, expected) in [
            (&[][..], None),
            (&[("only", 0.0)], Some("only")),
            (&[("used up", 0.0), ("little", 5.0), ("most", 7.0)], Some("most")),
            (&[("first", 7.0), ("second", 7.0)], Some("first")),
        ] {
            assert_eq!(largest(left.iter().copied()).map(|(slice, _)| slice), expected, "{left:?}");
        }
    }

    #[test]
    fn what_does_not_pass_by_itself_is_left_to_those_who_have_the_slices() {
        for (class, tries, then) in [
            (Class::Locked, 1, Then::Again),
            (Class::Retry, 4, Then::Again),
            (Class::Locked, 5, Then::Leave),
            (Class::Lost, 1, Then::Reconnect),
            (Class::Ambiguous, 1, Then::Reconnect),
            (Class::Reset, 5, Then::Leave),
            (Class::Wait, 1, Then::Leave),
            (Class::Login, 1, Then::Leave),
            (Class::Cancelled, 1, Then::Leave),
            (Class::Fatal, 1, Then::Leave),
        ] {
            assert_eq!(after_failure(class, tries), then, "{class:?} {tries}");
        }
    }
}
