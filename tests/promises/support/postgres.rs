//! Where does a test get a PostgreSQL server? Finds the installed versions, starts throw-away clusters, takes them
//! down again however the test process ends.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use tempfile::TempDir;

/// A running server with a data directory of its own, reached by a unix socket only.
pub(crate) struct Cluster {
    bin: PathBuf,
    folder: PathBuf,
}

/// The name of a server's socket in its folder, for the default port.
pub(super) const SOCKET: &str = ".s.PGSQL.5432";

/// Where servers have their files. By name: a socket's path may have 107 bytes, and TMPDIR can be long.
pub(crate) const FILES: &str = "/tmp";

/// Whether a power cut is part of the test.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// Crashes are tested: commits reach the disk before they are answered.
    Full,
    /// The server is never crashed: several times faster.
    None,
}

impl Cluster {
    /// The server of that version that the tests of this process share.
    pub(crate) fn shared(version: u32) -> Arc<Self> {
        static SHARED: Mutex<BTreeMap<u32, Arc<Cluster>>> = Mutex::new(BTreeMap::new());
        // A version that failed to start poisons the lock; the next test must still say which version it misses.
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(shared.entry(version).or_insert_with(|| Arc::new(Self::start(version, Durability::None))))
    }

    /// A server of its own, for tests that crash it.
    pub(crate) fn start(version: u32, durability: Durability) -> Self {
        Self::start_with(version, durability, "")
    }

    /// A server of its own, with settings of its own.
    pub(crate) fn start_with(version: u32, durability: Durability, settings: &str) -> Self {
        Self::start_in(Path::new(FILES), version, durability, settings)
    }

    /// The same, with its files in a new folder of that one.
    pub(crate) fn start_in(files: &Path, version: u32, durability: Durability, settings: &str) -> Self {
        let cluster = Self::create_in(files, version, durability, settings);
        cluster.start_again();
        cluster
    }

    /// A server that is not started yet.
    pub(super) fn create(version: u32, durability: Durability, settings: &str) -> Self {
        Self::create_in(Path::new(FILES), version, durability, settings)
    }

    fn create_in(files: &Path, version: u32, durability: Durability, settings: &str) -> Self {
        let cluster = Self::in_new_folder(files, version);
        cluster.run("initdb", &["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]);
        cluster.configure(durability, settings);
        cluster
    }

    /// A standby of this server, not started yet, that streams from it under that name. A copy of the files, so this
    /// server must be down: `pg_basebackup` is not part of every package.
    pub(super) fn create_standby(&self, version: u32, name: &str) -> Self {
        let standby = Self::in_new_folder(Path::new(FILES), version);
        checked(as_server_user(Path::new("cp")).arg("-a").arg(self.data()).arg(standby.data()));
        let primary = self.folder.display();
        let upstream = format!("host={primary} user=postgres application_name={name}");
        standby.configure(Durability::None, &format!("primary_conninfo = '{upstream}'\n"));
        checked(as_server_user(Path::new("touch")).arg(standby.data().join("standby.signal")));
        standby
    }

    fn in_new_folder(files: &Path, version: u32) -> Self {
        let bin = server_bin(version);
        let folder = TempDir::with_prefix_in(format!("tidegate-pg{version}-"), files).expect("a new folder").keep();
        let cluster = Self { bin, folder };
        cluster.hand_folder_over();
        cluster.stop_when_this_process_ends();
        cluster
    }

    fn configure(&self, durability: Durability, settings: &str) {
        let socket = self.folder.display();
        let fsync = if durability == Durability::Full { "on" } else { "off" };
        let ours = format!(
            "listen_addresses = ''\nunix_socket_directories = '{socket}'\nfsync = {fsync}\n\
             max_connections = 200\nlog_min_messages = warning\n{settings}"
        );
        // It must stay the server user's file: ALTER SYSTEM replaces it.
        let file = self.data().join("postgresql.auto.conf");
        std::fs::write(file, ours).expect("settings");
    }

    /// `CREATE DATABASE`'s URL, for the engine and for the test alike.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://postgres@localhost/{database}?host={}", self.folder.display())
    }

    /// As after a power cut: nothing is flushed, no session is told.
    pub(crate) fn stop_immediate(&self) {
        self.run("pg_ctl", &["stop", "-w", "-m", "immediate"]);
    }

    /// As an administrator stops it: sessions are ended, what was committed is on disk.
    pub(super) fn stop_fast(&self) {
        self.run("pg_ctl", &["stop", "-w", "-m", "fast"]);
    }

    /// Makes a standby a primary, and waits until it is one.
    pub(super) fn promote(&self) {
        self.run("pg_ctl", &["promote", "-w"]);
    }

    /// Starts the server on the data it has, and waits until it answers.
    pub(crate) fn start_again(&self) {
        let log = self.folder.join("log");
        self.run("pg_ctl", &["start", "-w", "-l", log.to_str().expect("a plain path")]);
    }

    /// Whoever connects as that role must know its password. Before the start.
    pub(super) fn ask_for_the_password_of(&self, role: &str) {
        let rules = format!("local all {role} scram-sha-256\nlocal all all trust\n");
        std::fs::write(self.data().join("pg_hba.conf"), rules).expect("rules");
    }

    /// What the server wrote about itself.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// The folder of the socket, for programs that take it as a host name.
    pub(crate) fn socket_folder(&self) -> &Path {
        &self.folder
    }

    /// The socket itself.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join(SOCKET)
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let output = self.command(program).args(arguments).output().expect("the program of a server that was found");
        assert!(
            output.status.success(),
            "{program} {arguments:?}: {}{}",
            String::from_utf8_lossy(&output.stderr),
            self.log()
        );
    }

