//! Does another process have a database open? It may want to write to it, so whoever writes batch after batch has to leave
//! it room. Knows neither SQL nor who it is.

use rustix::process::{Flock, FlockOffsetType, FlockType, fcntl_getlk};
use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// The bytes that SQLite locks to read: <https://sqlite.org/fileformat2.html#the_lock_byte_page>. Where there is a write-ahead
/// log, every connection keeps its lock on them until it is closed, idle or not, from its first statement on: so whoever
/// closes the last one knows that it is the last. Without a log they are locked only while somebody reads.
const READ_LOCK_BYTES: std::ops::Range<u64> = 0x4000_0002..0x4000_0200;

/// Files whose locks were asked for, open until the process ends. POSIX gives **all** locks of a process on a file back when
/// the process closes **any** descriptor of it: closing one of these would take SQLite's own locks from under it, and with
/// them the database (<https://sqlite.org/howtocorrupt.html>, 2.2). There is one for each database file, however often it is
/// asked for.
static NEVER_CLOSED: Mutex<Vec<&'static File>> = Mutex::new(Vec::new());

/// Whoever may have the same file open.
#[derive(Clone, Copy)]
pub(super) enum Company {
    /// Whoever has a file without a write-ahead log, or one that cannot be asked, must be taken for no one alone.
    Assumed,
    /// The locks of this file tell, though nothing of the own process: there nobody else may have it open.
    ToldBy(&'static File),
}

impl Company {
    /// For a file that has a write-ahead log, in a process where only we open it.
    pub(super) fn told_by(path: &Path) -> Self {
        // Nowhere else was it ever tried.
        if !cfg!(target_os = "linux") {
            return Self::Assumed;
        }
        never_closed(path).map_or(Self::Assumed, Self::ToldBy)
    }

    /// Whether another process may have the file open now. A look at its locks is one system call.
    pub(super) fn may_be_there(self) -> bool {
        match self {
            Self::Assumed => true,
            Self::ToldBy(file) => fcntl_getlk(file, &lock_of_one_alone()).map_or(true, |met| met.is_some()),
        }
    }
}

/// What nobody could lock while another process has a connection. It is asked about, never taken.
fn lock_of_one_alone() -> Flock {
    Flock {
        start: READ_LOCK_BYTES.start,
        length: READ_LOCK_BYTES.end - READ_LOCK_BYTES.start,
        pid: None,
        typ: FlockType::WriteLock,
        offset_type: FlockOffsetType::Set,
    }
}

/// The one descriptor of this file. While it is open no other file gets its number.
fn never_closed(path: &Path) -> Option<&'static File> {
    let mut files = NEVER_CLOSED.lock().unwrap_or_else(PoisonError::into_inner);
    let wanted = std::fs::metadata(path).ok()?;
    let is_wanted = |file: &Metadata| (file.dev(), file.ino()) == (wanted.dev(), wanted.ino());
    if let Some(known) = files.iter().find(|file| file.metadata().is_ok_and(|known| is_wanted(&known))) {
        return Some(known);
    }
    let file: &File = Box::leak(Box::new(File::open(path).ok()?));
    files.push(file);
    Some(file)
}

#[cfg(test)]
#[allow(clippy::print_stdout, reason = "a process tells the test that started it how far it is")]
mod tests {
    use super::*;
    use crate::db::session::Session;
    use crate::db::sqlite::connect::{Connector, LOCK_TIMEOUT, SqliteSession};
    use std::io::{BufRead, BufReader};
    use std::process::{Child, Command, Stdio};
    use tempfile::TempDir;

    /// In which variable a process finds the file it is to open.
    const FILE: &str = "TIDEGATE_TEST_FILE";
    const OPEN: &str = "the file is open";

    #[tokio::test]
    async fn another_process_is_seen_until_it_closes_the_file_even_when_it_only_has_it_open() {
        let (_folder, path) = file_in("wal").await;
        let company = Company::told_by(&path);
        assert!(matches!(company, Company::ToldBy(_)));
        assert!(!company.may_be_there(), "nobody has opened it");
        let ours = idle(&path).await;
        assert!(!company.may_be_there(), "connections of this process are no company");
        let mut other = another_process(&path);
        assert!(company.may_be_there(), "an idle connection of another process");
        drop(other.stdin.take());
        other.wait().unwrap();
        assert!(!company.may_be_there(), "it is gone");
        drop(ours);
    }

    /// SQLite in this process would lose its locks with a second descriptor that is closed.
    #[tokio::test]
    async fn a_file_is_opened_once_however_often_and_by_whatever_name_it_is_asked_for() {
        let (folder, path) = file_in("wal").await;
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let [Company::ToldBy(one), Company::ToldBy(other)] = [&path, &link].map(|path| Company::told_by(path)) else {
            panic!("a file that cannot be asked")
        };
        assert!(std::ptr::eq(one, other));
        assert!(matches!(Company::told_by(&folder.path().join("nothing")), Company::Assumed));
    }

    #[tokio::test]
    async fn company_is_assumed_without_a_log_and_where_the_process_may_have_others_connections() {
        for (mode, alone_in_process, is_assumed) in [("delete", true, true), ("wal", false, true), ("wal", true, false)]
        {
            let (_folder, path) = file_in(mode).await;
            let (batches, _) = Connector::new(&path, alone_in_process).connect_for_batches(LOCK_TIMEOUT).await.unwrap();
            assert_eq!(batches.company().may_be_there(), is_assumed, "{mode}, alone: {alone_in_process}");
        }
    }

    async fn file_in(mode: &str) -> (TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db");
        std::fs::File::create(&path).unwrap();
        let mut owner = idle(&path).await;
        owner.script(&format!("pragma journal_mode = {mode}; create table items (id integer)")).await.unwrap();
        (folder, path)
    }

    /// A connection that has read, and does nothing.
    async fn idle(path: &Path) -> SqliteSession {
        let mut session = Connector::new(path, true).connect(LOCK_TIMEOUT).await.unwrap();
        session.script("select count(*) from sqlite_schema").await.unwrap();
        session
    }

    /// One that has the file open until its standard input ends.
    fn another_process(path: &Path) -> Child {
        let test = "db::sqlite::company::tests::the_other_process";
        let mut other = Command::new(std::env::current_exe().unwrap());
        other.args(["--exact", test, "--ignored", "--nocapture"]).env(FILE, path);
        let mut other = other.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut words = BufReader::new(other.stdout.as_mut().unwrap()).lines();
        assert!(words.any(|line| line.unwrap().contains(OPEN)), "it ended before it had the file open");
        other
    }

    #[tokio::test]
    #[ignore = "a part of the test above, which starts it"]
    async fn the_other_process() {
        let _open = idle(Path::new(&std::env::var_os(FILE).unwrap())).await;
        println!("{OPEN}");
        std::io::stdin().lines().for_each(drop);
    }
}
