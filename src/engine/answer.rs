//! What does a failed batch ask for? Pure: from the failure's class and what was tried before to one [`Answer`]. Knows
//! neither error codes, which each database maps to classes, nor how an answer is carried out.

use crate::db::Class;

/// Tries of one batch before the run fails, resumable. With the longest delay between them that is minutes, longer
/// than a conflict with a well-behaved application lasts.
const MAX_TRIES: u32 = 40;

/// Failures of a class in a row after which the same batch is not tried again as it is.
const SAME_AGAIN: u32 = 3;

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The same again, after a short wait.
    Again,
    /// A smaller batch, after a short wait.
    Smaller,
    /// A new connection, after a short wait; then what is recorded tells where to go on.
    Reconnect,
    /// The same again, when somebody or time has mended what is wrong; for as long as it takes.
    Wait,
    /// The range becomes a slice of its own and is walked last.
    SetAside,
    /// The row at fault is looked for.
    Isolate,
    /// The run is paused in the name of who stopped the statement.
    Pause,
    /// The run fails; a later `run` goes on from the checkpoints.
    Fail,
}

/// A failure and what came before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tried {
    pub(super) class: Class,
    /// Failures of this class in a row, this one included.
    pub(super) in_a_row: u32,
    /// Failures of any class in a row.
    pub(super) tries: u32,
    /// It was asked what became of a COMMIT. Until that is known no other batch may begin, and nothing may be given up.
    pub(super) settling: bool,
    /// Batches are not made smaller than this one was.
    pub(super) is_smallest: bool,
    /// Its range is known, only rows of it are locked, and it was not set aside before.
    pub(super) can_be_set_aside: bool,
}

/// Failures since the last success.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Streak {
    /// Of any class.
    pub(super) tries: u32,
    /// Of the last one's class, in a row.
    pub(super) in_a_row: u32,
    /// The last one's.
    pub(super) class: Option<Class>,
}

impl Streak {
    /// One more.
    pub(super) fn met(&mut self, class: Class) {
        self.in_a_row = if self.class == Some(class) { self.in_a_row + 1 } else { 1 };
        self.class = Some(class);
        self.tries += 1;
    }
}

/// Decides.
pub(super) fn answer(tried: Tried) -> Answer {
    let again_and_again = tried.in_a_row.is_multiple_of(SAME_AGAIN);
    match tried.class {
        Class::Fatal | Class::Row if tried.settling => Answer::Fail,
        Class::Lost | Class::Ambiguous => Answer::Reconnect,
        Class::Wait => Answer::Wait,
        // Many wrong tries lock an account.
        Class::Login | Class::Reset if tried.in_a_row > SAME_AGAIN => Answer::Fail,
        Class::Login => Answer::Wait,
        Class::Reset => Answer::Reconnect,
        _ if tried.settling => Answer::Wait,
        Class::Locked if !again_and_again => Answer::Again,
        Class::Locked if !tried.is_smallest => Answer::Smaller,
        Class::Locked if tried.can_be_set_aside => Answer::SetAside,
        Class::Locked => Answer::Wait,
        Class::Retry | Class::Shrink if tried.tries >= MAX_TRIES => Answer::Fail,
        Class::Retry if !again_and_again => Answer::Again,
        Class::Retry | Class::Shrink => Answer::Smaller,
        Class::Cancelled => Answer::Pause,
        Class::Row => Answer::Isolate,
        Class::Fatal => Answer::Fail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::RETRY_CLASSES;

    const ONCE: Tried = Tried {
        class: Class::Retry,
        in_a_row: 1,
        tries: 1,
        settling: false,
        is_smallest: false,
        can_be_set_aside: true,
    };

    const ALL: [Class; 11] = [
        Class::Retry,
        Class::Locked,
        Class::Shrink,
        Class::Cancelled,
        Class::Reset,
        Class::Lost,
        Class::Ambiguous,
        Class::Wait,
        Class::Login,
        Class::Row,
        Class::Fatal,
    ];

    #[test]
    fn the_first_failure_of_each_class_has_its_answer() {
        let table = [
            (Class::Retry, Answer::Again),
            (Class::Locked, Answer::Again),
            (Class::Shrink, Answer::Smaller),
            (Class::Cancelled, Answer::Pause),
            (Class::Reset, Answer::Reconnect),
            (Class::Lost, Answer::Reconnect),
            (Class::Ambiguous, Answer::Reconnect),
            (Class::Wait, Answer::Wait),
            (Class::Login, Answer::Wait),
            (Class::Row, Answer::Isolate),
            (Class::Fatal, Answer::Fail),
        ];
        for (class, expected) in table {
            assert_eq!(answer(Tried { class, ..ONCE }), expected, "{class:?}");
        }
    }

    #[test]
    fn three_in_a_row_ask_for_less() {
        let three = Tried { in_a_row: 3, tries: 3, ..ONCE };
        assert_eq!(answer(three), Answer::Smaller);
        let locked = Tried { class: Class::Locked, ..three };
        assert_eq!(answer(locked), Answer::Smaller);
        let smallest = Tried { is_smallest: true, ..locked };
        assert_eq!(answer(smallest), Answer::SetAside);
        assert_eq!(answer(Tried { can_be_set_aside: false, ..smallest }), Answer::Wait, "a lock on the whole table");
    }

    #[test]
    fn what_only_another_can_mend_never_fails_a_run() {
        for class in [Class::Lost, Class::Ambiguous, Class::Wait, Class::Locked] {
            for tries in 1..200 {
                let tried = Tried { class, in_a_row: tries, tries, can_be_set_aside: tries % 2 == 0, ..ONCE };
                assert_ne!(answer(tried), Answer::Fail, "{class:?} after {tries} tries");
            }
        }
    }

    #[test]
    fn what_is_tried_again_at_once_is_counted_under_a_name_that_is_there() {
        for class in ALL {
            for in_a_row in 1..50 {
                let answer = answer(Tried { class, in_a_row, tries: in_a_row, ..ONCE });
                if matches!(answer, Answer::Again | Answer::Smaller) {
                    assert!(RETRY_CLASSES.contains(&class.as_str()), "{class:?}");
                }
            }
        }
    }

    #[test]
    fn what_trying_again_cannot_mend_ends() {
        for (class, in_a_row) in [(Class::Login, 4), (Class::Reset, 4), (Class::Retry, 40), (Class::Shrink, 40)] {
            assert_eq!(answer(Tried { class, in_a_row, tries: in_a_row, ..ONCE }), Answer::Fail, "{class:?}");
        }
    }

    #[test]
    fn a_commit_that_is_not_known_is_asked_after_and_nothing_else() {
        for class in ALL {
            for in_a_row in 1..100 {
                let tried = Tried { class, in_a_row, tries: in_a_row, settling: true, ..ONCE };
                let may_be = [Answer::Wait, Answer::Reconnect, Answer::Fail];
                assert!(may_be.contains(&answer(tried)), "{class:?} {in_a_row}: {:?}", answer(tried));
            }
        }
    }
}
