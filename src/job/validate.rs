//! Do the words make a job? Every rule is asked even after one has failed, so that all problems are told at once.

use super::Job;
use super::batch;
use super::change;
use super::code::Code;
use super::errors;
use super::file::JobFile;
use super::judge::Judge;
use super::limit;
use super::pace;
use super::problem::{Judged, Problem, Reported, quoted};
use super::section::Word;
use super::table;

/// The job, or `None` when a rule was broken; `problems` says which.
pub(super) fn validate(file: JobFile, text: &str, problems: &mut Vec<Problem>) -> Option<Job> {
    let judge = &mut Judge::new(text, problems);
    let version = required(file.version).and_then(|word| version(&word, judge));
    let name = required(file.name).and_then(|word| job_name(&word, judge));
    let table = required(file.table).and_then(|word| word.value).map(|words| table::table(&words, judge));
    let change = change::change(file.change, table.as_ref().ok(), judge);
    if let Ok(table) = &table {
        table.walk_is_proven(&change, judge);
    }
    let batch = batch::batch(file.batch, judge);
    let pace = pace::pace(file.pace, judge);
    let errors = errors::errors(file.errors, judge);
    // Everything has been asked; from here on the first report ends it.
    let job = || {
        version?;
        let table = table?;
        Ok::<Job, Reported>(Job {
            name: name?,
            description: file.description.map(|word| word.value).transpose()?,
            owner: file.owner.map(|word| word.value).transpose()?,
            table: table.name?,
            key: table.key?.map(|key| key.into_iter().map(|(column, _)| column).collect()),
            scope: table.scope?,
            walk: table.walk?,
            laps: table.laps?,
            change: change?,
            batch: batch?,
            pace: pace?,
            errors: errors?,
            text: text.to_owned(),
        })
    };
    job().ok()
}

/// A word whose absence was reported when the file was read.
fn required<T>(word: Option<Word<T>>) -> Judged<Word<T>> {
    word.ok_or(Reported)
}

fn version(word: &Word<i64>, judge: &mut Judge<'_>) -> Judged<()> {
    let version = word.value?;
    if version == limit::VERSION {
        return Ok(());
    }
    let message = format!("this tidegate reads version {} of the job format, not {version}", limit::VERSION);
    let problem = Problem::new(Code::UnsupportedVersion, word.span.clone(), message);
    Err(judge.report(problem.help("write `version = 1`, or use the tidegate that the job was written for")))
}

fn job_name(word: &Word<String>, judge: &mut Judge<'_>) -> Judged<String> {
    let name = word.value.clone()?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if (1..=limit::MAX_JOB_NAME).contains(&name.len()) && name.chars().all(plain) {
        return Ok(name);
    }
    let message = format!("{} cannot name a job: it is used in shells and metrics without quotes", quoted(&name));
    let help = format!("write 1 to {} of the characters a-z, 0-9 and `-`", limit::MAX_JOB_NAME);
    Err(judge.report(Problem::new(Code::JobName, word.span.clone(), message).help(help)))
}
