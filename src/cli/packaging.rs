//! `tidegate schema`, `completions SHELL` and `man`: for editors, shells and packagers.

use super::Arguments;
use super::exit::{Exit, fail};
use super::wording::print_json;
use clap::CommandFactory;

/// Prints the JSON schema of job files.
pub(super) fn schema() -> Exit {
    print_json(&crate::job::json_schema());
    Exit::Done
}

/// Prints a shell's completions.
pub(super) fn completions(shell: clap_complete::Shell) -> Exit {
    clap_complete::generate(shell, &mut Arguments::command(), "tidegate", &mut std::io::stdout());
    Exit::Done
}

/// Prints the manual page.
pub(super) fn man() -> Exit {
    match clap_mangen::Man::new(Arguments::command()).render(&mut std::io::stdout()) {
        Ok(()) => Exit::Done,
        Err(error) => fail(&format!("could not write the manual page: {error}"), Exit::Failed),
    }
}
