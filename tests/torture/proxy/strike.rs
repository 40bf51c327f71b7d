//! When does the proxy strike, and what does it do then?

/// A fault that waits for its moment.
pub(super) struct Strike {
    pub(super) moment: Box<dyn Fn(&Seen<'_>) -> bool + Send>,
    pub(super) effect: Effect,
}

/// What happens at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::torture) enum Effect {
    /// The message is lost, and with it the connection: the client's is reset.
    CutBefore,
    /// The message arrives, and then the connection is lost.
    CutAfter,
    /// From this message on nothing passes, either way, and the connection stays open: as behind a network that drops
    /// packets. Until [`super::Proxy::let_go`].
    StandStill,
}

/// Who spoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::torture) enum Side {
    Program,
    Server,
}

/// A message, and where it stands.
#[derive(Clone, Copy, Debug)]
pub(in crate::torture) struct Seen<'a> {
    pub(in crate::torture) from: Side,
    /// SQL of the program, or the server's tag of a statement that is complete.
    pub(in crate::torture) text: Option<&'a str>,
    /// Its number over all connections, from 1.
    pub(in crate::torture) number: u64,
    /// Its connection's number, from 1.
    pub(in crate::torture) connection: u32,
    /// Its number in its connection, from 1.
    pub(in crate::torture) in_connection: u32,
    /// Its number in its transaction, from 1.
    pub(in crate::torture) in_transaction: u32,
    /// Whether the program speaks, and nothing it said before is unanswered.
    pub(in crate::torture) asks_anew: bool,
    /// Batches that were committed on its connection. 0 may also mean that it is not a worker's.
    pub(in crate::torture) batches: u32,
    /// Whether the job's change was sent on this connection: it is a worker's.
    pub(in crate::torture) walks: bool,
}

impl Seen<'_> {
    /// A worker sends COMMIT, alone or before its next batch begins.
    pub(in crate::torture) fn commits_batch(&self) -> bool {
        let commits = |sql: &str| sql.starts_with("commit");
        self.walks && self.from == Side::Program && self.text.is_some_and(commits)
    }

    /// A slice is read under its lock, to learn what was committed.
    pub(super) fn is_locking_read(&self) -> bool {
        let reads = |sql: &str| sql.starts_with("select seq") && sql.contains("slice") && sql.contains(" for ");
        self.from == Side::Program && self.text.is_some_and(reads)
    }

    /// The server answers that it is durable.
    pub(in crate::torture) fn answers_commit(&self) -> bool {
        self.walks && self.from == Side::Server && self.text == Some("COMMIT")
    }
}
