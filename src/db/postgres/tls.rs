//! May somebody stand between us and the server? What a `sslmode` is worth with this driver, over a network. Pure.

use super::host::Host;

/// What the driver does when nobody says otherwise, as libpq does.
pub(super) const DEFAULT_MODE: &str = "prefer";

/// What to say of hosts that are reached over a network without proof of who they are.
///
/// Unlike libpq, the driver verifies nothing with `require`, even where `sslrootcert` is given.
pub(super) fn warning(hosts: &[Host], mode: &str) -> Option<String> {
    let risk = match mode.to_ascii_lowercase().as_str() {
        "verify-ca" | "verify-full" => return None,
        "disable" => "is not encrypted",
        "prefer" => "may be unencrypted, and nobody knows who answers",
        _ => "is encrypted, but nobody knows who answers",
    };
    let remote: Vec<_> = hosts.iter().filter(|host| !host.is_here()).map(Host::to_string).collect();
    if remote.is_empty() {
        return None;
    }
    Some(format!("the connection to {} {risk} (sslmode={mode}): use sslmode=verify-full", remote.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_does_not_verify_over_a_network_is_said() {
        let host = |name: &str| Host { name: name.into(), port: 5432 };
        let table: &[(&[&str], &str, Option<&str>)] = &[
            (&["db"], "prefer", Some("db:5432 may be unencrypted, and nobody knows who answers (sslmode=prefer)")),
            (&["db"], "require", Some("db:5432 is encrypted, but nobody knows who answers (sslmode=require)")),
            (&["db"], "disable", Some("db:5432 is not encrypted (sslmode=disable)")),
            (&["10.0.0.1", "localhost", "fe80::1"], "prefer", Some("10.0.0.1:5432, [fe80::1]:5432 may be")),
            (&["db"], "verify-ca", None),
            (&["db"], "verify-full", None),
            (&["db"], "VERIFY-FULL", None),
            (&["/run/pg", "localhost", "::1", "127.0.0.1"], "disable", None),
        ];
        for (hosts, mode, expected) in table {
            let hosts: Vec<_> = hosts.iter().copied().map(host).collect();
            let said = warning(&hosts, mode);
            let fits = |said: &str, words: &str| said.contains(words) && said.ends_with("use sslmode=verify-full");
            match (&said, expected) {
                (None, None) => {}
                (Some(said), Some(words)) if fits(said, words) => {}
                _ => panic!("{hosts:?} {mode}: {said:?}"),
            }
        }
    }
}
