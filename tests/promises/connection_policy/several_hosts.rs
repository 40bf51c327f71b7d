//! Is the one server found that can be written to, at the start and again when it has moved?

use crate::support::{Counted, Replicated, Target, batches, promises, rows_changed};
use std::os::unix::net::UnixListener;

promises!(with Replicated on [postgres_15]:
    a_standby_that_is_listed_first_is_passed_over,
    a_failover_is_survived_by_the_same_process,
    where_none_can_be_written_to_each_says_why,
);
promises!(on [postgres_15]:
    a_read_only_database_is_passed_over,
    a_host_that_does_not_answer_costs_no_more_than_its_time,
    several_hosts_may_come_from_the_environment,
);

async fn a_standby_that_is_listed_first_is_passed_over(mut replicated: Replicated) {
    let items = Counted::new(&replicated.target, 2_000, 100).await;
    let [primary, standby] = replicated.socket_folders();
    at_hosts(&mut replicated.target, &[&standby, &primary], "");
    let target = &replicated.target;
    target.run(&items.job).await;
    items.was_applied_exactly_once(target).await;
    let nobody = target.tidegate(&["status", "no-such-job"]).await.exits(1);
    nobody.says(&format!("postgres://{standby},{primary}/"));
}

/// The standby has all that was committed when the primary stops in order; a run loses nothing then but connections.
async fn a_failover_is_survived_by_the_same_process(mut replicated: Replicated) {
    let items = Counted::new(&replicated.target, 20_000, 20).await;
    let [primary, standby] = replicated.socket_folders();
    at_hosts(&mut replicated.target, &[&primary, &standby], "");
    let mut runner = replicated.target.start(&["run", &items.job.path]);
    runner.brings("ten batches", async || batches(&replicated.target).await >= 10).await;
    let survivor = replicated.hand_over().await;
    assert!(runner.is_running(), "{}", runner.kill().await);
    let before = batches(&survivor).await;
    assert!((10..1_000).contains(&before), "{before} batches before the failover");
    runner.end().await.exits(0);
    items.was_applied_exactly_once(&survivor).await;
    assert_eq!(rows_changed(&survivor).await, 20_000);
}

async fn where_none_can_be_written_to_each_says_why(mut replicated: Replicated) {
    let items = Counted::new(&replicated.target, 100, 10).await;
    let [_, standby] = replicated.socket_folders();
    at_hosts(&mut replicated.target, &["/nowhere", &standby], "");
    for arguments in [&["run", &items.job.path][..], &["plan", &items.job.path], &["status"]] {
        let refused = replicated.target.tidegate(arguments).await.exits(75);
        let refused = refused.says("/nowhere: connection failed: No such file or directory");
        refused.says(&format!("; {standby}: is a standby")).says(" as postgres: ").says("try again");
    }
    // One host that must be one to write to says so alone.
    at_hosts(&mut replicated.target, &[&standby], "&target_session_attrs=primary");
    let alone = replicated.target.tidegate(&["run", &items.job.path]).await.exits(75);
    alone.says("as postgres: is a standby; try again");
}

async fn a_read_only_database_is_passed_over(mut target: Target) {
    let items = Counted::new(&target, 100, 10).await;
    let (url, database) = (target.url.clone(), "current_database()");
    let read_only = format!(
        "do $$ begin execute format('alter database %I set default_transaction_read_only = on', {database}); end $$"
    );
    target.execute(&read_only).await;
    target.url = format!("{url}&target_session_attrs=read-write");
    let refused = target.tidegate(&["run", &items.job.path]).await.exits(75);
    refused.says("is read-only (default_transaction_read_only)");
    // Somebody who asks for a primary has one; what it lets be written is another matter.
    target.url = format!("{url}&target_session_attrs=primary");
    target.tidegate(&["plan", &items.job.path]).await.exits(0);
}

async fn a_host_that_does_not_answer_costs_no_more_than_its_time(mut target: Target) {
    let items = Counted::new(&target, 100, 10).await;
    let silent = target.folder().join("silent");
    std::fs::create_dir(&silent).expect("a folder");
    // It takes connections, as the kernel does for a server that hangs, and never says a word.
    let _listener = UnixListener::bind(silent.join(".s.PGSQL.5432")).expect("a socket");
    let [silent, server] = [&silent, target.cluster().socket_folder()].map(|path| path.display().to_string());
    at_hosts(&mut target, &[&silent], "&connect_timeout=1");
    target.tidegate(&["status"]).await.exits(75).says("as postgres: no answer for 1s");
    at_hosts(&mut target, &[&silent, &server], "&connect_timeout=1");
    target.run(&items.job).await;
    items.was_applied_exactly_once(&target).await;
    target.environment = vec![("PGCONNECT_TIMEOUT", "2".to_owned())];
    at_hosts(&mut target, &[&silent], "");
    target.tidegate(&["status"]).await.exits(75).says("as postgres: no answer for 2s");
}

async fn several_hosts_may_come_from_the_environment(mut target: Target) {
    let items = Counted::new(&target, 100, 10).await;
    let server = target.cluster().socket_folder().display().to_string();
    let database = target.database().to_owned();
    target.environment = vec![
        ("PGHOST", format!("/nowhere,{server}")),
        ("PGPORT", "5433,5432".to_owned()),
        ("PGUSER", "postgres".to_owned()),
        ("PGDATABASE", database),
    ];
    target.url = "postgres://".to_owned();
    target.run(&items.job).await;
    items.was_applied_exactly_once(&target).await;
}

/// Lets the program look for its server at these sockets, in this order.
fn at_hosts(target: &mut Target, folders: &[&str], more: &str) {
    let path = target.url.split_once('?').expect("a URL of ours").0;
    target.url = format!("{path}?host={}{more}", folders.join(","));
}
