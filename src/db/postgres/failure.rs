//! Which answer does an error of PostgreSQL ask for? One pure table from SQLSTATE to class; unknown is fatal.

use crate::db::failure::{Class, Failure};
use sqlx::postgres::PgDatabaseError;

/// The class of an SQLSTATE.
pub(super) fn class_of(code: &str) -> Class {
    match code {
        // Serialization failure, deadlock: another transaction was first.
        "40001" | "40P01" => Class::Retry,
        // A lock was not to be had in lock_timeout: the application has it, and it comes first.
        "55P03" => Class::Retry,
        // A schema change under a prepared statement; the driver prepares anew.
        "0A000" | "26000" => Class::Retry,
        // statement_timeout, or somebody cancelled the statement: the code is the same.
        "57014" => Class::Shrink,
        // No memory, or too deep for the stack: a smaller batch may fit.
        "53200" | "54001" => Class::Shrink,
        // The disk is full, a resource is used up or in use: trying fast makes it worse.
        "53100" | "53000" | "53400" | "55006" => Class::Wait,
        // Connection errors, shutdown, crash, starting up, too many connections, idle and transaction timeouts.
        "57P01" | "57P02" | "57P03" | "57P05" | "25P03" | "25P04" | "53300" | "40003" => Class::Lost,
        // A standby, or a primary that became one: connect again, maybe to the new primary.
        "25006" => Class::Lost,
        code if code.starts_with("08") && code != "08P01" => Class::Lost,
        _ => Class::Fatal,
    }
}

/// A failure from an error of the driver.
pub(super) fn from_sqlx(error: &sqlx::Error) -> Failure {
    match error {
        sqlx::Error::Database(database) => {
            let database = database.downcast_ref::<PgDatabaseError>();
            let code = database.code();
            Failure { class: class_of(code), code: Some(code.to_owned()), message: message_of(database), doing: None }
        }
        sqlx::Error::Io(io) => Failure::new(Class::Lost, format!("connection failed: {io}")),
        sqlx::Error::Tls(tls) => Failure::fatal(format!("TLS failed: {tls}")),
        sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => Failure::new(Class::Lost, "connection closed"),
        other => Failure::fatal(other.to_string()),
    }
}

/// A call on a connection that was given up.
pub(super) fn closed() -> Failure {
    Failure::new(Class::Lost, "connection closed")
}

/// What may be shown. Messages of classes 22 and 23 can repeat a row's values, so only what names the place is kept.
fn message_of(error: &PgDatabaseError) -> String {
    let code = error.code();
    let names_values = code.starts_with("22") || code.starts_with("23");
    if !names_values {
        return match error.hint() {
            Some(hint) => format!("{} (hint: {hint})", error.message()),
            None => error.message().to_owned(),
        };
    }
    let what = match code {
        "22001" => "a value is too long for its column",
        "22003" => "a number is out of range",
        "22012" => "division by zero",
        "22P02" | "22007" | "22008" => "a value cannot be read in the type it is cast to",
        "23502" => "a value is null where null is not allowed",
        "23503" => "a foreign key has no row to point to",
        "23505" => "a unique key has the value already",
        "23514" => "a check constraint is violated",
        code if code.starts_with("22") => "a value cannot be used",
        _ => "a constraint is violated",
    };
    let parts = [("constraint", error.constraint()), ("table", error.table()), ("column", error.column())];
    let place: Vec<_> = parts.iter().filter_map(|(part, name)| name.map(|name| format!("{part} {name}"))).collect();
    match place.is_empty() {
        true => what.to_owned(),
        false => format!("{what}: {}", place.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_one_class_and_unknown_is_fatal() {
        let table = [
            ("40001", Class::Retry),
            ("40P01", Class::Retry),
            ("55P03", Class::Retry),
            ("57014", Class::Shrink),
            ("57P01", Class::Lost),
            ("57P03", Class::Lost),
            ("08006", Class::Lost),
            ("08P01", Class::Fatal),
            ("25006", Class::Lost),
            ("53300", Class::Lost),
            ("53100", Class::Wait),
            ("53400", Class::Wait),
            ("55006", Class::Wait),
            ("53200", Class::Shrink),
            ("54001", Class::Shrink),
            ("22003", Class::Fatal),
            ("23505", Class::Fatal),
            ("42501", Class::Fatal),
            ("XX001", Class::Fatal),
            ("ZZZZZ", Class::Fatal),
            ("", Class::Fatal),
        ];
        for (code, class) in table {
            assert_eq!(class_of(code), class, "{code}");
        }
    }
}
