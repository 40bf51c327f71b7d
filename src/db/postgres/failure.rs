//! Which answer does an error of PostgreSQL ask for? One pure table from SQLSTATE, phase and time to class; unknown is
//! fatal.
//!
//! The table is that of PostgreSQL's appendix A, read for batches: each line was met on a real server, or stands for a
//! group of which one was.

use crate::db::failure::{Circumstances, Class, Failure, Phase, RowFault};
use sqlx::postgres::{PgDatabaseError, PgSeverity};

/// The class of an SQLSTATE, met under these circumstances. `hangs_up`: the server ends the connection with it.
pub(crate) fn class_of(code: &str, hangs_up: bool, at: Circumstances) -> Class {
    let class = match code {
        // The log's disk is full, memory is used up: said with a hang-up, the server itself is going down.
        _ if hangs_up && at.phase != Phase::Outside && code.starts_with("53") => Class::Lost,
        _ => class_in_transaction(code, at),
    };
    match at.phase {
        // A refused COMMIT is rolled back. One whose server hung up may be durable: a killed backend that waited for a
        // standby had committed before it was killed.
        Phase::Commit if hangs_up || class == Class::Lost => Class::Ambiguous,
        Phase::Outside | Phase::Begin | Phase::Apply | Phase::Checkpoint | Phase::Commit => class,
    }
}

fn class_in_transaction(code: &str, at: Circumstances) -> Class {
    match code {
        // Serialization failure, deadlock: another transaction was first.
        "40001" | "40P01" => Class::Retry,
        // A lock was not to be had in lock_timeout: the application has it, and it comes first.
        "55P03" => Class::Locked,
        // A schema change under a prepared statement, a pooler that gave us another's session, a statement after an
        // error: this connection is not what we take it for.
        "0A000" | "26000" | "42P05" | "25P02" => Class::Reset,
        // statement_timeout, or somebody cancelled the statement: the code is the same, and the text is in any language.
        "57014" if at.timed_out => Class::Shrink,
        "57014" => Class::Cancelled,
        // No memory, or too deep for the stack: a smaller batch may fit.
        "53200" | "54001" => Class::Shrink,
        // The disk is full, a resource is used up or in use, connections are: trying fast makes it worse.
        "53100" | "53000" | "53300" | "53400" | "55006" => Class::Wait,
        // Shutdown, crash, starting up, idle and transaction timeouts.
        "57P01" | "57P02" | "57P03" | "57P05" | "25P03" | "25P04" | "40003" => Class::Lost,
        // A standby, or a primary that became one: connect again, maybe to the new primary.
        "25006" => Class::Lost,
        "28000" | "28P01" => Class::Login,
        // A protocol violation is a mistake of ours or of a pooler.
        "08P01" => Class::Fatal,
        _ if code.starts_with("08") => Class::Lost,
        _ if is_row_fault(code) => match at.phase {
            Phase::Apply | Phase::Commit => Class::Row,
            // Our own statements meet no row of the application.
            Phase::Outside | Phase::Begin | Phase::Checkpoint => Class::Fatal,
        },
        _ => Class::Fatal,
    }
}

/// Values that cannot be used, constraints (deferred ones speak at COMMIT), views with a check, what triggers and
/// functions raise, rows that an index cannot take.
fn is_row_fault(code: &str) -> bool {
    const GROUPS: &[&str] = &["22", "23", "38", "39"];
    matches!(code, "44000" | "P0001" | "P0002" | "P0003" | "P0004" | "54000")
        || GROUPS.iter().any(|group| code.starts_with(group))
        || is_raised_by_name(code)
}

/// A trigger may raise any five characters. Codes of classes that start with 5–9 or I–Z are left to applications by the
/// standard; of those, PostgreSQL itself uses 53–58, 72, F0, HV, P0 and XX.
fn is_raised_by_name(code: &str) -> bool {
    const SERVERS_OWN: &[&str] = &["53", "54", "55", "57", "58", "72", "HV", "P0", "XX"];
    let is_free = code.len() == 5 && code.starts_with(|first: char| matches!(first, '5'..='9' | 'I'..='Z'));
    is_free && !SERVERS_OWN.iter().any(|group| code.starts_with(group))
}

/// A failure from an error of the driver, met outside of a batch.
pub(super) fn from_sqlx(error: &sqlx::Error) -> Failure {
    from_sqlx_at(error, Circumstances::OUTSIDE)
}

/// A failure from an error of the driver.
pub(super) fn from_sqlx_at(error: &sqlx::Error, at: Circumstances) -> Failure {
    let unanswered = if at.phase == Phase::Commit { Class::Ambiguous } else { Class::Lost };
    match error {
        sqlx::Error::Database(database) => {
            let database = database.downcast_ref::<PgDatabaseError>();
            let hangs_up = matches!(database.severity(), PgSeverity::Fatal | PgSeverity::Panic);
            let class = class_of(database.code(), hangs_up, at);
            let row = (class == Class::Row).then(|| Box::new(row_fault(database)));
            let mut message = message_of(database);
            if let Some(next) =
                next_step(database.code()).filter(|_| class == Class::Fatal && at.phase != Phase::Outside)
            {
                message = format!("{message}; {next}");
            }
            Failure { row, code: Some(database.code().to_owned()), ..Failure::new(class, message) }
        }
        sqlx::Error::Io(io) => Failure::new(unanswered, format!("connection failed: {io}")),
        sqlx::Error::Tls(tls) => Failure::fatal(format!("TLS failed: {tls}")),
        sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => Failure::new(unanswered, "connection closed"),
        other => Failure::fatal(other.to_string()),
    }
}

/// What an operator can do about a failure that ends a run, which goes on from its checkpoints afterwards.
fn next_step(code: &str) -> Option<&'static str> {
    match code {
        "42501" => Some("`tidegate plan` shows the missing GRANT; then run the same command again"),
        "42P01" | "3F000" | "42703" | "42883" | "42804" | "428C9" | "42P18" => Some(
            "the schema changed under the run: put it back, or mend the job as `tidegate plan` shows; then run the same \
             command again",
        ),
        "58030" | "58P01" | "58000" | "XX001" | "XX002" => Some(
            "this can be a damaged disk, so nothing is tried again: look at the server's log before you run the same \
             command again",
        ),
        _ => None,
    }
}

/// A call on a connection that was given up.
pub(super) fn closed() -> Failure {
    Failure::new(Class::Lost, "connection closed")
}

fn row_fault(error: &PgDatabaseError) -> RowFault {
    let detail = [Some(error.message()), error.detail()].into_iter().flatten().collect::<Vec<_>>().join("; ");
    RowFault { constraint: error.constraint().map(str::to_owned), column: error.column().map(str::to_owned), detail }
}

/// What may be shown. Messages about a row can repeat its values, so only what names the place is kept.
fn message_of(error: &PgDatabaseError) -> String {
    let code = error.code();
    if !is_row_fault(code) {
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
        "44000" => "a view's check option is violated",
        "54000" => "a row is too large for an index",
        code if code.starts_with("22") => "a value cannot be used",
        code if code.starts_with("23") => "a constraint is violated",
        _ => "a trigger or function refused the row; its message may repeat the row's values",
    };
    let parts = [("constraint", error.constraint()), ("table", error.table()), ("column", error.column())];
    let place: Vec<_> = parts.iter().filter_map(|(part, name)| name.map(|name| format!("{part} {name}"))).collect();
    match place.is_empty() {
        true => what.to_owned(),
        false => format!("{what}: {}", place.join(", ")),
    }
}

#[cfg(test)]
mod tests;
