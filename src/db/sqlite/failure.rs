//! Which answer does an error of SQLite ask for? One pure table from the extended result code and the phase to a class;
//! unknown is fatal.

use crate::db::failure::{Circumstances, Class, Failure, Phase, RowFault};

/// A statement that is wrong by itself, and also a `rollback` that finds nothing to roll back.
pub(super) const ERROR: &str = "1";

/// A statement that was stopped in the middle.
const INTERRUPT: i32 = 9;

/// Constraints that tell their name or their column.
const CONSTRAINT_CHECK: i32 = 275;
const CONSTRAINT_NOTNULL: i32 = 1299;
const CONSTRAINT_PRIMARYKEY: i32 = 1555;
const CONSTRAINT_UNIQUE: i32 = 2067;

/// A trigger's own `raise`.
const CONSTRAINT_TRIGGER: i32 = 1811;

/// The class of an extended result code, met under these circumstances. Its low byte is the primary code.
pub(super) fn class_of(code: i32, at: Circumstances) -> Class {
    match code {
        // BUSY, and its forms RECOVERY, SNAPSHOT and TIMEOUT: another connection has the file, and it comes first.
        5 | 261 | 517 | 773 => Class::Locked,
        // LOCKED, and its form SHAREDCACHE: the same within one process.
        6 | 262 => Class::Locked,
        // PROTOCOL: too many began at once in WAL mode.
        15 => Class::Retry,
        // SCHEMA: the table changed under a prepared statement more often than it was prepared anew.
        17 => Class::Reset,
        // Only the statement's own deadline interrupts.
        INTERRUPT => Class::Shrink,
        // NOMEM: a smaller batch may fit.
        7 => Class::Shrink,
        // FULL: somebody must make room.
        13 => Class::Wait,
        _ if is_row_fault(code) => match at.phase {
            // Deferred foreign keys speak at COMMIT.
            Phase::Apply | Phase::Commit => Class::Row,
            Phase::Outside | Phase::Begin | Phase::Checkpoint => Class::Fatal,
        },
        // READONLY 8, IOERR 10, CORRUPT 11, CANTOPEN 14, NOTADB 26 and the rest, in all their forms: nothing is better the
        // second time.
        _ => Class::Fatal,
    }
}

/// TOOBIG, CONSTRAINT in all its forms, MISMATCH.
fn is_row_fault(code: i32) -> bool {
    code >= 0 && matches!(code & 0xff, 18..=20)
}

/// A failure from an error of the driver, met outside of a batch.
pub(super) fn from_sqlx(error: &sqlx::Error) -> Failure {
    from_sqlx_at(error, Circumstances::OUTSIDE)
}

/// A failure from an error of the driver.
pub(super) fn from_sqlx_at(error: &sqlx::Error, at: Circumstances) -> Failure {
    match error {
        sqlx::Error::Database(database) => {
            let code = database.code().unwrap_or_default();
            // A code that is no number has no class, and that is fatal.
            let number = code.parse().unwrap_or_default();
            let class = class_of(number, at);
            let row = (class == Class::Row).then(|| Box::new(row_fault(number, database.message())));
            Failure {
                row,
                code: Some(code.into_owned()),
                ..Failure::new(class, message_of(number, database.message()))
            }
        }
        // The thread that runs the connection is gone: what it did last is not known.
        sqlx::Error::WorkerCrashed if at.phase == Phase::Commit => closed().classed(Class::Ambiguous),
        sqlx::Error::WorkerCrashed => closed(),
        sqlx::Error::ColumnDecode { .. } => {
            Failure::fatal("a text in the database is not UTF-8, so it cannot be carried as a key")
        }
        other => Failure::fatal(other.to_string()),
    }
}

/// A call on a connection that was given up.
pub(super) fn closed() -> Failure {
    Failure::new(Class::Lost, "connection closed")
}

/// What SQLite names in its message: `CHECK constraint failed: positive`, `NOT NULL constraint failed: users.email`. A
/// unique constraint it tells by its columns.
fn row_fault(code: i32, message: &str) -> RowFault {
    let named = message.split_once(" constraint failed: ").map(|(_, named)| named);
    let column = || named.and_then(|named| named.split_once('.')).map(|(_, column)| column.to_owned());
    let (constraint, column) = match code {
        CONSTRAINT_CHECK => (named.map(str::to_owned), None),
        CONSTRAINT_NOTNULL => (None, column()),
        CONSTRAINT_PRIMARYKEY | CONSTRAINT_UNIQUE if named.is_some_and(|named| !named.contains(',')) => {
            (None, column())
        }
        _ => (None, None),
    };
    RowFault { constraint, column, detail: message.to_owned() }
}

