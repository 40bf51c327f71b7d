//! What is written in the file? Gives the plain words, each with its place; whether they make sense is not asked here.

use super::MAX_FILE_BYTES;
use super::code::Code;
use super::pace::{self, PaceWords};
use super::problem::Problem;
use super::section::{Assignment, Section, Word};
use super::syntax;

/// The words of a job file.
pub(super) struct JobFile {
    pub(super) version: Option<Word<i64>>,
    pub(super) name: Option<Word<String>>,
    pub(super) description: Option<Word<String>>,
    pub(super) owner: Option<Word<String>>,
    pub(super) table: Option<Word<TableWords>>,
    pub(super) change: Option<Word<ChangeWords>>,
    pub(super) batch: Option<Word<BatchWords>>,
    pub(super) pace: Option<Word<PaceWords>>,
    pub(super) errors: Option<Word<ErrorsWords>>,
}

/// The words of `[table]`.
pub(super) struct TableWords {
    pub(super) name: Option<Word<String>>,
    pub(super) key: Option<Word<Vec<Word<String>>>>,
    pub(super) scope: Option<Word<String>>,
    pub(super) walk: Option<Word<String>>,
    pub(super) laps: Option<Word<String>>,
}

/// The words below `[change…]`.
pub(super) struct ChangeWords {
    pub(super) set: Option<Word<Vec<Assignment>>>,
    pub(super) copy: Option<Word<CopyWords>>,
    pub(super) delete: Option<Word<DeleteWords>>,
}

/// The words of `[change.copy]`.
pub(super) struct CopyWords {
    pub(super) into: Option<Word<String>>,
    pub(super) columns: Option<Word<Vec<Assignment>>>,
    pub(super) on_conflict: Option<Word<String>>,
}

/// The words of `[change.delete]`.
pub(super) struct DeleteWords {
    pub(super) archive_into: Option<Word<String>>,
}

/// The words of `[batch]`.
#[derive(Default)]
pub(super) struct BatchWords {
    pub(super) rows: Option<Word<i64>>,
    pub(super) min_rows: Option<Word<i64>>,
    pub(super) max_rows: Option<Word<i64>>,
    pub(super) scan_rows: Option<Word<i64>>,
    pub(super) target_time: Option<Word<String>>,
    pub(super) max_wal: Option<Word<String>>,
    pub(super) workers: Option<Word<i64>>,
    pub(super) statement_timeout: Option<Word<String>>,
    pub(super) lock_timeout: Option<Word<String>>,
    pub(super) vacuum: Option<Word<String>>,
}

/// The words of `[errors]`.
pub(super) struct ErrorsWords {
    pub(super) quarantine: Option<Word<i64>>,
    pub(super) quarantine_share: Option<Word<String>>,
    pub(super) quarantine_detail: Option<Word<bool>>,
}

/// Reads the words of the text; `None` when it is too large to be read at all.
pub(super) fn read(text: &str, problems: &mut Vec<Problem>) -> Option<JobFile> {
    if text.len() > MAX_FILE_BYTES {
        let message = format!("a job file of {} bytes is larger than the {MAX_FILE_BYTES} that are read", text.len());
        let problem = Problem::new(Code::FileTooLarge, 0..0, message).label("this is no job, or it carries data");
        problems.push(
            problem.help("check the path; data belongs in a table of its own, where an expression can look it up"),
        );
        return None;
    }
    let document = syntax::parse(text, problems);
    Some(Section::root(document.get_ref(), problems, job))
}

fn job(section: &mut Section<'_, '_>) -> JobFile {
    section.require("version", "version = 1");
    section.require("name", r#"name = "what-this-job-does""#);
    section.require("table", "[table]");
    JobFile {
        version: section.integer("version"),
        name: section.text("name"),
        description: section.text("description"),
        owner: section.text("owner"),
        table: section.section("table", table),
        change: section.section("change", change),
        batch: section.section("batch", batch),
        pace: section.section("pace", pace::words),
        errors: section.section("errors", errors),
    }
}

fn table(section: &mut Section<'_, '_>) -> TableWords {
    section.require("name", r#"name = "public.users""#);
    TableWords {
        name: section.text("name"),
        key: section.texts("key"),
        scope: section.text("where"),
        walk: section.text("walk"),
        laps: section.text("laps"),
    }
}

fn change(section: &mut Section<'_, '_>) -> ChangeWords {
    ChangeWords {
        set: section.assignments("set"),
        copy: section.section("copy", copy),
        delete: section.section("delete", |delete| DeleteWords { archive_into: delete.text("archive_into") }),
    }
}

fn copy(section: &mut Section<'_, '_>) -> CopyWords {
    section.require("into", r#"into = "public.user_profiles""#);
    section.require("columns", r#"columns = { user_id = "id" }"#);
    CopyWords {
        into: section.text("into"),
        columns: section.assignments("columns"),
        on_conflict: section.text("on_conflict"),
    }
}

fn batch(section: &mut Section<'_, '_>) -> BatchWords {
    BatchWords {
        rows: section.integer("rows"),
        min_rows: section.integer("min_rows"),
        max_rows: section.integer("max_rows"),
        scan_rows: section.integer("scan_rows"),
        target_time: section.text("target_time"),
        max_wal: section.text("max_wal"),
        workers: section.integer("workers"),
        statement_timeout: section.text("statement_timeout"),
        lock_timeout: section.text("lock_timeout"),
        vacuum: section.text("vacuum"),
    }
}

fn errors(section: &mut Section<'_, '_>) -> ErrorsWords {
    ErrorsWords {
        quarantine: section.integer("quarantine"),
        quarantine_share: section.text("quarantine_share"),
        quarantine_detail: section.boolean("quarantine_detail"),
    }
}
