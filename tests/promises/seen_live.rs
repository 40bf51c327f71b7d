//! Is what runs seen live in a terminal? `status --watch`, beside runs that other processes run.

use crate::support::{Counted, Target, promises, until};
use rustix::process::Signal;

promises!(on [postgres_15, sqlite]:
    a_watched_run_is_shown_in_every_state_it_reaches,
    watching_ends_with_ctrl_c_and_is_no_failure,
);
promises!(on [postgres_15_to_crash]:
    watching_goes_on_when_the_server_is_back,
);

async fn a_watched_run_is_shown_in_every_state_it_reaches(target: Target) {
    let items = Counted::new(&target, 100_000, 20).await;
    let watch = target.start(&["status", "--watch", "--output", "json"]);
    let mut runner = target.start(&["run", &items.job.path]);
    let shown = |state: &str| watch.times_shown(&format!("\"state\":\"{state}\"")) > 0;
    runner.brings("it is seen running", async || shown("running")).await;
    target.tidegate(&["pause", &items.job.name, "--reason", "lunch"]).await.exits(0);
    runner.brings("it is seen paused", async || shown("paused") && watch.times_shown("\"reason\":\"lunch\"") > 0).await;
    target.tidegate(&["cancel", &items.job.name]).await.exits(0);
    until("it is seen cancelled", async || shown("cancelled")).await;
    runner.end().await.exits(4);
}

async fn watching_ends_with_ctrl_c_and_is_no_failure(target: Target) {
    let items = Counted::new(&target, 1_000, 100).await;
    target.run(&items.job).await;
    // Without a terminal a frame is written at once, and then every ten seconds.
    let watch = target.start(&["status", "--watch"]);
    until("a frame", async || watch.times_shown(&items.job.name) > 0 && watch.times_shown("succeeded") > 0).await;
    watch.signal(Signal::INT);
    watch.end().await.exits(0);
}

async fn watching_goes_on_when_the_server_is_back(target: Target) {
    let items = Counted::new(&target, 1_000, 100).await;
    target.run(&items.job).await;
    let watch = target.start(&["status", "--watch", "--output", "json"]);
    until("it is seen", async || watch.times_shown("succeeded") > 0).await;
    target.cluster().stop_immediate();
    target.cluster().start_again();
    let frames = watch.times_shown("succeeded");
    until("it is seen again", async || watch.times_shown("succeeded") > frames).await;
}
