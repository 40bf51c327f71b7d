//! Can the recorded slices of a run be believed? What another hand changed there would be walked as it stands, and rows
//! would be left out or changed twice. Pure but for the one question that only the database can answer: keys are
//! compared by nobody else.

use super::step::in_order;
use crate::db::{Class, Database, Failure, Ledger, MEND, Move, RunRecord, SliceRecord, Stray};
use crate::key::Key;
use crate::plan::{Extent, Order, Route, Work};
use crate::run::RunState;
use crate::runner::Runner;

/// The slices of a run that this runner has taken, when they can be believed; otherwise the run is failed, for a person
/// to look at. Where the database did not answer it is let go.
///
/// # Errors
/// When they cannot, with the row and the next step, or the database does not answer.
pub(super) async fn sound_slices(
    database: &dyn Database,
    ledger: &mut Ledger,
    record: &RunRecord,
    work: &Work,
    runner: &Runner,
) -> Result<Vec<SliceRecord>, Failure> {
    let examined = examine(database, ledger, record, work).await;
    if let Err(failure) = &examined {
        let (run, why) = (record.id, failure.to_string());
        // Where even that cannot be recorded, the lease ends by itself.
        if failure.class == Class::Fatal {
            let by = Move { failure: Some(why), ..Move::new(RunState::Failed, &runner.actor) };
            let _ = ledger.move_held(run, &runner.holder, &[RunState::Running, RunState::Sweeping], &by).await;
        } else {
            let _ = ledger.release(run, runner, Some(&why)).await;
        }
    }
    examined
}

async fn examine(
    database: &dyn Database,
    ledger: &mut Ledger,
    record: &RunRecord,
    work: &Work,
) -> Result<Vec<SliceRecord>, Failure> {
    if record.place.is_empty() {
        // Only a run that nobody has planned is without one, and it has no slices either: it would end at once.
        let table = database.dialect().state_table("run");
        return Err(Failure::fatal(format!("{table} of run {}: it is planned and has no place; {MEND}", record.id)));
    }
    let slices = ledger.slices(record.id).await?;
    let mut flaw = flaw(&slices, &record.extent(), work.key.len());
    if flaw.is_none() {
        flaw = database.stray(work, &slices).await?.map(|(place, stray)| Flaw::of(&slices[place], in_words(stray)));
    }
    match flaw {
        None => Ok(slices),
        Some(Flaw { place, what }) => {
            let (table, run) = (database.dialect().state_table("slice"), record.id);
            Err(Failure::fatal(format!("{table} of run {run}, {place}: {what}; {MEND}")))
        }
    }
}

fn in_words(stray: Stray) -> &'static str {
    match stray {
        Stray::Unreadable => "a part of its keys cannot be read in the type of the key's column",
        Stray::Outside => "cursor_key lies outside of the slice, or of its circuit",
    }
}

/// What is wrong, and where.
#[derive(Debug, PartialEq, Eq)]
struct Flaw {
    place: String,
    what: String,
}

impl Flaw {
    fn of(slice: &SliceRecord, what: impl Into<String>) -> Self {
        Self { place: format!("pass {}, slice {}", slice.pass, slice.number), what: what.into() }
    }

    fn of_pass(pass: i64, what: impl Into<String>) -> Self {
        Self { place: format!("pass {pass}"), what: what.into() }
    }
}

/// The first thing that is wrong with the slices by themselves, in the order of passes and places.
fn flaw(slices: &[SliceRecord], extent: &Extent, key_columns: usize) -> Option<Flaw> {
    let columns = |slice: &SliceRecord| match slice.route.order {
        Order::Key => key_columns,
        Order::Physical => 1,
    };
    if let Some((slice, what)) = slices.iter().find_map(|slice| Some((slice, own_flaw(slice, columns(slice))?))) {
        return Some(Flaw::of(slice, what));
    }
    if let (Some(first), None) = (slices.first(), &extent.bound) {
        // Without it nothing would be swept, whatever the ends of the walk are.
        return Some(Flaw::of_pass(first.pass, NO_BOUND));
    }
    let last_pass = slices.last().map_or(0, |slice| slice.pass);
    let of_pass = |pass: i64| slices.iter().filter(|slice| slice.pass == pass).collect::<Vec<_>>();
    // A slice that is not done below a later pass is no flaw: a crash may have taken back the end of the earlier one.
    (0..=last_pass).find_map(|pass| untiled(pass, &of_pass(pass), &extent.of_pass(pass)))
}

