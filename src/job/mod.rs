//! What is asked? A job file becomes a checked [`Job`], or every [`Problem`] of the file at once.
//! Pure: knows no database and no clock.
//!
//! In reading order:
//! 1. `file`: the words, each with its place. `syntax` makes TOML of the text, `section` takes the words out of it.
//! 2. `validate`: the words become a [`Job`]. `table`, `change` and `batch` judge the sections, `judge` single words;
//!    `name` and `statement` (over `sql`) read what a user wrote into a word; every number is in `limit`.
//! 3. `problem`: what is wrong, shown with a caret; its kinds are in `code`.
//! 4. `pinned`: what of a job must not change while it runs. `schema`: the same format for editors.

mod file;
mod section;
mod syntax;

mod batch;
mod change;
mod judge;
mod limit;
mod table;
mod validate;

mod name;
mod sql;
mod statement;

mod code;
mod problem;

mod pinned;
mod schema;

use crate::pace::{Limit, Window};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

pub use code::{Code, Severity};
pub use name::{Ident, NameError, TableName};
pub use pinned::{Difference, Pinned};
pub use problem::{Problem, ProblemRecord, render};
pub use schema::json_schema;
pub use statement::{Expression, ExpressionError};

/// A job file is read whole; one larger than this is a mistake, not a job.
pub const MAX_FILE_BYTES: usize = 256 * 1024;

/// A checked job. Only [`parse`] makes one, so whoever holds it need not check again.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Unique per database: `[a-z0-9-]`.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// For people: who is asked about it.
    pub owner: Option<String>,
    /// The table that is walked.
    pub table: TableName,
    /// The key to walk by; `None` is the table's primary key.
    pub key: Option<Vec<Ident>>,
    /// Which rows still need the change.
    pub scope: Option<Expression>,
    /// How the table is walked.
    pub walk: Walk,
    /// What is done to each row.
    pub change: Change,
    /// How large the transactions are.
    pub batch: Batch,
    /// How fast the run may go, and when not at all.
    pub pace: Pace,
    /// The file's text, kept with the run.
    pub text: String,
}

/// How the table is walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walk {
    /// The plan decides.
    Auto,
    /// Ranges in key order.
    Key,
}

/// What is done to each row in scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Columns of the walked table take the value of an expression over the same row.
    Set(Vec<(Ident, Expression)>),
    /// Rows are inserted into another table.
    Copy {
        /// The table that receives them.
        into: TableName,
        /// Column of `into`, expression over the walked row.
        columns: Vec<(Ident, Expression)>,
        /// What happens when `into` has the row already.
        on_conflict: OnConflict,
    },
    /// Rows are deleted, and kept in another table first where one is named.
    Delete {
        /// The table that keeps them.
        archive_into: Option<TableName>,
    },
}

/// What a copy does when the target has a row of that primary key already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnConflict {
    /// The batch fails.
    Error,
    /// The target's row stays as it is.
    Skip,
    /// The target's row takes the copied values.
    Update,
}

/// How large the transactions are and how long they may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Rows a batch starts with.
    pub rows: u32,
    /// A batch is not made smaller than this. `None`: the usual least, or less where a table's rows are large.
    pub min_rows: Option<u32>,
    /// A batch is not made larger than this.
    pub max_rows: u32,
    /// Batches are sized to take this long.
    pub target_time: Duration,
    /// Batches are sized to write at most so many bytes of write-ahead log.
    pub max_wal: u64,
    /// How many slices are walked at once.
    pub workers: u32,
    /// The server gives a statement up after this.
    pub statement_timeout: Duration,
    /// The server gives a wait for one lock up after this; below `statement_timeout`.
    pub lock_timeout: Duration,
}

/// How fast a run may go, and when not at all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pace {
    /// Rows that the whole run may touch in a second.
    pub max_rows_per_second: Option<NonZeroU32>,
    /// The share of the time that workers may be busy, above 0 up to 1. `None`: all of it.
    pub duty: Option<f64>,
    /// When batches may begin. Empty: always.
    pub windows: Vec<Window>,
    /// The run is held while this file exists.
    pub hold_file: Option<PathBuf>,
    /// What is measured, and how much of it is too much.
    pub signals: Vec<Signal>,
}

