//! Is what cannot be done as it was asked refused with its name and a way out, and what is not safe said?

use crate::support::{Target, promises};

promises!(on [postgres_15]:
    what_the_driver_would_drop_in_silence_is_refused,
    a_connection_that_proves_nothing_is_warned_of_once,
);

const SECRET: &str = "c4nary";

/// What is asked for, and the words.
const VARIABLES: [(&str, &str, &str); 12] = [
    ("PGSERVICE", SECRET, "service files are not read: write host, port, user and database into the address"),
    ("PGCHANNELBINDING", "require", VERIFY),
    ("PGREQUIREAUTH", "scram-sha-256", VERIFY),
    ("PGGSSENCMODE", "require", VERIFY),
    (
        "PGSSLCRL",
        SECRET,
        "lists of revoked certificates are not read: leave it out, and let sslrootcert hold only authorities that you \
         trust today",
    ),
    (
        "PGSSLMINPROTOCOLVERSION",
        "TLSv1.3",
        "TLS 1.2 and 1.3 are spoken, the newest that the server knows: set ssl_min_protocol_version or \
         ssl_max_protocol_version on the server",
    ),
    ("PGSSLNEGOTIATION", "direct", "leave it out: TLS is asked for in the usual way"),
    (
        "PGSSLMODE",
        "allow",
        "it is one of disable, prefer, require, verify-ca and verify-full, which is the one to use over a network; \
         `allow` would mean no TLS at all with this driver",
    ),
    ("PGTARGETSESSIONATTRS", "any", WRITES),
    ("PGTARGETSESSIONATTRS", "read-only", WRITES),
    ("PGTARGETSESSIONATTRS", "prefer-standby", WRITES),
    ("PGLOADBALANCEHOSTS", "random", "hosts are tried in the order they are written in"),
];

const VERIFY: &str = "use sslmode=verify-full, which makes the server prove who it is";
const WRITES: &str =
    "tidegate writes, so it is read-write or primary; with several hosts it is read-write when it is left out";

async fn what_the_driver_would_drop_in_silence_is_refused(mut target: Target) {
    for (variable, value, instead) in VARIABLES {
        target.environment = vec![(variable, value.to_owned())];
        refuses(&target, &format!("{variable} asks for what is not done here: {instead}")).await;
    }
    target.environment.clear();
    let url = target.url.clone();
    let deadlines = "every call has a deadline here, and one that misses it closes the connection: a silent server is \
                     noticed without it, so leave it out";
    for (parameter, instead) in [
        ("keepalives_idle", deadlines),
        ("tcp_user_timeout", deadlines),
        ("target_session_attrs", WRITES),
        ("channel_binding", VERIFY),
    ] {
        target.url = format!("{url}&{parameter}={SECRET}");
        let asks = format!("the parameter `{parameter}` of the database address asks for what is not done here");
        refuses(&target, &format!("{asks}: {instead}")).await;
    }
    target.url = format!("{url}&sslmod={SECRET}");
    refuses(&target, "the database address has a parameter that PostgreSQL does not know: is `sslmode` meant?").await;
    target.url = format!("{url}&port=1,2");
    refuses(&target, "the parameter `port` of the database address lists 2 ports for 1 host").await;
}

/// By every command that connects, before it does; the rest is a table beside the decision.
async fn a_connection_that_proves_nothing_is_warned_of_once(mut target: Target) {
    let job = target.job("any", "[table]\nname = \"items\"\n[change.set]\na = \"1\"");
    // A name that nobody has.
    target.url = format!("postgres://anna:{SECRET}@db.invalid,localhost:1/shop?sslmode=require&connect_timeout=2");
    let warning = "warning: the connection to db.invalid:5432 is encrypted, but nobody knows who answers \
                   (sslmode=require): use sslmode=verify-full\n";
    for arguments in [&["status"][..], &["plan", &job.path], &["run", &job.path], &["pause", "any"]] {
        let said = target.tidegate(arguments).await.exits(75);
        assert!(said.stderr.starts_with(warning) && said.stderr.matches("warning").count() == 1, "{said}");
        assert!(!said.to_string().contains(SECRET), "{said}");
    }
    target.url = target.url.replace("=require", "=verify-full");
    let said = target.tidegate(&["status"]).await.exits(75);
    assert!(!said.stderr.contains("warning"), "{said}");
}

async fn refuses(target: &Target, words: &str) {
    let refused = target.tidegate(&["status"]).await.exits(2);
    assert_eq!(refused.stderr, format!("error: {words}\n"));
}
