//! Which job is meant, by name or by file?

use super::exit::Exit;
use super::target;
use std::path::Path;

/// A job's name, from its name or its file.
pub(super) fn job_name(named: &str) -> Result<String, Exit> {
    match named.ends_with(".toml") || named.contains('/') {
        true => target::job(Path::new(named)).map(|job| job.name),
        false => Ok(named.to_owned()),
    }
}
