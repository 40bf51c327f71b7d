//! `tidegate serve`: runs the jobs that are submitted, of one or several databases, until it is stopped.

use super::exit::{Exit, fail};
use super::target::{named_targets, target};
use super::{Shared, served, signals};
use crate::db::Named;
use crate::engine::DEFAULT_LEASE;
use crate::scheduler::{Scheduler, Settings};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::{mpsc::unbounded_channel, watch};
use tokio::time::timeout;

/// Which databases, how many runs, and where it listens.
#[derive(clap::Args)]
pub(super) struct ServeArguments {
    /// A database by a short name, at the address in an environment variable; instead of --database, as often as needed
    #[arg(long, value_parser = named, value_name = "NAME=VARIABLE", conflicts_with = "database")]
    database_env: Vec<(String, String)>,
    /// How many runs at once
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..), default_value_t = 2, value_name = "N")]
    max_runs: u16,
    #[command(flatten)]
    http: HttpArguments,
}

/// Where HTTP is served, and to whom.
#[derive(clap::Args)]
struct HttpArguments {
    /// Where HTTP is served
    #[arg(long, hide = true)]
    listen: Option<SocketAddr>,
    /// The token that reads
    #[arg(long, hide = true, value_name = "FILE")]
    read_token_file: Option<PathBuf>,
    /// The token that writes
    #[arg(long, hide = true, value_name = "FILE")]
    write_token_file: Option<PathBuf>,
    /// A host name by which it is reached
    #[arg(long, hide = true, value_name = "NAME")]
    allow_host: Vec<String>,
    /// Jobs may be submitted over HTTP
    #[arg(long, hide = true)]
    allow_submit: bool,
    /// Keys of rows are shown to the token that reads
    #[arg(long, hide = true)]
    show_keys: bool,
}

/// The last lines are written within this time, or not at all.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Serves until stopped. That is its end, so the exit code is 0.
pub(super) async fn serve(shared: &Shared, arguments: &ServeArguments) -> Exit {
    let databases = match databases(shared, arguments) {
        Ok(databases) => databases,
        Err(exit) => return exit,
    };
    let stop = signals::stop_asked();
    let (ready, is_ready) = watch::channel(false);
    if let Err(exit) = listen(&arguments.http, &databases, is_ready, stop.clone()).await {
        return exit;
    }
    let (notices, heard) = unbounded_channel();
    let told = tokio::spawn(served::tell(heard));
    let settings = Settings { max_runs: arguments.max_runs.into(), lease: DEFAULT_LEASE };
    Scheduler::new(databases, settings, stop, notices).run(ready).await;
    // Every sender is gone by now.
    let _ = timeout(LAST_WORDS, told).await;
    Exit::Done
}

fn databases(shared: &Shared, arguments: &ServeArguments) -> Result<Vec<Named>, Exit> {
    if !arguments.database_env.is_empty() {
        return named_targets(&arguments.database_env);
    }
    let database = target(shared)?;
    Ok(vec![Named { name: database.name(), database }])
}

/// Serves HTTP beside the scheduler, once there is a server: until then who asks for it is refused, and nothing listens.
async fn listen(
    http: &HttpArguments,
    _databases: &[Named],
    _ready: watch::Receiver<bool>,
    _stop: watch::Receiver<bool>,
) -> Result<(), Exit> {
    let HttpArguments { listen, read_token_file, write_token_file, allow_host, allow_submit, show_keys } = http;
    let tokens = read_token_file.is_some() || write_token_file.is_some();
    match listen.is_some() || tokens || !allow_host.is_empty() || *allow_submit || *show_keys {
        true => Err(fail("this tidegate serves no HTTP yet", Exit::Usage)),
        false => Ok(()),
    }
}

fn named(text: &str) -> Result<(String, String), String> {
    let (name, variable) = text.split_once('=').ok_or("write NAME=VARIABLE")?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > 63 || !name.chars().all(is_plain) {
        return Err("a name has letters, digits, `-`, `_` and `.`, at most 63 of them".to_owned());
    }
    match variable.is_empty() || variable.contains(':') {
        true => Err("after `=` comes the name of an environment variable, not an address".to_owned()),
        false => Ok((name.to_owned(), variable.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_named_with_the_variable_of_its_address() {
        assert_eq!(named("shop=SHOP_URL"), Ok(("shop".to_owned(), "SHOP_URL".to_owned())));
        for text in ["shop", "=SHOP_URL", "shop=", "a b=URL", "shop=postgres://anna:s3cret@db/shop"] {
            let words = named(text).unwrap_err();
            assert!(!words.contains("s3cret"), "{words}");
        }
    }
}