/// What may be shown. SQLite's own messages name the table and the column and never a value; a trigger's may.
fn message_of(code: i32, message: &str) -> String {
    match code {
        INTERRUPT => "the statement took longer than it may".to_owned(),
        CONSTRAINT_TRIGGER => "a trigger refused the change; its message may repeat a row's values".to_owned(),
        _ => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHASES: [Phase; 5] = [Phase::Outside, Phase::Begin, Phase::Apply, Phase::Checkpoint, Phase::Commit];

    fn at(phase: Phase) -> Circumstances {
        Circumstances { phase, timed_out: false }
    }

    #[test]
    fn every_code_has_one_class_and_unknown_is_fatal() {
        let table = [
            ("BUSY", 5, Class::Locked),
            ("BUSY_RECOVERY", 261, Class::Locked),
            ("BUSY_SNAPSHOT", 517, Class::Locked),
            ("BUSY_TIMEOUT", 773, Class::Locked),
            ("LOCKED", 6, Class::Locked),
            ("LOCKED_SHAREDCACHE", 262, Class::Locked),
            ("PROTOCOL", 15, Class::Retry),
            ("SCHEMA", 17, Class::Reset),
            ("INTERRUPT", 9, Class::Shrink),
            ("OK", 0, Class::Fatal),
            ("ERROR", 1, Class::Fatal),
            ("PERM", 3, Class::Fatal),
            ("NOMEM", 7, Class::Shrink),
            ("READONLY", 8, Class::Fatal),
            ("READONLY_DBMOVED", 1032, Class::Fatal),
            ("IOERR", 10, Class::Fatal),
            ("IOERR_FSYNC", 1034, Class::Fatal),
            ("CORRUPT", 11, Class::Fatal),
            ("FULL", 13, Class::Wait),
            ("CANTOPEN", 14, Class::Fatal),
            ("TOOBIG", 18, Class::Row),
            ("CONSTRAINT", 19, Class::Row),
            ("CONSTRAINT_PRIMARYKEY", 1555, Class::Row),
            ("CONSTRAINT_UNIQUE", 2067, Class::Row),
            ("CONSTRAINT_TRIGGER", 1811, Class::Row),
            ("MISMATCH", 20, Class::Row),
            ("NOTADB", 26, Class::Fatal),
            ("unknown", 9999, Class::Fatal),
            ("negative", -1, Class::Fatal),
        ];
        for (name, code, class) in table {
            assert_eq!(class_of(code, at(Phase::Apply)), class, "{name}");
        }
    }

    #[test]
    fn no_row_is_blamed_for_a_statement_of_ours() {
        for code in -1..=10_000 {
            for phase in PHASES {
                let may_be_a_row = matches!(phase, Phase::Apply | Phase::Commit);
                assert!(class_of(code, at(phase)) != Class::Row || may_be_a_row, "{code} {phase:?}");
            }
        }
        assert_eq!(class_of(2067, at(Phase::Checkpoint)), Class::Fatal);
        assert_eq!(class_of(787, at(Phase::Commit)), Class::Row, "a deferred foreign key");
    }

    #[test]
    fn a_constraint_is_told_by_its_name_or_its_column() {
        let table = [
            (CONSTRAINT_CHECK, "CHECK constraint failed: positive", Some("positive"), None),
            (CONSTRAINT_NOTNULL, "NOT NULL constraint failed: users.email", None, Some("email")),
            (CONSTRAINT_UNIQUE, "UNIQUE constraint failed: users.email", None, Some("email")),
            (CONSTRAINT_UNIQUE, "UNIQUE constraint failed: users.first, users.last", None, None),
            (CONSTRAINT_UNIQUE, "UNIQUE constraint failed: index 'by_lower_email'", None, None),
            (CONSTRAINT_TRIGGER, "a constraint failed: anna.doe", None, None),
            (787, "FOREIGN KEY constraint failed", None, None),
        ];
        for (code, message, constraint, column) in table {
            let fault = row_fault(code, message);
            assert_eq!((fault.constraint.as_deref(), fault.column.as_deref()), (constraint, column), "{message}");
        }
    }

    #[test]
    fn a_triggers_message_is_not_repeated() {
        assert!(!message_of(CONSTRAINT_TRIGGER, "anna@example.com is blocked").contains("anna"));
        assert_eq!(message_of(2067, "UNIQUE constraint failed: users.email"), "UNIQUE constraint failed: users.email");
    }
}
