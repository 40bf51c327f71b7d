//! Which servers may it be, in which order? Reads the lists of hosts and ports as libpq does. Pure.

use super::parameter::Parameters;
use crate::db::address::AddressError;
use std::fmt;
use std::net::IpAddr;
use std::path::Path;

const DEFAULT_PORT: u16 = 5432;

/// Where servers put their sockets when nobody says otherwise: Debian's folder, and everybody else's.
const SOCKET_FOLDERS: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// More hosts than a cluster has members are a mistake, and each may cost a connect timeout.
const MOST: usize = 16;

/// A server's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Host {
    /// A name, an IP address, or the folder of a socket.
    pub(super) name: String,
    pub(super) port: u16,
}

impl Host {
    /// Whether its name is the folder of a socket.
    pub(super) fn is_socket(&self) -> bool {
        self.name.starts_with('/')
    }

    /// Whether nobody can stand between it and us.
    pub(super) fn is_here(&self) -> bool {
        let is_loopback = |ip: IpAddr| ip.is_loopback();
        self.is_socket() || self.name.eq_ignore_ascii_case("localhost") || self.name.parse().is_ok_and(is_loopback)
    }

    /// What a line of a password file calls it: the usual socket is `localhost`.
    pub(super) fn name_in_password_file(&self) -> &str {
        if SOCKET_FOLDERS.first() == Some(&self.name.as_str()) { "localhost" } else { &self.name }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.is_socket(), self.port) {
            (true, DEFAULT_PORT) => f.write_str(&self.name),
            (false, port) if self.name.contains(':') => write!(f, "[{}]:{port}", self.name),
            (_, port) => write!(f, "{}:{port}", self.name),
        }
    }
}

/// The hosts, in the order in which they are tried. `has_socket` tells whether there is a socket at that path.
///
/// # Errors
/// When hosts and ports do not fit together, or are none.
pub(super) fn hosts(parameters: &Parameters, has_socket: &dyn Fn(&Path) -> bool) -> Result<Vec<Host>, AddressError> {
    let listed = |parameter| parameters.get(parameter).map(|list| list.split(',').map(str::trim).collect::<Vec<_>>());
    let (named, by_number) = (listed("host"), listed("hostaddr"));
    if named.is_some() && by_number.is_some() {
        return Err(refused(parameters, "hostaddr", "stands beside a host: leave one of them out"));
    }
    if by_number.iter().flatten().any(|number| number.parse::<IpAddr>().is_err()) {
        return Err(refused(parameters, "hostaddr", "is no list of IP addresses"));
    }
    let source = if by_number.is_some() { "hostaddr" } else { "host" };
    let names = named.or(by_number).unwrap_or_else(|| vec![""]);
    let ports = ports(parameters, names.len())?;
    if names.len() > MOST {
        return Err(refused(parameters, source, &format!("lists more than {MOST} hosts")));
    }
    // What has an `@` may be the end of a password, and hosts are shown; for libpq it begins an abstract socket.
    if names.iter().any(|name| name.contains(['@', ' ']) || (name.contains('/') && !name.starts_with('/'))) {
        return Err(refused(parameters, source, "has a host that is neither a name, an IP address nor a folder"));
    }
    let host = |(name, port): (&str, u16)| {
        let name = if name.is_empty() { default_host(port, has_socket) } else { name.to_owned() };
        Host { name, port }
    };
    Ok(names.into_iter().zip(ports).map(host).collect())
}

/// One port is every host's; several must be as many as the hosts.
fn ports(parameters: &Parameters, hosts: usize) -> Result<Vec<u16>, AddressError> {
    let text = parameters.get("port").unwrap_or_default();
    let port = |port: &str| match port.trim() {
        "" => Some(DEFAULT_PORT),
        digits => digits.parse().ok().filter(|port| *port > 0),
    };
    let ports: Option<Vec<_>> = text.split(',').map(port).collect();
    match ports.as_deref() {
        None => Err(refused(parameters, "port", "is no port from 1 to 65535, nor a list of them")),
        Some([port]) => Ok(vec![*port; hosts]),
        Some(ports) if ports.len() == hosts => Ok(ports.to_vec()),
        Some(ports) => {
            let (ports, hosts) = (counted(ports.len(), "port"), counted(hosts, "host"));
            Err(refused(parameters, "port", &format!("lists {ports} for {hosts}")))
        }
    }
}

