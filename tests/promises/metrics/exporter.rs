//! Whom does `run --metrics-addr` answer, for how long, and what does it never say?

use super::exposition::{Exposition, start_exporting};
use crate::support::{Counted, SlowRun, Target, batches, promises, until};
use reqwest::StatusCode;
use rustix::process::Signal;
use std::net::TcpListener;

promises!(on [postgres_15, sqlite]:
    an_address_that_cannot_be_had_is_an_error_before_the_run_begins,
    only_this_machine_is_answered,
    a_run_is_answered_for_as_long_as_it_lives,
);
promises!(on [postgres_15]: neither_a_password_nor_a_key_is_exported);

/// In the password, in every key, and in every value of the rows.
const CANARY: &str = "c4nary";

async fn an_address_that_cannot_be_had_is_an_error_before_the_run_begins(target: Target) {
    let items = Counted::new(&target, 100, 10).await;
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("its address").to_string();
    target.tidegate(&["run", &items.job.path, "--metrics-addr", &address]).await.exits(1).says("could not listen on");
    for elsewhere in ["0.0.0.0:0", "[::]:0", "192.0.2.1:9187"] {
        let refused = target.tidegate(&["run", &items.job.path, "--metrics-addr", elsewhere]).await;
        refused.exits(2).says("tidegate serve");
    }
    target.tidegate(&["run", &items.job.path, "--metrics-addr", "9187"]).await.exits(2);
    assert_eq!(batches(&target).await, 0, "batches of a run that was not to begin");
    assert_eq!(target.number("select count(*) from items where applied <> 0").await, 0);
}

async fn only_this_machine_is_answered(target: Target) {
    let items = SlowRun::prepare(&target, 6_000, "").await;
    let (runner, address) = start_exporting(&target, &items.job).await;
    let ask = async |path: &str, host: &str| {
        let asked = reqwest::Client::new().get(format!("http://{address}{path}")).header("host", host).send().await;
        let answer = asked.expect("an answer");
        (answer.status(), answer.text().await.expect("a text"))
    };
    for host in ["evil.example", "127.0.0.1.evil.example:80", "192.0.2.1"] {
        for path in ["/metrics", "/livez", "/"] {
            let (status, text) = ask(path, host).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{path} for {host}");
            assert!(!text.contains("tidegate_"), "{text}");
        }
    }
    for host in [address.as_str(), "localhost", "localhost:9187"] {
        assert_eq!(ask("/metrics", host).await.0, StatusCode::OK, "{host}");
        assert_eq!(ask("/livez", host).await.0, StatusCode::OK, "{host}");
        assert_eq!(ask("/", host).await.0, StatusCode::NOT_FOUND, "{host}");
    }
    let posted = reqwest::Client::new().post(format!("http://{address}/metrics")).send().await.expect("an answer");
    assert_eq!(posted.status(), StatusCode::METHOD_NOT_ALLOWED);
    runner.signal(Signal::TERM);
    runner.end().await.exits(4);
}

async fn a_run_is_answered_for_as_long_as_it_lives(target: Target) {
    let items = SlowRun::prepare(&target, 6_000, "").await;
    let (runner, address) = start_exporting(&target, &items.job).await;
    let mut run = SlowRun::after_its_first_batches(&target, items, runner).await;
    let job = run.items.job.path.clone();
    target.tidegate(&["pause", &job]).await.exits(0);
    run.runner.brings("the pause", async || target.status(&run.items.job).await["state"] == "paused").await;
    until("the pause is exported", async || {
        let exported = Exposition::of(&address).await;
        exported.sum("tidegate_state", "state=\"paused\"") == 1.0
            && exported.sum("tidegate_held", "signal=\"operator\"") == 1.0
    })
    .await;
    run.runner.signal(Signal::TERM);
    run.runner.end().await.exits(4);
    assert!(reqwest::get(format!("http://{address}/livez")).await.is_err(), "somebody answers for a run that is over");
}

async fn neither_a_password_nor_a_key_is_exported(mut target: Target) {
    target
        .execute(&format!(
            "create table items (id text primary key, applied integer not null default 0, wanted text not null default '{CANARY}-value');
             insert into items (id) select '{CANARY}-' || i from generate_series(1, 4000) i;
             create function rest() returns trigger language plpgsql as $$ begin perform pg_sleep(0.05); return null; end $$;
             create trigger rest after update on items for each statement execute function rest()"
        ))
        .await;
    let job = target.job(
        "cast-values",
        "[table]\nname = \"items\"\n[change.set]\napplied = \"case when id like '%7' then wanted::integer else 1 end\"\n\
         [batch]\nrows = 10\nmin_rows = 10\nmax_rows = 10\nworkers = 2\n[errors]\nquarantine = 4000\n",
    );
    // The server trusts everybody, so any password will do.
    target.url = target.url.replace("postgres@", &format!("postgres:{CANARY}@"));
    assert!(target.url.contains(CANARY));
    let (runner, address) = start_exporting(&target, &job).await;
    until("rows that are set aside", async || {
        let exported = Exposition::of(&address).await;
        assert!(!exported.text.contains(CANARY), "{}", exported.text);
        exported.sum("tidegate_quarantined_rows", "") >= 3.0
            && exported.sum("tidegate_batches_total", "rolled-back") >= 3.0
    })
    .await;
    runner.signal(Signal::TERM);
    let ended = runner.end().await.exits(4);
    assert!(!ended.stderr.contains(&format!("{CANARY}-value")), "{ended}");
}
