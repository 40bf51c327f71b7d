//! How far do a run's batches go? What the workers share of it: how far they look for rows in scope, and what makes them go
//! less far. The laws are in `pace`.

use super::batch::Committed;
use super::crew::Crew;
use crate::db::{Applied, OpenBatch, SliceRecord};
use crate::pace::{Found, Look, Scan, Sizes, Stretch};
use crate::plan::{Laps, Order, Work};
use std::sync::{MutexGuard, PoisonError};

/// How far batches look, as the slices know how many rows were in scope so far.
pub(super) fn at_first(slices: &[SliceRecord], work: &Work, sizes: Sizes, by_index: bool) -> [Scan; 2] {
    if !work.is_swept() {
        return [Scan::every_row(); 2];
    }
    let sum =
        |rows: fn(&SliceRecord) -> i64| slices.iter().filter(|slice| slice.pass == 0).map(rows).sum::<i64>() as f64;
    let scanned = sum(|slice| slice.rows_scanned);
    let share = if scanned > 0.0 { sum(|slice| slice.rows_changed) / scanned } else { 1.0 };
    let Sizes { start, scan, target_time, .. } = sizes;
    let scans = [Scan::of_walk(share, start, scan, target_time), Scan::of_sweep(scan, target_time)];
    scans.map(|scan| scan.by_index(by_index))
}

/// For how many rows a batch took the time and the log that it took. `None`: that cannot be told.
pub(super) fn paid_for(batch: &OpenBatch, stretch: Stretch, applied: Applied) -> Option<u32> {
    match stretch.look {
        // The last range of a slice was not counted, and is too small to tell anything.
        Look::Count if batch.laps() == 1 => batch.rows,
        // It found fewer than it sought, so the time went by looking.
        Look::Among(_) if batch.in_scope.is_some_and(|found| found < stretch.rows) => None,
        Look::Count | Look::Span | Look::Among(_) | Look::ByIndex => u32::try_from(applied.rows).ok(),
    }
}

impl Crew {
    /// How far batches of this slice look for rows in scope.
    pub(super) fn scan_of(&self, slice: &SliceRecord) -> Scan {
        let scan = *self.scan(slice.pass);
        // No index has rows in the order of their places.
        let scan = scan.by_index(scan.is_by_index() && slice.route.order == Order::Key);
        let Laps { count, stripe } = slice.route.laps;
        scan.in_laps(count, (slice.route.order == Order::Key).then_some(stripe))
    }

    fn scan(&self, pass: i64) -> MutexGuard<'_, Scan> {
        self.scan[usize::from(pass > 0)].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A batch that was to change rows is durable.
    pub(super) fn found(&self, slice: &SliceRecord, committed: &Committed) {
        let Committed { batch, applied, took, stretch, .. } = committed;
        let was_cut_short = match stretch.look {
            Look::Count => batch.rows.is_none(),
            Look::Span => batch.was_short_of_keys(*stretch),
            Look::Among(_) | Look::ByIndex => false,
        };
        // What is left at the end of a slice or a circuit may be one row, and tells nothing of those before it.
        if was_cut_short {
            return;
        }
        let looked_to_the_end = batch.in_scope.is_none_or(|rows| rows < stretch.rows);
        // By the key all rows are counted, by places those of the lap.
        let counted_for = match (stretch.look, slice.route.order) {
            (Look::Count, Order::Key) => batch.laps(),
            _ => 1,
        };
        let changed = applied.rows.saturating_mul(counted_for.into());
        self.scan(slice.pass).note(Found { stretch: *stretch, changed, looked_to_the_end, took: *took });
    }

    /// The server gave a batch up that went so far. `by_lock`: one of its rows was somebody else's, and only rows in scope
    /// are locked; else it took too long, and a long look is the first to be shortened.
    pub(super) fn shrink(&self, slice: &SliceRecord, stretch: Stretch, by_lock: bool) {
        if by_lock || !self.scan(slice.pass).shrink(stretch) {
            self.sizing(slice.pass).shrink(stretch.rows);
        }
    }

    /// Whether no batch is smaller than one that went so far.
    pub(super) fn is_smallest(&self, slice: &SliceRecord, stretch: Stretch, by_lock: bool) -> bool {
        let looks = !by_lock && matches!(stretch.look, Look::Among(_));
        !looks && stretch.rows <= self.sizing(slice.pass).least()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Lap;
    use crate::key::{Key, KeyRange};

    #[test]
    fn rows_that_were_changed_are_paid_for_and_those_that_were_looked_at_are_not() {
        let range = KeyRange { after: None, through: Key::new(vec!["9".to_owned()]) };
        let nothing_counted = OpenBatch {
            seq: 0,
            range,
            rows: None,
            in_scope: None,
            span: None,
            lap: None,
            gone: false,
            wal_position: None,
        };
        let batch = |rows, in_scope, lap| OpenBatch { rows, in_scope, lap, ..nothing_counted.clone() };
        let one_of_four = Some(Lap { number: 1, of: 4, closes: false });
        let sought = Scan::of_walk(0.01, 1_000, 9_000, std::time::Duration::from_millis(500));
        let [among, by_index] = [sought, sought.by_index(true)].map(|scan| scan.stretch(1_000));
        assert!(matches!(among.look, Look::Among(_)) && by_index.look == Look::ByIndex);
        for (what, batch, stretch, changed, expected) in [
            ("the range was counted", batch(Some(1_000), None, None), Stretch::of_rows(1_000), 10, Some(1_000)),
            ("the last of a slice was not", batch(None, None, None), Stretch::of_rows(1_000), 10, None),
            ("in laps", batch(Some(4_000), None, one_of_four), Stretch::of_rows(1_000), 990, Some(990)),
            ("as many as were sought", batch(None, Some(1_000), None), among, 1_000, Some(1_000)),
            ("fewer than were sought", batch(Some(9_000), Some(20), None), among, 20, None),
            ("an index found them", batch(None, Some(1_000), None), by_index, 1_000, Some(1_000)),
            ("an index found the last ones", batch(None, Some(20), None), by_index, 20, Some(20)),
        ] {
            let applied = Applied { rows: changed, still_in_scope: 0 };
            assert_eq!(paid_for(&batch, stretch, applied), expected, "{what}");
        }
    }
}