fn counted(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// A socket where there is one, else this machine's network.
fn default_host(port: u16, has_socket: &dyn Fn(&Path) -> bool) -> String {
    let has_server = |folder: &&str| has_socket(&Path::new(folder).join(format!(".s.PGSQL.{port}")));
    SOCKET_FOLDERS.into_iter().find(has_server).unwrap_or("localhost").to_owned()
}

fn refused(parameters: &Parameters, parameter: &str, why: &str) -> AddressError {
    AddressError::Refused(format!("{} {why}", parameters.name(parameter)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::postgres::url::PostgresUrl;

    fn read(url: &str, environment: &[(&str, &str)]) -> Result<Vec<String>, String> {
        let variable =
            |name: &str| environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let parameters = Parameters::read(&PostgresUrl::parse(url).unwrap(), &variable).unwrap();
        let has_socket = |path: &Path| path == Path::new("/tmp/.s.PGSQL.5433");
        let hosts = hosts(&parameters, &has_socket).map_err(|error| error.to_string())?;
        Ok(hosts.iter().map(Host::to_string).collect())
    }

    #[test]
    fn hosts_and_ports_pair_up_as_in_libpq() {
        let none: &[(&str, &str)] = &[];
        for (url, environment, expected) in [
            ("a", none, &["a:5432"][..]),
            ("a:1,b:2/shop", none, &["a:1", "b:2"]),
            ("a,b:2", none, &["a:5432", "b:2"]),
            ("/shop?host=a,b&port=1", none, &["a:1", "b:1"]),
            ("/shop?host=a,/run/pg&port=1,2", none, &["a:1", "/run/pg:2"]),
            ("/shop?host=/run/pg", none, &["/run/pg"]),
            ("[::1],b", none, &["[::1]:5432", "b:5432"]),
            ("", none, &["localhost:5432"]),
            ("?port=5433", none, &["/tmp:5433"]),
            ("?hostaddr=10.0.0.1,10.0.0.2", none, &["10.0.0.1:5432", "10.0.0.2:5432"]),
            ("", &[("PGHOST", "a,b"), ("PGPORT", "1,2")], &["a:1", "b:2"]),
            ("a,b", &[("PGHOST", "c"), ("PGPORT", "6432")], &["a:6432", "b:6432"]),
            ("", &[("PGHOSTADDR", "10.0.0.1")], &["10.0.0.1:5432"]),
        ] {
            assert_eq!(
                read(url, environment).as_deref(),
                Ok(&*expected.iter().map(|s| s.to_string()).collect::<Vec<_>>()),
                "{url}"
            );
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_by_its_name() {
        for (url, environment, why) in [
            ("a,b?port=1,2,3", &[][..], "the parameter `port` of the database address lists 3 ports for 2 hosts"),
            ("a", &[("PGPORT", "1,2")], "PGPORT lists 2 ports for 1 host"),
            ("a", &[("PGPORT", "c4nary")], "PGPORT is no port from 1 to 65535, nor a list of them"),
            ("a:0", &[], "the parameter `port` of the database address is no port from 1 to 65535, nor a list of them"),
            ("a", &[("PGHOSTADDR", "10.0.0.1")], "PGHOSTADDR stands beside a host: leave one of them out"),
            ("", &[("PGHOSTADDR", "c4nary")], "PGHOSTADDR is no list of IP addresses"),
            ("", &[("PGHOST", "c4nary@db")], "PGHOST has a host that is neither a name, an IP address nor a folder"),
        ] {
            assert_eq!(read(url, environment), Err(why.to_owned()), "{url}");
        }
    }

    #[test]
    fn only_sockets_and_this_machine_are_here() {
        let is_here = |name: &str| Host { name: name.into(), port: 1 }.is_here();
        assert!(["/run/pg", "localhost", "LOCALHOST", "127.0.0.1", "127.8.8.8", "::1"].into_iter().all(is_here));
        assert!(!["db", "10.0.0.1", "fe80::1", "localhost.example", "0.0.0.0"].into_iter().any(is_here));
    }
}
