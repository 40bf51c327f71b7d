//! How is a secret read that a file holds? Only from a file that nobody but its owner may read. Never echoes what it read.

use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// An address or a token has a few hundred bytes; a file that has more is another one.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// The text of a secret's file, or why it is not read. The file that was opened is asked about, so that nobody swaps it
/// in between.
pub(crate) fn read(path: &Path) -> Result<String, String> {
    let file = std::fs::File::open(path).map_err(|error| format!("cannot be read: {error}"))?;
    let mode = file.metadata().map_err(|error| format!("cannot be read: {error}"))?.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(format!("others may read (mode {mode:04o}); run `chmod 600` on it"));
    }
    let mut text = String::new();
    file.take(MAX_FILE_BYTES).read_to_string(&mut text).map_err(|error| format!("cannot be read: {error}"))?;
    match text.trim().is_empty() {
        true => Err("is empty".to_owned()),
        false => Ok(text),
    }
}
