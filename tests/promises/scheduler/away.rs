//! What if a database is away? The others go on, and it is served when it comes.

use super::{Part, becomes, serve, stop};
use crate::support::{Target, promises, until};

promises!(on [sqlite]:
    a_database_that_is_away_keeps_no_other_waiting,
);

async fn a_database_that_is_away_keeps_no_other_waiting(mut target: Target) {
    let other = Target::sqlite().await;
    let part = Part::new(&target, "items", 200).await;
    part.submit(&target).await;
    let away = other.folder().join("later.db");
    let there = target.url.clone();
    target.environment.push(("HERE_URL", there));
    target.environment.push(("AWAY_URL", format!("sqlite:{}", away.display())));
    let mut server = serve(&target, &["--database-env", "away=AWAY_URL", "--database-env", "here=HERE_URL"]);
    becomes(&target, &mut server, &part.job, "succeeded").await;
    until("a word about it", async || server.has_said("away away, trying again")).await;

    let late = Part::new(&other, "items", 200).await;
    late.submit(&other).await;
    std::os::unix::fs::symlink(other.folder().join("test.db"), &away).expect("the file comes");
    becomes(&other, &mut server, &late.job, "succeeded").await;
    stop(server).await;
    part.was_applied(&target, 1).await;
    late.was_applied(&other, 1).await;
}
