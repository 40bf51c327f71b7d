//! What becomes of a run that cannot be begun? It is failed with the reason, once, and goes on when the cause is mended.

use super::{Part, becomes, job_on, serve, stop, submit};
use crate::support::{Job, Target, promises};

promises!(on [postgres_15, sqlite]:
    a_job_that_is_refused_fails_with_the_reason_and_goes_on_when_it_is_mended,
    a_recorded_text_that_is_no_job_fails_the_run,
);

async fn a_job_that_is_refused_fails_with_the_reason_and_goes_on_when_it_is_mended(target: Target) {
    let job = job_on(&target, "count-items", "items", "");
    submit(&target, &job, &[]).await;
    let mut server = serve(&target, &[]);
    becomes(&target, &mut server, &job, "failed").await;
    let status = target.status(&job).await;
    let failure = status["failure"].as_str().unwrap_or_default();
    assert!(failure.contains("may not run on its table") && failure.contains("items"), "{status}");
    assert_eq!(moves_to_failed(&target, &job).await, 1);

    let part = Part::new(&target, "items", 300).await;
    let again = target.tidegate(&["submit", &job.path, "--output", "json"]).await.exits(0).json();
    assert_eq!((&again["handed_over"], &again["run"]), (&true.into(), &status["run"]), "{again}");
    becomes(&target, &mut server, &job, "succeeded").await;
    stop(server).await;
    part.was_applied(&target, 1).await;
}

async fn a_recorded_text_that_is_no_job_fails_the_run(target: Target) {
    let part = Part::new(&target, "items", 300).await;
    part.submit(&target).await;
    target.execute(&format!("update {} set job_text = 'version = 99'", target.state("run"))).await;
    let mut server = serve(&target, &[]);
    becomes(&target, &mut server, &part.job, "failed").await;
    stop(server).await;
    let status = target.status(&part.job).await;
    assert!(status["failure"].as_str().is_some_and(|why| why.contains("no valid job")), "{status}");
    part.was_applied(&target, 0).await;
}

async fn moves_to_failed(target: &Target, job: &Job) -> i64 {
    let (event, run) = (target.state("event"), target.state("run"));
    target
        .number(&format!(
            "select count(*) from {event} as e join {run} as r on r.id = e.run_id \
             where r.job = '{}' and e.to_state = 'failed'",
            job.name
        ))
        .await
}
