//! When is a run tried again that was tried in vain? After a wait that doubles, so that what cannot be begun now costs
//! nothing. Hears the time; reads no clock.

use super::claim::Place;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// After the first try in vain.
const FIRST: Duration = Duration::from_secs(1);

/// A run whose obstacle is gone begins within a minute.
const LONGEST: Duration = Duration::from_secs(60);

/// Which runs are left alone, and until when.
#[derive(Default)]
pub(super) struct Patience {
    lost: HashMap<Place, (u32, Instant)>,
}

impl Patience {
    /// Whether the run may be tried.
    pub(super) fn allows(&self, run: &Place, now: Instant) -> bool {
        self.lost.get(run).is_none_or(|(_, until)| *until <= now)
    }

    /// It was tried in vain.
    pub(super) fn lose(&mut self, run: &Place, now: Instant) {
        let (tries, until) = self.lost.entry(*run).or_insert((0, now));
        let wait = FIRST.saturating_mul(2_u32.saturating_pow(*tries)).min(LONGEST);
        (*tries, *until) = (tries.saturating_add(1), now + wait);
    }

    /// It came to something.
    pub(super) fn regain(&mut self, run: &Place) {
        self.lost.remove(run);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_try_in_vain_doubles_the_wait_up_to_a_minute() {
        let run = Place { database: 0, run: 7 };
        let (mut patience, mut now) = (Patience::default(), Instant::now());
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            patience.lose(&run, now);
            assert!(!patience.allows(&run, now + Duration::from_millis(seconds * 1000 - 1)), "{seconds}");
            now += Duration::from_secs(seconds);
            assert!(patience.allows(&run, now), "{seconds}");
        }
        patience.lose(&run, now);
        assert!(patience.allows(&Place { database: 1, run: 7 }, now), "another database's run");
        patience.regain(&run);
        assert!(patience.allows(&run, now));
    }
}
