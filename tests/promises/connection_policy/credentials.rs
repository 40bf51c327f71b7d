//! Does a password come only from where nobody else can read it, is today's used, and is a wrong one tried once?

use crate::support::{Counted, LOCKED, Process, Target, batches, promises};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

promises!(on [postgres_15_with_a_locked_role]:
    a_wrong_password_is_tried_once_and_said_with_host_and_user,
    a_password_that_changes_during_a_run_is_read_anew,
    a_url_that_changes_during_a_run_is_read_anew,
    a_password_file_that_others_may_read_is_not_used_and_says_so,
);
promises!(on [postgres_15]:
    a_url_file_must_be_there_filled_private_and_alone,
    whoever_cannot_be_reached_is_named_without_the_password,
);

const FIRST: &str = "f1rst-c4nary";
const SECOND: &str = "s3cond-c4nary";

async fn a_wrong_password_is_tried_once_and_said_with_host_and_user(mut target: Target) {
    let items = Counted::new(&target, 100, 10).await;
    lock_with(&target, FIRST).await;
    target.url = target.url.replace("postgres@", &format!("{LOCKED}:{SECOND}@"));
    let server = target.cluster().socket_folder().display().to_string();
    let failed = format!("password authentication failed for user \"{LOCKED}\"");
    for (tries, arguments) in [&["run", &items.job.path][..], &["status"]].iter().enumerate() {
        let refused = target.tidegate(arguments).await.exits(1);
        assert!(!refused.to_string().contains(SECOND), "{refused}");
        let refused =
            refused.says(&format!("could not connect to postgres://{server}/")).says(&format!(" as {LOCKED}: "));
        refused.says("(28P01)");
        assert_eq!(target.cluster().log().matches(&failed).count(), tries + 1, "tries that the server has seen");
    }
    // Nor is it shown to the next host.
    target.url = format!("{}&host={server},{server}", target.url);
    target.tidegate(&["status"]).await.exits(1).says("(28P01)");
    assert_eq!(target.cluster().log().matches(&failed).count(), 3, "tries that the server has seen");
}

async fn a_password_that_changes_during_a_run_is_read_anew(mut target: Target) {
    let items = Counted::new(&target, 20_000, 20).await;
    lock_with(&target, FIRST).await;
    let file = private(&target, "passwords", &format!("*:*:*:{LOCKED}:{FIRST}\n"));
    target.url = target.url.replace("postgres@", &format!("{LOCKED}@"));
    target.environment = vec![("PGPASSFILE", file.display().to_string())];
    let runner = target.start(&["run", &items.job.path]);
    goes_on_with_the_second(&target, runner, async || {
        std::fs::write(&file, format!("*:*:*:{LOCKED}:{SECOND}\n")).expect("a file");
    })
    .await;
    items.was_applied_exactly_once(&target).await;
}

async fn a_url_that_changes_during_a_run_is_read_anew(mut target: Target) {
    let items = Counted::new(&target, 20_000, 20).await;
    lock_with(&target, FIRST).await;
    let with = |password: &str| target.url.replace("postgres@", &format!("{LOCKED}:{password}@"));
    let (first, second) = (with(FIRST), with(SECOND));
    let file = private(&target, "url", &first);
    target.url = String::new();
    target.environment = vec![("DATABASE_URL_FILE", file.display().to_string())];
    let runner = target.start(&["run", &items.job.path]);
    goes_on_with_the_second(&target, runner, async || std::fs::write(&file, &second).expect("a file")).await;
    items.was_applied_exactly_once(&target).await;
}

