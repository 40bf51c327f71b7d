//! What does a PostgreSQL URL say? Its text becomes parameters by their names in libpq, where several hosts are one
//! parameter. Pure: knows neither what a parameter means nor what the environment adds. Never echoes what it was given.

use crate::db::address::AddressError;
use percent_encoding::percent_decode_str;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// What a URL says, by parameter.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl {
    parameters: BTreeMap<String, String>,
    file: Option<PathBuf>,
}

/// Parameters that nobody else may read.
const SECRETS: [&str; 5] = ["password", "sslpassword", "scram_client_key", "scram_server_key", "oauth_client_secret"];

impl PostgresUrl {
    /// Reads what follows `postgres://`: `[USER[:PASSWORD]@][HOST[:PORT],…][/DATABASE][?PARAMETER=VALUE&…]`.
    ///
    /// # Errors
    /// When it is not of that form.
    pub(crate) fn parse(text: &str) -> Result<Self, AddressError> {
        let (location, query) = text.split_once('?').unwrap_or((text, ""));
        let (authority, database) = location.split_once('/').unwrap_or((location, ""));
        let (credentials, hosts) = match authority.split_once('@') {
            Some((credentials, hosts)) => (Some(credentials), hosts),
            None => (None, authority),
        };
        // A password that is not written as it must be ends up in a host's or a database's name, which are shown.
        if [hosts, database, query].into_iter().any(|part| part.contains('@')) {
            return Err(torn());
        }
        let mut url = Self { parameters: BTreeMap::new(), file: None };
        if let Some(credentials) = credentials {
            let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
            url.set("user", user)?;
            url.set("password", password)?;
        }
        url.set_hosts(hosts)?;
        url.set("dbname", database)?;
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or_else(|| refused("has a parameter without a value"))?;
            url.set(&decoded(name)?, value)?;
        }
        Ok(url)
    }

    /// The same URL, said to be kept in that file: whoever connects reads it there again.
    pub(crate) fn kept_in(self, file: &Path) -> Self {
        Self { file: Some(file.to_owned()), ..self }
    }

    /// The file that it is kept in.
    pub(super) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Every parameter that is not empty, by name.
    pub(super) fn parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether somebody who reads it knows a password.
    pub(crate) fn holds_a_secret(&self) -> bool {
        SECRETS.iter().any(|name| self.parameters.contains_key(*name))
    }

    /// What is empty says nothing; of two, the later one counts.
    fn set(&mut self, name: &str, value: &str) -> Result<(), AddressError> {
        let value = decoded(value)?;
        match value.is_empty() {
            true => self.parameters.remove(name),
            false => self.parameters.insert(name.to_owned(), value),
        };
        Ok(())
    }

    fn set_hosts(&mut self, hosts: &str) -> Result<(), AddressError> {
        let places: Vec<_> = hosts.split(',').map(host_and_port).collect::<Result<_, _>>()?;
        let (hosts, ports): (Vec<_>, Vec<_>) = places.into_iter().unzip();
        self.set("host", &listed(&hosts))?;
        self.set("port", &listed(&ports))
    }
}

/// `db1:5433`, `[::1]:5433` and each without a port.
fn host_and_port(place: &str) -> Result<(&str, &str), AddressError> {
    let malformed = || refused("has a host that is neither `HOST`, `HOST:PORT` nor `[IPv6]:PORT`");
    let (host, rest) = match place.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']').ok_or_else(malformed)?,
        None => place.split_at(place.find(':').unwrap_or(place.len())),
    };
    let port = if rest.is_empty() { "" } else { rest.strip_prefix(':').ok_or_else(malformed)? };
    match port.bytes().all(|byte| byte.is_ascii_digit()) {
        true => Ok((host, port)),
        false => Err(malformed()),
    }
}

/// A list says nothing when nothing in it does.
fn listed(parts: &[&str]) -> String {
    if parts.iter().all(|part| part.is_empty()) { String::new() } else { parts.join(",") }
}

