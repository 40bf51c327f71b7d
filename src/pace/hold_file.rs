//! Does a file hold the run? The brake that needs no database: anybody who may make a file can pull it.

use crate::event::Reason;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::timeout;

/// A look that takes longer is no answer: network file systems can hang for ever.
const LOOK_TIMEOUT: Duration = Duration::from_secs(1);

/// A file that holds a run while it exists.
#[derive(Clone, Debug)]
pub struct HoldFile {
    path: PathBuf,
}

impl HoldFile {
    /// That file.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Why the run is held. Only a file that is known not to be there does not hold.
    pub async fn holds(&self) -> Option<Reason> {
        let path = self.path.clone();
        let why = match timeout(LOOK_TIMEOUT, tokio::fs::try_exists(&path)).await {
            Ok(Ok(false)) => return None,
            Ok(Ok(true)) => return Some(Reason::HoldFile { path }),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer for {}", humantime::format_duration(LOOK_TIMEOUT)),
        };
        Some(Reason::HoldFileUnknown { path, why })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_holds_while_it_exists_and_when_nobody_can_tell() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hold");
        let file = HoldFile::new(path.clone());
        assert_eq!(file.holds().await, None);
        std::fs::write(&path, "").unwrap();
        assert_eq!(file.holds().await, Some(Reason::HoldFile { path: path.clone() }));
        // What lies below a file is no file that is not there.
        let below = HoldFile::new(path.join("below"));
        assert!(matches!(below.holds().await, Some(Reason::HoldFileUnknown { .. })));
    }
}