    fn command(&self, program: &str) -> Command {
        let mut command = as_server_user(&self.bin.join(program));
        command.arg("-D").arg(self.data()).current_dir("/").stdin(Stdio::null());
        command
    }

    /// The folder and its socket must be reachable by everybody, the data in it belongs to the server's user.
    fn hand_folder_over(&self) {
        let folder = self.folder.to_str().expect("a plain path");
        checked(Command::new("chmod").args(["0755", folder]));
        self.give(&self.folder);
    }

    /// Gives a folder to the user that the server runs as.
    pub(crate) fn give(&self, folder: &Path) {
        if let Some(user) = server_user() {
            checked(Command::new("chown").arg(&user).arg(folder));
        }
    }

    /// Rust runs no destructor of a static, and none at all after a kill. So a shell reads from a pipe whose other end
    /// only this process has: the read ends when the process does, whichever way, and then the shell cleans up. In a
    /// process group of its own, so that Ctrl-C reaches the tests and not the shell. A server process that a test left stopped
    /// does not keep its server up: an immediate stop kills, after 5 s, what does not answer.
    fn stop_when_this_process_ends(&self) {
        use std::os::unix::process::CommandExt;
        let pg_ctl = self.bin.join("pg_ctl");
        let mut watchdog = as_server_user(Path::new("sh"));
        watchdog
            .args(["-c", r#"cat; "$1" stop -D "$2/data" -m immediate; rm -rf "$2" || rm -rf "$2""#, "watchdog"])
            .arg(pg_ctl)
            .arg(&self.folder)
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = watchdog.spawn().expect("a shell");
        // Never closed by us: the pipe lives as long as the process.
        std::mem::forget(child);
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // It may be down already, and a panic while panicking would hide the first one.
        let _ = self.command("pg_ctl").args(["stop", "-m", "immediate"]).output();
        // The rest of the folder is swept up when this process ends; a test that goes through fifty servers needs the
        // room before.
        let _ = std::fs::remove_dir_all(self.data());
    }
}

/// The versions that the promises of `every_postgres` are kept on: those of `TIDEGATE_TEST_POSTGRES`, as in `16 17`; else
/// the oldest and the newest that are promised, and the one between them that the distribution has.
pub(crate) fn postgres_versions() -> Vec<u32> {
    let selected = std::env::var("TIDEGATE_TEST_POSTGRES").unwrap_or_default();
    let selected = if selected.trim().is_empty() { "14 15 18" } else { &selected };
    let version = |word: &str| word.parse().unwrap_or_else(|_| panic!("TIDEGATE_TEST_POSTGRES: {word} is no version"));
    selected.split_whitespace().map(version).collect()
}

/// A program of any installed PostgreSQL that is not part of every package, such as `pgbench`.
pub(crate) fn program(name: &str) -> PathBuf {
    bin_folders()
        .into_iter()
        .map(|bin| bin.join(name))
        .find(|program| program.exists())
        .unwrap_or_else(|| panic!("{name} is not installed; run tests/run"))
}

fn server_bin(version: u32) -> PathBuf {
    bin_folders()
        .into_iter()
        .find(|bin| major_version(&bin.join("postgres")) == Some(version))
        .unwrap_or_else(|| panic!("PostgreSQL {version} is not installed; run tests/run"))
}

/// `TIDEGATE_PG_BIN`, the distribution's packages, what `tests/run` fetched, PATH: in this order.
fn bin_folders() -> Vec<PathBuf> {
    let listed = |variable| std::env::var_os(variable).unwrap_or_default();
    let below = |folder: &Path| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path().join("bin")).collect::<Vec<_>>()
    };
    let mut folders: Vec<_> = std::env::split_paths(&listed("TIDEGATE_PG_BIN")).collect();
    folders.extend(below(Path::new("/usr/lib/postgresql")));
    folders.extend(below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("target/servers")));
    folders.extend(std::env::split_paths(&listed("PATH")));
    folders
}

/// From `postgres (PostgreSQL) 15.20 (Debian …)`. Asked of the program, because a folder on PATH has no number.
fn major_version(postgres: &Path) -> Option<u32> {
    let output = Command::new(postgres).arg("--version").output().ok()?;
    String::from_utf8(output.stdout).ok()?.split([' ', '.']).find_map(|word| word.parse().ok())
}

/// PostgreSQL refuses to run as root, so root drops to this user.
fn server_user() -> Option<String> {
    let is_root = id(&["-u"]) == "0";
    let exists = |user: &&str| !id(&["-u", user]).is_empty();
    is_root.then(|| ["postgres", "nobody"].into_iter().find(exists).expect("a user `postgres` or `nobody`").to_owned())
}

fn id(arguments: &[&str]) -> String {
    let output = Command::new("id").args(arguments).output().expect("id");
    String::from_utf8(output.stdout).expect("a number").trim().to_owned()
}

pub(super) fn as_server_user(program: &Path) -> Command {
    let Some(user) = server_user() else { return Command::new(program) };
    let mut command = Command::new("setpriv");
    command.arg(format!("--reuid={user}")).arg(format!("--regid={}", id(&["-g", &user])));
    command.args(["--clear-groups", "--"]).arg(program);
    command
}

pub(super) fn checked(command: &mut Command) {
    let status = command.status().expect("a system program");
    assert!(status.success(), "{command:?}: {status}");
}
