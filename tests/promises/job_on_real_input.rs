//! Does the job that ships for pgbench do its work on what pgbench makes? Two million accounts, as in the README;
//! `TIDEGATE_TEST_SCALE` takes another scale, of 100,000 accounts a unit.

use crate::support::{Target, program, promises};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

promises!(on [postgres_15]: every_account_gets_its_note);

/// As in the README.
const SCALE: &str = "20";

async fn every_account_gets_its_note(target: Target) {
    let scale = std::env::var("TIDEGATE_TEST_SCALE").unwrap_or_else(|_| SCALE.to_owned());
    pgbench(&target, &["-i", "-q", "-s", &scale]).await;
    let accounts = target.number("select count(*) from pgbench_accounts").await;
    target.execute("alter table pgbench_accounts add column note text").await;

    let job = shipped_job("fill-account-note.toml");
    let summary = target.tidegate(&["run", job.to_str().expect("a plain path"), "--output", "json"]).await;
    let summary = summary.exits(0).json();
    assert_eq!(summary["state"], "succeeded");
    assert_eq!(summary["rows_changed"], accounts);
    assert_eq!(target.number("select count(*) from pgbench_accounts where note is null").await, 0);
    assert_eq!(target.number("select count(*) from pgbench_accounts").await, accounts);
}

fn shipped_job(file: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("jobs").join(file);
    assert!(path.exists(), "{} does not ship", path.display());
    path
}

async fn pgbench(target: &Target, arguments: &[&str]) {
    let database = target.column("select current_database()").await.remove(0);
    let output = Command::new(program("pgbench"))
        .args(arguments)
        .args(["-h", target.cluster().socket_folder().to_str().expect("a plain path"), "-U", "postgres"])
        .arg(database)
        .stdin(Stdio::null())
        .output()
        .expect("pgbench starts");
    assert!(output.status.success(), "pgbench: {}", String::from_utf8_lossy(&output.stderr));
}
