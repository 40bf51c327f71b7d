//! Does a server end in time, and let its runs go?

use super::{Part, becomes, held_runs, serve, state, stop, walks};
use crate::support::{Target, promises, within};
use rustix::process::Signal;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

promises!(on [postgres_15, sqlite]:
    a_server_that_is_stopped_lets_its_runs_go_and_another_goes_on,
);
promises!(on [postgres_15]:
    a_batch_that_does_not_end_keeps_no_server_from_ending,
);

/// What service managers are told to wait, at least.
const ENDS_WITHIN: Duration = Duration::from_secs(25);

async fn a_server_that_is_stopped_lets_its_runs_go_and_another_goes_on(target: Target) {
    let (one, two) = (Part::slow(&target, "one", 1_500).await, Part::slow(&target, "two", 1_500).await);
    one.submit(&target).await;
    two.submit(&target).await;
    let mut server = serve(&target, &[]);
    server.brings("both are here", async || held_runs_if_any(&target).await == 2).await;
    walks(&target, &one.job).await;
    server.signal(Signal::TERM);
    within(ENDS_WITHIN, "the server ends", async || !server.is_running()).await;
    server.end().await.exits(0);
    assert_eq!(held_runs(&target).await, 0);
    for part in [&one, &two] {
        assert_eq!(state(&target, &part.job).await, "queued");
    }
    let mut next = serve(&target, &[]);
    for part in [&one, &two] {
        becomes(&target, &mut next, &part.job, "succeeded").await;
        part.was_applied(&target, 1).await;
    }
    stop(next).await;
}

/// Somebody has the table, so the batches in hand wait for longer than a stop may last.
async fn a_batch_that_does_not_end_keeps_no_server_from_ending(target: Target) {
    let patient = "lock_timeout = \"40s\"\nstatement_timeout = \"50s\"\n";
    let part = Part::paced(&target, "items", 20_000, patient).await;
    part.submit(&target).await;
    let mut server = serve(&target, &[]);
    walks(&target, &part.job).await;
    let lock = target.lock("lock table items in share row exclusive mode").await;
    let waiting = "select count(*) from pg_locks where not granted and relation = 'items'::regclass";
    server.brings("a batch that waits for the lock", async || target.number(waiting).await > 0).await;
    server.signal(Signal::TERM);
    within(ENDS_WITHIN, "the server ends", async || !server.is_running()).await;
    let ended = server.end().await;
    assert_eq!((ended.status.code(), ended.status.signal()), (Some(0), None), "{ended}");
    lock.release().await;
    let mut next = serve(&target, &[]);
    becomes(&target, &mut next, &part.job, "succeeded").await;
    stop(next).await;
    part.was_applied(&target, 1).await;
}

async fn held_runs_if_any(target: &Target) -> i64 {
    target.number_if_any(&format!("select count(*) from {}", target.state("heartbeat"))).await.unwrap_or(0)
}
