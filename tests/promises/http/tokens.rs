//! Is nobody let in without the right token, and does a token for reading show no keys? Does a password show anywhere?

use super::served::{Served, answered, token_file};
use crate::support::{Job, Target, add_one, batches_by, promises};
use reqwest::Method;
use rustix::process::Signal;
use serde_json::{Value, json};

promises!(on [postgres_15, sqlite]:
    a_token_gives_its_right_and_no_other,
    keys_are_shown_to_the_write_token_alone,
);
promises!(on [postgres_15]:
    a_password_is_in_no_answer,
    where_others_can_listen_in_both_tokens_are_needed,
);

const READ: &str = "c4nary-token-for-reading";
const WRITE: &str = "c4nary-token-for-writing";

async fn with_tokens(target: &Target, more: &[&str]) -> Served {
    let read = token_file(target.folder(), "read.token", READ);
    let write = token_file(target.folder(), "write.token", WRITE);
    let tokens = ["--read-token-file", &read, "--write-token-file", &write];
    Served::of(target, &[&tokens, more].concat()).await
}

/// A job that sets one row aside, the 77th.
async fn one_row_aside(target: &Target) -> Job {
    let table = "create table items (id integer primary key, applied integer not null default 0 \
                 check (applied = 0 or id <> 77))";
    target.execute(table).await;
    let ids = target.either(
        "insert into items (id) select generate_series(1, 200)",
        "insert into items (id) with recursive n(id) as (select 1 union all select id + 1 from n where id < 200) \
         select id from n",
    );
    target.execute(ids).await;
    let sections = add_one("items", &batches_by(1, 50)) + "[errors]\nquarantine = 1\n";
    let job = target.job("one-aside", &sections);
    target.tidegate(&["run", &job.path]).await.exits(3);
    job
}

async fn a_token_gives_its_right_and_no_other(target: Target) {
    let job = one_row_aside(&target).await;
    let served = with_tokens(&target, &[]).await;
    let (run, pause) = (served.of_run(&job, ""), served.of_run(&job, "/pause"));
    let ask = async |method: Method, path: &str, token: &str| {
        served.with_token(method, path, token, &json!({})).await.0.as_u16()
    };
    assert_eq!(served.get(&run).await.0, 401);
    assert_eq!(served.get("/api/v1/events").await.0, 401);
    assert_eq!(served.get("/metrics").await.0, 401);
    assert_eq!(served.post(&pause, &json!({})).await.0, 401);
    assert_eq!(served.get("/no/such/route").await.0, 401, "nor is said what there is");
    assert_eq!(ask(Method::GET, &run, READ).await, 200);
    assert_eq!(ask(Method::GET, &run, WRITE).await, 200);
    assert_eq!(ask(Method::POST, &pause, READ).await, 403);
    assert_eq!(ask(Method::POST, &pause, WRITE).await, 409, "it is over");
    for public in ["/livez", "/", "/page.css", "/page.js"] {
        assert_eq!(served.get(public).await.0, 200, "{public}");
    }
    for guess in 0..10 {
        assert_eq!(ask(Method::GET, &run, &format!("guess {guess}")).await, 401);
    }
    assert_eq!(ask(Method::GET, &run, "guess again").await, 429);
    assert_eq!(served.get("/livez").await.0, 200, "whoever does not guess is answered");
    let said = served.stop().await;
    assert!(!said.contains("c4nary"), "{said}");
}

