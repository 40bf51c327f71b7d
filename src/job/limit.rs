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

/// PostgreSQL counts timeouts in milliseconds, and 0 of them means no timeout at all.
pub(super) const MIN_TIMEOUT: Duration = Duration::from_millis(1);

/// A statement that may take longer than a day is not limited in any useful sense.
pub(super) const MAX_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

// Related numbers stay related, whoever moves one of them.
const _: () = assert!(DEFAULT_MIN_ROWS <= DEFAULT_ROWS && DEFAULT_ROWS <= DEFAULT_MAX_ROWS);
const _: () = assert!(DEFAULT_MAX_ROWS <= MAX_ROWS && MAX_ROWS <= u32::MAX as i64);
const _: () = assert!(DEFAULT_WORKERS <= MAX_WORKERS);
const _: () = assert!(DEFAULT_LOCK_TIMEOUT.as_millis() < DEFAULT_STATEMENT_TIMEOUT.as_millis());
