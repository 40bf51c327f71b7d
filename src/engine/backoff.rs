//! How long before the next try? Full jitter, so that many who failed at once do not come back at once.

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use std::time::Duration;

/// The first wait: longer than most locks of an application are held.
const SHORTEST: Duration = Duration::from_millis(100);

/// The longest wait: a server that is back is used again within seconds.
const LONGEST: Duration = Duration::from_secs(5);

/// The first and the longest wait for somebody who makes room on a disk: each try writes, and nobody is quicker.
const FIRST_LOOK: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Delays without end.
pub(super) fn delays() -> ExponentialBackoff {
    between(SHORTEST, LONGEST)
}

/// Delays without end, for what only a person or time mends.
pub(super) fn patient_delays() -> ExponentialBackoff {
    between(FIRST_LOOK, LONGEST_WAIT)
}

fn between(first: Duration, longest: Duration) -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(first)
        .with_max_delay(longest)
        .without_max_times()
        .with_jitter()
        .build()
}

/// The next delay.
pub(super) fn next(delays: &mut ExponentialBackoff) -> Duration {
    delays.next().unwrap_or(LONGEST)
}
