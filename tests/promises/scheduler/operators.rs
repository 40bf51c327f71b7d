//! Is the operator in charge of what waits, too?

use super::{Part, becomes, held_runs, serve, state, stop, submit, walks};
use crate::support::{Target, promises};

promises!(on [postgres_15, sqlite]:
    a_run_that_waits_can_be_paused_resumed_and_cancelled,
    a_paused_run_gives_its_place_to_others_and_goes_on_after_a_resume,
    a_submitted_job_can_be_run_in_the_foreground,
    what_somebody_has_or_has_paused_is_not_submitted,
);

async fn a_run_that_waits_can_be_paused_resumed_and_cancelled(target: Target) {
    let (kept, dropped) = (Part::new(&target, "kept", 200).await, Part::new(&target, "dropped", 200).await);
    for part in [&kept, &dropped] {
        part.submit(&target).await;
        target.tidegate(&["pause", &part.job.name]).await.exits(0);
        assert_eq!(state(&target, &part.job).await, "paused");
    }
    let mut server = serve(&target, &[]);
    target.tidegate(&["cancel", &dropped.job.name]).await.exits(0);
    target.tidegate(&["resume", &kept.job.name]).await.exits(0);
    becomes(&target, &mut server, &kept.job, "succeeded").await;
    stop(server).await;
    assert_eq!(state(&target, &dropped.job).await, "cancelled");
    kept.was_applied(&target, 1).await;
    dropped.was_applied(&target, 0).await;
}

async fn a_paused_run_gives_its_place_to_others_and_goes_on_after_a_resume(target: Target) {
    let (first, second) = (Part::slow(&target, "first", 2_000).await, Part::new(&target, "second", 200).await);
    submit(&target, &first.job, &["--priority", "1"]).await;
    second.submit(&target).await;
    let mut server = serve(&target, &["--max-runs", "1"]);
    walks(&target, &first.job).await;
    target.tidegate(&["pause", &first.job.name, "--reason", "lunch"]).await.exits(0);
    becomes(&target, &mut server, &second.job, "succeeded").await;
    assert_eq!((state(&target, &first.job).await, held_runs(&target).await), ("paused".to_owned(), 0));

    target.tidegate(&["resume", &first.job.name]).await.exits(0);
    becomes(&target, &mut server, &first.job, "succeeded").await;
    stop(server).await;
    first.was_applied(&target, 1).await;
    second.was_applied(&target, 1).await;
}

async fn a_submitted_job_can_be_run_in_the_foreground(target: Target) {
    let part = Part::new(&target, "items", 500).await;
    part.submit(&target).await;
    target.run(&part.job).await;
    part.was_applied(&target, 1).await;
    assert_eq!(target.number(&format!("select count(*) from {}", target.state("run"))).await, 1);
}

async fn what_somebody_has_or_has_paused_is_not_submitted(target: Target) {
    let part = Part::slow(&target, "items", 2_000).await;
    let mut runner = target.start(&["run", &part.job.path]);
    runner.brings("the run", async || super::batches_of_job(&target, &part.job).await > 0).await;
    target.tidegate(&["submit", &part.job.path]).await.exits(1).says("is running already");
    runner.kill().await;
    target.tidegate(&["pause", &part.job.name]).await.exits(0);
    target.tidegate(&["submit", &part.job.path]).await.exits(1).says("tidegate resume");
    target.tidegate(&["resume", &part.job.name]).await.exits(0);

    // What it does is pinned, how fast it goes is not.
    let faster = super::job_on(&target, &part.job.name, "items", "");
    submit(&target, &faster, &[]).await;
    let mut server = serve(&target, &[]);
    becomes(&target, &mut server, &part.job, "succeeded").await;
    stop(server).await;
    part.was_applied(&target, 1).await;
}
