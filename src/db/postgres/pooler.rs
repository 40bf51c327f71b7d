//! What does a pooler mean? PgBouncer, up to the versions of today's distributions, says everything for itself with one
//! code, `protocol_violation`, and hangs up; its words are never translated. Pure.

use crate::db::failure::{Class, Failure, Phase};

/// SQLSTATE of what no client and server say to each other.
const PROTOCOL_VIOLATION: &str = "08P01";

/// Words of a refusal that trying again does not mend, and the code that a server gives to it.
const REFUSALS: &[(&str, &str)] = &[
    ("authentication failed", "28P01"),
    ("no such user", "28000"),
    ("SSL required", "28000"),
    ("certificate required", "28000"),
    ("no such database", NO_DATABASE),
    (UNSUPPORTED, PROTOCOL_VIOLATION),
];

const NO_DATABASE: &str = "3D000";

/// Nothing goes out with the first message that PgBouncer does not know, except what somebody asks for.
const UNSUPPORTED: &str = "unsupported startup parameter";

/// The failure as a server would have told it. Whatever is no refusal is a server that the pooler has lost, or cannot
/// reach, or has none free of; what it was doing then is not known.
pub(super) fn understood(failure: Failure, phase: Phase) -> Failure {
    if !failure.has_code(&[PROTOCOL_VIOLATION]) {
        return failure;
    }
    match REFUSALS.iter().find(|(words, _)| failure.message.contains(words)) {
        Some(&(UNSUPPORTED, _)) => {
            let message = format!("{}; leave `options` and PGOPTIONS out, a pooler cannot keep them", failure.message);
            Failure { class: Class::Fatal, message, ..failure }
        }
        Some(&(_, code)) => {
            let class = if code == NO_DATABASE { Class::Fatal } else { Class::Login };
            Failure { class, code: Some(code.to_owned()), ..failure }
        }
        None if phase == Phase::Commit => failure.classed(Class::Ambiguous),
        None => failure.classed(Class::Lost),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_server_is_told_from_a_refusal() {
        let table = [
            ("server conn crashed?", Class::Lost, "08P01"),
            ("server login has been failing, try again later (server_login_retry)", Class::Lost, "08P01"),
            ("query_wait_timeout", Class::Lost, "08P01"),
            ("no more connections allowed (max_client_conn)", Class::Lost, "08P01"),
            ("password authentication failed", Class::Login, "28P01"),
            ("\"trust\" authentication failed", Class::Login, "28P01"),
            ("no such user: anna", Class::Login, "28000"),
            ("no such database: shop", Class::Fatal, "3D000"),
            ("unsupported startup parameter: options", Class::Fatal, "08P01"),
        ];
        for (message, class, code) in table {
            let said = Failure { code: Some("08P01".into()), ..Failure::fatal(message) };
            let understood = understood(said, Phase::Outside);
            assert_eq!((understood.class, understood.code.as_deref()), (class, Some(code)), "{message}");
        }
        let of_a_server = Failure { code: Some("42501".into()), ..Failure::fatal("permission denied") };
        assert_eq!(understood(of_a_server, Phase::Outside).class, Class::Fatal);
        let at_commit = Failure { code: Some("08P01".into()), ..Failure::fatal("server conn crashed?") };
        assert_eq!(understood(at_commit, Phase::Commit).class, Class::Ambiguous);
    }
}