async fn keys_are_shown_to_the_write_token_alone(target: Target) {
    let job = one_row_aside(&target).await;
    let served = with_tokens(&target, &[]).await;
    let path = served.of_run(&job, "/quarantine");
    let shown = async |served: &Served, token| served.with_token(Method::GET, &path, token, &Value::Null).await.1;
    let (reader, writer) = (shown(&served, READ).await, shown(&served, WRITE).await);
    assert_eq!((&reader["total"], &reader["rows"][0]["key"]), (&1.into(), &Value::Null), "{reader}");
    assert_eq!(reader["rows"][0]["message"], Value::Null, "{reader}");
    assert!(writer["rows"][0]["key"][0].as_str().is_some_and(|key| key.ends_with("77")), "{writer}");
    assert_eq!(reader["rows"][0]["code"], writer["rows"][0]["code"]);
    let enabled = with_tokens(&target, &["--show-keys"]).await;
    assert_eq!(shown(&enabled, READ).await, writer);

    // The failure of a run names the row it stopped at.
    let text = std::fs::read_to_string(&job.path).unwrap().replace("quarantine = 1", "quarantine = 0");
    std::fs::write(&job.path, text).unwrap();
    target.execute("update items set applied = 0").await;
    target.tidegate(&["run", &job.path, "--restart"]).await.exits(1).says("77 cannot be changed");
    for path in ["", "/history", "/why", "/slices"] {
        let path = served.of_run(&job, path);
        let (_, reader) = served.with_token(Method::GET, &path, READ, &Value::Null).await;
        assert!(!reader.to_string().contains("77 cannot"), "{reader}");
        assert!(!reader.to_string().contains("77\""), "{reader}");
    }
    let (_, writer) = served.with_token(Method::GET, &served.of_run(&job, ""), WRITE, &Value::Null).await;
    assert!(writer["run"]["failure"].as_str().is_some_and(|failure| failure.contains("77 cannot")), "{writer}");
}

async fn a_password_is_in_no_answer(mut target: Target) {
    const SECRET: &str = "c4nary-s3cret";
    let job = one_row_aside(&target).await;
    let right = target.url.clone();
    for url in [right.replace("?host=", "?host=/nowhere"), right] {
        // The server trusts everybody, so any password will do.
        target.url = url.replace("postgres@", &format!("postgres:{SECRET}@"));
        assert!(target.url.contains(SECRET));
        let served = Served::of(&target, &[]).await;
        assert!(!served.process.argv().contains(SECRET), "{}", served.process.argv());
        let run = |more: &str| served.of_run(&job, more);
        for path in ["/api/v1/runs".to_owned(), "/metrics".to_owned(), "/readyz".to_owned(), run(""), run("/history")] {
            let answer = answered(served.client.get(served.url(&path))).await;
            assert!(!format!("{answer:?}").contains(SECRET), "{path}: {answer:?}");
        }
        let answer = served.post(&run("/pause"), &json!({})).await;
        assert!(!format!("{answer:?}").contains(SECRET), "{answer:?}");
        let mut events = served.client.get(served.url("/api/v1/events")).send().await.expect("events");
        let first = events.chunk().await.expect("an event").expect("not the end");
        assert!(!String::from_utf8_lossy(&first).contains(SECRET), "{first:?}");
        let said = served.stop().await;
        assert!(!said.contains(SECRET), "{said}");
    }
}

async fn where_others_can_listen_in_both_tokens_are_needed(target: Target) {
    let read = token_file(target.folder(), "read.token", READ);
    let write = token_file(target.folder(), "write.token", WRITE);
    let anywhere = ["serve", "--listen", "0.0.0.0:0"];
    for tokens in [&[][..], &["--read-token-file", &read], &["--write-token-file", &write]] {
        let refused = target.tidegate(&[&anywhere, tokens].concat()).await.exits(2);
        assert!(refused.stderr.contains("--write-token-file"), "the next step: {refused}");
    }
    let short = token_file(target.folder(), "short.token", "c4nary-short");
    let refused = target.tidegate(&["serve", "--read-token-file", &short]).await.exits(2).says("bytes");
    assert!(!refused.stderr.contains("c4nary"), "{refused}");
    let both = ["--read-token-file", &read, "--write-token-file", &write];
    let process = target.start(&[&anywhere[..], &both].concat());
    crate::support::until("it listens", async || process.what_follows("http://").is_some()).await;
    process.signal(Signal::TERM);
    process.end().await.exits(0);
}
