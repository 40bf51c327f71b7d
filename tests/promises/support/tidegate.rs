//! How does a test run the program? As a child process with its own job file, signals and kill points, so that what is
//! killed is what users kill.

use super::job::Job;
use super::target::Target;
use super::until::until;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

/// The program, running.
pub(crate) struct Process {
    child: Child,
    what: String,
    streams: [PathBuf; 2],
}

/// The program, ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    what: String,
}

impl Target {
    /// Starts the program on this database.
    pub(crate) fn start(&self, arguments: &[&str]) -> Process {
        self.start_killed_at("", arguments)
    }

    /// Starts the program with kill points set: `batch-applied=7*off->return` ends it with SIGKILL at the eighth time
    /// it passes there.
    pub(crate) fn start_killed_at(&self, failpoints: &str, arguments: &[&str]) -> Process {
        if cfg!(not(feature = "failpoints")) {
            panic!("kill points are compiled in only with a feature: run tests/run");
        }
        // Files instead of pipes: nobody has to read while the program runs, and they outlive a kill.
        let stream = |name: &str| self.folder().join(format!("{}.{name}", uuid::Uuid::new_v4()));
        let streams = [stream("stdout"), stream("stderr")];
        let [stdout, stderr] = streams.each_ref().map(|path| File::create(path).expect("a file for a stream"));
        let child = Command::new(env!("CARGO_BIN_EXE_tidegate"))
            .args(arguments)
            .env("DATABASE_URL", &self.url)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env("FAILPOINTS", failpoints)
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .expect("the program starts");
        Process { child, what: format!("tidegate {}", arguments.join(" ")), streams }
    }

    /// Runs the program to its end.
    pub(crate) async fn tidegate(&self, arguments: &[&str]) -> Finished {
        self.start(arguments).end().await
    }

    /// Runs a job to success; the summary it prints for programs.
    pub(crate) async fn run(&self, job: &Job) -> Value {
        self.tidegate(&["run", &job.path, "--output", "json"]).await.exits(0).json()
    }

    /// Runs a job to success although each process of it is killed at the next of these points, as long as it gets
    /// there; how many were killed.
    pub(crate) async fn run_killed_at(&self, failpoints: &[&str], job: &Job) -> usize {
        for kills in 0.. {
            let point = failpoints[kills % failpoints.len()];
            let ended = self.start_killed_at(point, &["run", &job.path]).end().await;
            if !ended.was_killed() {
                ended.exits(0);
                return kills;
            }
            // Each process must move the run on, or at least not for ever fail to.
            assert!(kills < 1_000, "{} does not come to its end", job.name);
        }
        unreachable!("the loop has no end of its own")
    }

    /// What `status` says of the job's newest run.
    pub(crate) async fn status(&self, job: &Job) -> Value {
        self.tidegate(&["status", &job.name, "--output", "json"]).await.exits(0).json()["runs"][0].clone()
    }

    /// What `why` says of the job's newest run.
    pub(crate) async fn why(&self, job: &Job) -> Value {
        self.tidegate(&["why", &job.name, "--output", "json"]).await.exits(0).json()
    }
}

impl Process {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap_or_else(|error| panic!("{signal:?} for {}: {error}", self.what));
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child of ours").is_none()
    }

    /// The most memory it had so far, in bytes. `None`: it has ended.
    pub(crate) fn peak_memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kibibytes * 1024)
    }

    /// Stops every thread of the program where it is. The signal only asks for it.
    pub(crate) async fn freeze(&self) {
        self.signal(Signal::STOP);
        until("every thread is stopped", async || self.threads().iter().all(|state| state == "T")).await;
    }

    /// The state of each thread: the field after the command's closing parenthesis.
    fn threads(&self) -> Vec<String> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid())).expect("a process of ours");
        let stats = tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("stat")).ok());
        stats.filter_map(|stat| Some(stat.rsplit_once(") ")?.1.split(' ').next()?.to_owned())).collect()
    }

    /// Waits for a fact that this process brings about. Panics with its words when it ends before.
    pub(crate) async fn brings(&mut self, what: &str, mut fact: impl AsyncFnMut() -> bool) {
        until(what, async || {
            // In this order: a fact and the end may come between two looks.
            let over = !self.is_running();
            let came = fact().await;
            assert!(came || !over, "ended before: {what}: {}", self.said());
            came
        })
        .await;
    }

    /// Waits until it has said these words on stderr.
    pub(crate) async fn brings_words(&mut self, words: &str) {
        let path = self.streams[1].clone();
        let said = || std::fs::read_to_string(&path).expect("plain text").contains(words);
        self.brings(&format!("the words {words:?}"), async || said()).await;
    }

    /// Whether these words are on stderr by now.
    pub(crate) fn has_said(&self, words: &str) -> bool {
        std::fs::read_to_string(&self.streams[1]).expect("plain text").contains(words)
    }

    /// How often these words are on stdout by now.
    pub(crate) fn times_shown(&self, words: &str) -> usize {
        std::fs::read_to_string(&self.streams[0]).expect("plain text").matches(words).count()
    }

    /// What stands between these words on stderr, where they are there by now.
    pub(crate) fn said_between(&self, before: &str, after: &str) -> Option<String> {
        let said = std::fs::read_to_string(&self.streams[1]).expect("plain text");
        Some(said.split_once(before)?.1.split_once(after)?.0.to_owned())
    }

    /// What follows these words on the line of stderr that has them, once there is one.
    pub(crate) fn what_follows(&self, words: &str) -> Option<String> {
        let said = std::fs::read_to_string(&self.streams[1]).expect("plain text");
        // A line that is not ended may not be whole.
        let lines = said.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
        lines.filter_map(|line| line.split_once(words)).map(|(_, rest)| rest.to_owned()).next()
    }

    /// Its command line, as everybody on the machine can read it.
    pub(crate) fn argv(&self) -> String {
        let argv = std::fs::read(format!("/proc/{}/cmdline", self.pid())).expect("a process of ours");
        String::from_utf8_lossy(&argv).replace('\0', " ")
    }

    /// `kill -9`.
    pub(crate) async fn kill(self) -> Finished {
        self.signal(Signal::KILL);
        self.end().await
    }

    /// Waits for the program to end by itself.
    pub(crate) async fn end(mut self) -> Finished {
        let what = format!("{} ends", self.what);
        until(&what, async || !self.is_running()).await;
        self.said()
    }

    fn said(&mut self) -> Finished {
        let status = self.child.wait().expect("a child of ours");
        let [stdout, stderr] = self.streams.each_ref().map(|path| std::fs::read_to_string(path).expect("plain text"));
        Finished { status, stdout, stderr, what: self.what.clone() }
    }
}

impl Drop for Process {
    /// A test that fails leaves no program behind.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Finished {
    /// Panics with everything the program said when it ended in another way.
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.status.code(), Some(code), "{self}");
        self
    }

    /// Whether a kill point was reached.
    pub(crate) fn was_killed(&self) -> bool {
        self.status.signal() == Some(Signal::KILL.as_raw())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in the JSON of {self}"))
    }

    /// Panics unless the program said this on stderr.
    pub(crate) fn says(self, words: &str) -> Self {
        assert!(self.stderr.contains(words), "does not say {words:?}: {self}");
        self
    }
}

impl std::fmt::Display for Finished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ended with {}\nstdout: {}\nstderr: {}", self.what, self.status, self.stdout, self.stderr)
    }
}
