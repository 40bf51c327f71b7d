//! Which numbers may a job have, and which does it get when it says none? Knows no file: the check and the published
//! schema both read these.

use std::ops::RangeInclusive;
use std::time::Duration;

/// The only job format there is so far.
pub(super) const VERSION: i64 = 1;

/// What a shell, a metric label and a file name all take without quoting.
pub(super) const JOB_NAME_PATTERN: &str = "^[a-z0-9-]{1,63}$";

/// Same as an identifier's, so that a job's name fits wherever a database keeps names.
pub(super) const MAX_JOB_NAME: usize = 63;

/// A range condition over more columns is a mistake in the table, not a key to walk by.
pub(super) const MAX_KEY_COLUMNS: usize = 8;

/// Longer transactions than these rows make hold back vacuum and make replicas wait.
pub(super) const MAX_ROWS: i64 = 100_000;

/// Below, the cost of a transaction outweighs its rows; above, locks are held long enough for users to notice.
pub(super) const USUAL_ROWS: RangeInclusive<i64> = 1_000..=10_000;

/// The middle of the usual range: tens of milliseconds on a table with a few indexes.
pub(super) const DEFAULT_ROWS: i64 = 5_000;

/// What `min_rows` is when it is not written; never more than `rows`.
pub(super) const DEFAULT_MIN_ROWS: i64 = *USUAL_ROWS.start();

/// What `max_rows` is when it is not written; never less than `rows`.
pub(super) const DEFAULT_MAX_ROWS: i64 = *USUAL_ROWS.end();

/// What `scan_rows` is when it is not written: tens of milliseconds of looking at rows that lie in memory.
pub(super) const DEFAULT_SCAN_ROWS: i64 = 100_000;

/// A longer look is a long statement, and whoever waits for the run to stop waits for its end.
pub(super) const MAX_SCAN_ROWS: i64 = 1_000_000;

/// How long a batch should take: locks are held no longer than a user notices, and the cost of the transaction is small
/// beside it.
pub(super) const DEFAULT_TARGET_TIME: Duration = Duration::from_millis(500);

/// One segment of PostgreSQL's write-ahead log: what a replica replays in a breath.
pub(super) const DEFAULT_MAX_WAL: u64 = 16 * 1024 * 1024;

/// Each worker holds a connection; more than this starves the application of them.
pub(super) const MAX_WORKERS: i64 = 64;

/// One worker disturbs least; more is the operator's decision.
pub(super) const DEFAULT_WORKERS: i64 = 1;

/// Far above a healthy batch, far below what an application forgives.
pub(super) const DEFAULT_STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);

/// A batch loses every lock conflict, so it does not wait long for one.
pub(super) const DEFAULT_LOCK_TIMEOUT: Duration = Duration::from_secs(1);

/// Which durations a key takes, and why no others.
pub(super) struct DurationRange {
    /// From the shortest to the longest.
    pub(super) range: RangeInclusive<Duration>,
    /// What is wrong with a shorter one.
    pub(super) too_short: &'static str,
    /// What is wrong with a longer one.
    pub(super) too_long: &'static str,
    /// What a good one looks like.
    pub(super) advice: &'static str,
}

/// A server can keep these. PostgreSQL counts timeouts in milliseconds, and 0 of them means no timeout at all.
pub(super) const TIMEOUT: DurationRange = DurationRange {
    range: Duration::from_millis(1)..=DAY,
    too_short: "below 1ms a server takes it as no timeout at all",
    too_long: "longer than a day, it limits nothing",
    advice: "a healthy batch takes less than a second",
};

/// Each batch is one commit: below, the disk is asked more often than it answers.
pub(super) const TARGET_TIME: DurationRange = DurationRange {
    range: Duration::from_millis(10)..=DAY,
    too_short: "most of the time would go into transactions, not rows",
    too_long: "longer than a day, it limits nothing",
    advice: "half a second serves most tables",
};

