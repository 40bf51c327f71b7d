//! What does an editor need to know of `[pace]`? The sections that limit how fast a run goes; checks nothing itself.

use super::super::{amount, limit};
use super::shown;
use schemars::JsonSchema;

/// How fast the run may go, and when not at all. All limits hold at once, and the strictest wins.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Pace {
    /// Rows that the whole run may touch in a second.
    #[schemars(range(min = *limit::RATE.start(), max = *limit::RATE.end()))]
    max_rows_per_second: Option<u32>,
    /// The share of the time that workers may be busy: 0.5 is half of it. Without it, all of the time.
    #[schemars(range(min = *limit::DUTY.start(), max = *limit::DUTY.end()))]
    duty: Option<f64>,
    /// When batches may begin: days, times and a zone, such as `Mon-Fri 22:00-06:00 Europe/Berlin`. Without it, always.
    #[schemars(length(min = 1))]
    window: Option<Vec<String>>,
    /// The run is held while this file exists, on the machine that runs the job.
    #[schemars(regex(pattern = "^/"))]
    hold_file: Option<String>,
    /// How far replicas may be behind; one of `max` and `max_bytes`, or both.
    #[schemars(extend("anyOf" = [{ "required": ["max"] }, { "required": ["max_bytes"] }]))]
    replication_lag: Option<ReplicationLag>,
    /// Write-ahead log that the whole server may write in a second.
    wal_rate: Option<SizeLimit>,
    /// Write-ahead log that the slowest replication slot may keep from being removed.
    retained_wal: Option<SizeLimit>,
    /// Files of write-ahead log that may wait to be archived.
    archive_backlog: Option<CountLimit>,
    /// The run is held while autovacuum works on the table.
    autovacuum: Option<Autovacuum>,
    /// How long the oldest transaction may have been open.
    oldest_transaction: Option<DurationLimit>,
    /// How many sessions may be at work, tidegate's own left out.
    active_sessions: Option<CountLimit>,
    /// How long anybody may wait for a lock of the run's.
    lock_waits: Option<DurationLimit>,
    /// The application's own query, timed every second: its latency as a user feels it.
    probe: Option<Probe>,
    /// Signals of your own.
    signal: Option<Vec<Custom>>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct ReplicationLag {
    /// In time: `2s`.
    max: Option<String>,
    /// In bytes of write-ahead log: `64MiB`.
    #[schemars(regex(pattern = amount::SIZE_PATTERN))]
    max_bytes: Option<String>,
    /// How many replicas must be seen, else the lag is unknown. Without it, as many as `url_env` names, at least one.
    #[schemars(range(min = 1, max = limit::MAX_REPLICAS))]
    replicas: Option<u32>,
    /// Names of environment variables that hold the addresses of replicas that the primary does not show.
    #[schemars(length(max = limit::MAX_REPLICAS), inner(regex(pattern = limit::VARIABLE_PATTERN)))]
    #[schemars(extend("uniqueItems" = true))]
    url_env: Option<Vec<String>>,
    #[schemars(flatten)]
    hold: Hold,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct SizeLimit {
    /// Above this the run is held: `64KiB`, `16MiB`, `1.5GiB`.
    #[schemars(regex(pattern = amount::SIZE_PATTERN))]
    max: String,
    #[schemars(flatten)]
    hold: Hold,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct CountLimit {
    /// Above this the run is held.
    #[schemars(range(min = 1))]
    max: u32,
    #[schemars(flatten)]
    hold: Hold,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct DurationLimit {
    /// Above this the run is held: `500ms`, `2s`, `10m`.
    max: String,
    #[schemars(flatten)]
    hold: Hold,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Autovacuum {
    #[schemars(flatten)]
    hold: Hold,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Probe {
    /// One query that the application runs all the time and that reads little: `select 1 from sessions where id = 1`.
    sql: String,
    /// The run is held while the 95th percentile of the last moments is above this.
    max: String,
    #[schemars(flatten)]
    hold: Hold,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Custom {
    /// Unlike any other signal's; it stands in reasons and metrics.
    #[schemars(regex(pattern = limit::SIGNAL_NAME_PATTERN))]
    name: String,
    /// One query that returns one number: `select count(*) from jobs where state = 'ready'`.
    sql: String,
    /// Above this the run is held.
    #[schemars(range(min = 0))]
    max: f64,
    #[schemars(flatten)]
    hold: Hold,
}

#[derive(JsonSchema)]
struct Hold {
    /// What it means that the signal cannot be read: the run is held, or goes on as if there were no such signal.
    #[schemars(default)]
    on_unknown: OnUnknown,
    /// A hold that lasts longer is put on record. It never ends by itself.
    #[schemars(extend("default" = shown(limit::DEFAULT_MAX_HOLD)))]
    max_hold: Option<String>,
}

#[derive(Default, JsonSchema, serde::Serialize)]
#[serde(rename_all = "lowercase")]
enum OnUnknown {
    /// The run is held.
    #[default]
    Hold,
    /// The run goes on.
    Ignore,
}
