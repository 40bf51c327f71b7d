//! Where does a connection lead, as whom and how? What the URL and the environment say, checked whole before anything is
//! sent. Opens no connection.

use super::host::{Host, hosts};
use super::parameter::Parameters;
use super::password_file::PasswordFile;
use super::tls;
use super::url::PostgresUrl;
use crate::db::address::AddressError;
use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;
use std::time::Duration;
use url::Url;

/// A server on the same continent answers in a tenth of this; libpq would wait for ever.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What the driver is told as it was said.
const PASSED_ON: [&str; 3] = ["sslrootcert", "sslcert", "sslkey"];

/// Where to, as whom, how.
#[derive(Clone)]
pub(super) struct Destination {
    /// In the order in which they are tried; one at least.
    pub(super) hosts: Vec<Host>,
    /// How long each host has to answer.
    pub(super) connect_timeout: Duration,
    /// What a server must be. `None`: there is one host, and whatever it is will turn out.
    pub(super) wanted: Option<Wanted>,
    pub(super) user: String,
    pub(super) database: String,
    /// Settings of the server that come with the connection and go with it. A pooler may not take them.
    pub(super) settings: Vec<(&'static str, String)>,
    password: Option<String>,
    password_file: Option<PasswordFile>,
    parameters: Parameters,
}

/// What a server must be to be written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// A primary whose transactions may write unless they say otherwise.
    ReadWrite,
    /// A primary.
    Primary,
}

impl Wanted {
    /// Why a server is passed over.
    pub(super) fn objection(self, is_in_recovery: bool, is_read_only: bool) -> Option<&'static str> {
        match self {
            _ if is_in_recovery => Some("is a standby"),
            Self::ReadWrite if is_read_only => Some("is read-only (default_transaction_read_only)"),
            Self::ReadWrite | Self::Primary => None,
        }
    }
}

