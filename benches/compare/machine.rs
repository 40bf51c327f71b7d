//! What must stand beside the figures, so that somebody else can judge them? Facts about machine, server and program.

use crate::arena::{Arena, SETTINGS};
use crate::contestant::BATCH_ROWS;
use crate::table::grouped;
use std::path::Path;
use std::process::Command;

/// What the machine did besides, over the last minute. Asked before the comparison makes its own load.
pub(crate) fn load() -> Option<String> {
    let averages = std::fs::read_to_string("/proc/loadavg").ok()?;
    averages.split_whitespace().next().map(str::to_owned)
}

/// One fact a line; what this system does not tell is left out.
pub(crate) fn facts(arena: &Arena, rounds: u32, load: Option<String>) -> Vec<String> {
    vec![
        format!("tidegate {}{}", env!("CARGO_PKG_VERSION"), commit().unwrap_or_default()),
        format!("{}{}", machine(), load.map(|load| format!(", load {load} before")).unwrap_or_default()),
        format!("PostgreSQL {}, {}{}", arena.version, settings(), file_system(arena.folder()).unwrap_or_default()),
        format!(
            "{} accounts of pgbench, three indexes, batches of {}; rounds: {rounds}",
            grouped(arena.rows.unsigned_abs()),
            grouped(BATCH_ROWS.into())
        ),
    ]
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = memory().map(|bytes| format!(", {} GB of memory", bytes / 1_000_000_000)).unwrap_or_default();
    format!("{cores} cores{memory}")
}

fn memory() -> Option<u64> {
    let facts = std::fs::read_to_string("/proc/meminfo").ok()?;
    let kilobytes: u64 = facts.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}

fn settings() -> String {
    let settings: Vec<_> = SETTINGS.iter().map(|(name, value)| format!("{name} {value}")).collect();
    format!("fsync on, {}", settings.join(", "))
}

/// Where the commits go; in memory they would cost nothing.
fn file_system(folder: &Path) -> Option<String> {
    let answer = words(Command::new("df").arg("--output=fstype").arg(folder))?;
    Some(format!(", data on {}", answer.lines().last()?))
}

fn commit() -> Option<String> {
    // Without locks, because others may be committing.
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        words(command.args(["--no-optional-locks", "-C", env!("CARGO_MANIFEST_DIR")]).args(arguments))
    };
    let commit = git(&["rev-parse", "--short", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--", "src", "Cargo.toml", "Cargo.lock"])?;
    let changed = if changed.is_empty() { "" } else { " with changes" };
    Some(format!(" at {commit}{changed}"))
}

fn words(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
