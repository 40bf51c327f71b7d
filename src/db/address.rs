//! Where is the database? Reads `--database` and `DATABASE_URL`. Never echoes what it was given: it may hold a
//! password.

use std::fmt;
use std::path::PathBuf;
use url::Url;

/// Where a database is.
#[derive(Clone, PartialEq, Eq)]
pub enum Address {
    /// A PostgreSQL URL.
    Postgres(Url),
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
    /// It holds a password where everybody on the machine can read it.
    #[error(
        "--database holds a password, and every process on this machine can read it there; \
         put the address into DATABASE_URL, or the password into PGPASSFILE"
    )]
    PasswordInArgv,
    /// MySQL is planned.
    #[error("MySQL and MariaDB are not supported by this version; PostgreSQL and SQLite are")]
    Mysql,
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
        let url = Url::parse(text).map_err(|_| AddressError::Unknown)?;
        match url.scheme() {
            "postgres" | "postgresql" => Ok(Self::Postgres(url)),
            "mysql" | "mariadb" => Err(AddressError::Mysql),
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
            Self::Postgres(url) if url.password().is_some() || url.query_pairs().any(|(key, _)| key == "password") => {
                Err(AddressError::PasswordInArgv)
            }
            Self::Postgres(_) | Self::Sqlite(_) => Ok(address),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => {
                let host = url.query_pairs().find(|(key, _)| key == "host").map(|(_, host)| host.into_owned());
                let host = host.or_else(|| url.host_str().map(str::to_owned)).unwrap_or_default();
                write!(f, "postgres://{host}{}", url.path())
            }
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

    #[test]
    fn an_address_never_shows_its_password() {
        let address = Address::parse("postgres://anna:s3cret@db.example:5432/shop?sslmode=verify-full").unwrap();
        assert_eq!(address.to_string(), "postgres://db.example/shop");
        assert_eq!(format!("{address:?}"), "postgres://db.example/shop");
    }

    #[test]
    fn a_password_is_refused_on_the_command_line() {
        for text in ["postgres://anna:s3cret@db/shop", "postgres://anna@db/shop?password=s3cret"] {
            assert_eq!(Address::parse_argument(text), Err(AddressError::PasswordInArgv));
        }
        assert!(Address::parse_argument("postgres://anna@db/shop").is_ok());
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "shop.db", "sqlite:", "http://db/shop"] {
            assert_eq!(Address::parse(text), Err(AddressError::Unknown), "{text}");
        }
        assert_eq!(Address::parse("mysql://db/shop"), Err(AddressError::Mysql));
    }
}
