//! What stands in for `tidegate serve` where it cannot be run? The server of made-up words, told what the program's own
//! commands say of the real run, and asking by them what the page asks.

use super::example::but;
use super::made_up::{MadeUp, Words};
use crate::support::{Job, Target};
use serde_json::{Value, json};

/// Keeps the page in touch with the database until it is dropped.
pub(super) async fn stand_in(target: &Target, job: &Job, server: &MadeUp) -> ! {
    let mut answered = 0;
    loop {
        for (path, body) in server.asked().into_iter().skip(answered) {
            let verb = path.rsplit('/').next().expect("a path");
            let reason = body["reason"].as_str().unwrap_or("by the page");
            target.tidegate(&[verb, &job.name, "--reason", reason]).await.exits(0);
            answered += 1;
        }
        let (run, why) = (target.status(job).await, target.why(job).await);
        let history = target.tidegate(&["history", &job.name, "--output", "json"]).await.exits(0).json();
        server.says(|words| tell(words, target, run, why, history));
    }
}

fn tell(words: &mut Words, target: &Target, run: Value, why: Value, history: Value) {
    let more = json!({ "database": target.database(), "run_version": 1, "overrides": [], "speed": why["speed"] });
    words.runs = if run.is_null() { Vec::new() } else { vec![but(run, more)] };
    words.details.insert("why", why);
    words.details.insert("history", history);
    words.details.insert("slices", json!({ "slices": [] }));
    words.details.insert("chart", json!({ "step_seconds": 1, "samples": [] }));
}
