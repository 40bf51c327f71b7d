//! `tidegate schema`, `completions SHELL` and `man`: for editors, shells and packagers.

use super::Arguments;
use super::exit::{Exit, fail};
use super::wording::{print, print_json};
use clap::CommandFactory;

/// Prints the JSON schema of job files.
pub(super) fn schema() -> Exit {
    print_json(&crate::job::json_schema());
    Exit::Done
}

/// Prints a shell's completions.
pub(super) fn completions(shell: clap_complete::Shell) -> Exit {
    // Into memory first: the generator panics where a pipe is closed early.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "tidegate", &mut script);
    print(String::from_utf8_lossy(&script).trim_end());
    Exit::Done
}

/// Prints the manual page.
pub(super) fn man() -> Exit {
    let mut page = Vec::new();
    match clap_mangen::Man::new(Arguments::command()).render(&mut page) {
        Ok(()) => {
            print(String::from_utf8_lossy(&page).trim_end());
            Exit::Done
        }
        Err(error) => fail(&format!("could not write the manual page: {error}"), Exit::Failed),
    }
}
