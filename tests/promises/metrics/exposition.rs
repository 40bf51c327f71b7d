//! What does a runner export? Read from its own text, by name and label.

use crate::support::{Job, Process, Target, until};
use std::collections::BTreeMap;

/// What stands around the address in a runner's log.
const BEFORE: &str = "metrics at http://";
const AFTER: &str = "/metrics\n";

/// What a runner exported at one moment: values by their series as written.
pub(super) struct Exposition {
    pub(super) text: String,
    values: BTreeMap<String, f64>,
}

impl Exposition {
    /// Of a runner that listens there.
    pub(super) async fn of(address: &str) -> Self {
        let answer = reqwest::get(format!("http://{address}/metrics")).await.expect("an answer");
        assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4");
        Self::read(answer.text().await.expect("a text"))
    }

    /// Of a text.
    pub(super) fn read(text: String) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
        let values = lines.map(|(series, value)| (series.to_owned(), value.parse().expect("a number"))).collect();
        Self { text, values }
    }

    /// The sum of a metric's series that have this label.
    pub(super) fn sum(&self, name: &str, label: &str) -> f64 {
        let of_name = self.values.iter().filter(|(series, _)| series.split('{').next() == Some(name));
        let found: Vec<f64> = of_name.filter(|(series, _)| series.contains(label)).map(|(_, value)| *value).collect();
        assert!(!found.is_empty(), "no {name} with {label} in {}", self.text);
        found.iter().sum()
    }
}

/// Starts a job with an exporter on any free port, and waits for the address that it says it has.
pub(super) async fn start_exporting(target: &Target, job: &Job) -> (Process, String) {
    let mut runner = target.start(&["run", &job.path, "--metrics-addr", "127.0.0.1:0"]);
    until("the exporter's address", async || {
        assert!(runner.is_running() || runner.said_between(BEFORE, AFTER).is_some(), "it ended without a word of it");
        runner.said_between(BEFORE, AFTER).is_some()
    })
    .await;
    let address = runner.said_between(BEFORE, AFTER).expect("it came");
    (runner, address)
}
