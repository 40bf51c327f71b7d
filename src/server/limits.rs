//! How much may a client take? Every number of this server that refuses somebody.

use std::time::Duration;

/// No job file or reason that is sent here is longer; a job file of more belongs into `tidegate submit`.
pub(super) const BODY_BYTES: usize = 64 * 1024;

/// The request line and the headers together.
pub(super) const HEAD_BYTES: usize = 16 * 1024;

/// Of all clients together. Each costs a file handle and at most a head and a body of memory.
pub(super) const CONNECTIONS: usize = 512;

/// Of live events. Fewer than connections, so that people who only watch never keep out who wants to pause.
pub(super) const STREAMS: usize = 256;

/// A client that has not sent its request's head by then is gone, or means no good. Idle connections end so too.
pub(super) const HEAD_DEADLINE: Duration = Duration::from_secs(10);

/// From the end of the head until the answer begins, the body's arrival included. More than the ledger's own deadline of a
/// call would keep an operator waiting for a database that is away.
pub(super) const ANSWER_DEADLINE: Duration = Duration::from_secs(15);

/// A client that takes nothing of what was sent for so long is gone.
pub(super) const TAKE_DEADLINE: Duration = Duration::from_secs(30);

/// Connections to one database for reads of detail and for writes, at once.
pub(super) const LEDGERS: usize = 4;

/// What a database may take to answer, waiting for one of those connections included.
pub(super) const LEDGER_DEADLINE: Duration = Duration::from_secs(10);

/// Answers that are under way when the server stops have so long to end.
pub(super) const STOP_GRACE: Duration = Duration::from_secs(5);

/// A reason is read by people at night.
pub(super) const REASON_BYTES: usize = 2 * 1024;

/// Events and rows that are listed at once.
pub(super) const LISTED: u32 = 1000;