fn own_flaw(slice: &SliceRecord, key_columns: usize) -> Option<String> {
    let SliceRecord { range, cursor, circuit, .. } = slice;
    let keys = [
        ("after_key", range.after.as_ref()),
        ("through_key", Some(&range.through)),
        ("cursor_key", cursor.as_ref()),
        ("circuit_after", circuit.after.as_ref()),
        ("circuit_through", circuit.through.as_ref()),
    ];
    for (name, key) in keys {
        let parts = key.map_or(key_columns, |key| key.parts().len());
        if parts != key_columns {
            return Some(format!(
                "{name} does not have a part for each of the key's columns: {parts} instead of {key_columns}"
            ));
        }
    }
    let counts = [
        ("seq", slice.seq),
        ("rows_changed", slice.rows_changed),
        ("rows_scanned", slice.rows_scanned),
        ("rows_still_in_scope", slice.rows_still_in_scope),
    ];
    if let Some((name, _)) = counts.iter().find(|(_, count)| !(0..=MOST_ROWS).contains(count)) {
        return Some(format!("{name} is no count that batches add up to"));
    }
    if !(0..slice.route.laps.count.into()).contains(&circuit.lap) {
        return Some("lap is none of the slice's laps".to_owned());
    }
    if (circuit.lap > 0) != circuit.through.is_some() {
        return Some("circuit_through is known in every lap but the first, and in no other".to_owned());
    }
    match cursor {
        None if range.after.is_some() => {
            Some("cursor_key is null, and the slice does not begin at the open end".to_owned())
        }
        cursor if slice.done && cursor.as_ref() != Some(&range.through) => {
            Some("done is true, and cursor_key is not at through_key".to_owned())
        }
        _ => None,
    }
}

const NO_BOUND: &str = "there are slices, and the run has no bound_key";

/// More than any table has, and far enough below the end of the type for all slices to be summed up.
const MOST_ROWS: i64 = 1 << 50;

