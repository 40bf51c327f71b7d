//! What are the signals called that tidegate measures itself? One spelling for the job file, the sensors, every reason
//! and every metric. Knows neither how a signal is read nor what it is limited to.

/// How many seconds replicas are behind.
pub const REPLICATION_LAG: &str = "replication-lag";

/// How many bytes of write-ahead log replicas are behind.
pub const REPLICATION_BYTES: &str = "replication-bytes";

/// Write-ahead log that the whole server writes.
pub const WAL_RATE: &str = "wal-rate";

/// Write-ahead log that the slowest replication slot keeps from being removed.
pub const RETAINED_WAL: &str = "retained-wal";

/// Files of write-ahead log that wait to be archived.
pub const ARCHIVE_BACKLOG: &str = "archive-backlog";

/// Autovacuum at work on the table.
pub const AUTOVACUUM: &str = "autovacuum";

/// How long the oldest transaction has been open.
pub const OLDEST_TRANSACTION: &str = "oldest-transaction";

/// Sessions at work, ours left out.
pub const ACTIVE_SESSIONS: &str = "active-sessions";

/// How long anybody waits for a lock of ours.
pub const LOCK_WAITS: &str = "lock-waits";

/// The application's own query, timed.
pub const PROBE: &str = "probe";

/// All of them.
pub const ALL: &[&str] = &[
    REPLICATION_LAG,
    REPLICATION_BYTES,
    WAL_RATE,
    RETAINED_WAL,
    ARCHIVE_BACKLOG,
    AUTOVACUUM,
    OLDEST_TRANSACTION,
    ACTIVE_SESSIONS,
    LOCK_WAITS,
    PROBE,
];