impl Destination {
    /// A server that can be written to.
    ///
    /// # Errors
    /// When something is asked for that is not done here.
    pub(super) fn to_write(url: &PostgresUrl, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, AddressError> {
        let parameters = Parameters::read(url, variable)?;
        let hosts = hosts(&parameters, &|path| path.exists())?;
        let wanted = match parameters.get("target_session_attrs") {
            Some(word) if word.eq_ignore_ascii_case("primary") => Some(Wanted::Primary),
            Some(_) => Some(Wanted::ReadWrite),
            None => (hosts.len() > 1).then_some(Wanted::ReadWrite),
        };
        Self::new(parameters, hosts, wanted)
    }

    /// One replica, whose address is its own: what the environment says of the server to write to is not meant.
    ///
    /// # Errors
    /// As [`Destination::to_write`], and when it could be one of several servers.
    pub(super) fn to_replica(
        url: &PostgresUrl,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, AddressError> {
        let refused = |why: &str| Err(AddressError::Refused(format!("a replica's address {why}")));
        let about_the_primary = |name: &str| ["PGTARGETSESSIONATTRS", "PGLOADBALANCEHOSTS"].contains(&name);
        let own = |name: &str| if about_the_primary(name) { None } else { variable(name) };
        let parameters = Parameters::read(url, &own)?;
        if parameters.is_in_url("target_session_attrs") {
            return refused("has no target_session_attrs: it leads to one server, whatever that is");
        }
        let hosts = hosts(&parameters, &|path| path.exists())?;
        match hosts.len() {
            1 => Self::new(parameters, hosts, None),
            _ => refused("leads to one server: list each in a variable of its own"),
        }
    }

    fn new(parameters: Parameters, hosts: Vec<Host>, wanted: Option<Wanted>) -> Result<Self, AddressError> {
        let said = |name: &str| parameters.get(name).map(str::to_owned);
        let user = said("user").or_else(|| whoami::username().ok()).unwrap_or_else(|| "postgres".to_owned());
        let named = parameters.get("passfile").map(|path| (path, parameters.name("passfile")));
        let destination = Self {
            connect_timeout: connect_timeout(&parameters)?,
            hosts,
            wanted,
            database: said("dbname").unwrap_or_else(|| user.clone()),
            user,
            settings: Vec::new(),
            password: said("password"),
            password_file: PasswordFile::new(named),
            parameters: parameters.without("password"),
        };
        Ok(destination)
    }

    /// Where it leads, fit for a screen.
    pub(super) fn address(&self) -> String {
        let hosts: Vec<_> = self.hosts.iter().map(Host::to_string).collect();
        format!("postgres://{}/{}", hosts.join(","), self.database)
    }

    /// What somebody should know before it is used.
    pub(super) fn warnings(&self) -> Vec<String> {
        let unused = self.password_file.as_ref().filter(|_| self.password.is_none()).and_then(PasswordFile::warning);
        tls::warning(&self.hosts, self.tls_mode()).into_iter().chain(unused).collect()
    }

    fn tls_mode(&self) -> &str {
        self.parameters.get("sslmode").unwrap_or(tls::DEFAULT_MODE)
    }

    /// What the driver is told for one of the hosts. Everything is said that it would otherwise look for itself.
    ///
    /// # Errors
    /// When the driver does not take a value.
    pub(super) fn options(&self, host: &Host) -> Result<PgConnectOptions, AddressError> {
        let in_file = |file: &PasswordFile| file.password(host, &self.database, &self.user);
        let password = self.password.clone().or_else(|| self.password_file.as_ref().and_then(in_file));
        let port = host.port.to_string();
        let mut said = vec![
            ("host", host.name.as_str()),
            ("port", &port),
            ("user", &self.user),
            ("dbname", &self.database),
            ("password", password.as_deref().unwrap_or_default()),
            // Nobody stands in between on a socket, and servers speak no TLS there.
            ("sslmode", if host.is_socket() { "disable" } else { self.tls_mode() }),
        ];
        // The driver takes PGOPTIONS by itself, and adds the URL's.
        if self.parameters.is_in_url("options") {
            said.extend(self.parameters.get("options").map(|options| ("options", options)));
        }
        said.extend(PASSED_ON.into_iter().filter_map(|name| Some((name, self.parameters.get(name)?))));
        // The driver's own words may repeat a value, so they are not shown.
        let unread = || AddressError::Refused("the database address has a value that cannot be read".to_owned());
        let url = Url::parse_with_params("postgres:", said).map_err(|_| unread())?;
        let options = PgConnectOptions::from_url(&url).map_err(|_| unread())?;
        let options = if self.settings.is_empty() { options } else { options.options(self.settings.iter().cloned()) };
        Ok(options.application_name("tidegate").extra_float_digits(None).disable_statement_logging())
    }
}

/// As in libpq, 0 is no limit of the user's; here ours is in force then.
fn connect_timeout(parameters: &Parameters) -> Result<Duration, AddressError> {
    match parameters.get("connect_timeout").map(str::parse::<u32>) {
        None | Some(Ok(0)) => Ok(CONNECT_TIMEOUT),
        Some(Ok(seconds)) => Ok(Duration::from_secs(seconds.into())),
        Some(Err(_)) => {
            let name = parameters.name("connect_timeout");
            Err(AddressError::Refused(format!("{name} is no number of seconds")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Reading = fn(&PostgresUrl, &dyn Fn(&str) -> Option<String>) -> Result<Destination, AddressError>;

    fn read(reading: Reading, url: &str, environment: &[(&str, &str)]) -> Result<Destination, String> {
        let variable =
            |name: &str| environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        reading(&PostgresUrl::parse(url).unwrap(), &variable).map_err(|error| error.to_string())
    }

    #[test]
    fn several_hosts_or_a_wish_make_the_server_prove_that_it_can_be_written_to() {
        let wanted = |url, environment: &[_]| read(Destination::to_write, url, environment).unwrap().wanted;
        for (url, expected) in [
            ("db", None),
            ("a,b", Some(Wanted::ReadWrite)),
            ("a,b?target_session_attrs=primary", Some(Wanted::Primary)),
            ("db?target_session_attrs=read-write", Some(Wanted::ReadWrite)),
        ] {
            assert_eq!(wanted(url, &[]), expected, "{url}");
        }
        assert_eq!(wanted("db", &[("PGTARGETSESSIONATTRS", "primary")]), Some(Wanted::Primary));
    }

    #[test]
    fn a_standby_is_never_written_to() {
        let (standby, read_only) = (Some("is a standby"), Some("is read-only (default_transaction_read_only)"));
        for (wanted, is_in_recovery, is_read_only, expected) in [
            (Wanted::ReadWrite, false, false, None),
            (Wanted::ReadWrite, false, true, read_only),
            (Wanted::ReadWrite, true, false, standby),
            (Wanted::ReadWrite, true, true, standby),
            (Wanted::Primary, false, true, None),
            (Wanted::Primary, true, false, standby),
        ] {
            assert_eq!(wanted.objection(is_in_recovery, is_read_only), expected, "{wanted:?}");
        }
    }

    #[test]
    fn a_replica_is_one_server_whatever_is_said_of_the_primary() {
        let environment = [("PGTARGETSESSIONATTRS", "read-write")];
        assert!(read(Destination::to_replica, "db2", &environment).unwrap().wanted.is_none());
        for (url, why) in
            [("a,b", "a variable of its own"), ("a?target_session_attrs=primary", "no target_session_attrs")]
        {
            let refused = read(Destination::to_replica, url, &[]).err().unwrap();
            assert!(refused.starts_with("a replica's address ") && refused.contains(why), "{refused}");
        }
    }

    #[test]
    fn a_connect_timeout_is_a_number_of_seconds_wherever_it_stands() {
        let timeout = |url, environment: &[_]| read(Destination::to_write, url, environment).map(|d| d.connect_timeout);
        assert_eq!(timeout("db?connect_timeout=0", &[]), Ok(CONNECT_TIMEOUT));
        assert_eq!(timeout("db", &[("PGCONNECT_TIMEOUT", "7")]), Ok(Duration::from_secs(7)));
        assert_eq!(timeout("db?connect_timeout=3", &[("PGCONNECT_TIMEOUT", "7")]), Ok(Duration::from_secs(3)));
        assert_eq!(
            timeout("db", &[("PGCONNECT_TIMEOUT", "c4nary")]),
            Err("PGCONNECT_TIMEOUT is no number of seconds".into())
        );
    }

    #[test]
    fn the_driver_is_told_each_host_and_the_address_shows_all() {
        let url = "anna:pw@a:1,[::1]:2,%2Frun%2Fpg/sh%40op?sslmode=verify-full";
        let destination = read(Destination::to_write, url, &[]).unwrap();
        assert_eq!(destination.address(), "postgres://a:1,[::1]:2,/run/pg/sh@op");
        let told: Vec<_> = destination.hosts.iter().map(|host| destination.options(host).unwrap()).collect();
        let places: Vec<_> = told.iter().map(|options| (options.get_host(), options.get_port())).collect();
        assert_eq!(places[..2], [("a", 1), ("::1", 2)]);
        assert_eq!(told[2].get_socket().unwrap().to_str(), Some("/run/pg"));
        assert!(told.iter().all(|options| options.get_username() == "anna"));
        assert!(told.iter().all(|options| options.get_database() == Some("sh@op")));
        let modes: Vec<_> = told.iter().map(|options| format!("{:?}", options.get_ssl_mode())).collect();
        assert_eq!(modes, ["VerifyFull", "VerifyFull", "Disable"]);
    }
}
