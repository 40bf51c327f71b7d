//! How far do a run's batches go? What the workers share of it: how far they look for rows in scope, and what makes them go
//! less far. The laws are in `pace`.

use super::batch::Committed;
use super::crew::Crew;
use crate::db::SliceRecord;
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
