//! How does pgroll make the same change? It adds a column and fills it, with a trigger that keeps it filled. Installs the
//! program where Go is there, and tells its backfill apart from the rest.

use super::Effort;
use crate::ground::Ground;
use crate::process;
use crate::shape::{INTEGER, NOTE};
use anyhow::{Context, Result, anyhow, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Pinned, so that figures of different days are of the same program.
const MODULE: &str = "github.com/xataio/pgroll";
const VERSION: &str = "v0.16.2";

/// Counts what is done: the new column has its final name only when the migration is completed, which is not part of the
/// backfill.
pub(crate) const COUNT_OF_DONE: &str = "select count(*) from pgbench_accounts \
     where _pgroll_new_account_note = 'account ' || aid || ' of branch ' || bid";

/// What it says, when asked to be verbose, where its backfill begins and ends.
const STARTED: &str = "backfilling started";
const COMPLETED: &str = "backfilling completed";

/// The program, or why there is none.
pub(crate) type Installed = Result<PathBuf, String>;

/// Finds the program where an earlier comparison has put it, or installs it there.
pub(crate) fn installed() -> Installed {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench").join(format!("pgroll-{VERSION}"));
    let program = folder.join("pgroll");
    if program.exists() {
        return Ok(program);
    }
    if Command::new("go").arg("version").output().is_err() {
        return Err("there is no Go toolchain here".to_owned());
    }
    eprintln!("installing pgroll {VERSION}");
    let install = Command::new("go")
        .args(["install", &format!("{MODULE}@{VERSION}")])
        .env("GOBIN", &folder)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("go does not start: {error}"))?;
    if install.status.success() {
        return Ok(program);
    }
    eprintln!("{}", String::from_utf8_lossy(&install.stderr).trim());
    Err(format!("`go install {MODULE}@{VERSION}` failed here"))
}

/// Lets it fill a new column, in batches of its own usual size. The time is that of its backfill alone.
pub(super) async fn backfill(installed: &Installed, ground: &Ground) -> Result<Effort> {
    let program = installed.as_ref().map_err(|reason| anyhow!("{reason}"))?;
    let folder = ground.folder.join("pgroll");
    std::fs::create_dir_all(&folder)?;
    let migration = folder.join("fill.yaml");
    std::fs::write(&migration, migration_text())?;
    let pgroll = |arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).env("PGROLL_PG_URL", address(&ground.url));
        command
    };
    process::run(pgroll(&["init"]), &[]).await?;
    let baseline = folder.join("baseline");
    process::run(pgroll(&["baseline", "seed", path(&baseline)?, "--yes"]), &[]).await?;
    let ended = process::run(pgroll(&["start", path(&migration)?, "--verbose"]), &[STARTED, COMPLETED]).await?;
    let [Some(started), Some(completed)] = ended.said_at[..] else { bail!("pgroll did not say that it backfilled") };
    Ok(Effort { took: completed - started, peak_memory: ended.peak_memory })
}

fn migration_text() -> String {
    format!(
        "operations:\n  - add_column:\n      table: {}\n      up: \"{NOTE}\"\n      \
         column:\n        name: account_note\n        type: text\n        nullable: true\n",
        INTEGER.table
    )
}

/// Its driver takes the socket's folder only where there is no host before it, and asks for TLS even there.
fn address(url: &str) -> String {
    format!("{}&sslmode=disable", url.replace("@localhost/", "@/"))
}

fn path(path: &Path) -> Result<&str> {
    path.to_str().context("a plain path")
}
