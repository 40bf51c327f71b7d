//! What must stand beside the figures, so that somebody else can judge them? Facts about machine, server and program.

use crate::arena::Arena;
use serde::Serialize;
use std::path::Path;
use std::process::Command;

/// The machine and the program.
#[derive(Clone, Serialize)]
pub(crate) struct Machine {
    tidegate: &'static str,
    commit: Option<String>,
    /// Whether the source is not that of the commit.
    changed_since: Option<bool>,
    cores: usize,
    memory_bytes: Option<u64>,
    /// What the machine did besides, over the last minute before the comparison made its own load.
    load_before: Option<String>,
}

/// The server of one shape.
#[derive(Serialize)]
pub(crate) struct Server {
    version: String,
    settings: Vec<(&'static str, &'static str)>,
    /// Where the commits go; in memory they would cost nothing.
    file_system: Option<String>,
}

impl Machine {
    /// As it is now; what this system does not tell is left out.
    pub(crate) fn here() -> Self {
        // Without locks, because others may be committing.
        let git = |arguments: &[&str]| {
            let mut command = Command::new("git");
            words(command.args(["--no-optional-locks", "-C", env!("CARGO_MANIFEST_DIR")]).args(arguments))
        };
        Self {
            tidegate: env!("CARGO_PKG_VERSION"),
            commit: git(&["rev-parse", "--short", "HEAD"]),
            changed_since: git(&["status", "--porcelain", "--", "src", "Cargo.toml", "Cargo.lock"])
                .map(|changed| !changed.is_empty()),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_bytes: memory(),
            load_before: load(),
        }
    }

    /// One fact a line.
    pub(crate) fn lines(&self) -> Vec<String> {
        let commit = self.commit.as_ref().map(|commit| format!(" at {commit}")).unwrap_or_default();
        let changed = if self.changed_since == Some(true) { " with changes" } else { "" };
        let memory = self.memory_bytes.map(|bytes| format!(", {} GB of memory", bytes / 1_000_000_000));
        let load = self.load_before.as_ref().map(|load| format!(", load {load} before"));
        vec![
            format!("tidegate {}{commit}{changed}", self.tidegate),
            format!("{} cores{}{}", self.cores, memory.unwrap_or_default(), load.unwrap_or_default()),
        ]
    }
}

impl Server {
    pub(crate) fn of(arena: &Arena) -> Self {
        Self { version: arena.version.clone(), settings: arena.settings(), file_system: file_system(arena.folder()) }
    }

    pub(crate) fn line(&self) -> String {
        let settings: Vec<_> = self.settings.iter().map(|(name, value)| format!("{name} {value}")).collect();
        let data = self.file_system.as_ref().map(|name| format!(", data on {name}")).unwrap_or_default();
        format!("PostgreSQL {}, {}{data}", self.version, settings.join(", "))
    }
}

fn load() -> Option<String> {
    let averages = std::fs::read_to_string("/proc/loadavg").ok()?;
    averages.split_whitespace().next().map(str::to_owned)
}

fn memory() -> Option<u64> {
    let facts = std::fs::read_to_string("/proc/meminfo").ok()?;
    let kilobytes: u64 = facts.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}

fn file_system(folder: &Path) -> Option<String> {
    let answer = words(Command::new("df").arg("--output=fstype").arg(folder))?;
    answer.lines().last().map(str::to_owned)
}

fn words(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
