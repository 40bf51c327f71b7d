//! Which database, and which job? Reads the address and the job file that were named, and says what is wrong with
//! them.

use super::Shared;
use super::exit::{Exit, database_failed, fail};
use super::wording::{say, say_problems};
use crate::db::{Address, Database, database};
use crate::job::{self, Job, MAX_FILE_BYTES};
use std::path::Path;
use std::sync::Arc;

/// The database of `--database`, else of DATABASE_URL.
pub(super) fn target(shared: &Shared) -> Result<Arc<dyn Database>, Exit> {
    let address = match (&shared.database, std::env::var("DATABASE_URL")) {
        (Some(argument), _) => Address::parse_argument(argument),
        (None, Ok(variable)) => Address::parse(&variable),
        (None, Err(_)) => {
            return Err(fail("no database: give one with --database or in DATABASE_URL", Exit::Usage));
        }
    };
    let address = address.map_err(|error| fail(&error.to_string(), Exit::Usage))?;
    database(&address).map_err(|failure| database_failed(&failure))
}

/// The job of that file; its warnings are said on the way.
pub(super) fn job(path: &Path) -> Result<Job, Exit> {
    let text = read(path).map_err(|words| fail(&words, Exit::Usage))?;
    let shown = path.display().to_string();
    match job::parse(&text) {
        Ok((job, warnings)) => {
            if !warnings.is_empty() {
                say_problems(&shown, &text, &warnings);
            }
            Ok(job)
        }
        Err(problems) => {
            say_problems(&shown, &text, &problems);
            say(&format!("error: {shown} is no valid job; nothing was done"));
            Err(Exit::Usage)
        }
    }
}

/// A job file's text. A file far above the limit is not read whole; the check says the rest.
pub(super) fn read(path: &Path) -> Result<String, String> {
    use std::io::Read;
    let shown = path.display();
    let file = std::fs::File::open(path).map_err(|error| format!("could not read {shown}: {error}"))?;
    let mut bytes = Vec::new();
    let limit = MAX_FILE_BYTES as u64 + 1;
    file.take(limit).read_to_end(&mut bytes).map_err(|error| format!("could not read {shown}: {error}"))?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        // A character cut at the limit is the limit's fault.
        Err(error) if error.as_bytes().len() as u64 == limit => {
            Ok(String::from_utf8_lossy(error.as_bytes()).into_owned())
        }
        Err(_) => Err(format!("could not read {shown}: it is not UTF-8 text")),
    }
}
