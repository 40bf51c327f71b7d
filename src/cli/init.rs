//! `tidegate init`: create the state tables, or print what an administrator runs instead.

use super::Shared;
use super::exit::{Exit, database_failed};
use super::target::target;
use super::wording::print;
use crate::db::{Dialect, Failure, preparation};
use clap::ValueEnum;

/// Which database's SQL is printed.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum PrintDialect {
    /// PostgreSQL.
    Postgres,
    /// SQLite.
    Sqlite,
}

/// Creates the state tables, or prints their SQL.
pub(super) async fn init(shared: &Shared, print_only: bool, dialect: Option<PrintDialect>) -> Exit {
    let dialect = dialect.map(|dialect| match dialect {
        PrintDialect::Postgres => Dialect::Postgres,
        PrintDialect::Sqlite => Dialect::Sqlite,
    });
    if let (true, Some(dialect)) = (print_only, dialect) {
        print(preparation(dialect).trim_end());
        return Exit::Done;
    }
    let database = match target(shared) {
        Ok(database) => database,
        Err(exit) => return exit,
    };
    if print_only {
        print(preparation(database.dialect()).trim_end());
        return Exit::Done;
    }
    let installed: Result<(), Failure> = async { database.ledger().await?.install().await }.await;
    match installed {
        Ok(()) => {
            print(&format!("the state tables are ready in {}", database.address()));
            Exit::Done
        }
        Err(failure) => database_failed(&failure),
    }
}
