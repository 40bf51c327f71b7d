//! Does nothing that libpq knows get lost, and is what is refused said without its value?

use super::*;

fn read(url: &str, environment: &[(&str, &str)]) -> Result<Parameters, String> {
    let url = PostgresUrl::parse(url).unwrap();
    let variable =
        |name: &str| environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    Parameters::read(&url, &variable).map_err(|error| error.to_string())
}

/// As the library of PostgreSQL 18 names them.
const VARIABLES: &str = "PGAPPNAME PGCHANNELBINDING PGCLIENTENCODING PGCONNECT_TIMEOUT PGDATABASE PGDATESTYLE PGGEQO \
    PGGSSDELEGATION PGGSSENCMODE PGGSSLIB PGHOST PGHOSTADDR PGKRBSRVNAME PGLOADBALANCEHOSTS PGLOCALEDIR \
    PGMAXPROTOCOLVERSION PGMINPROTOCOLVERSION PGOAUTHDEBUG PGOPTIONS PGPASSFILE PGPASSWORD PGPORT PGREQUIREAUTH \
    PGREQUIREPEER PGREQUIRESSL PGSERVICE PGSERVICEFILE PGSSLCERT PGSSLCERTMODE PGSSLCOMPRESSION PGSSLCRL \
    PGSSLCRLDIR PGSSLKEY PGSSLMAXPROTOCOLVERSION PGSSLMINPROTOCOLVERSION PGSSLMODE PGSSLNEGOTIATION PGSSLROOTCERT \
    PGSSLSNI PGSYSCONFDIR PGTARGETSESSIONATTRS PGTZ PGUSER";

#[test]
fn every_variable_of_libpq_has_a_fate() {
    let mut known: Vec<_> = KNOWN.iter().map(|(_, variable, _)| *variable).filter(|v| !v.is_empty()).collect();
    known.sort_unstable();
    assert_eq!(known, VARIABLES.split_whitespace().collect::<Vec<_>>());
}

#[test]
fn the_address_comes_before_the_environment_and_what_is_empty_says_nothing() {
    let environment = [("PGHOST", "db2"), ("PGUSER", "anna"), ("PGPORT", ""), ("PGCHANNELBINDING", "require")];
    let parameters = read("db1?channel_binding=prefer", &environment).unwrap();
    assert_eq!(["host", "user", "port"].map(|name| parameters.get(name)), [Some("db1"), Some("anna"), None]);
    assert_eq!(parameters.name("user"), "PGUSER");
    assert_eq!(parameters.name("host"), "the parameter `host` of the database address");
    assert!(parameters.is_in_url("host") && !parameters.is_in_url("user"));
}

#[test]
fn what_asks_for_what_is_done_anyway_is_let_pass() {
    for (variable, value) in [
        ("PGGSSENCMODE", "prefer"),
        ("PGCHANNELBINDING", "disable"),
        ("PGSSLMINPROTOCOLVERSION", "tlsv1.2"),
        ("PGSSLMAXPROTOCOLVERSION", ""),
        ("PGSSLNEGOTIATION", "postgres"),
        ("PGSSLROOTCERT", "/etc/ca.pem"),
        ("PGSSLSNI", "1"),
        ("PGLOADBALANCEHOSTS", "disable"),
        ("PGSERVICEFILE", "/etc/services"),
        ("PGTARGETSESSIONATTRS", "primary"),
        ("PGAPPNAME", "shop"),
        ("PGTZ", "Asia/Tokyo"),
    ] {
        assert!(read("db", &[(variable, value)]).is_ok(), "{variable}={value}");
    }
}

#[test]
fn what_cannot_be_done_is_refused_with_its_name_and_never_its_value() {
    let variables = [
        ("PGSERVICE", "shop-c4nary", "service files are not read"),
        ("PGCHANNELBINDING", "require", "verify-full"),
        ("PGREQUIREAUTH", "scram-sha-256", "verify-full"),
        ("PGSSLCRL", "c4nary", "revoked"),
        ("PGSSLCRLDIR", "c4nary", "revoked"),
        ("PGSSLMINPROTOCOLVERSION", "TLSv1.3", "TLS 1.2 and 1.3 are spoken"),
        ("PGSSLMAXPROTOCOLVERSION", "TLSv1.2", "TLS 1.2 and 1.3 are spoken"),
        ("PGGSSENCMODE", "require", "verify-full"),
        ("PGSSLNEGOTIATION", "direct", "leave it out"),
        ("PGREQUIREPEER", "c4nary", "socket's folder"),
        ("PGREQUIRESSL", "1", "verify-full"),
        ("PGSSLSNI", "0", "leave it out"),
        ("PGSSLCERTMODE", "require", "sslcert"),
        ("PGSSLROOTCERT", "system", "leave it out"),
        ("PGSSLMODE", "allow", "no TLS at all"),
        ("PGSSLMODE", "verify_c4nary", "verify-full"),
        ("PGTARGETSESSIONATTRS", "any", "tidegate writes"),
        ("PGTARGETSESSIONATTRS", "prefer-standby", "tidegate writes"),
        ("PGLOADBALANCEHOSTS", "random", "in the order"),
        ("PGMINPROTOCOLVERSION", "3.2", "3.0"),
    ];
    for (variable, value, instead) in variables {
        let why = read("db", &[(variable, value)]).err().unwrap_or_else(|| panic!("{variable}={value}"));
        assert!(why.starts_with(&format!("{variable} asks for what is not done here: ")), "{why}");
        assert!(why.contains(instead) && !why.contains("c4nary"), "{why}");
    }
    for (url, instead) in [
        ("db?keepalives=c4nary", "every call has a deadline here"),
        ("db?tcp_user_timeout=c4nary", "every call has a deadline here"),
        ("db?service=c4nary", "service files are not read"),
        ("db?target_session_attrs=standby", "tidegate writes"),
        ("db?replication=database", "replication connection"),
        ("db?sslpassword=c4nary", "decrypted"),
        ("db?oauth_client_secret=c4nary", "password"),
        ("db?sslmod=c4nary", "that PostgreSQL does not know: is `sslmode` meant?"),
        ("db?target_session_attr=any", "is `target_session_attrs` meant?"),
        ("db?c4nary=1", "that PostgreSQL does not know"),
        ("db?=c4nary", "that PostgreSQL does not know"),
    ] {
        let why = read(url, &[]).err().unwrap_or_else(|| panic!("{url}"));
        assert!(why.contains(instead) && !why.contains("c4nary"), "{url}: {why}");
    }
}
