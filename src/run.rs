//! Which states does a run have, and which moves between them are legal? The one table of moves.
//! Knows no database: a move is decided here and made by compare-and-set in `db`.

use serde::Serialize;
use std::fmt;

/// Where a run is. Asked and reached are two states: `Pausing` is not `Paused`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// Waits for a runner: never started, or stopped before its end with nothing in hand.
    Queued,
    /// A runner walks the slices.
    Running,
    /// A pause was asked for; batches may still be in hand.
    Pausing,
    /// No batch is in hand until somebody resumes.
    Paused,
    /// A cancel was asked for; batches may still be in hand.
    Cancelling,
    /// Ended by an operator. What was committed stays.
    Cancelled,
    /// Every slice is walked; passes over what is left until one finds nothing.
    Sweeping,
    /// Ended with its proof.
    Succeeded,
    /// Ended by an error that a retry cannot mend; a later `run` goes on from the checkpoints.
    Failed,
}

use RunState::{Cancelled, Cancelling, Failed, Paused, Pausing, Queued, Running, Succeeded, Sweeping};

/// Every legal move. What is not here is refused.
pub const MOVES: &[(RunState, RunState)] = &[
    (Queued, Running),       // a runner took the run
    (Queued, Paused),        // paused while nobody runs it
    (Queued, Cancelled),     // cancelled while nobody runs it
    (Queued, Failed),        // a scheduler could not begin it: the job may not run on its table
    (Running, Pausing),      // pause asked
    (Running, Paused),       // pause asked, and no runner is alive to have a batch in hand
    (Running, Cancelling),   // cancel asked
    (Running, Cancelled),    // cancel asked, no runner alive
    (Running, Sweeping),     // every slice is walked
    (Running, Queued),       // the runner stopped and let go
    (Running, Failed),       // an error that a retry cannot mend
    (Pausing, Paused),       // nothing in hand any more
    (Pausing, Running),      // resumed before the pause was reached
    (Pausing, Queued),       // resumed, and the runner is gone
    (Pausing, Cancelling),   // cancel asked
    (Pausing, Cancelled),    // cancel asked, no runner alive
    (Pausing, Failed),       // the batch in hand failed for good
    (Paused, Running),       // resumed, a runner was waiting
    (Paused, Queued),        // resumed, nobody runs it now
    (Paused, Cancelling),    // cancel asked
    (Paused, Cancelled),     // cancel asked, no runner alive
    (Sweeping, Pausing),     // pause asked
    (Sweeping, Paused),      // pause asked, no runner alive
    (Sweeping, Cancelling),  // cancel asked
    (Sweeping, Cancelled),   // cancel asked, no runner alive
    (Sweeping, Queued),      // the runner stopped and let go
    (Sweeping, Succeeded),   // proven
    (Sweeping, Failed),      // not provable, or an error that a retry cannot mend
    (Cancelling, Cancelled), // nothing in hand any more
    (Failed, Running),       // run again after the cause was mended
    (Failed, Queued),        // submitted again after the cause was mended
    (Failed, Cancelled),     // given up
];

impl RunState {
    /// Every state, in the order of a run's life.
    pub const ALL: [Self; 9] = [Queued, Running, Pausing, Paused, Cancelling, Cancelled, Sweeping, Succeeded, Failed];

    /// The word used in the state tables, in JSON and on the screen.
    pub fn as_str(self) -> &'static str {
        match self {
            Queued => "queued",
            Running => "running",
            Pausing => "pausing",
            Paused => "paused",
            Cancelling => "cancelling",
            Cancelled => "cancelled",
            Sweeping => "sweeping",
            Succeeded => "succeeded",
            Failed => "failed",
        }
    }

    /// The state of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Whether the table of moves has this one.
    pub fn may_become(self, next: Self) -> bool {
        MOVES.contains(&(self, next))
    }

    /// Whether nothing more will happen. A failed run is not over: it can be run again.
    pub fn is_over(self) -> bool {
        matches!(self, Cancelled | Succeeded)
    }

    /// Whether workers may begin a batch.
    pub fn lets_batches_begin(self) -> bool {
        matches!(self, Running | Sweeping)
    }
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What an operator asks of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Begin no batch until resumed.
    Pause,
    /// Go on after a pause.
    Resume,
    /// End the run; what was committed stays.
    Cancel,
}

impl Intent {
    /// The word on the command line and in the event log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Cancel => "cancel",
        }
    }
}

/// What comes of an intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The run moves.
    Move(RunState),
    /// The run is there already.
    AlreadySo,
    /// The run's state does not allow it.
    Refused,
    /// Somebody did something to the run since it was looked at.
    Conflict,
}

/// Decides an intent. `runner_alive`: somebody may have a batch in hand, so a stop is first asked, then reached.
pub fn answer(state: RunState, intent: Intent, runner_alive: bool) -> Answer {
    let next = match (intent, state) {
        (Intent::Pause, Pausing | Paused) | (Intent::Cancel, Cancelled) => return Answer::AlreadySo,
        (Intent::Cancel, Cancelling) if runner_alive => return Answer::AlreadySo,
        (Intent::Resume, Queued | Running | Sweeping) => return Answer::AlreadySo,
        (Intent::Pause, Queued) => Paused,
        (Intent::Pause, Running | Sweeping) if runner_alive => Pausing,
        (Intent::Pause, Running | Sweeping) => Paused,
        (Intent::Resume, Pausing | Paused) if runner_alive => Running,
        (Intent::Resume, Pausing | Paused) => Queued,
        (Intent::Cancel, Queued | Failed) => Cancelled,
        (Intent::Cancel, Running | Sweeping | Pausing | Paused) if runner_alive => Cancelling,
        (Intent::Cancel, Running | Sweeping | Pausing | Paused | Cancelling) => Cancelled,
        (Intent::Pause, Cancelling | Cancelled | Succeeded | Failed)
        | (Intent::Resume, Cancelling | Cancelled | Succeeded | Failed)
        | (Intent::Cancel, Succeeded) => return Answer::Refused,
    };
    Answer::Move(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_reads_back_from_its_word() {
        for state in RunState::ALL {
            assert_eq!(RunState::from_word(state.as_str()), Some(state));
        }
        assert_eq!(RunState::from_word("throttled"), None);
    }

    #[test]
    fn an_intent_only_leads_to_legal_moves() {
        for state in RunState::ALL {
            for intent in [Intent::Pause, Intent::Resume, Intent::Cancel] {
                for alive in [true, false] {
                    if let Answer::Move(next) = answer(state, intent, alive) {
                        assert!(state.may_become(next), "{intent:?} of {state} to {next}, runner alive: {alive}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_run_that_is_over_never_moves() {
        for state in RunState::ALL.into_iter().filter(|state| state.is_over()) {
            assert!(RunState::ALL.into_iter().all(|next| !state.may_become(next)), "{state} moves");
        }
    }

    #[test]
    fn a_stop_is_asked_before_it_is_reached_while_a_runner_lives() {
        assert_eq!(answer(Running, Intent::Pause, true), Answer::Move(Pausing));
        assert_eq!(answer(Running, Intent::Pause, false), Answer::Move(Paused));
        assert_eq!(answer(Sweeping, Intent::Cancel, true), Answer::Move(Cancelling));
        assert_eq!(answer(Paused, Intent::Resume, false), Answer::Move(Queued));
        assert_eq!(answer(Succeeded, Intent::Cancel, false), Answer::Refused);
        assert_eq!(answer(Cancelling, Intent::Cancel, false), Answer::Move(Cancelled));
    }
}
