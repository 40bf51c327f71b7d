//! `tidegate serve`: runs the jobs that are submitted, of one or several databases, and shows and steers every run over HTTP,
//! until it is stopped.

use super::counted::states;
use super::exit::{Exit, fail};
use super::target::{named_targets, target};
use super::wording::say;
use super::{Shared, served, signals};
use crate::db::Named;
use crate::engine::DEFAULT_LEASE;
use crate::metrics::{Metrics, Registry};
use crate::scheduler::{self, Scheduler};
use crate::server::{self, Server, Token};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
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
    /// Where to listen; other addresses than this machine's own need both tokens
    #[arg(long, default_value = "127.0.0.1:7433", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// A file with the token for reading; `chmod 600`
    #[arg(long, value_name = "FILE")]
    read_token_file: Option<PathBuf>,
    /// A file with the token for writing; `chmod 600`
    #[arg(long, value_name = "FILE")]
    write_token_file: Option<PathBuf>,
    /// A name to answer to in `Host` beside this machine's own, such as a proxy's; as often as needed
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<String>,
    /// Let jobs be submitted over HTTP: they are SQL that runs with this process's rights
    #[arg(long)]
    allow_submit: bool,
    /// Show keys of rows to whoever may only read
    #[arg(long)]
    show_keys: bool,
}

/// The last lines are written, and the last requests answered, within this time, or not at all.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Serves until stopped. That is its end, so the exit code is 0.
pub(super) async fn serve(shared: &Shared, arguments: &ServeArguments) -> Exit {
    let (databases, http) = match (databases(shared, arguments), settings(&arguments.http)) {
        (Ok(databases), Ok(http)) => (databases, http),
        (Err(exit), _) | (_, Err(exit)) => return exit,
    };
    let metrics = match Metrics::new(&Registry::new()) {
        Ok(metrics) => Arc::new(metrics),
        Err(error) => return fail(&error.to_string(), Exit::Failed),
    };
    // Before anybody can see that it listens: who then stops it must not meet a process that signals end.
    let stop = signals::stop_asked();
    let (ready, is_ready) = watch::channel(false);
    let server = match listen(http, databases.clone(), &metrics, is_ready).await {
        Ok(server) => server,
        Err(exit) => return exit,
    };
    // HTTP is answered until the runs are drained: who looks then sees them end.
    let (drained, is_drained) = watch::channel(false);
    tokio::spawn(states(Arc::clone(&metrics), server.snapshots()));
    let answering = tokio::spawn(server.serve(is_drained));
    let (notices, heard) = unbounded_channel();
    let told = tokio::spawn(served::tell(heard, metrics));
    let settings = scheduler::Settings { max_runs: arguments.max_runs.into(), lease: DEFAULT_LEASE };
    Scheduler::new(databases, settings, stop, notices).run(ready).await;
    drained.send_replace(true);
    // Every sender is gone by now.
    let _ = timeout(LAST_WORDS, async { tokio::join!(told, answering) }).await;
    Exit::Done
}

fn databases(shared: &Shared, arguments: &ServeArguments) -> Result<Vec<Named>, Exit> {
    if !arguments.database_env.is_empty() {
        return named_targets(&arguments.database_env);
    }
    let database = target(shared)?;
    Ok(vec![Named { name: database.name(), database }])
}

fn settings(http: &HttpArguments) -> Result<server::Settings, Exit> {
    let token = |path: &PathBuf| Token::read(path.as_path()).map_err(|error| fail(&error.to_string(), Exit::Usage));
    Ok(server::Settings {
        listen: http.listen,
        read_token: http.read_token_file.as_ref().map(token).transpose()?,
        write_token: http.write_token_file.as_ref().map(token).transpose()?,
        allowed_hosts: http.allow_host.clone(),
        allow_submit: http.allow_submit,
        show_keys: http.show_keys,
    })
}

async fn listen(
    http: server::Settings,
    databases: Vec<Named>,
    metrics: &Arc<Metrics>,
    ready: watch::Receiver<bool>,
) -> Result<Server, Exit> {
    let rendered = Arc::clone(metrics);
    let server = Server::bind(http, databases, Arc::new(move || rendered.render()), ready).await;
    let server = server.map_err(|error| fail(&error.to_string(), Exit::Usage))?;
    say(&format!("listening on http://{}", server.address()));
    Ok(server)
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
