//! How far is a run? Sums over the recorded slices, kept up as batches commit. Never above the whole.

use crate::db::SliceRecord;
use crate::event::Progress;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The sums of a run's slices.
pub struct Tally {
    /// Rows that a slice of the walk has, on average, by the estimate at the start.
    rows_per_slice: f64,
    slices: Mutex<HashMap<(i64, i64), Part>>,
}

#[derive(Clone, Copy)]
struct Part {
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
        let walk = slices.iter().filter(|slice| slice.pass == 0 && !slice.set_aside).count().max(1);
        let rows_per_slice = (estimated_rows.max(1) as f64 / walk as f64).max(1.0);
        Self { rows_per_slice, slices: Mutex::new(parts(slices)) }
    }

    /// Takes the sums as they are recorded. A server that crashed has taken back batches that were counted here.
    pub fn recount(&self, slices: &[SliceRecord]) {
        *self.slices() = parts(slices);
    }

    /// Adds a committed batch; the progress with it.
    pub fn add(&self, pass: i64, number: i64, rows: u64, scanned: u64, done: bool) -> Progress {
        let mut slices = self.slices();
        let new = Part { rows_changed: 0, rows_scanned: 0, batches: 0, done: false, set_aside: false };
        let part = slices.entry((pass, number)).or_insert(new);
        part.rows_changed += rows;
        part.rows_scanned += scanned;
        part.batches += 1;
        part.done = done;
        progress(&slices, self.rows_per_slice)
    }

    /// The progress now.
    pub fn progress(&self) -> Progress {
        progress(&self.slices(), self.rows_per_slice)
    }

    /// The share of one slice that is walked; a guess until it is done.
    pub fn share_of(&self, pass: i64, number: i64) -> f64 {
        self.slices().get(&(pass, number)).map_or(0.0, |part| part.share(self.rows_per_slice))
    }

    fn slices(&self) -> MutexGuard<'_, HashMap<(i64, i64), Part>> {
        // Sums of a panicked worker are whole: nothing here can stop half-way.
        self.slices.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn parts(slices: &[SliceRecord]) -> HashMap<(i64, i64), Part> {
    slices.iter().map(|slice| ((slice.pass, slice.number), part(slice))).collect()
}

fn part(slice: &SliceRecord) -> Part {
    Part {
        rows_changed: slice.rows_changed.unsigned_abs(),
        rows_scanned: slice.rows_scanned.unsigned_abs(),
        batches: slice.seq.unsigned_abs(),
        done: slice.done,
        set_aside: slice.set_aside,
    }
}

impl Part {
    fn share(&self, rows_per_slice: f64) -> f64 {
        // A slice in hand is never shown as done, however wrong the estimate was.
        const ALMOST: f64 = 0.99;
        if self.done { 1.0 } else { (self.rows_scanned as f64 / rows_per_slice).min(ALMOST) }
    }
}

fn progress(slices: &HashMap<(i64, i64), Part>, rows_per_slice: f64) -> Progress {
    let walk = slices.iter().filter(|((pass, _), part)| *pass == 0 && !part.set_aside).map(|(_, part)| part);
    let (count, share) =
        walk.fold((0_u32, 0.0), |(count, share), part| (count + 1, share + part.share(rows_per_slice)));
    Progress {
        rows_changed: slices.values().map(|part| part.rows_changed).sum(),
        batches: slices.values().map(|part| part.batches).sum(),
        share: if count == 0 { 1.0 } else { (share / f64::from(count)).min(1.0) },
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
            seq: 2,
            rows_changed: scanned,
            rows_scanned: scanned,
            rows_still_in_scope: 0,
            done,
            token: 1,
            set_aside: false,
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

    #[test]
    fn an_empty_table_is_done() {
        assert_eq!(Tally::new(&[], 0).progress().share, 1.0);
    }
}
