//! `tidegate serve`: watch and steer the runs of one or several databases over HTTP.

use super::exit::{Exit, fail};
use super::target::{target, target_of};
use super::wording::say;
use super::{Shared, signals};
use crate::db::Named;
use crate::server::{Server, Settings, Token};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::watch;

/// What is served, where, and to whom.
#[derive(clap::Args)]
pub(super) struct ServeArguments {
    /// A database by a short name, with its address in that environment variable; may be given several times
    #[arg(long, value_name = "NAME=VARIABLE", value_parser = named_variable)]
    database_env: Vec<(String, String)>,
    /// Where to listen; other addresses than this machine's own need both tokens
    #[arg(long, default_value = "127.0.0.1:7433", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// A file with the token for reading; `chmod 600`
    #[arg(long, value_name = "FILE")]
    read_token_file: Option<PathBuf>,
    /// A file with the token for writing; `chmod 600`
    #[arg(long, value_name = "FILE")]
    write_token_file: Option<PathBuf>,
    /// A name to answer to in `Host` beside this machine's own, such as a proxy's; may be given several times
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<String>,
    /// Let jobs be submitted over HTTP: they are SQL that runs with this process's rights
    #[arg(long)]
    allow_submit: bool,
    /// Show keys of rows to whoever may only read
    #[arg(long)]
    show_keys: bool,
}

/// Serves until SIGTERM or Ctrl-C.
pub(super) async fn serve(shared: &Shared, arguments: ServeArguments) -> Exit {
    let (databases, settings) = match (databases(shared, &arguments), settings(arguments)) {
        (Ok(databases), Ok(settings)) => (databases, settings),
        (Err(exit), _) | (_, Err(exit)) => return exit,
    };
    let stop = signals::stop_asked();
    // Always ready: nothing here is drained before it stops.
    let ready = watch::Sender::new(true);
    match Server::bind(settings, databases, Arc::new(String::new), ready.subscribe()).await {
        Ok(server) => {
            say(&format!("listening on http://{}", server.address()));
            server.serve(stop).await;
            Exit::Done
        }
        Err(error) => fail(&error.to_string(), Exit::Usage),
    }
}

fn databases(shared: &Shared, arguments: &ServeArguments) -> Result<Vec<Named>, Exit> {
    if arguments.database_env.is_empty() {
        let database = target(shared)?;
        return Ok(vec![Named { name: database.name(), database }]);
    }
    if shared.database.is_some() {
        return Err(fail("--database and --database-env are both given: give one kind", Exit::Usage));
    }
    let named =
        |(name, variable): &(String, String)| Ok(Named { name: name.clone(), database: target_of(name, variable)? });
    arguments.database_env.iter().map(named).collect()
}

fn settings(arguments: ServeArguments) -> Result<Settings, Exit> {
    let token = |path: &Path| Token::read(path).map_err(|error| fail(&error.to_string(), Exit::Usage));
    Ok(Settings {
        listen: arguments.listen,
        read_token: arguments.read_token_file.as_deref().map(token).transpose()?,
        write_token: arguments.write_token_file.as_deref().map(token).transpose()?,
        allowed_hosts: arguments.allow_host,
        allow_submit: arguments.allow_submit,
        show_keys: arguments.show_keys,
    })
}

fn named_variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, variable)) if !name.is_empty() && !variable.is_empty() => {
            Ok((name.to_owned(), variable.to_owned()))
        }
        _ => Err("give a short name and a variable: `shop=SHOP_DATABASE_URL`".to_owned()),
    }
}
