//! Do live events show what changes, in order, and end when the server stops?

use super::served::Served;
use crate::support::{SlowRun, Target, promises};
use reqwest::Response;
use rustix::process::Signal;
use serde_json::{Value, json};

promises!(on [postgres_15, sqlite]:
    a_change_is_told_to_whoever_listens_with_growing_numbers,
    who_comes_back_gets_what_is_newest,
    open_streams_do_not_keep_the_server_from_stopping,
);

/// One who listens.
pub(super) struct Stream {
    response: Response,
    text: String,
}

impl Stream {
    pub(super) async fn of(served: &Served, last_id: Option<u64>) -> Self {
        let request = served.client.get(served.url("/api/v1/events"));
        let request = last_id.into_iter().fold(request, |request, id| request.header("last-event-id", id.to_string()));
        let response = request.send().await.expect("a stream");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, text: String::new() }
    }

    /// The next event's number and document. `None`: the stream has ended.
    pub(super) async fn next(&mut self) -> Option<(u64, Value)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
                assert_eq!(field("event:"), Some("runs"), "{event}");
                let number = field("id:").and_then(|id| id.parse().ok()).expect("a number");
                let document = serde_json::from_str(field("data:").expect("data")).expect("a document");
                self.text = rest.to_owned();
                return Some((number, document));
            }
            let chunk = self.response.chunk().await.ok().flatten()?;
            self.text.push_str(std::str::from_utf8(&chunk).expect("a text"));
        }
    }

    /// The number of the first event that shows the only run in this state; each before has a smaller one.
    pub(super) async fn shows(&mut self, state: &str) -> u64 {
        let mut last = 0;
        loop {
            let (number, document) = self.next().await.unwrap_or_else(|| panic!("ended before it showed {state}"));
            assert!(number > last, "{number} after {last}");
            last = number;
            if document["runs"][0]["state"] == state {
                return number;
            }
        }
    }
}

async fn a_change_is_told_to_whoever_listens_with_growing_numbers(target: Target) {
    let served = Served::of(&target, &[]).await;
    let run = SlowRun::start(&target, "").await;
    let job = run.items.job.clone();
    let (mut one, mut other) = (Stream::of(&served, None).await, Stream::of(&served, None).await);
    let running = one.shows("running").await;
    served.post(&served.of_run(&job, "/pause"), &json!({})).await;
    let paused = [one.shows("paused").await, other.shows("paused").await];
    assert!(paused.iter().all(|paused| *paused > running), "{paused:?} after {running}");
    target.tidegate(&["resume", &job.name]).await.exits(0);
    one.shows("running").await;
    run.ends_well(&target).await;
    one.shows("succeeded").await;
}

async fn who_comes_back_gets_what_is_newest(target: Target) {
    let served = Served::of(&target, &[]).await;
    let mut first = Stream::of(&served, None).await;
    let (seen, _) = first.next().await.expect("an event");
    drop(first);
    let mut again = Stream::of(&served, Some(seen)).await;
    let (number, document) = again.next().await.expect("an event at once");
    assert!(number >= seen, "{number} after {seen}");
    assert_eq!(document["version"], 1);
    served.process.signal(Signal::TERM);
    while again.next().await.is_some() {}
    served.process.end().await.exits(0);
    let restarted = Served::of(&target, &[]).await;
    let (after, _) = Stream::of(&restarted, Some(number)).await.next().await.expect("an event");
    assert!(after > number, "numbers grow over restarts: {after} after {number}");
}

async fn open_streams_do_not_keep_the_server_from_stopping(target: Target) {
    let served = Served::of(&target, &[]).await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        let mut stream = Stream::of(&served, None).await;
        stream.next().await.expect("an event");
        streams.push(stream);
    }
    // One who never reads, and one who has not asked yet.
    let _deaf = Stream::of(&served, None).await;
    let _mute = tokio::net::TcpStream::connect(&served.address).await.expect("a connection");
    served.process.signal(Signal::TERM);
    for stream in &mut streams {
        while stream.next().await.is_some() {}
    }
    served.process.end().await.exits(0);
}