/// Unlike in a form, `+` is a plus.
fn decoded(text: &str) -> Result<String, AddressError> {
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| refused("is not UTF-8 text"))?;
    match decoded.contains('\0') {
        true => Err(refused("has a byte 0")),
        false => Ok(decoded.into_owned()),
    }
}

fn torn() -> AddressError {
    refused("has an `@` where none belongs: inside a user or password, `@` `/` `?` `:` are written %40 %2F %3F %3A")
}

fn refused(why: &str) -> AddressError {
    AddressError::Refused(format!("the database address {why}"))
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |name| self.parameters.get(name).map_or("", String::as_str);
        write!(f, "postgres://{}/{}", shown("host"), shown("dbname"))
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Vec<(String, String)> {
        let url = PostgresUrl::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        url.parameters.into_iter().collect()
    }

    #[test]
    fn every_form_of_libpq_is_read() {
        let table: &[(&str, &[(&str, &str)])] = &[
            ("", &[]),
            ("/shop", &[("dbname", "shop")]),
            ("db", &[("host", "db")]),
            ("anna@db:5433/shop", &[("dbname", "shop"), ("host", "db"), ("port", "5433"), ("user", "anna")]),
            ("an%40na:p%2Fw%3A+@db", &[("host", "db"), ("password", "p/w:+"), ("user", "an@na")]),
            ("a:1,b:2/shop", &[("dbname", "shop"), ("host", "a,b"), ("port", "1,2")]),
            ("a,b:2", &[("host", "a,b"), ("port", ",2")]),
            ("[::1]:5433,[fe80::1]", &[("host", "::1,fe80::1"), ("port", "5433,")]),
            ("%2Frun%2Fpg,db", &[("host", "/run/pg,db")]),
            ("localhost/shop?host=/run/pg", &[("dbname", "shop"), ("host", "/run/pg")]),
            ("?host=a,/run/pg&port=1,2", &[("host", "a,/run/pg"), ("port", "1,2")]),
            ("db?user=anna%40shop", &[("host", "db"), ("user", "anna@shop")]),
            ("db?sslmode=&options=-c%20a%3Db", &[("host", "db"), ("options", "-c a=b")]),
            (":5433", &[("port", "5433")]),
        ];
        for (text, expected) in table {
            let expected: Vec<_> = expected.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_torn_or_unreadable_is_refused_without_a_word_of_it() {
        for text in [
            "anna:pass@word@db/shop",
            "anna:12/word@db/shop",
            "anna:12?word@db/shop",
            "anna:12?word=1@db/shop",
            "anna:x@db?host=word@db/shop",
            "anna:word",
            "db:word/shop",
            "::1/word",
            "[::1/word",
            "[::1]word",
            "db?word",
            "db/%FFword",
            "db/%00word",
        ] {
            let error = PostgresUrl::parse(text).expect_err(text).to_string();
            assert!(!error.replace("password", "").contains("word"), "{text}: {error}");
        }
    }

    proptest! {
        /// Whatever surrounds it, and whether or not it is written as it must be.
        #[test]
        fn no_password_is_ever_shown(before in "[ -~]{0,6}", after in "[ -~]{0,6}", is_encoded: bool, place in 0..3) {
            const CORE: &str = "C4NARY";
            let mut password = format!("{before}{CORE}{after}");
            if is_encoded {
                password = percent_encoding::utf8_percent_encode(&password, percent_encoding::NON_ALPHANUMERIC).to_string();
            }
            let text = match place {
                0 => format!("anna:{password}@db1:5432,db2/shop"),
                1 => format!("anna:{password}@db1/shop?sslmode=verify-full"),
                _ => format!("anna@db1,db2/shop?password={password}"),
            };
            let shown = match PostgresUrl::parse(&text) {
                Ok(url) => format!("{url} {url:?}"),
                Err(error) => format!("{error} {error:?}"),
            };
            // Only after a raw `&` is it a parameter of its own, whose name is nobody's password any more.
            prop_assert!(!shown.contains(CORE), "{}", shown);
            if is_encoded {
                let url = PostgresUrl::parse(&text).unwrap();
                prop_assert_eq!(url.parameters.get("password"), Some(&format!("{before}{CORE}{after}")));
            }
        }
    }
}
