//! Every kind of problem has a wrong job and its exact message; every job that ships is right.
//!
//! `UPDATE_EXPECT=1 cargo test --test job_files` writes the messages anew; read the difference before it is kept.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use tidegate::job::{Code, MAX_FILE_BYTES, Problem, json_schema, parse, render};

const WRONG_JOBS: &str = "tests/invalid";

#[test]
fn every_code_has_a_wrong_job_and_its_exact_message() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    for code in Code::ALL {
        let path = format!("{WRONG_JOBS}/{}.toml", code.as_str());
        let text = wrong_job(*code, &path);
        let problems = problems_of(&text);
        assert!(!problems.is_empty(), "{path} is no wrong job");
        for problem in &problems {
            assert_eq!(problem.code, *code, "{path} is wrong in another way, too: {}", problem.message);
        }

        let message = render(&path, &text, &problems, false);
        let expected = Path::new(&path).with_extension("txt");
        if update {
            std::fs::write(&expected, &message).unwrap();
        }
        let expected = std::fs::read_to_string(&expected).unwrap_or_default();
        assert_eq!(message, expected, "{path}: run with UPDATE_EXPECT=1 when the new message is the better one");
    }
}

#[test]
fn there_is_no_wrong_job_without_a_code() {
    let names: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    for file in files(WRONG_JOBS) {
        let name = file.file_stem().unwrap().to_str().unwrap();
        assert!(names.contains(name), "{} belongs to no code", file.display());
        let extension = file.extension().unwrap();
        assert!(extension == "toml" || extension == "txt", "{} is a stray file", file.display());
    }
}

#[test]
fn people_and_machines_are_shown_the_same_place() {
    for code in Code::ALL {
        let path = format!("{WRONG_JOBS}/{}.toml", code.as_str());
        let text = wrong_job(*code, &path);
        for problem in problems_of(&text) {
            let shown = render(&path, &text, std::slice::from_ref(&problem), false);
            let record = serde_json::to_value(problem.record(&text)).unwrap();
            let place = format!("--> {path}:{}:{}\n", record["line"], record["column"]);
            assert!(shown.contains(&place), "{place}{shown}");
        }
    }
}

#[test]
fn all_problems_of_a_file_are_told_at_once_in_the_order_of_its_lines() {
    let text = r#"
version = 2
name = "Fill"
nmae = "fill"

[table]
name = "public users"
where = "full_name is null;"

[change.set]
full_name = "first_name, last_name"

[batch]
rows = 500
min_rows = 1000
lock_timeout = "1M"

[pace]
window = []

[pace.retained_wal]
max = "10GB"

[pace.wal_rate]

[errors]
quarantine = -1
quarantine_share = "0.1"
"#;
    let codes: Vec<&str> = problems_of(text).iter().map(|problem| problem.code.as_str()).collect();
    let expected = [
        "unsupported-version",
        "job-name",
        "unknown-key",
        "identifier",
        "expression-semicolon",
        "expression-comma",
        "rows-unusual",
        "batch-below-minimum",
        "duration-without-length",
        "window-empty",
        "size-invalid",
        "missing-key",
        "quarantine-out-of-range",
        "share-invalid",
    ];
    assert_eq!(codes, expected);
}

#[test]
fn every_job_that_ships_is_right_and_names_its_schema() {
    for file in files("jobs").into_iter().filter(|file| file.extension().is_some_and(|extension| extension == "toml")) {
        let text = std::fs::read_to_string(&file).unwrap();
        let shown = file.display().to_string();
        if let Err(problems) = parse(&text) {
            panic!("{}", render(&shown, &text, &problems, false));
        }
        assert_eq!(text.lines().next(), Some("#:schema ./job.schema.json"), "the first line of {shown}");
    }
}

#[test]
fn the_schema_that_ships_is_the_one_that_the_program_publishes() {
    const PATH: &str = "jobs/job.schema.json";
    // As `tidegate schema` prints it.
    let published = format!("{}\n", serde_json::to_string_pretty(&json_schema()).unwrap());
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(PATH, &published).unwrap();
    }
    let shipped = std::fs::read_to_string(PATH).unwrap();
    assert!(shipped == published, "{PATH} is of an older format: run with UPDATE_EXPECT=1");
}

#[test]
fn a_password_that_strays_into_a_job_is_shown_nowhere() {
    const SECRET: &str = "s3cret";
    let mut met = 0;
    for file in files(WRONG_JOBS) {
        let text = std::fs::read_to_string(&file).unwrap();
        let is_job = file.extension().is_some_and(|extension| extension == "toml");
        if !is_job || !text.contains(SECRET) {
            continue;
        }
        met += 1;
        let problems = problems_of(&text);
        let shown = render("a.toml", &text, &problems, false);
        let records: Vec<_> = problems.iter().map(|problem| problem.record(&text)).collect();
        let records = serde_json::to_string(&records).unwrap();
        assert!(!shown.contains(SECRET) && !records.contains(SECRET), "{}", file.display());
    }
    assert!(met >= 3, "wrong jobs with a password: {met}");
}

#[test]
fn an_example_shows_every_key_of_pace() {
    let example = std::fs::read_to_string("jobs/paced-backfill.toml").unwrap();
    let example: toml::Table = example.parse().unwrap();
    let schema = json_schema();
    let keys = schema["properties"]["pace"]["properties"].as_object().unwrap().keys();
    let missing: Vec<&String> = keys.filter(|key| !example["pace"].as_table().unwrap().contains_key(*key)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

fn problems_of(text: &str) -> Vec<Problem> {
    parse(text).map_or_else(|problems| problems, |(_, warnings)| warnings)
}

/// The stored wrong job; the one that is too large is not worth storing.
fn wrong_job(code: Code, path: &str) -> String {
    if code == Code::FileTooLarge {
        return format!("version = 1\n{}", "#".repeat(MAX_FILE_BYTES));
    }
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn files(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}
