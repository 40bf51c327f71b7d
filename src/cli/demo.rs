//! `tidegate demo`: a database of its own, a real backfill on it, the proof, and what to try next.

use super::exit::{Exit, database_failed, fail};
use super::run::run_shown;
use super::target::job;
use super::wording::{count, duration, print, say};
use super::{Output, Shared};
use crate::db::{Address, DemoTable, database_for_us_alone};
use crate::engine::{Options, Outcome};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The job that the demo runs, as it stands in `jobs/`.
const JOB: &str = include_str!("../../jobs/fill-full-name.toml");

/// How large the demo is, and where.
#[derive(clap::Args)]
pub(super) struct DemoArguments {
    /// Rows of the table
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    rows: u32,
    /// Where the database and the job file are made
    #[arg(long, default_value = "tidegate-demo")]
    dir: PathBuf,
}

/// Makes the database, runs the job, shows the proof.
pub(super) async fn demo(shared: &Shared, arguments: &DemoArguments) -> Exit {
    match prepare(arguments).await {
        Ok((database_path, job_path)) => run(shared.output, &database_path, &job_path).await,
        Err(exit) => exit,
    }
}

async fn prepare(arguments: &DemoArguments) -> Result<(PathBuf, PathBuf), Exit> {
    let DemoArguments { rows, dir } = arguments;
    let database_path = dir.join("demo.db");
    let job_path = dir.join("fill-full-name.toml");
    let written = std::fs::create_dir_all(dir).and_then(|()| std::fs::write(&job_path, JOB));
    written.map_err(|error| fail(&format!("could not write into {}: {error}", dir.display()), Exit::Failed))?;
    say(&format!("making {} with a table of {} users", database_path.display(), count((*rows).into())));
    let begun = Instant::now();
    DemoTable::make(&database_path, *rows).await.map_err(|failure| database_failed(&failure))?;
    say(&format!("made in {}; running {}", duration(begun.elapsed()), job_path.display()));
    Ok((database_path, job_path))
}

async fn run(output: Output, database_path: &Path, job_path: &Path) -> Exit {
    let job = match job(job_path) {
        Ok(job) => job,
        Err(exit) => return exit,
    };
    let database = match database_for_us_alone(&Address::Sqlite(database_path.to_owned())) {
        Ok(database) => database,
        Err(error) => return fail(&error.to_string(), Exit::Usage),
    };
    let (outcome, exit) = run_shown(database, &job, &Options::default(), output, None).await;
    if output == Output::Text && matches!(outcome, Some(Outcome::Succeeded(..))) {
        return match DemoTable::rows_without_name(database_path).await {
            Ok(left) => {
                print(&format!("  checked  {left} users without a full name, counted by SQLite itself"));
                print(&next_commands(database_path, job_path));
                exit
            }
            Err(failure) => database_failed(&failure),
        };
    }
    exit
}

fn next_commands(database_path: &Path, job_path: &Path) -> String {
    let program = program();
    let (database, job) = (database_path.display(), job_path.display());
    format!(
        "\ntry next\n  {program} status --database sqlite:{database}\n  \
         {program} plan {job} --database sqlite:{database}\n  \
         {program} history fill-full-name --database sqlite:{database}"
    )
}

/// This program as it can be typed here.
fn program() -> String {
    let here = std::env::current_dir().unwrap_or_default();
    match std::env::current_exe() {
        Ok(path) => path.strip_prefix(&here).unwrap_or(&path).display().to_string(),
        Err(_) => "tidegate".to_owned(),
    }
}
