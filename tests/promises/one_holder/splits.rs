//! How is a slice split while its owner walks it? Only under its lock, only by who holds it, and in the middle of what is
//! left then.

use super::{Held, LEASE, job};
use crate::support::{Target, promises, until};
use tidegate::db::{SliceRecord, Split, SplitOff, Wanted};
use tidegate::pace::Stretch;
use tidegate::plan::Laps;

promises!(on [every_postgres, sqlite]:
    a_slice_is_split_in_the_middle_of_what_is_left,
    a_slice_of_another_token_or_holder_is_not_split,
    a_slice_that_is_done_or_set_aside_is_not_split,
    the_owner_learns_where_its_slice_ends_now,
);
promises!(on [every_postgres]:
    a_split_waits_for_the_batch_in_hand,
    two_splits_at_once_do_not_choose_the_same_number,
    a_slice_too_long_to_be_counted_is_split_near_its_middle,
    what_is_taken_of_a_slice_lies_behind_its_circuit,
);

const WANTED: Wanted = Wanted { least: 5, about: 100 };

/// Ten of a hundred rows are done.
async fn a_slice_is_split_in_the_middle_of_what_is_left(target: Target) {
    let mut held = Held::new(&target).await;
    walk(&mut held, 10).await;
    let too_much = Wanted { least: 46, ..WANTED };
    assert_eq!(held.lane.split(&held.lease, too_much).await.unwrap(), Split::TooShort);
    held.lane.rollback().await;
    let off = made(held.lane.split(&held.lease, WANTED).await.unwrap());
    assert_eq!(off.rows, Some((45, 45)));
    held.lane.commit().await.unwrap();
    let slices = held.ledger.slices(held.run).await.unwrap();
    assert_eq!(ends(&slices), ["(.. 55]", "(55 .. 100]"]);
    assert_eq!(slices[1], off.slice, "as it was told");
    assert_eq!((slices[1].token, slices[1].split_from), (slices[0].token, Some(0)));
    assert_eq!((slices[0].seq, slices[0].rows_changed), (1, 10), "what was walked is its owner's");
    let mut again = held.lease.clone();
    again.number = 1;
    let off = made(held.lane.split(&again, WANTED).await.unwrap());
    assert_eq!(
        (off.slice.number, off.slice.split_from),
        (2, Some(0)),
        "of the planned slice, whoever it was taken from"
    );
}

async fn a_slice_of_another_token_or_holder_is_not_split(target: Target) {
    let mut held = Held::new(&target).await;
    let mut token = held.lease.clone();
    token.token += 1;
    let mut holder = held.lease.clone();
    holder.holder = uuid::Uuid::new_v4().to_string();
    for other in [token, holder] {
        assert_eq!(held.lane.split(&other, WANTED).await.unwrap(), Split::NotOurs, "{other:?}");
        held.lane.rollback().await;
    }
}

async fn a_slice_that_is_done_or_set_aside_is_not_split(target: Target) {
    let mut held = Held::new(&target).await;
    let slice = target.state("slice");
    target.execute(&format!("update {slice} set set_aside = (1 = 1)")).await;
    assert_eq!(held.lane.split(&held.lease, WANTED).await.unwrap(), Split::NotOurs);
    held.lane.rollback().await;
    target.execute(&format!("update {slice} set set_aside = (1 = 0)")).await;
    walk(&mut held, 1_000).await;
    assert_eq!(held.lane.split(&held.lease, WANTED).await.unwrap(), Split::NotOurs);
}

async fn the_owner_learns_where_its_slice_ends_now(target: Target) {
    let mut held = Held::new(&target).await;
    made(held.lane.split(&held.lease, WANTED).await.unwrap());
    held.lane.commit().await.unwrap();
    let batch = held.lane.open(&held.lease, Stretch::of_rows(50)).await.unwrap().expect("our slice");
    let applied = held.lane.apply(&held.lease, &batch).await.unwrap();
    let recorded = held.lane.checkpoint(&held.lease, &batch, applied).await.unwrap().expect("our slice");
    assert!(recorded.ends_slice, "the first fifty rows are all of it");
    held.lane.commit().await.unwrap();
    assert_eq!(target.number("select count(*) from items where applied = 1").await, 50);
}

