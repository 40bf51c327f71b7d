//! Into which parts is the key space cut? Knows keys only as cuts that the database gave, in its order.

use crate::key::{Key, KeyRange};

/// Slices per worker. A sample of blocks cuts them within half of their mean, and rows differ in what they cost; with so
/// many, workers that took nothing from each other would end up to a fifth of the run apart. An idle one takes half of
/// what another has, so more of them gain nothing, and fewer mean more of that.
const SLICES_PER_WORKER: usize = 8;

/// With one worker, slices only serve to show progress and to be walked by more workers later. Their number does not grow
/// with the table: each costs a state row in every pass.
const MIN_SLICES: usize = 16;

/// A slice shorter than this many batches costs more in look-ups than it gains.
const MIN_BATCHES_PER_SLICE: u64 = 10;

/// How many slices to ask for.
pub fn slice_count(estimated_rows: u64, rows_per_batch: u32, workers: u32) -> usize {
    let wanted = (workers as usize * SLICES_PER_WORKER).max(MIN_SLICES);
    let worthwhile = estimated_rows / (u64::from(rows_per_batch) * MIN_BATCHES_PER_SLICE);
    wanted.min(usize::try_from(worthwhile).unwrap_or(usize::MAX)).max(1)
}

/// The ranges between the cuts, up to `last`, the first one open below. Tiles by construction: each begins where the
/// one before it ends. No `last`: no rows, no ranges.
pub fn tile(cuts: &[Key], last: Option<&Key>) -> Vec<KeyRange> {
    let mut after = None;
    let mut ranges = Vec::new();
    for through in cuts.iter().filter(|cut| Some(*cut) != last).chain(last).take_while(|_| last.is_some()) {
        ranges.push(KeyRange { after: after.replace(through.clone()), through: through.clone() });
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        Key::new(vec![text.into()])
    }

    #[test]
    fn ranges_tile_from_the_open_end_to_the_bound() {
        let ranges = tile(&[key("10"), key("20")], Some(&key("30")));
        let shown: Vec<_> = ranges.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["(.. 10]", "(10 .. 20]", "(20 .. 30]"]);
    }

    #[test]
    fn one_key_is_one_range_and_no_key_is_none() {
        assert_eq!(tile(&[], Some(&key("1"))).len(), 1);
        assert_eq!(tile(&[key("1")], Some(&key("1"))).len(), 1, "a cut at the bound would leave an empty range");
        assert_eq!(tile(&[], None), []);
    }

    #[test]
    fn a_small_table_is_one_slice_and_a_large_one_has_many_per_worker() {
        let table =
            [((0, 5_000, 4), 1), ((99_999, 5_000, 1), 1), ((2_000_000, 5_000, 1), 16), ((2_000_000, 5_000, 4), 32)];
        for ((rows, batch, workers), slices) in table {
            assert_eq!(slice_count(rows, batch, workers), slices, "{rows} rows, {workers} workers");
        }
        assert_eq!(slice_count(250_000, 5_000, 4), 5, "not shorter than ten batches");
    }
}
