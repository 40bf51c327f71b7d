//! What does a person type, and what do they see? The only place that prints: results to stdout, progress and problems
//! to stderr. One file per command; decides nothing about runs.

mod bar;
mod check;
mod control;
mod counted;
mod demo;
mod exit;
mod history;
mod holds;
mod init;
mod job_name;
mod packaging;
mod plan;
mod quarantine;
mod run;
mod serve;
mod served;
mod set;
mod signals;
mod status;
mod submit;
mod summary;
mod target;
mod watch;
mod why;
mod wording;

use clap::{Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;

use exit::Exit;

/// Batched backfills that can be killed, paused, resumed and proven complete.
#[derive(Parser)]
#[command(name = "tidegate", version, arg_required_else_help = true)]
struct Arguments {
    #[command(flatten)]
    shared: Shared,
    #[command(subcommand)]
    command: Command,
}

/// What every command hears.
#[derive(clap::Args)]
struct Shared {
    /// `postgres://USER@HOST/DATABASE` or `sqlite:PATH`; a password belongs into DATABASE_URL, DATABASE_URL_FILE or PGPASSFILE
    #[arg(long, global = true, value_name = "URL")]
    database: Option<String>,
    /// How results are written to stdout
    #[arg(long, global = true, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// How results are written.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    Text,
    /// For programs; the shapes are in docs/json.md.
    Json,
}

#[derive(Subcommand)]
enum Command {
    /// Parse and validate job files, without a database
    Check {
        /// Job files
        #[arg(required = true)]
        jobs: Vec<PathBuf>,
    },
    /// Show what a job would do: facts, SQL, query plans, estimates, refusals. Never writes
    Plan {
        /// A job file
        job: PathBuf,
        /// Run this many batches, spread over the table, and roll them back
        #[arg(long, value_name = "N")]
        sample: Option<usize>,
    },
    /// Run a job, or go on with it
    Run(run::RunArguments),
    /// Leave a job to `serve`, or hand it the run that the job has
    Submit(submit::SubmitArguments),
    /// Run the jobs that are submitted, a few at once; API, page and metrics over HTTP
    Serve(serve::ServeArguments),
    /// What runs, and how far it is
    Status {
        /// A job's name or file; without it, all
        job: Option<String>,
        /// Look every second and draw anew, until Ctrl-C
        #[arg(long, short)]
        watch: bool,
    },
    /// What holds or slows a run, and where its time goes
    Why {
        /// A job's name or file
        job: String,
    },
    /// What happened, and who did it
    History {
        /// A job's name or file; without it, all
        job: Option<String>,
        /// How many events, the newest of them
        #[arg(long, default_value_t = 100, value_name = "N")]
        last: u32,
    },
    /// Begin no batch until resumed; in force within one batch
    Pause(control::PauseArguments),
    /// Go on after a pause
    Resume(control::ResumeArguments),
    /// End a run; what was committed stays
    Cancel(control::CancelArguments),
    /// Change how fast a run goes; in force within one batch. Without values: what can be changed
    Set(set::SetArguments),
    /// Rows that could not be changed: look at them, try them again
    #[command(subcommand)]
    Quarantine(quarantine::QuarantineCommand),
    /// Create the state tables
    Init {
        /// Print the SQL, with the GRANTs for a role that may not create tables, instead
        #[arg(long)]
        print: bool,
        /// Which database's SQL to print without one at hand
        #[arg(long, value_enum, requires = "print")]
        dialect: Option<init::PrintDialect>,
    },
    /// Make a SQLite database, run a real backfill on it, show the proof
    Demo(demo::DemoArguments),
    /// Print the JSON schema of job files
    Schema,
    /// Print the completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

/// Runs the command that was typed.
pub fn main() -> ExitCode {
    #[cfg(feature = "failpoints")]
    let _scenario = fail::FailScenario::setup();
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let exit = match runtime {
        Ok(runtime) => {
            let exit = runtime.block_on(dispatch(arguments));
            // Closed connections say farewell in the background; a server that is gone must not keep us.
            runtime.shutdown_timeout(std::time::Duration::from_millis(200));
            exit
        }
        Err(error) => exit::fail(&format!("could not start: {error}"), Exit::Failed),
    };
    exit.into()
}

async fn dispatch(arguments: Arguments) -> Exit {
    let Arguments { shared, command } = arguments;
    match command {
        Command::Check { jobs } => check::check(&jobs, shared.output),
        Command::Plan { job, sample } => plan::plan(&shared, &job, sample).await,
        Command::Run(arguments) => run::run(&shared, &arguments).await,
        Command::Submit(arguments) => submit::submit(&shared, &arguments).await,
        Command::Serve(arguments) => serve::serve(&shared, &arguments).await,
        Command::Status { job, watch } => status::status(&shared, job.as_deref(), watch).await,
        Command::Why { job } => why::why(&shared, &job).await,
        Command::History { job, last } => history::history(&shared, job.as_deref(), last).await,
        Command::Pause(arguments) => control::ask(&shared, &arguments.into()).await,
        Command::Resume(arguments) => control::ask(&shared, &arguments.into()).await,
        Command::Cancel(arguments) => control::ask(&shared, &arguments.into()).await,
        Command::Set(arguments) => set::set(&shared, &arguments).await,
        Command::Quarantine(command) => quarantine::quarantine(&shared, &command).await,
        Command::Init { print, dialect } => init::init(&shared, print, dialect).await,
        Command::Demo(arguments) => demo::demo(&shared, &arguments).await,
        Command::Schema => packaging::schema(),
        Command::Completions { shell } => packaging::completions(shell),
        Command::Man => packaging::man(),
    }
}