/// Something that is measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Signal {
    /// What, and how.
    pub source: Source,
    /// One limit; two where lag is limited in seconds and in bytes.
    pub limits: Vec<Limit>,
}

/// What is measured, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// How far replicas are behind.
    ReplicationLag {
        /// How many must be seen.
        replicas: u32,
        /// Environment variables that hold the addresses of replicas that the primary does not show.
        url_env: Vec<String>,
    },
    /// Write-ahead log that the whole server writes.
    WalRate,
    /// Write-ahead log that the slowest replication slot keeps from being removed.
    RetainedWal,
    /// Files of write-ahead log that wait to be archived.
    ArchiveBacklog,
    /// Autovacuum at work on the table.
    Autovacuum,
    /// How long the oldest transaction has been open.
    OldestTransaction,
    /// Sessions at work, ours left out.
    ActiveSessions,
    /// How long anybody waits for a lock of ours.
    LockWaits,
    /// The application's own query, timed.
    Probe {
        /// The query.
        sql: String,
    },
    /// A query of the user's that returns one number.
    Custom {
        /// The query.
        sql: String,
    },
}

/// Reads a job file's text.
///
/// Warnings do not stop a job; they come back beside it.
///
/// # Errors
/// Every problem of the text, in the order of its lines.
pub fn parse(text: &str) -> Result<(Job, Vec<Problem>), Vec<Problem>> {
    let mut problems = Vec::new();
    let job = file::read(text, &mut problems).and_then(|file| validate::validate(file, text, &mut problems));
    syntax::forget_consequences(&mut problems);
    problems.sort_by_key(|problem| problem.span.start);
    match job {
        Some(job) if !problems.iter().any(Problem::is_error) => Ok((job, problems)),
        _ => Err(problems),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FULL: &str = r#"#:schema ./job.schema.json
version = 1
name = "fill-full-name"
description = "users.full_name from first and last name"
owner = "accounts-team"

[table]
name = "public.users"
key = ["id"]
where = "full_name is null"
walk = "auto"

[change.set]
full_name = "first_name || ' ' || last_name"
"Initials" = """
left(first_name, 1)
"""

[batch]
rows = 5_000
min_rows = 1000
max_rows = 10000
workers = 2
statement_timeout = "30s"
lock_timeout = "1s"
"#;

    const SMALL: &str = "version = 1\nname = \"a\"\ntable = { name = \"t\" }\nchange = { delete = {} }\n";

    fn codes(text: &str) -> Vec<&'static str> {
        let problems = parse(text).map_or_else(|problems| problems, |(_, warnings)| warnings);
        problems.iter().map(|problem| problem.code.as_str()).collect()
    }

    #[test]
    fn a_full_job_is_read_as_written() {
        let (job, warnings) = parse(FULL).unwrap();
        assert_eq!(warnings, []);
        assert_eq!(job.name, "fill-full-name");
        assert_eq!(job.owner.as_deref(), Some("accounts-team"));
        assert_eq!(job.table.to_string(), "public.users");
        assert_eq!(job.key, Some(vec![Ident::new("id").unwrap()]));
        assert_eq!(job.scope.unwrap().as_sql(), "full_name is null");
        assert_eq!(job.text, FULL);
        let Change::Set(columns) = job.change else { unreachable!() };
        let columns: Vec<_> = columns.iter().map(|(column, sql)| (column.as_str(), sql.as_sql())).collect();
        assert_eq!(columns, [("full_name", "first_name || ' ' || last_name"), ("Initials", "left(first_name, 1)")]);
    }

    #[test]
    fn what_is_not_written_has_its_default() {
        let (job, warnings) = parse(SMALL).unwrap();
        assert_eq!(warnings, []);
        assert_eq!((job.key, job.scope, job.walk), (None, None, Walk::Auto));
        assert_eq!(job.change, Change::Delete { archive_into: None });
        let seconds = Duration::from_secs;
        let expected = Batch {
            rows: 5000,
            min_rows: Some(1000),
            target_time: Duration::from_millis(500),
            max_wal: 16 * 1024 * 1024,
            max_rows: 10_000,
            workers: 1,
            statement_timeout: seconds(30),
            lock_timeout: seconds(1),
        };
        assert_eq!(job.batch, expected);
    }

    #[test]
    fn the_bounds_of_a_batch_follow_its_start() {
        for (rows, bounds) in [(500, (500, 10_000)), (20_000, (1000, 20_000))] {
            let (job, _) = parse(&format!("{SMALL}batch = {{ rows = {rows} }}")).unwrap();
            assert_eq!((job.batch.min_rows.unwrap(), job.batch.max_rows), bounds);
        }
    }

    #[test]
    fn a_wrong_value_is_not_taken_for_a_missing_one() {
        for (wrong, expected) in [
            ("table = 5", vec!["wrong-type"]),
            ("change = 5", vec!["wrong-type"]),
            ("change.set = 5", vec!["wrong-type"]),
            ("batch = { rows = \"many\", min_rows = 6000 }", vec!["wrong-type"]),
            ("batch = { rows = 0, min_rows = 6000 }", vec!["size-not-positive"]),
            ("batch = { statement_timeout = 30, lock_timeout = \"40s\" }", vec!["wrong-type"]),
        ] {
            let key = wrong.split([' ', '.']).next().unwrap();
            let rest: Vec<&str> = SMALL.lines().filter(|line| !line.starts_with(key)).collect();
            assert_eq!(codes(&format!("{}\n{wrong}\n", rest.join("\n"))), expected, "{wrong}");
        }
    }

    #[test]
    fn rules_are_asked_although_others_were_broken() {
        let text = FULL.replace("\"public.users\"", "\"public users\"").replace("full_name =", "id =");
        assert_eq!(codes(&text), ["identifier", "key-column-set"]);
    }

    #[test]
    fn a_syntax_error_is_told_without_its_consequences() {
        for (from, to, syntax_errors) in [
            ("5_000", "5 000", 1),
            ("[batch]", "[batch", 1),
            ("[batch]", "batch]", 1),
            ("[batch]", "batch = {", 1),
            ("[table]", "[table", 1),
            ("\"accounts-team\"", "accounts-team", 1),
            ("key = [\"id\"]", "key = [\"id\"", 1),
            ("workers = 2", "workers = 2\nworkers = 3", 1),
            ("rows = 5_000", "rows 20_000", 1),
            ("owner", "name = 5\nowner = x\nowner", 3),
        ] {
            let text = FULL.replace(from, to).replace("\"1s\"", "\"1h\"").replace("name = \"fill", "name = \"Fill");
            let mut expected = vec!["job-name"];
            expected.extend(["toml-syntax"].repeat(syntax_errors));
            assert_eq!(codes(&text), expected, "{to}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_a_panic(text in any::<String>()) {
            let _ = parse(&text);
        }

        #[test]
        fn no_toml_makes_a_panic(lines in proptest::collection::vec(
            r#"(\[\[?(a|b|table|change|change\.set|batch|a\.b)\]?\]?|(name|key|a|"a b"|a\.b|set) ?= ?(1|"x"|\[|\{ ?|''|"""|a = 1)\}?\]?)"#,
            0..12,
        )) {
            let text = lines.join("\n");
            let problems = parse(&text).err().unwrap_or_default();
            render("a.toml", &text, &problems, false);
        }

        #[test]
        fn no_slip_in_a_job_makes_a_panic(place in 0..FULL.len(), cut in 0..12usize, put in "[\\[\\]{}\"'=.,\n a-z0-9$;(ö]{0,3}") {
            let mut text = FULL.to_owned();
            text.replace_range(place..(place + cut).min(FULL.len()), &put);
            let problems = parse(&text).map_or_else(|problems| problems, |(_, warnings)| warnings);
            prop_assert!(problems.is_sorted_by_key(|problem| problem.span.start));
            render("a.toml", &text, &problems, false);
        }
    }
}
