//! What is changed under torture? A table whose change shows a row that was visited twice, or never, or with an old
//! value; and the job that changes it. Knows no fault.

use super::oracle::CANARY;
use crate::support::{Job, Target, series};

/// A table under torture.
///
/// Ids are `1..=rows` without every twentieth. Those divisible by ten are the application's ([`super::writers`]): it
/// changes and deletes them, and inserts what is not there, below, between and beyond. All others are *quiet*: nobody
/// but the run writes them, so what they must be can be computed.
pub(super) struct Workload {
    pub(super) table: String,
    pub(super) rows: u64,
    scope: Scope,
    layout: Layout,
}

/// Which rows must have been changed at the end.
///
/// A `where` hides repetitions: rows that are done do not match it again. So most scenarios do without, and those that
/// have one are about the sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Those that were there when the run began: a job without `where`. Rows that come later may be visited, once.
    AtStart,
    /// All of them, also those that came while it ran: a job with `where` and its sweep. The application must have
    /// stopped before the sweep ends.
    Everything,
}

/// How the rows lie, and so how they are walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// In one table, by its key.
    ByKey,
    /// In one table, in the order in which they lie: with a `where` only.
    ByBlocks,
    /// In one table, by its key, each stretch in four laps wherever its keys leave few gaps.
    InLaps,
    /// In one table, where an index finds those that are not changed yet: with a `where` only.
    ByIndex,
    /// In three partitions of PostgreSQL, one after the other.
    InPartitions,
}

impl Workload {
    /// The table `items`, and a password in the address that must never show.
    pub(super) async fn prepare(target: &mut Target, rows: u64, scope: Scope) -> Self {
        Self::prepare_as(target, rows, (scope, Layout::ByKey)).await
    }

    /// The same, whose rows lie as a test needs them.
    pub(super) async fn prepare_as(target: &mut Target, rows: u64, layout: (Scope, Layout)) -> Self {
        target.url = target.url.replace("postgres@", &format!("postgres:{CANARY}-password@"));
        Self::prepare_laid_out(target, "items", rows, layout).await
    }

    /// A table of that name, where a test needs several.
    pub(super) async fn prepare_table(target: &Target, table: &str, rows: u64, scope: Scope) -> Self {
        Self::prepare_laid_out(target, table, rows, (scope, Layout::ByKey)).await
    }

    async fn prepare_laid_out(target: &Target, table: &str, rows: u64, (scope, layout): (Scope, Layout)) -> Self {
        // In one go: on SQLite another connection may not have heard yet that a table of that name was dropped.
        let remember = remember_what_is_deleted(target, table);
        target
            .execute(&format!(
                "create table {table} (id integer primary key, old integer not null, note text not null, \
                 new integer, applied integer not null default 0, at_start integer not null default 0){partitions}; \
                 create table {table}_gone (id integer not null, applied integer not null); {remember}",
                partitions = layout.partitions(table, rows),
            ))
            .await;
        let ids = series(target, rows);
        target
            .execute(&format!(
                "insert into {table} (id, old, note, at_start) \
                 select i, {old}, '{note}' || i, 1 from ({ids}) as ids where i % 20 <> 0",
                old = old("i"),
                note = note(""),
            ))
            .await;
        if layout == Layout::ByIndex {
            target.execute(&format!("create index {table}_todo on {table} (id) where applied = 0")).await;
            target.execute(&format!("analyze {table}")).await;
        }
        Self { table: table.to_owned(), rows, scope, layout }
    }

    /// The job, with batches and pace of the test's own. Called again it replaces the file: how fast a run goes may
    /// change between two resumes, what it does may not.
    pub(super) fn job(&self, target: &Target, batch_and_pace: &str) -> Job {
        let scope = match self.scope {
            Scope::AtStart => "",
            Scope::Everything => "where = \"applied = 0\"\n",
        };
        let walk = match self.layout {
            Layout::ByBlocks => "walk = \"physical\"\n",
            Layout::InLaps => "laps = \"4\"\n",
            Layout::ByKey | Layout::ByIndex | Layout::InPartitions => "",
        };
        let change = format!("[change.set]\n{PAYLOAD}\nnew = \"old * 3 + 1\"\n");
        let table = &self.table;
        target.job(&self.job_name(), &format!("[table]\nname = \"{table}\"\n{scope}{walk}{change}{batch_and_pace}"))
    }

    pub(super) fn job_name(&self) -> String {
        format!("torture-{}", self.table.replace('_', "-"))
    }

    /// The condition for rows that must have been changed when the run is done.
    pub(super) fn in_scope(&self) -> &'static str {
        match self.scope {
            Scope::AtStart => "at_start = 1",
            Scope::Everything => "true",
        }
    }

    /// Rows at the start that nobody but the run writes.
    pub(super) fn quiet_rows(&self) -> u64 {
        self.rows - self.rows / 10
    }
}

impl Layout {
    /// What stands behind the columns of the table, and what follows it.
    fn partitions(self, table: &str, rows: u64) -> String {
        let Self::InPartitions = self else { return String::new() };
        let (first, second) = (rows / 3, rows * 2 / 3);
        format!(
            " partition by range (id); \
             create table {table}_low partition of {table} for values from (minvalue) to ({first}); \
             create table {table}_middle partition of {table} for values from ({first}) to ({second}); \
             create table {table}_rest partition of {table} default"
        )
    }
}

/// Not idempotent: a row that is visited twice, or never, shows. The words are the job's own, so a proxy can tell by them
/// which connection walks.
pub(super) const PAYLOAD: &str = "applied = \"applied + 1\"";
pub(super) const PAYLOAD_IN_SQL: &str = "applied + 1";

/// What `new` must be for an `old`.
pub(super) fn new_of(old: u64) -> u64 {
    old * 3 + 1
}

/// What `old` is for an id at the start.
pub(super) fn old(id: &str) -> String {
    format!("{id} * 7 % 1000")
}

/// What `note` is for an id at the start, or for a write of the application: a value that must never show.
pub(super) fn note(what: &str) -> String {
    format!("{CANARY}-row-{what}")
}

/// Batches of that size, and at most so many rows a second: for runs that must last as long as their faults.
pub(super) fn paced(batch: &str, rows_per_second: u64) -> String {
    format!("{batch}[pace]\nmax_rows_per_second = {rows_per_second}\n")
}

/// How often a row was changed must not be forgotten when the application deletes it.
fn remember_what_is_deleted(target: &Target, table: &str) -> String {
    let remember = format!("begin insert into {table}_gone values (old.id, old.applied);");
    target.either(
        format!(
            "create function {table}_remember() returns trigger language plpgsql as $$ {remember} return null; end $$; \
             create trigger remember after delete on {table} for each row execute function {table}_remember()"
        ),
        format!("create trigger {table}_remember after delete on {table} {remember} end"),
    )
}
