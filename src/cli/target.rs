//! Which database, and which job? Reads the address and the job file that were named, and says what is wrong with
//! them.

use super::Shared;
use super::exit::{Exit, fail};
use super::wording::{say, say_problems};
use crate::db::{Address, AddressError, Database, Named, database_for_us_alone};
use crate::job::{self, Job, MAX_FILE_BYTES};
use std::path::Path;
use std::sync::Arc;

/// The database of `--database`, else of DATABASE_URL or of the file that DATABASE_URL_FILE names. Whatever connects
/// comes through here once, so warnings about the connection are said here.
pub(super) fn target(shared: &Shared) -> Result<Arc<dyn Database>, Exit> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let address = match (&shared.database, variable("DATABASE_URL"), variable("DATABASE_URL_FILE")) {
        (Some(argument), ..) => Address::parse_argument(argument),
        (None, Some(_), Some(_)) => {
            return Err(fail("DATABASE_URL and DATABASE_URL_FILE are both set: unset one of them", Exit::Usage));
        }
        (None, Some(url), None) => Address::parse(&url.to_string_lossy()),
        (None, None, Some(file)) => Address::read(Path::new(&file)),
        (None, None, None) => {
            let words = "no database: give one with --database, in DATABASE_URL or in the file DATABASE_URL_FILE names";
            return Err(fail(words, Exit::Usage));
        }
    };
    open(address)
}

/// The databases that are named by `NAME=VARIABLE`, each at the address in that environment variable.
pub(super) fn named_targets(named: &[(String, String)]) -> Result<Vec<Named>, Exit> {
    let mut databases: Vec<Named> = Vec::new();
    for (name, variable) in named {
        if databases.iter().any(|known| known.name == *name) {
            return Err(fail(&format!("two databases are called {name}"), Exit::Usage));
        }
        let Some(url) = std::env::var_os(variable).filter(|value| !value.is_empty()) else {
            return Err(fail(
                &format!("the environment variable {variable} of database {name} is not set"),
                Exit::Usage,
            ));
        };
        let database = open(Address::parse(&url.to_string_lossy()))?;
        databases.push(Named { name: name.clone(), database });
    }
    Ok(databases)
}

fn open(address: Result<Address, AddressError>) -> Result<Arc<dyn Database>, Exit> {
    let database = address.and_then(|address| database_for_us_alone(&address));
    let database = database.map_err(|error| fail(&error.to_string(), Exit::Usage))?;
    for warning in database.warnings() {
        say(&format!("warning: {warning}"));
    }
    Ok(database)
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
