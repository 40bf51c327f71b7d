//! How far is a run? Sums over the recorded slices, kept up as batches commit. Never above the whole.

use crate::db::{SliceRecord, SplitOff};
use crate::event::Progress;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The sums of a run's slices.
///
/// A planned slice is as much of the walk as any other. What was split from it belongs to it still: however many parts it
/// has, they count as the one slice, done when all of them are.
pub struct Tally {
    /// Rows that a planned slice of the walk has, on average, by the estimate at the start.
    rows_per_slice: f64,
    slices: Mutex<BTreeMap<(i64, i64), Part>>,
}

#[derive(Clone, Copy)]
struct Part {
    /// The planned slice that it is, or that it was split from.
    planned: i64,
    /// Rows that it may have; a guess, unless it was split and counted.
    rows: f64,
    rows_changed: u64,
    rows_scanned: u64,
    batches: u64,
    done: bool,
    /// Carved out of another slice: too small to count as a part of the whole.
    set_aside: bool,
}

impl Tally {
    /// The sums of these slices.
    pub fn new(slices: &[SliceRecord], estimated_rows: i64) -> Self {
        let walk = slices.iter().filter(|slice| slice.pass == 0 && !slice.set_aside);
        let planned = walk.map(planned).collect::<BTreeSet<_>>().len().max(1);
        let rows_per_slice = (estimated_rows.max(1) as f64 / planned as f64).max(1.0);
        Self { rows_per_slice, slices: Mutex::new(parts(slices, rows_per_slice)) }
    }

    /// Takes the sums as they are recorded. A server that crashed has taken back batches that were counted here.
    pub fn recount(&self, slices: &[SliceRecord]) {
        *self.slices() = parts(slices, self.rows_per_slice);
    }

    /// Adds a committed batch; the progress with it.
    pub fn add(&self, pass: i64, number: i64, rows: u64, scanned: u64, done: bool) -> Progress {
        let mut slices = self.slices();
        let part = slices.entry((pass, number)).or_insert(Part::new(number, self.rows_per_slice));
        part.rows_changed += rows;
        part.rows_scanned += scanned;
        part.batches += 1;
        part.done = done;
        progress(&slices, self.rows_per_slice)
    }

    /// A slice lost its upper part to a slice of its own; with the rows left in either, where they were counted.
    pub fn split(&self, from: i64, off: &SplitOff) {
        let mut slices = self.slices();
        let SplitOff { slice: upper, rows } = off;
        let Some(lower) = slices.get_mut(&(upper.pass, from)) else { return };
        let half = lower.left() / 2.0;
        let (below, above) = rows.map_or((half, half), |(below, above)| (below as f64, above as f64));
        lower.rows = lower.rows_scanned as f64 + below;
        slices.insert((upper.pass, upper.number), Part::new(planned(upper), above));
    }

    /// The progress now.
    pub fn progress(&self) -> Progress {
        progress(&self.slices(), self.rows_per_slice)
    }

    /// The share of one slice that is walked; a guess until it is done.
    pub fn share_of(&self, pass: i64, number: i64) -> f64 {
        self.slices().get(&(pass, number)).map_or(0.0, |part| share(part.done, part.rows_scanned, part.rows))
    }

    /// Rows that may be left of one slice; a guess that may be used up before the slice is.
    pub fn left_of(&self, pass: i64, number: i64) -> f64 {
        self.slices().get(&(pass, number)).map_or(0.0, Part::left)
    }

