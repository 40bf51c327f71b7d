//! Who runs a run, and can this machine see that they died? Knows no database: the ledger stores what is said here.

use std::fs;
use std::sync::OnceLock;

/// A process that may hold a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runner {
    /// Unique per process. A token alone is not enough: a failover can rewind the counter, and two holders would
    /// share a number.
    pub holder: String,
    /// Where it runs.
    pub host: String,
    /// Changes at each boot, and differs between machines that share a host name.
    pub boot_id: String,
    /// Its process id.
    pub pid: i64,
    /// When the process started, in the kernel's ticks since boot: process ids are used again.
    pub pid_started: i64,
    /// `user@host`: who is told apart in the event log.
    pub actor: String,
}

impl Runner {
    /// This process.
    pub fn this_process() -> Self {
        let pid = std::process::id();
        let host = whoami::hostname().unwrap_or_else(|_| "?".into());
        let user = whoami::username().unwrap_or_else(|_| "?".into());
        Self {
            holder: uuid::Uuid::new_v4().to_string(),
            actor: format!("{user}@{host}"),
            host,
            boot_id: boot_id().unwrap_or_default(),
            pid: i64::from(pid),
            pid_started: pid_started(pid.into()).unwrap_or_default(),
        }
    }

    /// Whether this machine can see that the process is gone. `false` also means "cannot tell": then only its lease
    /// says so.
    pub fn is_seen_dead(&self) -> bool {
        match boot_id() {
            Some(here) if here == self.boot_id => pid_started(self.pid) != Some(self.pid_started),
            // The same host name under another boot id may as well be another machine of that name.
            _ => false,
        }
    }

    /// Whether this machine can see that the process lives.
    pub fn is_seen_alive(&self) -> bool {
        boot_id().is_some_and(|here| here == self.boot_id) && pid_started(self.pid) == Some(self.pid_started)
    }
}

/// The kernel's name for this boot. In a container it is the machine's, so process ids of another container could be
/// mistaken for ours: the process id namespace is part of the name.
///
/// Read once: it cannot change while this process lives.
fn boot_id() -> Option<String> {
    static BOOT_ID: OnceLock<Option<String>> = OnceLock::new();
    let read = || {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
        Some(format!("{} {}", boot.trim(), namespace.display()))
    };
    BOOT_ID.get_or_init(read).clone()
}

/// Field 22 of `/proc/PID/stat`, counted after the command's closing parenthesis (the name may hold spaces). A zombie
/// is gone: it will never commit.
fn pid_started(pid: i64) -> Option<i64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_seen_alive_and_a_reused_pid_is_seen_dead() {
        let me = Runner::this_process();
        assert!(me.is_seen_alive() && !me.is_seen_dead());
        let before = Runner { pid_started: me.pid_started - 1, ..me.clone() };
        assert!(before.is_seen_dead() && !before.is_seen_alive());
        let elsewhere = Runner { boot_id: "another machine".into(), ..me };
        assert!(!elsewhere.is_seen_dead() && !elsewhere.is_seen_alive());
    }
}
