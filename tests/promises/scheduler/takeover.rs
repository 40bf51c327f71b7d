//! Two servers on one database, one of them killed at random, over and over: is every job done exactly once?

use super::{Part, batches_of_job, serve, state, stop};
use crate::support::{Process, Random, Target, amount, promises, until};
use std::time::Duration;

promises!(on [postgres_15, sqlite]:
    servers_that_are_killed_at_random_leave_every_job_done_exactly_once,
);

const JOBS: u64 = 4;

async fn servers_that_are_killed_at_random_leave_every_job_done_exactly_once(target: Target) {
    let (mut random, kills) = (Random::new(), amount(3, 20));
    let rows = kills * 400 + 800;
    let mut parts = Vec::new();
    for number in 0..JOBS {
        let part = Part::slow(&target, &format!("items_{number}"), rows).await;
        part.submit(&target).await;
        parts.push(part);
    }
    let mut servers = [serve(&target, &[]), serve(&target, &[])];
    for kill in 0..kills {
        wait_for_a_moment(&target, &parts, &mut random).await;
        let server = &mut servers[random.below(2) as usize];
        let ended = std::mem::replace(server, serve(&target, &[])).kill().await;
        assert!(ended.was_killed(), "kill {kill}: {ended}");
    }
    for part in &parts {
        until("the job is done", async || {
            assert!(servers.iter_mut().all(Process::is_running), "a server has ended");
            state(&target, &part.job).await == "succeeded"
        })
        .await;
        part.was_applied(&target, 1).await;
    }
    for server in servers {
        stop(server).await;
    }
}

/// After some batches of whichever job, or at any time.
async fn wait_for_a_moment(target: &Target, parts: &[Part], random: &mut Random) {
    if random.below(3) == 0 {
        // The moment is what is random; nothing is awaited.
        tokio::time::sleep(Duration::from_millis(random.below(1_500))).await;
        return;
    }
    let (before, more) = (all_batches(target, parts).await, 1 + random.below(6) as i64);
    until("some batches", async || all_batches(target, parts).await >= before + more).await;
}

async fn all_batches(target: &Target, parts: &[Part]) -> i64 {
    let mut batches = 0;
    for part in parts {
        batches += batches_of_job(target, &part.job).await;
    }
    batches
}
