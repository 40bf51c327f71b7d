//! Would the simulation notice? Each guard is taken away, alone or with the one that stands behind it, and a rule must break.

use super::guard::Guard::{self, *};
use super::play_all;
use super::rules::Rule::{self, *};

/// Seeds within which a rule has to break.
const SEEDS: u64 = 20_000;

/// Guards that are taken away together, and the rules that may be the first to break.
const PROOFS: &[(&[Guard], &[Rule])] = &[
    (&[CursorUnderLock], &[I6, I1, I2, Once]),
    (&[LockAtOpening], &[]),
    (&[SeqAtCheckpoint], &[]),
    (&[LockAtOpening, SeqAtCheckpoint], &[I6, I1, I2, Once]),
    (&[HolderAtOpening], &[]),
    (&[HolderAtCheckpoint], &[]),
    (&[TokenAtOpening], &[]),
    (&[TokenAtCheckpoint], &[]),
    (&[HolderAtOpening, HolderAtCheckpoint], &[I3]),
    (&[TokenAtOpening, TokenAtCheckpoint], &[I3]),
    (&[HolderAtOpening, HolderAtCheckpoint, TokenAtOpening, TokenAtCheckpoint], &[I3]),
    (&[HolderOfRunAtOpening], &[]),
    (&[StateAtOpening], &[I9]),
    (&[GateObeysPause], &[I9]),
    (&[StateAtOpening, GateObeysPause], &[I9]),
    (&[LockInSettle], &[I5]),
    (&[Settle], &[]),
    (&[RollbackAfterError], &[I1, I2]),
    (&[Fence], &[I3]),
    (&[Sweep], &[I4]),
    (&[AloneBeforeAside], &[I2]),
    (&[QuarantineLimit], &[Limit]),
    (&[LockAtMoves], &[]),
    (&[ProofInTheEnd], &[I4]),
    (&[EarlierPassesFirst], &[I4]),
    (&[StrangeSlicesAreLeft], &[Reasons]),
];

#[test]
fn without_a_guard_a_rule_breaks() {
    for (guards, rules) in PROOFS {
        let played = play_all(0..SEEDS, guards);
        match played.broken {
            Some((seed, broken)) => {
                println!("{guards:?}: seed {seed}: {broken}");
            }
            None => println!("{guards:?}: nothing in {SEEDS}, {rules:?} expected"),
        }
    }
}