    fn slices(&self) -> MutexGuard<'_, BTreeMap<(i64, i64), Part>> {
        // Sums of a panicked worker are whole: nothing here can stop half-way.
        self.slices.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Part {
    fn new(planned: i64, rows: f64) -> Self {
        Self { planned, rows, rows_changed: 0, rows_scanned: 0, batches: 0, done: false, set_aside: false }
    }

    fn left(&self) -> f64 {
        (self.rows - self.rows_scanned as f64).max(0.0)
    }
}

fn planned(slice: &SliceRecord) -> i64 {
    slice.split_from.unwrap_or(slice.number)
}

fn parts(slices: &[SliceRecord], rows_per_slice: f64) -> BTreeMap<(i64, i64), Part> {
    let mut parts_of = BTreeMap::<_, u32>::new();
    for slice in slices.iter().filter(|slice| !slice.set_aside) {
        *parts_of.entry((slice.pass, planned(slice))).or_default() += 1;
    }
    let part = |slice: &SliceRecord| Part {
        planned: planned(slice),
        rows: rows_per_slice / f64::from(parts_of.get(&(slice.pass, planned(slice))).copied().unwrap_or(1)),
        rows_changed: slice.rows_changed.unsigned_abs(),
        rows_scanned: slice.rows_scanned.unsigned_abs(),
        batches: slice.seq.unsigned_abs(),
        done: slice.done,
        set_aside: slice.set_aside,
    };
    slices.iter().map(|slice| ((slice.pass, slice.number), part(slice))).collect()
}

fn share(done: bool, rows_scanned: u64, rows: f64) -> f64 {
    // A slice in hand is never shown as done, however wrong the estimate was.
    const ALMOST: f64 = 0.99;
    if done { 1.0 } else { (rows_scanned as f64 / rows.max(1.0)).min(ALMOST) }
}

fn progress(slices: &BTreeMap<(i64, i64), Part>, rows_per_slice: f64) -> Progress {
    let walk = slices.iter().filter(|((pass, _), part)| *pass == 0 && !part.set_aside).map(|(_, part)| part);
    let mut planned = BTreeMap::new();
    for part in walk {
        let (done, scanned) = planned.entry(part.planned).or_insert((true, 0));
        (*done, *scanned) = (*done && part.done, *scanned + part.rows_scanned);
    }
    let walked: f64 = planned.values().map(|(done, scanned)| share(*done, *scanned, rows_per_slice)).sum();
    Progress {
        rows_changed: slices.values().map(|part| part.rows_changed).sum(),
        batches: slices.values().map(|part| part.batches).sum(),
        share: if planned.is_empty() { 1.0 } else { (walked / planned.len() as f64).min(1.0) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Key, KeyRange};
    use crate::plan::Route;

    fn slice(number: i64, scanned: i64, done: bool) -> SliceRecord {
        SliceRecord {
            pass: 0,
            number,
            route: Route::default(),
            range: KeyRange { after: None, through: Key::new(vec!["9".into()]) },
            cursor: None,
            circuit: crate::db::SliceCircuit::default(),
            seq: 2,
            rows_changed: scanned,
            rows_scanned: scanned,
            rows_still_in_scope: 0,
            done,
            token: 1,
            set_aside: false,
            split_from: None,
        }
    }

    #[test]
    fn the_share_follows_the_key_space_and_never_passes_the_whole() {
        let tally = Tally::new(&[slice(0, 100, true), slice(1, 50, false)], 200);
        assert_eq!(tally.progress(), Progress { rows_changed: 150, batches: 4, share: 0.75 });
        let progress = tally.add(0, 1, 5_000, 5_000, false);
        assert_eq!((progress.share, progress.rows_changed), (0.995, 5_150), "ten times the estimate is not done");
        assert_eq!(tally.add(0, 1, 1, 1, true).share, 1.0);
        assert_eq!(tally.add(1, 0, 1, 1, false).share, 1.0, "a sweep does not move the walk");
    }

    #[test]
    fn what_a_crash_took_back_is_not_counted() {
        let tally = Tally::new(&[slice(0, 100, false)], 200);
        tally.add(0, 0, 50, 50, false);
        tally.recount(&[slice(0, 100, false)]);
        assert_eq!(tally.progress().rows_changed, 100);
    }

    /// Slice 0 is done, of slice 1 a half is walked when its upper part is taken.
    #[test]
    fn a_slice_that_is_split_counts_as_one_whoever_counts() {
        let half_walked = [slice(0, 100, true), slice(1, 50, false)];
        let tally = Tally::new(&half_walked, 200);
        let upper = SliceRecord { split_from: Some(1), rows_changed: 0, rows_scanned: 0, seq: 0, ..slice(2, 0, false) };
        tally.split(1, &SplitOff { slice: upper.clone(), rows: Some((20, 40)) });
        assert_eq!(tally.progress().share, 0.75, "nothing was walked meanwhile");
        assert_eq!((tally.left_of(0, 1), tally.left_of(0, 2), tally.share_of(0, 1)), (20.0, 40.0, 50.0 / 70.0));
        assert_eq!(tally.add(0, 1, 20, 20, true).share, 0.85, "one part is done, the planned slice is not");
        let recorded = [slice(0, 100, true), slice(1, 70, true), upper];
        assert_eq!(Tally::new(&recorded, 200).progress().share, 0.85, "by what is recorded");
        assert_eq!(tally.add(0, 2, 40, 40, true).share, 1.0);
    }

    #[test]
    fn a_guess_that_is_used_up_leaves_nothing_to_halve() {
        let tally = Tally::new(&[slice(0, 500, false)], 200);
        assert_eq!(tally.left_of(0, 0), 0.0);
        tally.split(0, &SplitOff { slice: slice(1, 0, false), rows: None });
        assert_eq!((tally.left_of(0, 0), tally.left_of(0, 1)), (0.0, 0.0));
        tally.split(9, &SplitOff { slice: slice(2, 0, false), rows: None });
        assert_eq!(tally.share_of(0, 2), 0.0, "nobody knows what it was split from");
    }

    #[test]
    fn an_empty_table_is_done() {
        assert_eq!(Tally::new(&[], 0).progress().share, 1.0);
    }
}
