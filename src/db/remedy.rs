//! What can a person do about a failure that no job file can mend? Adds the next step to errors that name none. Knows
//! codes only.

use super::failure::Failure;

/// PostgreSQL's code for a role that may not do this.
const INSUFFICIENT_PRIVILEGE: &[&str] = &["42501"];

/// PostgreSQL's codes for a table, a column or a type that is not what a statement of ours takes it for.
const NOT_OUR_TABLES: &[&str] = &["42P01", "42703", "42804", "42883", "42P07"];

/// SQLite's code for the same, and for every other statement that is wrong by itself.
const SQLITE_ERROR: &[&str] = &["1"];

/// SQLite's READONLY in all its forms.
const READ_ONLY: &[&str] = &["8", "264", "520", "776", "1032", "1288", "1544"];

/// SQLite's NOTADB.
const NO_DATABASE: &[&str] = &["26"];

/// A failure over the state tables, with what helps.
pub(super) fn of_state_tables(mut failure: Failure) -> Failure {
    let remedy = match &failure {
        failure if failure.has_code(INSUFFICIENT_PRIVILEGE) => {
            "`tidegate init --print` shows what an administrator can run instead"
        }
        failure if failure.has_code(NOT_OUR_TABLES) || failure.has_code(SQLITE_ERROR) => {
            "the state tables are not as tidegate made them; `tidegate init --print` shows how it makes them"
        }
        failure if failure.has_code(READ_ONLY) => "this user needs the right to write the file and its folder",
        _ => return of_any(failure),
    };
    failure.message = format!("{}; {remedy}", failure.message);
    failure
}

/// A failure of any statement, with what helps.
pub(super) fn of_any(mut failure: Failure) -> Failure {
    if failure.has_code(NO_DATABASE) {
        failure.message += "; check the path in --database or DATABASE_URL";
    }
    failure
}
