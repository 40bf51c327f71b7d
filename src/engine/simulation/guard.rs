//! Which guards can be taken away? The switches that prove the simulation: without a guard, a rule must break.

/// Something that keeps the engine's promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// The opening of a batch waits for the slice's lock and keeps it.
    LockAtOpening,
    /// The opening reads the cursor as it is under that lock, not as it was when the statement began.
    CursorUnderLock,
    /// The opening compares the slice's token.
    TokenAtOpening,
    /// The opening compares the slice's holder.
    HolderAtOpening,
    /// The opening compares the run's holder with the slice's.
    HolderOfRunAtOpening,
    /// The opening looks whether the run's state lets batches begin.
    StateAtOpening,
    /// The checkpoint compares seq.
    SeqAtCheckpoint,
    /// The checkpoint compares the token.
    TokenAtCheckpoint,
    /// The checkpoint compares the holder.
    HolderAtCheckpoint,
    /// The reading that settles a lost COMMIT waits for the slice's lock.
    LockInSettle,
    /// A COMMIT without an answer is asked after at all.
    Settle,
    /// A split waits for the slice's lock, and looks for the middle of what is left under it.
    LockAtSplit,
    /// A split compares seq with what it read.
    SeqAtSplit,
    /// A split compares the slice's token.
    TokenAtSplit,
    /// A split compares the slice's holder.
    HolderAtSplit,
    /// Who makes one slice out of another chooses its number under the run's lock.
    LockAtNumber,
    /// After an error nothing of the batch is recorded.
    RollbackAfterError,
    /// Taking a run waits for the batches in hand, and takes its slices with it.
    Fence,
    /// Taking a run looks whether its holder lives.
    LeaseOfTheLiving,
    /// A run with `where` is swept.
    Sweep,
    /// A row is set aside only when it is alone.
    AloneBeforeAside,
    /// The number of rows that may be set aside is limited.
    QuarantineLimit,
    /// A state is written only where it is still the one that was read.
    LockAtMoves,
    /// The end is proven in the transaction that records it.
    ProofInTheEnd,
    /// A pass whose slices are not all done is walked before the next one.
    EarlierPassesFirst,
    /// A slice that is not ours although the run is, is left for what is recorded now.
    StrangeSlicesAreLeft,
    /// The operator's pause closes the gate.
    GateObeysPause,
}
