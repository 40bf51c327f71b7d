//! What may be asked of a connection, and by which name? The one list of what PostgreSQL's own clients understand, with
//! what becomes of it here: nothing that changes where a connection leads or how safe it is gets lost in silence. Pure.

use super::url::PostgresUrl;
use crate::db::address::AddressError;

/// What becomes of a parameter.
#[derive(Clone, Copy)]
enum Fate {
    /// Read here or by the driver.
    Taken,
    /// Whatever it says changes neither where a connection leads nor how safe it is.
    NoEffect,
    /// One of these values, which ask for what is done here; what to do instead of any other.
    Only(&'static [&'static str], &'static str),
    /// Any value but these; what to do instead.
    AllBut(&'static [&'static str], &'static str),
}

use Fate::{AllBut, NoEffect, Only, Taken};

const DEADLINES: &str = "every call has a deadline here, and one that misses it closes the connection: \
    a silent server is noticed without it, so leave it out";
const FULL: &str = "use sslmode=verify-full, which makes the server prove who it is";
const TLS_VERSIONS: &str = "TLS 1.2 and 1.3 are spoken, the newest that the server knows: set ssl_min_protocol_version or \
     ssl_max_protocol_version on the server";
const REVOKED: &str = "lists of revoked certificates are not read: leave it out, and let sslrootcert hold only \
    authorities that you trust today";
const NO_SERVICE: &str = "service files are not read: write host, port, user and database into the address";
const ONLY_PASSWORDS: &str = "a server is answered with a password or a client certificate: leave it out";

/// libpq's list as of PostgreSQL 18: the parameter, its environment variable, what becomes of it.
const KNOWN: &[(&str, &str, Fate)] = &[
    ("host", "PGHOST", Taken),
    ("hostaddr", "PGHOSTADDR", Taken),
    ("port", "PGPORT", Taken),
    ("dbname", "PGDATABASE", Taken),
    ("user", "PGUSER", Taken),
    ("password", "PGPASSWORD", Taken),
    ("passfile", "PGPASSFILE", Taken),
    ("connect_timeout", "PGCONNECT_TIMEOUT", Taken),
    ("options", "PGOPTIONS", Taken),
    ("sslcert", "PGSSLCERT", Taken),
    ("sslkey", "PGSSLKEY", Taken),
    (
        "sslrootcert",
        "PGSSLROOTCERT",
        AllBut(&["system"], "leave it out: without it, the authorities that the system trusts are trusted"),
    ),
    (
        "sslmode",
        "PGSSLMODE",
        Only(
            &["disable", "prefer", "require", "verify-ca", "verify-full"],
            "it is one of disable, prefer, require, verify-ca and verify-full, which is the one to use over a network; \
             `allow` would mean no TLS at all with this driver",
        ),
    ),
    (
        "target_session_attrs",
        "PGTARGETSESSIONATTRS",
        Only(
            &["read-write", "primary"],
            "tidegate writes, so it is read-write or primary; with several hosts it is read-write when it is left out",
        ),
    ),
    (
        "load_balance_hosts",
        "PGLOADBALANCEHOSTS",
        Only(&["disable"], "hosts are tried in the order they are written in"),
    ),
    ("service", "PGSERVICE", Only(&[], NO_SERVICE)),
    ("servicefile", "PGSERVICEFILE", NoEffect), // Without a service nobody reads it.
    ("channel_binding", "PGCHANNELBINDING", Only(&["disable", "prefer"], FULL)),
    ("require_auth", "PGREQUIREAUTH", Only(&[], FULL)),
    ("requirepeer", "PGREQUIREPEER", Only(&[], "over a socket, let only the server write into the socket's folder")),
    ("requiressl", "PGREQUIRESSL", Only(&["0"], FULL)),
    ("gssencmode", "PGGSSENCMODE", Only(&["disable", "prefer"], FULL)),
    ("sslnegotiation", "PGSSLNEGOTIATION", Only(&["postgres"], "leave it out: TLS is asked for in the usual way")),
    ("sslcertmode", "PGSSLCERTMODE", Only(&["allow"], "a client certificate is sent exactly where sslcert names one")),
    ("sslcrl", "PGSSLCRL", Only(&[], REVOKED)),
    ("sslcrldir", "PGSSLCRLDIR", Only(&[], REVOKED)),
    ("sslsni", "PGSSLSNI", Only(&["1"], "the host's name is always sent when TLS begins: leave it out")),
    ("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION", Only(&["TLSv1", "TLSv1.1", "TLSv1.2"], TLS_VERSIONS)),
    ("ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION", Only(&["TLSv1.3"], TLS_VERSIONS)),
    ("sslpassword", "", Only(&[], "an encrypted key cannot be read: name a decrypted one, readable by you alone")),
    ("sslkeylogfile", "", Only(&[], "the keys of a connection are never written down")),
    ("min_protocol_version", "PGMINPROTOCOLVERSION", Only(&["3.0"], "version 3.0 of the protocol is spoken")),
    ("max_protocol_version", "PGMAXPROTOCOLVERSION", NoEffect), // Every value allows 3.0.
    ("scram_client_key", "", Only(&[], ONLY_PASSWORDS)),
    ("scram_server_key", "", Only(&[], ONLY_PASSWORDS)),
    ("oauth_issuer", "", Only(&[], ONLY_PASSWORDS)),
    ("oauth_client_id", "", Only(&[], ONLY_PASSWORDS)),
    ("oauth_client_secret", "", Only(&[], ONLY_PASSWORDS)),
    ("oauth_scope", "", Only(&[], ONLY_PASSWORDS)),
    ("", "PGOAUTHDEBUG", NoEffect),
    ("replication", "", Only(&["false", "off", "no", "0"], "a replication connection runs no batches")),
    ("client_encoding", "PGCLIENTENCODING", NoEffect), // Text is UTF-8 on its way, whatever the client's own is.
    ("keepalives", "", Only(&[], DEADLINES)),
    ("keepalives_idle", "", Only(&[], DEADLINES)),
    ("keepalives_interval", "", Only(&[], DEADLINES)),
    ("keepalives_count", "", Only(&[], DEADLINES)),
    ("tcp_user_timeout", "", Only(&[], DEADLINES)),
    // Signals tell our own sessions from others by their name, so it is always `tidegate`.
    ("application_name", "PGAPPNAME", NoEffect),
    ("fallback_application_name", "", NoEffect),
    // Kerberos is not spoken: a server that insists is told no.
    ("krbsrvname", "PGKRBSRVNAME", NoEffect),
    ("gsslib", "PGGSSLIB", NoEffect),
    ("gssdelegation", "PGGSSDELEGATION", NoEffect),
    ("sslcompression", "PGSSLCOMPRESSION", NoEffect), // No client of today compresses.
    // Expressions run with settings of their own, whoever runs the job.
    ("", "PGTZ", NoEffect),
    ("", "PGDATESTYLE", NoEffect),
    ("", "PGGEQO", NoEffect),
    ("", "PGSYSCONFDIR", NoEffect),
    ("", "PGLOCALEDIR", NoEffect),
];

