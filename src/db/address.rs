//! Where is the database? Reads `--database`, `DATABASE_URL` and the file of `DATABASE_URL_FILE`. Never echoes what it
//! was given: it may hold a password.

use super::postgres::PostgresUrl;
use crate::secret_file;
use std::fmt;
use std::path::{Path, PathBuf};

/// Where a database is.
#[derive(Clone, PartialEq, Eq)]
pub enum Address {
    /// A PostgreSQL URL.
    Postgres(PostgresUrl),
    /// A SQLite file.
    Sqlite(PathBuf),
}

/// Why an address cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It names no database that is known here.
    #[error(
        "the database address is neither `postgres://…` nor `sqlite:PATH`; \
         give one with --database or in DATABASE_URL"
    )]
    Unknown,
    /// It is written as other clients of PostgreSQL can write it.
    #[error(
        "the database address is written as `key=value`, which is not read here; \
         write it as `postgres://USER@HOST:PORT/DATABASE?sslmode=verify-full`"
    )]
    KeyValue,
    /// It holds a password where everybody on the machine can read it.
    #[error(
        "--database holds a password, and every process on this machine can read it there; \
         put the address into DATABASE_URL or the file that DATABASE_URL_FILE names, or the password into PGPASSFILE"
    )]
    PasswordInArgv,
    /// MySQL is planned.
    #[error("MySQL and MariaDB are not supported by this version; PostgreSQL and SQLite are")]
    Mysql,
    /// It is no PostgreSQL URL, or asks for something that cannot be done. The words hold nothing of the address but names of
    /// parameters and variables that PostgreSQL knows.
    #[error("{0}")]
    Refused(String),
    /// The file that should hold it.
    #[error("{0}")]
    File(String),
}

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    /// When it names no database that is known here.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        if let Some(path) = text.strip_prefix("sqlite://").or_else(|| text.strip_prefix("sqlite:")) {
            return match path.is_empty() {
                true => Err(AddressError::Unknown),
                false => Ok(Self::Sqlite(PathBuf::from(path))),
            };
        }
        match text.split_once("://") {
            Some(("postgres" | "postgresql", rest)) => PostgresUrl::parse(rest).map(Self::Postgres),
            Some(("mysql" | "mariadb", _)) => Err(AddressError::Mysql),
            _ if is_key_value(text) => Err(AddressError::KeyValue),
            _ => Err(AddressError::Unknown),
        }
    }

    /// Reads an address from the command line, where a password has no place.
    ///
    /// # Errors
    /// As [`Address::parse`], and when it holds a password.
    pub fn parse_argument(text: &str) -> Result<Self, AddressError> {
        let address = Self::parse(text)?;
        match &address {
            Self::Postgres(url) if url.holds_a_secret() => Err(AddressError::PasswordInArgv),
            Self::Postgres(_) | Self::Sqlite(_) => Ok(address),
        }
    }

    /// Reads an address from a file that nobody but its owner may read.
    ///
    /// # Errors
    /// As [`Address::parse`], and when the file is missing, empty or open to others.
    pub fn read(path: &Path) -> Result<Self, AddressError> {
        let text = secret_file::read(path)
            .map_err(|why| AddressError::File(format!("DATABASE_URL_FILE names {}, which {why}", path.display())))?;
        Ok(match Self::parse(text.trim())? {
            Self::Postgres(url) => Self::Postgres(url.kept_in(path)),
            sqlite @ Self::Sqlite(_) => sqlite,
        })
    }
}

/// `host=db1 user=anna`: a word and an equals sign before anything that a URL or a path has.
fn is_key_value(text: &str) -> bool {
    let word = text.trim_start().split_once('=').map(|(word, _)| word.trim_end());
    word.is_some_and(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => fmt::Display::fmt(url, f),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn an_address_never_shows_its_password() {
        let address = Address::parse("postgres://anna:s3cret@db.example:5432/shop?sslmode=verify-full").unwrap();
        assert_eq!(address.to_string(), "postgres://db.example/shop");
        assert_eq!(format!("{address:?}"), "postgres://db.example/shop");
    }

    #[test]
    fn a_password_is_refused_on_the_command_line() {
        for text in [
            "postgres://anna:s3cret@db/shop",
            "postgres://anna@db/shop?password=s3cret",
            "postgres://anna:s3cret@db1,db2/shop",
            "postgres://anna@db/shop?sslpassword=s3cret",
        ] {
            assert_eq!(Address::parse_argument(text), Err(AddressError::PasswordInArgv), "{text}");
        }
        assert!(Address::parse_argument("postgres://anna@db/shop").is_ok());
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "shop.db", "sqlite:", "http://db/shop", "postgres:db", "/srv/a=b.db"] {
            assert_eq!(Address::parse(text), Err(AddressError::Unknown), "{text}");
        }
        for text in ["host=db user=anna password=s3cret", " host = 'db'", "service=shop", "dbname=postgres"] {
            assert_eq!(Address::parse(text), Err(AddressError::KeyValue), "{text}");
        }
        assert_eq!(Address::parse("mysql://db/shop"), Err(AddressError::Mysql));
    }

    #[test]
    fn a_file_is_read_only_when_nobody_else_may() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("url");
        let read = || Address::read(&path).map_err(|error| error.to_string());
        assert!(read().unwrap_err().contains("cannot be read: No such file"));
        std::fs::write(&path, "postgres://anna:s3cret@db/shop\n").unwrap();
        for (mode, shown) in [(0o644, "0644"), (0o640, "0640"), (0o602, "0602"), (0o601, "0601")] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert!(read().unwrap_err().contains(&format!("others may read (mode {shown})")), "{shown}");
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
        assert_eq!(read().unwrap().to_string(), "postgres://db/shop");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&path, " \n").unwrap();
        assert!(read().unwrap_err().ends_with("which is empty"));
    }
}
