//! Where does a test get a disk that is soon full? A few megabytes of memory, mounted where a server's user may write.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A file system of its own.
pub(crate) struct SmallDisk {
    folder: PathBuf,
}

impl SmallDisk {
    /// Of so many megabytes. `None`: this test may not mount, which it says loudly.
    pub(crate) fn of(megabytes: u32) -> Option<Self> {
        let folder = TempDir::with_prefix_in("tidegate-disk-", "/tmp").expect("a folder in /tmp").keep();
        let options = format!("size={megabytes}m,mode=0777");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&folder).output();
        if !mounted.is_ok_and(|output| output.status.success()) {
            println!("NOT TESTED: this test needs to mount a small disk, as root on Linux");
            return None;
        }
        let disk = Self { folder };
        disk.unmount_when_this_process_ends();
        Some(disk)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Leaves so many kilobytes free.
    pub(crate) fn fill_up_to(&self, kilobytes: u64) {
        let free = self.free_kilobytes();
        assert!(free > kilobytes, "only {free} kB are free");
        std::fs::write(self.ballast(), vec![0; ((free - kilobytes) * 1024) as usize]).expect("room for the ballast");
    }

    /// Makes room again.
    pub(crate) fn drop_ballast(&self) {
        std::fs::remove_file(self.ballast()).expect("the ballast");
    }

    fn ballast(&self) -> PathBuf {
        self.folder.join("ballast")
    }

    fn free_kilobytes(&self) -> u64 {
        let output = Command::new("df").args(["--output=avail", "-k"]).arg(&self.folder).output().expect("df");
        let words = String::from_utf8(output.stdout).expect("words");
        words.lines().last().and_then(|line| line.trim().parse().ok()).expect("a number")
    }

    /// However it ends: a shell waits for the end of a pipe whose other end only this process has.
    fn unmount_when_this_process_ends(&self) {
        use std::os::unix::process::CommandExt;
        let mut watchdog = Command::new("sh");
        watchdog
            .args(["-c", r#"cat; umount -l "$1"; rmdir "$1""#, "watchdog"])
            .arg(&self.folder)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        std::mem::forget(watchdog.spawn().expect("a shell"));
    }
}
