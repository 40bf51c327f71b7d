//! How does a write-ahead log get into its file while batches go on? On a connection of its own, beside them: otherwise every few
//! batches one would write the pages of all of them once more, and wait for the disk twice. Knows neither batches nor tables.

use super::connect::SqliteSession;
use crate::db::failure::Failure;
use crate::db::session::Session;
use tokio::task::JoinHandle;

/// Pages in the log from which on a batch waits until all are in the file: only then does the next writer begin the log anew,
/// and while batches follow each other at once that moment would never come. With pages of 4 KiB the log is 16 MiB long then,
/// four times as long as SQLite keeps it where nothing else is said.
const LONG_LOG: i64 = 4_000;

/// Batches that may commit while pages are carried: a disk that stands still must not let the log grow by all that is written
/// meanwhile. Four of the usual size write a few megabytes.
const MOST_BATCHES_BESIDE: u32 = 4;

/// Carries as much as it can without anybody having to wait (<https://sqlite.org/pragma.html#pragma_wal_checkpoint>).
const CARRY: &str = "pragma wal_checkpoint(passive)";

/// No commit of the connection carries anything.
const LEAVE_IT: &str = "pragma wal_autocheckpoint = 0";

/// Every commit that finds so many pages in the log carries them, as SQLite does where nothing else is said.
const CARRY_BY_ITSELF: &str = "pragma wal_autocheckpoint = 1000";

/// A batch has committed. Where the log cannot be carried beside the batches, they do it themselves from now on; why it could
/// not, SQLite tells nobody there, and a commit that needs the room says so.
pub(super) async fn carry_on(carrier: &mut Option<Carrier>, batches: &mut SqliteSession) {
    let Some(beside) = carrier else { return };
    if beside.batch_committed().await.is_err() {
        *carrier = None;
        // The connection is gone where this fails, and the next one begins anew.
        let _ = batches.script(CARRY_BY_ITSELF).await;
    }
}

/// A connection that does nothing else.
pub(super) struct Carrier {
    state: State,
    /// As the last answer said.
    pages_in_log: i64,
    /// Batches since it began to carry.
    batches_beside: u32,
}

enum State {
    Resting(SqliteSession),
    Carrying(JoinHandle<(SqliteSession, Result<i64, Failure>)>),
    /// Its connection is gone.
    Gone,
}

impl Carrier {
    /// On this connection, for the batches of that one.
    pub(super) async fn beside(batches: &mut SqliteSession, own: SqliteSession) -> Result<Self, Failure> {
        batches.script(LEAVE_IT).await?;
        Ok(Self { state: State::Resting(own), pages_in_log: 0, batches_beside: 0 })
    }

    /// A batch has committed: carries on, beside the next ones where the log is short.
    ///
    /// # Errors
    /// When the file cannot be written to. Nothing of the log is lost; somebody else has to carry it.
    async fn batch_committed(&mut self) -> Result<(), Failure> {
        let is_long = self.pages_in_log >= LONG_LOG;
        self.batches_beside += 1;
        let is_carrying = matches!(&self.state, State::Carrying(task) if !task.is_finished());
        if is_carrying && !is_long && self.batches_beside < MOST_BATCHES_BESIDE {
            return Ok(());
        }
        self.rest().await?;
        self.begin();
        if is_long { self.rest().await } else { Ok(()) }
    }

    /// Waits until nothing is carried any more.
    pub(super) async fn rest(&mut self) -> Result<(), Failure> {
        let State::Carrying(task) = &mut self.state else { return Ok(()) };
        let ended = task.await;
        self.state = State::Gone;
        let (session, carried) = ended.map_err(|error| Failure::fatal(error.to_string()))?;
        self.state = State::Resting(session);
        self.pages_in_log = carried?;
        Ok(())
    }

    fn begin(&mut self) {
        self.batches_beside = 0;
        self.state = match std::mem::replace(&mut self.state, State::Gone) {
            State::Resting(session) => State::Carrying(tokio::spawn(carry(session))),
            other => other,
        };
    }
}

