//! Where does a test get a pooler? A throw-away PgBouncer in front of a server, in transaction mode: the strictest that
//! people use, with a version that knows no prepared statements. Taken down however the test process ends.

use super::postgres::{Cluster, as_server_user, checked};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use tempfile::TempDir;

/// Fewer than a run has connections, so that they change servers all the time.
const SERVERS: u32 = 3;

/// A pooler with a folder of its own, reached by a unix socket only.
pub(crate) struct Pooler {
    program: PathBuf,
    folder: PathBuf,
    running: Mutex<Option<Child>>,
}

impl Pooler {
    /// A pooler before that server.
    pub(crate) fn before(cluster: &Cluster) -> Self {
        // In /tmp by name: a socket's path may have 107 bytes, and TMPDIR can be long.
        let folder = TempDir::with_prefix_in("tidegate-pooler-", "/tmp").expect("a folder in /tmp").keep();
        let pooler = Self { program: program(), folder, running: Mutex::new(None) };
        pooler.configure(cluster);
        pooler.stop_when_this_process_ends();
        pooler.start_again();
        pooler
    }

    /// The folder of its socket.
    pub(crate) fn socket_folder(&self) -> &Path {
        &self.folder
    }

    /// The process ends where it is; nobody is told.
    pub(crate) fn kill(&self) {
        if let Some(mut child) = self.running.lock().expect("nobody panicked here").take() {
            child.kill().expect("a child of ours");
            child.wait().expect("a child of ours");
        }
    }

    /// Starts it on the settings it has. Who connects before it listens is turned away, as in life.
    pub(crate) fn start_again(&self) {
        let mut command = as_server_user(&self.program);
        command.arg("--quiet").arg(self.settings()).current_dir("/").stdin(Stdio::null());
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the pooler starts");
        *self.running.lock().expect("nobody panicked here") = Some(child);
        let socket = self.folder.join(".s.PGSQL.5432");
        let begun = std::time::Instant::now();
        while std::os::unix::net::UnixStream::connect(&socket).is_err() {
            assert!(begun.elapsed().as_secs() < 60, "the pooler does not listen: {}", self.log());
            std::thread::yield_now();
        }
    }

    /// What it wrote about itself.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn settings(&self) -> PathBuf {
        self.folder.join("pgbouncer.ini")
    }

    /// Nothing is reset between two transactions: what one leaves behind, the next one finds.
    fn configure(&self, cluster: &Cluster) {
        let (folder, server) = (self.folder.display(), cluster.socket_folder().display());
        let settings = format!(
            "[databases]\n* = host={server} port=5432\n\
             [pgbouncer]\nlisten_port = 5432\nunix_socket_dir = {folder}\nlogfile = {folder}/log\npidfile = {folder}/pid\n\
             auth_type = trust\nauth_file = {folder}/users\nadmin_users = postgres\nignore_startup_parameters =\n\
             pool_mode = transaction\ndefault_pool_size = {SERVERS}\nserver_reset_query =\nserver_login_retry = 1\n"
        );
        std::fs::write(self.settings(), settings).expect("settings");
        std::fs::write(self.folder.join("users"), "\"postgres\" \"\"\n").expect("a list of users");
        cluster.give(&self.folder);
        checked(Command::new("chmod").arg("0755").arg(&self.folder));
    }

    /// As for servers: a shell waits for the end of a pipe whose other end only this process has.
    fn stop_when_this_process_ends(&self) {
        use std::os::unix::process::CommandExt;
        let mut watchdog = as_server_user(Path::new("sh"));
        watchdog
            .args(["-c", r#"cat; kill -9 "$(cat "$1/pid")"; rm -rf "$1" || rm -rf "$1""#, "watchdog"])
            .arg(&self.folder)
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        std::mem::forget(watchdog.spawn().expect("a shell"));
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        if let Ok(Some(mut child)) = self.running.lock().map(|mut running| running.take()) {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Not everybody has the folders of administrators on PATH.
fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin"), PathBuf::from("/usr/local/sbin")]);
    let mut programs = folders.map(|folder| folder.join("pgbouncer"));
    programs.find(|program| program.exists()).unwrap_or_else(|| panic!("pgbouncer is not installed; run tests/run"))
}
