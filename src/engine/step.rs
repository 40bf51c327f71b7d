//! What comes next in a run, and is it done? Pure: reads the recorded slices, answers with a [`Step`].

use crate::db::SliceRecord;
use crate::key::Key;
use crate::plan::{Extent, Route};
use serde::Serialize;
use std::collections::HashMap;

/// Passes that may find rows before the run gives up: rows that come into scope faster than they are changed would be
/// swept for ever.
const MAX_SWEEP_PASSES: i64 = 10;

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Walk the slices of this pass that are not done.
    Walk(i64),
    /// Record another pass over what is left, then walk it.
    Sweep(i64),
    /// Everything is done, and this proves it.
    Done(Proof),
    /// Everything is walked, and something is left.
    NotProven(String),
}

/// Why a run is done: its slices tile the captured key range, and the last sweep found no row but those set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// Slices of the walk, tiling the range from its open end to the bound.
    pub slices: usize,
    /// Places where one slice does not begin where the one before it ends: always 0 in a proof.
    pub gaps: usize,
    /// Passes over what was left; 0 where the job has no `where` to prove it by.
    pub sweep_passes: i64,
    /// Rows in scope that the last pass found beside those that are set aside: always 0 in a proof.
    pub rows_left: i64,
    /// Rows that are set aside: all that is left. The slices do not know them.
    pub rows_quarantined: i64,
}

/// Decides from what is recorded, never from what is remembered.
pub fn next_step(slices: &[SliceRecord], extent: &Extent, swept: bool) -> Step {
    let last_pass = slices.iter().map(|slice| slice.pass).max().unwrap_or_default();
    let of_pass: Vec<_> = slices.iter().filter(|slice| slice.pass == last_pass).collect();
    let gaps = gaps(&of_pass, &extent.of_pass(last_pass));
    if gaps > 0 {
        return Step::NotProven(format!("the slices of pass {last_pass} leave {gaps} gaps in the key range"));
    }
    // A crash may have taken back the end of one pass after the next one was planned, so the last pass is not enough.
    if let Some(pass) = slices.iter().filter(|slice| !slice.done).map(|slice| slice.pass).min() {
        return Step::Walk(pass);
    }
    let walked = slices.iter().filter(|slice| slice.pass == 0).count();
    let proof = Proof { slices: walked, gaps: 0, sweep_passes: last_pass, rows_left: 0, rows_quarantined: 0 };
    if !swept || extent.bound.is_none() {
        return Step::Done(proof);
    }
    // Swept again, such rows would be changed again.
    let unmoved: i64 = slices.iter().map(|slice| slice.rows_still_in_scope).sum();
    if unmoved > 0 {
        return Step::NotProven(format!(
            "{unmoved} rows were changed and still match `where`: the change does not make it false for them \
             (is a value null?), so it cannot prove the end"
        ));
    }
    let found: i64 = of_pass.iter().map(|slice| slice.rows_changed).sum();
    match last_pass {
        0 => Step::Sweep(1),
        _ if found == 0 => Step::Done(proof),
        MAX_SWEEP_PASSES.. => Step::NotProven(format!(
            "pass {last_pass} still found {found} rows in scope: the application adds rows as fast as they are changed; \
             make new rows correct first, then run again"
        )),
        pass => Step::Sweep(pass + 1),
    }
}

/// Slices that no chain from an open end reaches, plus one for each part whose chain does not reach its end.
fn gaps(slices: &[&SliceRecord], ends: &[(&Route, &Key)]) -> usize {
    let chained: Vec<_> = ends.iter().map(|(route, end)| (*end, in_order(slices, route))).collect();
    // A sweep may have one slice more: rows that were added above the bound.
    let is_reached = |end: &Key, chain: &[&SliceRecord]| chain.iter().any(|slice| slice.range.through == *end);
    let unreached = chained.iter().filter(|(end, chain)| !is_reached(end, chain)).count();
    let chained: usize = chained.iter().map(|(_, chain)| chain.len()).sum();
    let unwalked = slices.iter().filter(|slice| slice.done && slice.cursor.as_ref() != Some(&slice.range.through));
    slices.len() - chained + unreached + unwalked.count()
}