/// How many pages the log had, whether carried or not.
async fn carry(mut session: SqliteSession) -> (SqliteSession, Result<i64, Failure>) {
    let answer = session.script(CARRY).await;
    let pages = answer.map(|rows| rows.first().and_then(|row| row.int_or_null(1)).unwrap_or_default());
    (session, pages)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::session::first_int;
    use crate::db::sqlite::connect::{BEGIN_WRITING, COMMIT, Connector, LOCK_TIMEOUT};
    use std::path::{Path, PathBuf};
    use tempfile::TempDir;

    const PAGE: u64 = 4096;
    const PAGES_OF_A_BATCH: i64 = 500;

    #[tokio::test]
    async fn batches_that_follow_each_other_at_once_do_not_make_the_log_longer_and_longer() {
        let (_folder, path) = file().await;
        let (mut batches, carrier) = Connector::new(&path, true).connect_for_batches(LOCK_TIMEOUT).await.unwrap();
        let mut carrier = carrier.unwrap();
        for _ in 0..40 {
            batch(&mut batches).await;
            carrier.batch_committed().await.unwrap();
        }
        let log = std::fs::metadata(path.with_extension("db-wal")).unwrap().len();
        // What came beside the carrying that ended last, and beside the one before, whose answer was the last one known.
        let unseen = 2 * i64::from(MOST_BATCHES_BESIDE + 1) * PAGES_OF_A_BATCH;
        let most = u64::try_from(LONG_LOG + unseen).unwrap() * PAGE * 11 / 10;
        assert!(log < most, "{log} bytes of log, not more than {most}");
        assert!(std::fs::metadata(&path).unwrap().len() > most, "the rest is in the file");
    }

    #[tokio::test]
    async fn at_rest_all_that_was_committed_is_in_the_file() {
        let (_folder, path) = file().await;
        let (mut batches, carrier) = Connector::new(&path, true).connect_for_batches(LOCK_TIMEOUT).await.unwrap();
        let mut carrier = carrier.unwrap();
        batch(&mut batches).await;
        carrier.batch_committed().await.unwrap();
        carrier.rest().await.unwrap();
        assert!(std::fs::metadata(&path).unwrap().len() > PAGES_OF_A_BATCH.unsigned_abs() * PAGE);
    }

    #[tokio::test]
    async fn batches_carry_the_log_themselves_where_it_cannot_be_done_beside_them() {
        let (folder, path) = file().await;
        let no_database = folder.path().join("no.db");
        std::fs::write(&no_database, [7; 8192]).unwrap();
        let mut batches = session(&path).await;
        let mut carrier = Some(Carrier::beside(&mut batches, session(&no_database).await).await.unwrap());
        assert_eq!(carried_by_commits(&mut batches).await, 0);
        for _ in 0..=MOST_BATCHES_BESIDE {
            carry_on(&mut carrier, &mut batches).await;
        }
        assert!(carrier.is_none());
        assert_eq!(carried_by_commits(&mut batches).await, 1000);
    }

    async fn carried_by_commits(session: &mut SqliteSession) -> u64 {
        first_int(&session.script("pragma wal_autocheckpoint").await.unwrap())
    }

    async fn file() -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db");
        std::fs::File::create(&path).unwrap();
        let mut owner = session(&path).await;
        let made = format!("pragma page_size = {PAGE}; pragma journal_mode = wal; create table items (body blob)");
        owner.script(&made).await.unwrap();
        (folder, path)
    }

    async fn session(path: &Path) -> SqliteSession {
        Connector::new(path, true).connect(LOCK_TIMEOUT).await.unwrap()
    }

    /// One of about so many pages.
    async fn batch(session: &mut SqliteSession) {
        session.script(BEGIN_WRITING).await.unwrap();
        let rows = format!(
            "with recursive n(i) as (select 1 union all select i + 1 from n where i < {PAGES_OF_A_BATCH}) \
             insert into items select zeroblob(3500) from n"
        );
        session.script(&rows).await.unwrap();
        session.script(COMMIT).await.unwrap();
    }
}