async fn a_password_file_that_others_may_read_is_not_used_and_says_so(mut target: Target) {
    lock_with(&target, FIRST).await;
    let file = private(&target, "passwords", &format!("*:*:*:{LOCKED}:{FIRST}\n"));
    target.url = target.url.replace("postgres@", &format!("{LOCKED}@"));
    target.environment = vec![("PGPASSFILE", file.display().to_string())];
    let used = target.tidegate(&["status"]).await.exits(0);
    assert_eq!(used.stderr, "");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("a file of ours");
    let path = file.display();
    target.tidegate(&["status"]).await.exits(1).says("(28P01)").says(&format!(
        "warning: PGPASSFILE names {path}, which is not used: others may read it (mode 0644); run `chmod 600` on it\n"
    ));
}

async fn a_url_file_must_be_there_filled_private_and_alone(mut target: Target) {
    let url = std::mem::take(&mut target.url).replace("postgres@", &format!("postgres:{FIRST}@"));
    let file = private(&target, "url", &format!("{url}\n"));
    let path = file.display().to_string();
    target.environment = vec![("DATABASE_URL_FILE", path.clone())];
    target.tidegate(&["status"]).await.exits(0);

    let refuses = async |target: &Target, words: &str| {
        let refused = target.tidegate(&["status"]).await.exits(2);
        assert_eq!(refused.stderr, format!("error: {words}\n"));
    };
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).expect("a file of ours");
    let others = "others may read (mode 0640); run `chmod 600` on it";
    refuses(&target, &format!("DATABASE_URL_FILE names {path}, which {others}")).await;
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("a file of ours");
    target.url = url.clone();
    refuses(&target, "DATABASE_URL and DATABASE_URL_FILE are both set: unset one of them").await;
    target.url = String::new();
    std::fs::write(&file, "\n").expect("a file");
    refuses(&target, &format!("DATABASE_URL_FILE names {path}, which is empty")).await;
    std::fs::write(&file, format!("host=localhost password={FIRST}")).expect("a file");
    let key_value = "the database address is written as `key=value`, which is not read here; \
                     write it as `postgres://USER@HOST:PORT/DATABASE?sslmode=verify-full`";
    refuses(&target, key_value).await;
    std::fs::remove_file(&file).expect("a file of ours");
    let missing = "cannot be read: No such file or directory (os error 2)";
    refuses(&target, &format!("DATABASE_URL_FILE names {path}, which {missing}")).await;
    target.environment.clear();
    let none = "no database: give one with --database, in DATABASE_URL or in the file DATABASE_URL_FILE names";
    refuses(&target, none).await;
}

async fn whoever_cannot_be_reached_is_named_without_the_password(mut target: Target) {
    target.url = format!("postgres://anna:{FIRST}@127.0.0.1:1/shop");
    let refused = target.tidegate(&["status"]).await.exits(75).says("could not connect to postgres://127.0.0.1:1/shop");
    assert!(!refused.to_string().contains(FIRST), "{refused}");
}

/// Gives the locked role a password.
async fn lock_with(target: &Target, password: &str) {
    let create = format!("create role {LOCKED} superuser login");
    let _ = target.try_execute(&create).await;
    target.execute(&format!("alter role {LOCKED} password '{password}'")).await;
}

/// A file that nobody else may read.
fn private(target: &Target, name: &str, text: &str) -> PathBuf {
    let path = target.folder().join(name);
    std::fs::write(&path, text).expect("a file");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("a file of ours");
    path
}

/// The role's password changes, first where it is read and then at the server; whoever has a session loses it.
async fn goes_on_with_the_second(target: &Target, mut runner: Process, write: impl AsyncFnOnce()) {
    runner.brings("ten batches", async || batches(target).await >= 10).await;
    write().await;
    lock_with(target, SECOND).await;
    let sessions = "select count(pg_terminate_backend(pid)) from pg_stat_activity
                    where datname = current_database() and application_name = 'tidegate'";
    assert!(target.number(sessions).await > 0, "no session to lose");
    let before = batches(target).await;
    runner.brings("batches with the new password", async || batches(target).await > before + 5).await;
    let ended = runner.end().await.exits(0);
    assert!(ended.stderr.contains("connection lost"), "{ended}");
    assert!(!ended.to_string().contains("c4nary"), "{ended}");
}