/// The first place where the slices of a pass do not go on from each other, from the open end to the end of each part. A
/// sweep may have one slice more: rows that were added above the bound.
fn untiled(pass: i64, slices: &[&SliceRecord], ends: &[(&Route, &Key)]) -> Option<Flaw> {
    if let Some((place, _)) = (0..).zip(slices).find(|(place, slice)| slice.number != *place) {
        return Some(Flaw::of_pass(pass, format!("slice {place} is missing")));
    }
    let chains: Vec<_> = ends.iter().map(|(route, end)| (*end, in_order(slices, route))).collect();
    let is_in_order =
        |slice: &SliceRecord| chains.iter().flat_map(|(_, chain)| chain).any(|other| other.number == slice.number);
    if let Some(stray) = slices.iter().find(|slice| !is_in_order(slice)) {
        return Some(Flaw::of(stray, "after_key is not where the slice before it ends"));
    }
    let is_reached = |end: &Key, chain: &[&SliceRecord]| {
        let mut last = chain.iter().rev().map(|slice| &slice.range.through);
        let (last, before) = (last.next(), last.next());
        last == Some(end) || (pass > 0 && before == Some(end))
    };
    let unreached = chains.iter().any(|(end, chain)| !is_reached(end, chain));
    unreached.then(|| Flaw::of_pass(pass, "the slices do not end at the bound_key of the run"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::SliceCircuit;
    use crate::key::KeyRange;

    fn key(text: &str) -> Key {
        Key::new(text.split(' ').map(str::to_owned).collect())
    }

    fn slice(pass: i64, number: i64, after: &str, through: &str, cursor: &str) -> SliceRecord {
        let some = |text: &str| (!text.is_empty()).then(|| key(text));
        SliceRecord {
            pass,
            number,
            route: Route::default(),
            range: KeyRange { after: some(after), through: key(through) },
            cursor: some(cursor),
            circuit: SliceCircuit::default(),
            seq: 3,
            rows_changed: 5,
            rows_scanned: 5,
            rows_still_in_scope: 0,
            done: cursor == through,
            token: 1,
            set_aside: false,
            split_from: None,
        }
    }

    fn until(bound: &str) -> Extent {
        Extent::plain(Some(key(bound)))
    }

    /// A walk with a slice that is done, one that is under way and one that is not begun.
    fn walk() -> Vec<SliceRecord> {
        vec![slice(0, 0, "", "10", "10"), slice(0, 1, "10", "20", "15"), slice(0, 2, "20", "30", "20")]
    }

    #[test]
    fn a_slice_that_was_carved_out_of_another_is_in_its_place() {
        let mut slices = vec![slice(0, 0, "5", "10", "10"), slice(0, 1, "10", "20", "15"), slice(0, 2, "", "5", "2")];
        assert_eq!(flaw(&slices, &until("20"), 1), None);
        slices[2].range.through = key("6");
        assert!(flaw(&slices, &until("20"), 1).is_some(), "an overlap");
    }

    /// Two passes; the second has a slice above the bound.
    fn sweep() -> Vec<SliceRecord> {
        let mut slices = vec![slice(0, 0, "", "20", "20"), slice(0, 1, "20", "30", "30")];
        slices.extend([slice(1, 0, "", "20", ""), slice(1, 1, "20", "30", "20"), slice(1, 2, "30", "39", "30")]);
        slices
    }

    #[test]
    fn what_a_run_left_behind_is_believed() {
        for slices in [walk(), sweep(), sweep()[..4].to_vec(), sweep()[..2].to_vec()] {
            assert_eq!(flaw(&slices, &until("30"), 1), None, "{slices:?}");
        }
        assert_eq!(flaw(&[], &Extent::default(), 1), None, "an empty table");
    }

    #[test]
    fn what_another_hand_left_is_told_with_its_place() {
        type Tamper = fn(&mut Vec<SliceRecord>);
        let table: &[(Tamper, &str, &str)] = &[
            (|s| s[1].cursor = None, "pass 0, slice 1", "cursor_key is null, and the slice does not begin"),
            (|s| s[1].cursor = Some(key("1 5")), "pass 0, slice 1", "cursor_key does not have a part for each"),
            (|s| s[2].range.through = Key::new(vec![]), "pass 0, slice 2", "through_key does not have a part"),
            (|s| s[1].seq = -1, "pass 0, slice 1", "seq is no count"),
            (|s| s[1].circuit.lap = 1, "pass 0, slice 1", "lap is none of the slice's laps"),
            (|s| s[1].circuit.through = Some(key("18")), "pass 0, slice 1", "circuit_through is known"),
            (|s| s[1].circuit.after = Some(key("1 2")), "pass 0, slice 1", "circuit_after does not have a part"),
            (|s| s[1].seq = i64::MAX, "pass 0, slice 1", "seq is no count"),
            (|s| s[0].rows_changed = -5, "pass 0, slice 0", "rows_changed is no count"),
            (|s| s[1].done = true, "pass 0, slice 1", "done is true, and cursor_key is not at through_key"),
            (|s| drop(s.remove(0)), "pass 0", "slice 0 is missing"),
            (|s| drop(s.remove(1)), "pass 0", "slice 1 is missing"),
            (|s| drop(s.pop()), "pass 0", "the slices do not end at the bound_key"),
            (Vec::clear, "pass 0", "the slices do not end at the bound_key"),
            (|s| s[2].range.after = Some(key("18")), "pass 0, slice 2", "after_key is not where the slice before"),
            (|s| s[2].range.after = Some(key("22")), "pass 0, slice 2", "after_key is not where the slice before"),
            (|s| s[0].range.after = Some(key("5")), "pass 0, slice 0", "after_key is not where the slice before"),
            (|s| s[2].range.through = key("29"), "pass 0", "the slices do not end at the bound_key"),
        ];
        for (tamper, place, what) in table {
            let mut slices = walk();
            tamper(&mut slices);
            let flaw = flaw(&slices, &until("30"), 1).unwrap_or_else(|| panic!("{what}"));
            assert!(flaw.place == *place && flaw.what.starts_with(what), "{flaw:?} instead of {place}: {what}");
        }
    }

    #[test]
    fn a_pass_that_is_missing_is_noticed() {
        let mut slices = sweep();
        slices.iter_mut().filter(|slice| slice.pass == 1).for_each(|slice| slice.pass = 2);
        assert_eq!(flaw(&slices, &until("30"), 1).map(|flaw| flaw.place), Some("pass 1".to_owned()));
        assert_eq!(flaw(&walk(), &Extent::default(), 1).map(|flaw| flaw.what), Some(NO_BOUND.to_owned()));
        let ends_without_bound = Extent { bound: None, ..until("30") };
        assert_eq!(flaw(&walk(), &ends_without_bound, 1).map(|flaw| flaw.what), Some(NO_BOUND.to_owned()));
    }
}
