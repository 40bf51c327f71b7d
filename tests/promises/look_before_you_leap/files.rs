//! What is said of a SQLite file that is not there, is none, or cannot be written?

use crate::support::{Counted, Target, add_one, promises};

promises!(on [sqlite]:
    a_file_that_is_no_database_is_named,
    a_file_that_cannot_be_written_is_left_as_it_is,
);

async fn a_file_that_is_no_database_is_named(mut target: Target) {
    let items = Counted::with_job(&target, 10, &add_one("items", "")).await;
    let missing = target.folder().join("missing.db");
    let text = target.folder().join("text.db");
    std::fs::write(&text, "once upon a time there was a table, ".repeat(100)).expect("a file");
    for (file, says) in [
        (&missing, "there is no such file; check the path in --database or DATABASE_URL\n"),
        (&text, "file is not a database; check the path in --database or DATABASE_URL (26)\n"),
    ] {
        target.url = format!("sqlite:{}", file.display());
        for command in ["plan", "run", "status"] {
            target.tidegate(&[command, &items.job.path]).await.exits(1).says(says);
        }
    }
    assert!(!missing.exists(), "a file was made");
}

/// Read-only by the format's own rule, for everybody: a file whose format for writing is newer than SQLite knows. A file's
/// permissions would say nothing to root.
async fn a_file_that_cannot_be_written_is_left_as_it_is(target: Target) {
    const WRITE_VERSION: usize = 18;
    let items = Counted::with_job(&target, 10, &add_one("items", "")).await;
    let mut file = target.file();
    file[WRITE_VERSION] = 9;
    std::fs::write(target.folder().join("test.db"), &file).expect("the file of the test");
    target.tidegate(&["plan", &items.job.path]).await.exits(0);
    let says = "error: could not create the state tables: attempt to write a readonly database; \
                this user needs the right to write the file and its folder (8)\n";
    let run = target.tidegate(&["run", &items.job.path]).await.exits(1);
    assert_eq!(run.stderr, says);
    assert!(target.file() == file, "the file was written");
}
