//! How long before the next try? Full jitter, so that many who failed at once do not come back at once.

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use std::time::Duration;

/// The first wait: longer than most locks of an application are held.
const SHORTEST: Duration = Duration::from_millis(100);

/// The longest wait: a server that is back is used again within seconds.
const LONGEST: Duration = Duration::from_secs(5);

/// Delays without end.
pub(super) fn delays() -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(SHORTEST)
        .with_max_delay(LONGEST)
        .without_max_times()
        .with_jitter()
        .build()
}

/// The next delay.
pub(super) fn next(delays: &mut ExponentialBackoff) -> Duration {
    delays.next().unwrap_or(LONGEST)
}
