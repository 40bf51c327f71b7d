//! What table does the demo run on? A believable one, made anew each time. Knows nothing of jobs.

use super::failure::from_sqlx;
use crate::db::failure::Failure;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection};
use std::path::Path;

const FIRST_NAMES: [&str; 24] = [
    "Ada",
    "Grace",
    "Alan",
    "Edsger",
    "Barbara",
    "Donald",
    "Radia",
    "Leslie",
    "Margaret",
    "Dennis",
    "Frances",
    "Tony",
    "Hedy",
    "Ken",
    "Katherine",
    "Niklaus",
    "Jean",
    "John",
    "Shafi",
    "Robin",
    "Sophie",
    "Linus",
    "Adele",
    "Vint",
];

const LAST_NAMES: [&str; 23] = [
    "Lovelace",
    "Hopper",
    "Turing",
    "Dijkstra",
    "Liskov",
    "Knuth",
    "Perlman",
    "Lamport",
    "Hamilton",
    "Ritchie",
    "Allen",
    "Hoare",
    "Lamarr",
    "Thompson",
    "Johnson",
    "Wirth",
    "Bartik",
    "Backus",
    "Goldwasser",
    "Milner",
    "Wilson",
    "Goldberg",
    "Cerf",
];

/// The demo's table: users with two names and no full name.
pub struct DemoTable;

impl DemoTable {
    /// Makes a database file with that many users. A file of an earlier demo is replaced.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn make(path: &Path, rows: u32) -> Result<(), Failure> {
        for suffix in ["", "-wal", "-shm", "-journal"] {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            match std::fs::remove_file(&name) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Failure::fatal(format!("could not replace {}: {error}", path.display())));
                }
                _ => {}
            }
        }
        // Readers do not stand in a writer's way in this mode: `status` answers while the demo runs.
        let options = SqliteConnectOptions::new().create_if_missing(true).journal_mode(SqliteJournalMode::Wal);
        let mut connection = open(path, options).await?;
        let made = sqlx::raw_sql(AssertSqlSafe(script(rows))).execute(&mut connection).await;
        made.map_err(|error| from_sqlx(&error).while_doing("make the demo's table"))?;
        connection.close().await.map_err(|error| from_sqlx(&error))
    }

    /// Counts the users without a full name: what the demo's proof says, seen by another eye.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn rows_without_name(path: &Path) -> Result<i64, Failure> {
        let mut connection = open(path, SqliteConnectOptions::new().read_only(true)).await?;
        let counted = sqlx::query_scalar("select count(*) from users where full_name is null");
        counted.fetch_one(&mut connection).await.map_err(|error| from_sqlx(&error))
    }
}

async fn open(path: &Path, options: SqliteConnectOptions) -> Result<SqliteConnection, Failure> {
    let options = options.filename(path).disable_statement_logging();
    options.connect().await.map_err(|error| from_sqlx(&error).while_doing(format!("open {}", path.display())))
}

/// Names are picked by two primes, so that neighbours differ and every pair occurs.
fn script(rows: u32) -> String {
    let values = |names: &[&str]| names.iter().map(|name| format!("('{name}')")).collect::<Vec<_>>().join(", ");
    format!(
        "begin;
         create table users (
             id integer primary key,
             first_name text not null,
             last_name text not null,
             email text not null,
             created_at text not null,
             full_name text
         );
         create temp table first_names (id integer primary key, name text);
         insert into first_names (name) values {first};
         create temp table last_names (id integer primary key, name text);
         insert into last_names (name) values {last};
         with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < {rows})
         insert into users (id, first_name, last_name, email, created_at)
         select n, f.name, l.name, lower(f.name || '.' || l.name) || n || '@example.com',
             datetime('2020-01-01', (n % 150000000) || ' seconds')
         from numbers
         join first_names as f on f.id = 1 + n * 7919 % {firsts}
         join last_names as l on l.id = 1 + n * 104729 % {lasts};
         create index users_email on users (email);
         commit;",
        first = values(&FIRST_NAMES),
        last = values(&LAST_NAMES),
        firsts = FIRST_NAMES.len(),
        lasts = LAST_NAMES.len(),
    )
}