/// A query by the key takes a tenth of a millisecond beside the server. Below, a round trip is all that is measured.
pub(super) const LATENCY: DurationRange = DurationRange {
    range: Duration::from_micros(10)..=DAY,
    too_short: "less than 10us cannot be told from the way to the server",
    too_long: "longer than a day, it limits nothing",
    advice: "milliseconds or seconds are usual",
};

/// What a probe may take. Every database cuts one off that takes longer than three seconds, and then nobody knows by how much
/// it was too slow.
pub(super) const PROBE_TIME: DurationRange = DurationRange {
    range: *LATENCY.range.start()..=Duration::from_secs(2),
    too_short: LATENCY.too_short,
    too_long: "a probe that takes longer is cut off, and would never be over its limit",
    advice: "a probe stands for the application's own queries, which take milliseconds",
};

/// Transactions that are open for weeks are why somebody sets a limit at all.
pub(super) const TRANSACTION_AGE: DurationRange = DurationRange {
    range: Duration::from_millis(1)..=MONTH,
    too_short: "less than 1ms cannot be told from the way to the server",
    too_long: "longer than 30 days, it limits nothing",
    advice: "minutes or hours are usual",
};

/// How long a hold lasts before it is put on record.
pub(super) const MAX_HOLD: DurationRange = DurationRange {
    range: Duration::from_secs(1)..=MONTH,
    too_short: "every hold would be put on record",
    too_long: "no hold would ever be put on record",
    advice: "minutes or hours are usual",
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

const MONTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Long enough for a nightly backup to pass, short enough for somebody to look the same day.
pub(super) const DEFAULT_MAX_HOLD: Duration = Duration::from_secs(30 * 60);

/// Less log than a few rows with their indexes write.
pub(super) const MIN_SIZE: u64 = 64 * 1024;

/// What fits the limiter, and far more than a server writes.
pub(super) const RATE: RangeInclusive<i64> = 1..=u32::MAX as i64;

/// Below one part in a hundred, a run is better paused.
pub(super) const DUTY: RangeInclusive<f64> = 0.01..=1.0;

/// A primary does not feed more of them directly.
pub(super) const MAX_REPLICAS: i64 = 64;

/// Rows that a run may set aside, whatever share of the table they are. Each is looked at by a person; more of them are a
/// mistake in the change.
pub(super) const QUARANTINE: RangeInclusive<i64> = 0..=10_000;

/// What every shell takes as the name of a variable.
pub(super) const VARIABLE_PATTERN: &str = "^[A-Za-z_][A-Za-z0-9_]*$";

/// The same as a job's: both are labels of metrics.
pub(super) const SIGNAL_NAME_PATTERN: &str = JOB_NAME_PATTERN;

/// The same as a job's.
pub(super) const MAX_SIGNAL_NAME: usize = MAX_JOB_NAME;

// Related numbers stay related, whoever moves one of them.
const _: () = assert!(DEFAULT_MIN_ROWS <= DEFAULT_ROWS && DEFAULT_ROWS <= DEFAULT_MAX_ROWS);
const _: () = assert!(DEFAULT_SCAN_ROWS <= MAX_SCAN_ROWS && MAX_SCAN_ROWS <= u32::MAX as i64);
const _: () = assert!(DEFAULT_MAX_ROWS <= MAX_ROWS && MAX_ROWS <= u32::MAX as i64);
const _: () = assert!(DEFAULT_WORKERS <= MAX_WORKERS);
const _: () = assert!(DEFAULT_LOCK_TIMEOUT.as_millis() < DEFAULT_STATEMENT_TIMEOUT.as_millis());
const _: () = assert!(DEFAULT_TARGET_TIME.as_millis() < DEFAULT_STATEMENT_TIMEOUT.as_millis());
const _: () = assert!(MIN_SIZE <= DEFAULT_MAX_WAL);
