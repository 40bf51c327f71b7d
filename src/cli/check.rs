//! `tidegate check JOB…`: is the file a valid job? Needs no database.

use super::Output;
use super::exit::{Exit, fail};
use super::target::read;
use super::wording::{print, print_json, say_problems};
use crate::job;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Checks each file and reports every problem of it.
pub(super) fn check(paths: &[PathBuf], output: Output) -> Exit {
    let mut worst = Exit::Done;
    let mut files = Vec::new();
    for path in paths {
        match check_one(path, output) {
            Ok((valid, report)) => {
                files.push(report);
                if !valid {
                    worst = Exit::Usage;
                }
            }
            Err(exit) => worst = exit,
        }
    }
    if output == Output::Json {
        print_json(&json!({ "version": 1, "files": files }));
    }
    worst
}

fn check_one(path: &Path, output: Output) -> Result<(bool, serde_json::Value), Exit> {
    let text = read(path).map_err(|words| fail(&words, Exit::Usage))?;
    let shown = path.display().to_string();
    let (name, problems) = match job::parse(&text) {
        Ok((job, warnings)) => (Some(job.name), warnings),
        Err(problems) => (None, problems),
    };
    if output == Output::Text {
        if !problems.is_empty() {
            say_problems(&shown, &text, &problems);
        }
        if let Some(name) = &name {
            print(&format!("{shown}: ok, job {name}"));
        }
    }
    let records: Vec<_> = problems.iter().map(|problem| problem.record(&text)).collect();
    Ok((name.is_some(), json!({ "path": shown, "valid": name.is_some(), "job": name, "problems": records })))
}