/// How alike a mistyped parameter must be to the one that was meant.
const ALIKE: f64 = 0.8;

/// What was asked for, and nothing that cannot be done.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Parameters(Vec<Given>);

#[derive(Clone, PartialEq, Eq)]
struct Given {
    parameter: &'static str,
    variable: Option<&'static str>,
    value: String,
}

impl Parameters {
    /// What the URL says, and where it says nothing, the environment. An empty variable says nothing either.
    ///
    /// # Errors
    /// When something is asked for that is not done here.
    pub(super) fn read(url: &PostgresUrl, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, AddressError> {
        let is_known = |name: &str| !name.is_empty() && KNOWN.iter().any(|(known, ..)| *known == name);
        if let Some((name, _)) = url.parameters().find(|(name, _)| !is_known(name)) {
            return Err(unknown(name));
        }
        let mut given = Vec::new();
        for (parameter, name, fate) in KNOWN {
            let in_url = url.parameters().find(|(known, _)| known == parameter).map(|(_, value)| value.to_owned());
            let said = match in_url {
                Some(value) => Some(Given { parameter, variable: None, value }),
                None => variable(name).filter(|value| !name.is_empty() && !value.is_empty()).map(|value| Given {
                    parameter,
                    variable: Some(name),
                    value,
                }),
            };
            let Some(said) = said else { continue };
            said.may_be(*fate)?;
            given.push(said);
        }
        Ok(Self(given))
    }

    /// What was said of it.
    pub(super) fn get(&self, parameter: &str) -> Option<&str> {
        self.0.iter().find(|given| given.parameter == parameter).map(|given| given.value.as_str())
    }

    /// What to call it, where it was said: `PGPORT`, or ``the parameter `port` of the database address``.
    pub(super) fn name(&self, parameter: &str) -> String {
        self.0.iter().find(|given| given.parameter == parameter).map(Given::name).unwrap_or_default()
    }

    /// Whether the URL says it.
    pub(super) fn is_in_url(&self, parameter: &str) -> bool {
        self.0.iter().any(|given| given.parameter == parameter && given.variable.is_none())
    }

    /// The same without this one.
    pub(super) fn without(mut self, parameter: &str) -> Self {
        self.0.retain(|given| given.parameter != parameter);
        self
    }
}

impl Given {
    fn may_be(&self, fate: Fate) -> Result<(), AddressError> {
        let is_one_of = |values: &[&str]| values.iter().any(|value| value.eq_ignore_ascii_case(&self.value));
        let instead = match fate {
            Taken | NoEffect => return Ok(()),
            Only(values, _) if is_one_of(values) => return Ok(()),
            AllBut(values, _) if !is_one_of(values) => return Ok(()),
            Only(_, instead) | AllBut(_, instead) => instead,
        };
        Err(AddressError::Refused(format!("{} asks for what is not done here: {instead}", self.name())))
    }

    fn name(&self) -> String {
        match self.variable {
            Some(variable) => variable.to_owned(),
            None => format!("the parameter `{}` of the database address", self.parameter),
        }
    }
}

/// The name is not repeated: it may be the rest of a password.
fn unknown(name: &str) -> AddressError {
    let likeness = |known: &str| strsim::jaro_winkler(known, name);
    let meant = KNOWN.iter().map(|(known, ..)| *known).max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    let hint = meant.filter(|known| likeness(known) >= ALIKE).map(|known| format!(": is `{known}` meant?"));
    let hint = hint.unwrap_or_default();
    AddressError::Refused(format!("the database address has a parameter that PostgreSQL does not know{hint}"))
}

#[cfg(test)]
mod tests;