/// The slices along a route that go on from each other, from the open end on. By their keys: one that was carved out of
/// another has a number behind all others. Those that nobody leads to are left out.
pub(super) fn in_order<'a>(slices: &[&'a SliceRecord], route: &Route) -> Vec<&'a SliceRecord> {
    let mut by_start: HashMap<Option<&Key>, &'a SliceRecord> = HashMap::new();
    for slice in slices.iter().filter(|slice| slice.route == *route) {
        by_start.entry(slice.range.after.as_ref()).or_insert(slice);
    }
    let mut in_order = Vec::with_capacity(by_start.len());
    let mut end = None;
    while let Some(slice) = by_start.remove(&end) {
        end = Some(&slice.range.through);
        in_order.push(slice);
    }
    in_order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::KeyRange;

    fn key(text: &str) -> Key {
        Key::new(vec![text.into()])
    }

    fn slice(pass: i64, after: &str, through: &str, done: bool, rows: i64) -> SliceRecord {
        let after = (!after.is_empty()).then(|| key(after));
        SliceRecord {
            pass,
            number: 0,
            route: Route::default(),
            cursor: if done { Some(key(through)) } else { after.clone() },
            range: KeyRange { after, through: key(through) },
            circuit: crate::db::SliceCircuit::default(),
            seq: 0,
            rows_changed: rows,
            rows_scanned: rows,
            rows_still_in_scope: 0,
            done,
            token: 1,
            set_aside: false,
            split_from: None,
        }
    }

    fn until(bound: &str) -> Extent {
        Extent::plain(Some(key(bound)))
    }

    fn walked() -> Vec<SliceRecord> {
        vec![slice(0, "", "10", true, 10), slice(0, "10", "20", true, 10)]
    }

    #[test]
    fn an_unfinished_slice_is_walked() {
        let slices = [slice(0, "", "10", true, 10), slice(0, "10", "20", false, 0)];
        assert_eq!(next_step(&slices, &until("20"), true), Step::Walk(0));
    }

    #[test]
    fn a_walk_without_where_is_done_by_its_tiles() {
        let proof = Proof { slices: 2, gaps: 0, sweep_passes: 0, rows_left: 0, rows_quarantined: 0 };
        assert_eq!(next_step(&walked(), &until("20"), false), Step::Done(proof));
        let empty = Proof { slices: 0, gaps: 0, sweep_passes: 0, rows_left: 0, rows_quarantined: 0 };
        assert_eq!(next_step(&[], &Extent::default(), true), Step::Done(empty));
    }

    #[test]
    fn a_gap_is_never_done() {
        let gap = [slice(0, "", "10", true, 10), slice(0, "11", "20", true, 10)];
        let short = [slice(0, "", "10", true, 10)];
        let late = [slice(0, "5", "20", true, 10)];
        let mut unwalked = walked();
        unwalked[1].cursor = Some(key("15"));
        // The chain reaches the bound, and yet nobody leads to the rows that were added above it.
        let mut above = walked();
        above.push(slice(0, "25", "29", true, 10));
        for slices in [&gap[..], &short, &late, &unwalked, &above, &[]] {
            assert!(matches!(next_step(slices, &until("20"), false), Step::NotProven(_)), "{slices:?}");
        }
    }

    #[test]
    fn a_slice_that_was_carved_out_tiles_with_the_others_whatever_its_number() {
        let carved = [slice(0, "5", "10", true, 5), slice(0, "10", "20", true, 10), slice(0, "", "5", true, 5)];
        assert!(matches!(next_step(&carved, &until("20"), false), Step::Done(_)));
        let twice = [slice(0, "", "10", true, 5), slice(0, "10", "20", true, 10), slice(0, "", "20", true, 5)];
        assert!(matches!(next_step(&twice, &until("20"), false), Step::NotProven(_)));
    }

    #[test]
    fn a_sweep_goes_on_until_a_pass_finds_nothing() {
        let mut slices = walked();
        assert_eq!(next_step(&slices, &until("20"), true), Step::Sweep(1));
        slices.extend([slice(1, "", "10", true, 3), slice(1, "10", "20", true, 0)]);
        assert_eq!(next_step(&slices, &until("20"), true), Step::Sweep(2));
        slices.extend([slice(2, "", "10", true, 0), slice(2, "10", "20", true, 0)]);
        let proof = Proof { slices: 2, gaps: 0, sweep_passes: 2, rows_left: 0, rows_quarantined: 0 };
        assert_eq!(next_step(&slices, &until("20"), true), Step::Done(proof));
        slices.push(slice(2, "20", "29", true, 0));
        assert_eq!(next_step(&slices, &until("20"), true), Step::Done(proof), "rows above the bound are swept too");
    }

    #[test]
    fn a_walk_that_a_crash_took_back_is_walked_before_its_sweep_goes_on() {
        let mut slices = walked();
        slices[1] = slice(0, "10", "20", false, 0);
        slices.extend([slice(1, "", "10", true, 0), slice(1, "10", "20", true, 0)]);
        assert_eq!(next_step(&slices, &until("20"), true), Step::Walk(0));
        slices[3].done = false;
        assert_eq!(next_step(&slices, &until("20"), true), Step::Walk(0));
    }

    #[test]
    fn a_change_that_keeps_rows_in_scope_is_reported_and_not_swept_for_ever() {
        let mut slices = walked();
        slices[0].rows_still_in_scope = 7;
        let Step::NotProven(why) = next_step(&slices, &until("20"), true) else { panic!("7 rows are left") };
        assert!(why.starts_with("7 rows"), "{why}");
        let mut endless = walked();
        endless.extend(
            (1..=MAX_SWEEP_PASSES).flat_map(|pass| [slice(pass, "", "10", true, 1), slice(pass, "10", "20", true, 0)]),
        );
        assert!(matches!(next_step(&endless, &until("20"), true), Step::NotProven(_)));
    }
}