/// Twenty rows are done and not committed when the split is asked for: the middle is that of the eighty behind them.
async fn a_split_waits_for_the_batch_in_hand(target: Target) {
    let mut held = Held::new(&target).await;
    let batch = held.lane.open(&held.lease, Stretch::of_rows(20)).await.unwrap().expect("our slice");
    let applied = held.lane.apply(&held.lease, &batch).await.unwrap();
    let (mut taker, lease) = (held.another_lane().await, held.lease.clone());
    let taking = tokio::spawn(async move { (taker.split(&lease, WANTED).await, taker) });
    let waiting =
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    until("the split waits", async || target.number(waiting).await == 1 || taking.is_finished()).await;
    assert!(!taking.is_finished(), "a batch is in hand");
    held.lane.checkpoint(&held.lease, &batch, applied).await.unwrap().expect("our slice");
    held.lane.commit().await.unwrap();
    let (split, mut taker) = taking.await.unwrap();
    assert_eq!(made(split.unwrap()).rows, Some((40, 40)));
    taker.commit().await.unwrap();
    assert_eq!(ends(&held.ledger.slices(held.run).await.unwrap()), ["(.. 60]", "(60 .. 100]"]);
}

/// Of two slices, one after the other's number is chosen and not committed.
async fn two_splits_at_once_do_not_choose_the_same_number(target: Target) {
    let mut held = Held::new(&target).await;
    made(held.lane.split(&held.lease, WANTED).await.unwrap());
    held.lane.commit().await.unwrap();
    made(held.lane.split(&held.lease, WANTED).await.unwrap());
    let mut taker = held.another_lane().await;
    let mut upper = held.lease.clone();
    upper.number = 1;
    let taking = tokio::spawn(async move { (taker.split(&upper, WANTED).await, taker) });
    let waiting =
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    until("the second one waits", async || target.number(waiting).await == 1 || taking.is_finished()).await;
    held.lane.commit().await.unwrap();
    let (split, mut taker) = taking.await.unwrap();
    made(split.unwrap());
    taker.commit().await.unwrap();
    let numbers: Vec<_> = held.ledger.slices(held.run).await.unwrap().iter().map(|slice| slice.number).collect();
    assert_eq!(numbers, [0, 1, 2, 3]);
}

/// Not at the end of what is counted of it, however much of it was thought to be left. All of the table is made one slice.
async fn a_slice_too_long_to_be_counted_is_split_near_its_middle(target: Target) {
    let mut held = Held::of(&target, 300_000).await;
    target.execute("delete from tidegate.slice where slice > 0").await;
    target.execute("update tidegate.slice set through_key = '[\"300000\"]'").await;
    walk(&mut held, 1_000).await;
    for about in [300_000, 0] {
        let off = made(held.lane.split(&held.lease, Wanted { least: 5_000, about }).await.unwrap());
        assert_eq!(off.rows, None, "nobody counted them");
        let middle: u64 = off.slice.range.after.unwrap().parts()[0].parse().unwrap();
        assert!((75_000..225_000).contains(&middle), "{middle}");
        held.lane.rollback().await;
    }
}

/// The first lap of a circuit ended behind twenty rows, and the cursor is back at its beginning.
async fn what_is_taken_of_a_slice_lies_behind_its_circuit(target: Target) {
    let mut held = Held::new(&target).await;
    target.execute("update tidegate.slice set laps = 4").await;
    held.lease.route.laps = Laps::new(4, 1).unwrap();
    let stretch = Stretch { laps: 4, closes_circuit: true, ..Stretch::of_rows(20) };
    let batch = held.lane.open(&held.lease, stretch).await.unwrap().expect("our slice");
    let applied = held.lane.apply(&held.lease, &batch).await.unwrap();
    assert_eq!(applied.rows, 5, "every fourth");
    held.lane.checkpoint(&held.lease, &batch, applied).await.unwrap().expect("our slice");
    held.lane.commit().await.unwrap();
    let off = made(held.lane.split(&held.lease, WANTED).await.unwrap());
    assert_eq!(off.rows, Some((40, 40)));
    held.lane.commit().await.unwrap();
    assert_eq!(ends(&held.ledger.slices(held.run).await.unwrap()), ["(.. 60]", "(60 .. 100]"]);
}

async fn walk(held: &mut Held, rows: u32) {
    let mut lane = held.database.lane(&held.plan.work, &held.plan.survey.place, &job().batch, LEASE).await.unwrap();
    let batch = lane.open(&held.lease, Stretch::of_rows(rows)).await.unwrap().expect("our slice");
    let applied = lane.apply(&held.lease, &batch).await.unwrap();
    lane.checkpoint(&held.lease, &batch, applied).await.unwrap().expect("our slice");
    lane.commit().await.unwrap();
}

fn made(split: Split) -> SplitOff {
    let Split::Made(off) = split else { panic!("{split:?}") };
    *off
}

/// The ranges, in the order of their numbers; SQLite's keys without their storage class.
fn ends(slices: &[SliceRecord]) -> Vec<String> {
    slices.iter().map(|slice| slice.range.to_string().replace("i:", "")).collect()
}
