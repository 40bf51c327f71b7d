//! May a call to the state tables be made again? While somebody else has a lock, so many times; each call waits as long as
//! the ledger waits for one. Knows no call.

use super::failure::{Class, Failure};

/// The calls that are left.
#[derive(Debug)]
pub struct Tries {
    left: u32,
}

impl Tries {
    /// So many calls in all.
    pub fn of(most: u32) -> Self {
        Self { left: most }
    }

    /// Whether the call that met this failure may be made again: the lock may be gone with the next one.
    pub fn go_on(&mut self, failure: &Failure) -> bool {
        self.left = self.left.saturating_sub(1);
        self.left > 0 && matches!(failure.class, Class::Retry | Class::Locked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_lock_is_waited_for_and_not_for_ever() {
        let mut tries = Tries::of(3);
        let locked = Failure::new(Class::Locked, "somebody has it");
        assert_eq!([(); 3].map(|()| tries.go_on(&locked)), [true, true, false]);
        assert!(!Tries::of(3).go_on(&Failure::fatal("no such table")));
    }
}
