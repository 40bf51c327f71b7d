//! Would the simulation notice? Each guard is taken away, alone or with the one that stands behind it, and a rule must break.

use super::guard::Guard::{self, *};
use super::play_all;
use super::rules::Rule::{self, *};

/// Seeds within which a rule has to break.
const SEEDS: u64 = 10_000;

/// Where they begin for what shows in one world of five thousand: two workers have to choose a number at the same moment.
const RARE: u64 = 12_000;

/// Guards that are taken away together, and the rules of which one must break first.
const PROOFS: &[(&[Guard], &[Rule])] = &[
    (&[HolderAtOpening, HolderAtCheckpoint, TokenAtOpening, TokenAtCheckpoint], &[I3]),
    (&[StateAtOpening], &[I9]),
    (&[LockInSettle], &[I5]),
    (&[LockAtSplit, SeqAtSplit], &[I2, Once, Tiles]),
    (&[HolderAtSplit, TokenAtSplit], &[I3]),
    // The lock also keeps a taker from passing over the slice that is being made.
    (&[LockAtNumber], &[Tiles, Reasons, I3]),
    (&[RollbackAfterError], &[I1, I2]),
    (&[Fence], &[I1, I3]),
    (&[Sweep], &[I4]),
    (&[AloneBeforeAside], &[I2]),
    (&[QuarantineLimit], &[Limit]),
    (&[EarlierPassesFirst], &[I4]),
];

/// Guards whose absence broke nothing in 1,500 seeds when it was tried: others stand behind them, or what they guard
/// against is rarer than that. The lane's own tests (`tests/promises/one_holder.rs`) ask for most of them one by one.
const UNNOTICED: &[Guard] = &[
    CursorUnderLock,
    LockAtOpening,
    SeqAtCheckpoint,
    HolderOfRunAtOpening,
    GateObeysPause,
    Settle,
    LockAtMoves,
    ProofInTheEnd,
    StrangeSlicesAreLeft,
];

#[test]
fn without_a_guard_a_rule_breaks() {
    for (guards, rules) in PROOFS {
        let first = if guards.contains(&LockAtNumber) { RARE } else { 0 };
        let broken = play_all(first..first + SEEDS, guards).broken;
        let Some((seed, broken)) = broken else { panic!("without {guards:?} no rule broke in {SEEDS} seeds") };
        assert!(rules.contains(&broken.rule), "without {guards:?}: seed {seed}: {broken}");
    }
}

#[test]
fn what_is_not_noticed_is_not_called_proven() {
    for guard in UNNOTICED {
        assert!(PROOFS.iter().all(|(guards, _)| !guards.contains(guard)), "{guard:?}");
    }
}
