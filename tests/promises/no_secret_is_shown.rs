//! Does a password ever show? Not on a screen, not in an error, not in the state tables, and never in argv.

use crate::support::{Counted, Target, promises};

promises!(on [postgres_15]: a_password_is_shown_nowhere);

const SECRET: &str = "c4nary-s3cret";

async fn a_password_is_shown_nowhere(mut target: Target) {
    let items = Counted::new(&target, 1_000, 100).await;
    // The server trusts everybody, so any password will do.
    let with_secret = target.url.replace("postgres@", &format!("postgres:{SECRET}@"));
    assert!(with_secret.contains(SECRET));
    let unreadable = [
        with_secret.replace("localhost/", "localhost:99999/"),
        format!("{with_secret}&unknown={SECRET}"),
        format!("{with_secret}&sslmode={SECRET}"),
        with_secret.replace("?host=", "?host=/nowhere"),
        with_secret.replace("postgres://", "postgre://"),
    ];
    let job = items.job.path.as_str();
    for url in unreadable {
        target.url = url;
        let refused = target.tidegate(&["run", job]).await;
        assert!(matches!(refused.status.code(), Some(1 | 2 | 75)), "{refused}");
        assert!(!refused.to_string().contains(SECRET), "{refused}");
    }
    target.url = with_secret;
    for arguments in [&["plan", job][..], &["run", job], &["status"], &["status", &items.job.name], &["history"]] {
        let shown = target.tidegate(arguments).await.exits(0);
        assert!(!shown.to_string().contains(SECRET), "{shown}");
    }
    for table in ["run", "slice", "heartbeat", "event", "meta"] {
        let kept = target.column(&format!("select t::text from tidegate.{table} as t")).await;
        assert!(kept.iter().all(|row| !row.contains(SECRET)), "{kept:?}");
    }
    let in_argv = target.url.clone();
    target.tidegate(&["--database", &in_argv, "status"]).await.exits(2).says("PGPASSFILE");
}
