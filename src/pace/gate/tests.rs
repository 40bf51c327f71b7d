//! Who waits at the gate, for what, and for how long?

use super::super::time_ledger::TimeLedger;
use super::*;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

fn poll<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn pause() -> Option<Reason> {
    Some(Reason::OperatorPause { actor: "anna@db1".into(), reason: None })
}

fn verdict(workers: u32, share: f64, held: &[Reason]) -> Verdict {
    let speed = Speed { workers, share };
    Verdict { speed, slowed_by: Some("probe".into()), held: held.to_vec(), held_too_long: Vec::new() }
}

fn gate(workers: u32) -> Gate {
    Gate::new(workers, 1.0, Rate::new(None), &verdict(workers, 1.0, &[]))
}

fn in_hand(passed: Passed<'_>) -> InHand<'_> {
    let Passed::InHand(batch) = passed else { panic!("no batch may begin") };
    batch
}

fn time() -> Stopwatch {
    TimeLedger::new(1, Instant::now()).stopwatch(0)
}

#[tokio::test]
async fn a_paused_gate_lets_nothing_begin_and_opens_again() {
    let (gate, time) = (gate(1), time());
    gate.set_paused(pause());
    let mut waiting = pin!(gate.pass(None, &time));
    assert!(poll(waiting.as_mut()).is_pending());
    gate.set_paused(None);
    assert!(matches!(poll(waiting.as_mut()), Poll::Ready(Passed::InHand(_))));
}

#[tokio::test]
async fn what_holds_the_run_is_told_to_the_ledger_and_passes_by_itself() {
    let gate = gate(1);
    let ledger = TimeLedger::new(1, Instant::now());
    let time = ledger.stopwatch(0);
    gate.set_pace(&verdict(1, 1.0, &[Reason::Unknown { signal: "probe".into(), why: "gone".into() }]));
    let mut waiting = pin!(gate.pass(None, &time));
    assert!(poll(waiting.as_mut()).is_pending());
    let later = Instant::now() + Duration::from_secs(5);
    assert!(ledger.spent(later)[&Bucket::Held("probe".into())] > Duration::from_secs(4));
    gate.set_pace(&verdict(1, 1.0, &[]));
    assert!(matches!(poll(waiting.as_mut()), Poll::Ready(Passed::InHand(_))));
}

#[tokio::test]
async fn a_closed_gate_is_empty_only_when_the_last_batch_is_out_of_hand() {
    let (gate, time) = (gate(1), time());
    let batch = in_hand(gate.pass(None, &time).await);
    gate.set_paused(pause());
    let mut emptied = pin!(gate.emptied());
    assert!(poll(emptied.as_mut()).is_pending());
    drop(batch);
    assert!(poll(emptied.as_mut()).is_ready());
}

#[tokio::test]
async fn what_is_done_beside_keeps_no_batch_out_but_a_pause_waits_for_its_end() {
    let (gate, time) = (gate(1), time());
    let Some(beside) = gate.pass_beside().await else { panic!("the gate is open") };
    let batch = in_hand(gate.pass(None, &time).await);
    gate.set_paused(pause());
    let mut emptied = pin!(gate.emptied());
    drop(batch);
    assert!(poll(emptied.as_mut()).is_pending());
    drop(beside);
    assert!(poll(emptied.as_mut()).is_ready());
}

#[tokio::test]
async fn nothing_begins_beside_a_pause_or_a_hold() {
    let gate = gate(1);
    let window = Reason::WindowClosed { until: "Mon".into() };
    gate.set_paused(pause());
    let mut beside = pin!(gate.pass_beside());
    assert!(poll(beside.as_mut()).is_pending(), "paused");
    gate.set_pace(&verdict(1, 1.0, std::slice::from_ref(&window)));
    gate.set_paused(None);
    assert!(poll(beside.as_mut()).is_pending(), "held");
    assert!(poll(pin!(gate.emptied())).is_ready());
    gate.set_pace(&verdict(1, 1.0, &[]));
    assert!(matches!(poll(beside.as_mut()), Poll::Ready(Some(_))));

    gate.set_paused(pause());
    let mut beside = pin!(gate.pass_beside());
    assert!(poll(beside.as_mut()).is_pending());
    gate.stop();
    assert!(matches!(poll(beside.as_mut()), Poll::Ready(None)));
}

#[tokio::test]
async fn what_is_done_beside_ends_for_a_pause_a_stop_and_a_closed_window_but_not_for_a_signal() {
    let unknown = Reason::Unknown { signal: "probe".into(), why: "gone".into() };
    let window = Reason::WindowClosed { until: "Mon".into() };
    let hold_file = Reason::HoldFile { path: "/run/hold".into() };
    for (what, paused, stopped, held, ends) in [
        ("a pause", pause(), false, None, true),
        ("a stop", None, true, None, true),
        ("a closed window", None, false, Some(window), true),
        ("a hold file", None, false, Some(hold_file), true),
        ("a signal", None, false, Some(unknown), false),
    ] {
        let gate = gate(1);
        let Some(beside) = gate.pass_beside().await else { panic!("the gate is open") };
        let mut must_end = pin!(beside.must_end());
        assert!(poll(must_end.as_mut()).is_pending(), "{what}");
        gate.set_paused(paused);
        if stopped {
            gate.stop();
        }
        held.into_iter().for_each(|reason| gate.hold(reason));
        assert_eq!(poll(must_end.as_mut()).is_ready(), ends, "{what}");
    }
}

#[tokio::test]
async fn a_stopped_gate_stays_stopped() {
    let (gate, time) = (gate(1), time());
    gate.stop();
    gate.set_paused(pause());
    gate.set_paused(None);
    assert!(matches!(gate.pass(None, &time).await, Passed::Stopped));
    assert!(!gate.unpaused().await);
}

#[tokio::test]
async fn a_slower_run_has_fewer_places_and_any_worker_may_take_them() {
    let (gate, first, last) = (gate(2), time(), time());
    gate.set_pace(&verdict(1, 1.0, &[]));
    let batch = in_hand(gate.pass(None, &first).await);
    let mut waiting = pin!(gate.pass(None, &last));
    assert!(poll(waiting.as_mut()).is_pending());
    drop(batch);
    assert!(matches!(poll(waiting.as_mut()), Poll::Ready(Passed::InHand(_))));
}

#[test]
fn a_place_rests_after_a_batch_so_that_it_is_busy_for_its_share() {
    let now = Instant::now();
    let second = Duration::from_secs(1);
    let mut state = State {
        stopped: false,
        paused: None,
        held: Vec::new(),
        beside: false,
        speed: Speed { workers: 1, share: 0.5 },
        slowed_by: Some("probe".into()),
        duty: 1.0,
        workers: 1,
        sharers: 1,
        places: vec![Place::Free(Some((now, second)))],
        owed: 0,
    };
    let slowed = Bucket::Slowed("probe".into());
    let rest = |duty: f64| Next::Wait { bucket: slowed.clone(), until: Some(now + second.mul_f64(1.0 / duty - 1.0)) };
    assert_eq!(state.next(None, None, now), rest(0.5));
    state.duty = 0.5;
    assert_eq!(state.next(None, None, now), rest(0.25), "duty comes on top");
    state.duty = 1.0;
    assert_eq!(state.next(None, None, now + second), Next::Enter(0));

    state.speed.share = 1.0;
    state.duty = 0.5;
    let rest = Next::Wait { bucket: Bucket::Duty, until: Some(now + second) };
    assert_eq!(state.next(None, None, now), rest);
    let owed = Next::Wait { bucket: Bucket::Rate, until: Some(now + second) };
    assert_eq!(state.next(None, Some(now + second), now), owed);
    state.paused = pause();
    assert_eq!(state.next(None, None, now), Next::Wait { bucket: Bucket::Paused, until: None });
}

#[tokio::test]
async fn of_fewer_workers_each_that_is_too_many_is_sent_away_wherever_it_waits() {
    let (gate, time) = (gate(3), time());
    gate.set_paused(pause());
    let mut waiting = pin!(gate.pass(Some(2), &time));
    let mut with_an_errand = pin!(gate.pass(None, &time));
    assert!(poll(waiting.as_mut()).is_pending() && poll(with_an_errand.as_mut()).is_pending());
    gate.set_workers(2);
    assert!(matches!(poll(waiting.as_mut()), Poll::Ready(Passed::Dismissed)));
    assert!(poll(with_an_errand.as_mut()).is_pending());
    gate.set_paused(None);
    assert!(matches!(poll(with_an_errand.as_mut()), Poll::Ready(Passed::InHand(_))));
}

#[tokio::test]
async fn what_is_in_hand_when_workers_become_fewer_is_finished_before_another_begins() {
    let (gate, time) = (gate(2), time());
    let first = in_hand(gate.pass(None, &time).await);
    let second = in_hand(gate.pass(None, &time).await);
    gate.set_workers(1);
    drop(first);
    let mut waiting = pin!(gate.pass(Some(0), &time));
    assert!(poll(waiting.as_mut()).is_pending(), "one is in hand still");
    drop(second);
    let Poll::Ready(Passed::InHand(_batch)) = poll(waiting.as_mut()) else { panic!("one may be in hand") };
}

#[tokio::test]
async fn more_workers_have_more_in_hand() {
    let (gate, time) = (gate(1), time());
    let _first = in_hand(gate.pass(None, &time).await);
    let mut waiting = pin!(gate.pass(Some(1), &time));
    gate.set_pace(&verdict(2, 1.0, &[]));
    gate.set_workers(2);
    let Poll::Ready(Passed::InHand(_second)) = poll(waiting.as_mut()) else { panic!("two may be in hand") };
    assert_eq!((gate.workers(), gate.in_hand()), (2, 2));
}

#[test]
fn a_run_that_shares_its_limits_rests_for_the_others_after_its_own_rest() {
    let now = Instant::now();
    let second = Duration::from_secs(1);
    let mut state = State {
        stopped: false,
        paused: None,
        held: Vec::new(),
        beside: false,
        speed: Speed { workers: 1, share: 0.5 },
        slowed_by: Some("probe".into()),
        duty: 1.0,
        workers: 1,
        sharers: 2,
        places: vec![Place::Free(Some((now, second)))],
        owed: 0,
    };
    let wait = |signal: &str, seconds: u32| Next::Wait {
        bucket: Bucket::Slowed(signal.into()),
        until: Some(now + second * seconds),
    };
    assert_eq!(state.next(None, None, now), wait("probe", 1), "what its signals ask for comes first");
    assert_eq!(state.next(None, None, now + second), wait("budget", 3), "a quarter of the time is its own");
    assert_eq!(state.next(None, None, now + 3 * second), Next::Enter(0));
    state.speed.share = 1.0;
    assert_eq!(state.next(None, None, now), wait("budget", 1));
    state.sharers = 1;
    assert_eq!(state.next(None, None, now), Next::Enter(0));
}

#[tokio::test]
async fn nobody_goes_on_at_once_whom_anything_would_make_wait() {
    let held = [Reason::Unknown { signal: "probe".into(), why: "gone".into() }];
    let limited = || Gate::new(2, 1.0, Rate::new(NonZeroU32::new(1_000_000)), &verdict(2, 1.0, &[]));
    type Change<'a> = &'a dyn Fn(&Gate);
    let table: [(&str, Gate, Change<'_>, bool); 9] = [
        ("nothing is in the way", gate(2), &|_| {}, true),
        ("a pause", gate(2), &|gate| gate.set_paused(pause()), false),
        ("a hold", gate(2), &|gate| gate.set_pace(&verdict(2, 1.0, &held)), false),
        ("a part of the speed", gate(2), &|gate| gate.set_pace(&verdict(2, 0.5, &[])), false),
        ("a place fewer than workers", gate(2), &|gate| gate.set_pace(&verdict(1, 1.0, &[])), false),
        ("a share of the time", gate(2), &|gate| gate.set_duty(0.9), false),
        ("another run beside it", gate(2), &|gate| gate.share_among(2), false),
        ("a rate, whatever it is", limited(), &|_| {}, false),
        ("the end", gate(2), &Gate::stop, false),
    ];
    for (what, gate, change, goes_on) in table {
        let batch = in_hand(gate.pass(Some(1), &time()).await);
        change(&gate);
        assert_eq!(batch.may_go_on(1), goes_on, "{what}");
    }
    let gate = gate(2);
    let batch = in_hand(gate.pass(Some(1), &time()).await);
    gate.set_workers(1);
    assert!(!batch.may_go_on(1) && batch.may_go_on(0), "who is dismissed does not go on");
}

#[tokio::test]
async fn what_was_begun_ahead_is_in_hand_until_it_is_given_back() {
    let gate = gate(1);
    let batch = in_hand(gate.pass(Some(0), &time()).await).again(0).ok().expect("nothing is in the way");
    assert_eq!(gate.in_hand(), 1);
    gate.set_paused(pause());
    let mut emptied = pin!(gate.emptied());
    let Err(batch) = batch.again(0) else { panic!("the gate is closed") };
    assert!(poll(emptied.as_mut()).is_pending(), "its transaction is still open");
    drop(batch);
    assert!(poll(emptied.as_mut()).is_ready());
}
