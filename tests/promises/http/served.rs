//! How does a test speak to a server? A `tidegate serve` of its own, a client, and raw bytes where no client would send them.

use crate::support::{Job, Process, Target, until};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use rustix::process::Signal;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A server.
pub(super) struct Served {
    pub(super) process: Process,
    pub(super) client: Client,
    /// `127.0.0.1:PORT`.
    pub(super) address: String,
    /// The short name of its database.
    pub(super) database: String,
}

impl Served {
    /// Starts one on this database.
    pub(super) async fn of(target: &Target, arguments: &[&str]) -> Self {
        let mut process = target.start(&[&["serve", "--listen", "127.0.0.1:0"], arguments].concat());
        until("the server listens", async || {
            assert!(process.is_running(), "the server ended before it listened");
            process.what_follows("http://").is_some()
        })
        .await;
        let address = process.what_follows("http://").expect("an address");
        // A proxy of this machine's has no business here.
        // The server closes what nothing was asked over for ten seconds; a client that keeps it as long would ask into that.
        let idle = Duration::from_secs(5);
        let client = Client::builder().no_proxy().pool_idle_timeout(idle).build().expect("a client");
        let database = if target.either(true, false) { target.database() } else { "test" };
        let database = database.to_owned();
        Self { process, client, address, database }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Where a job's run is.
    pub(super) fn of_run(&self, job: &Job, more: &str) -> String {
        format!("/api/v1/runs/{}/{}{more}", self.database, job.name)
    }

    pub(super) async fn get(&self, path: &str) -> (StatusCode, Value) {
        answered(self.client.get(self.url(path))).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        answered(self.client.post(self.url(path)).json(body)).await
    }

    pub(super) async fn with_token(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: &Value,
    ) -> (StatusCode, Value) {
        let request = self.client.request(method.clone(), self.url(path)).bearer_auth(token);
        answered(if method == Method::POST { request.json(body) } else { request }).await
    }

    /// One run, which must be there.
    pub(super) async fn run(&self, job: &Job) -> Value {
        let (status, shown) = self.get(&self.of_run(job, "")).await;
        assert_eq!(status, 200, "{shown}");
        shown["run"].clone()
    }

    /// Everything that comes back for these bytes, to the end of the connection.
    pub(super) async fn raw(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(&self.address).await.expect("the server listens");
        // It may answer, and close, before it has read all.
        let _ = stream.write_all(request).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Stops it as a service manager does, with whatever it has open.
    pub(super) async fn stop(self) -> String {
        self.process.signal(Signal::TERM);
        self.process.end().await.exits(0).stderr
    }
}

/// A token in a file as a server wants it.
pub(super) fn token_file(folder: &Path, name: &str, token: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join(name);
    std::fs::write(&path, token).expect("a file");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("a mode");
    path.to_str().expect("a plain path").to_owned()
}

/// The status of an answer, and its JSON where it has one.
pub(super) async fn answered(request: RequestBuilder) -> (StatusCode, Value) {
    // A stuck server fails the test with a name, not by its end.
    let response = request.timeout(Duration::from_secs(60)).send().await.expect("an answer");
    let status = response.status();
    let text = response.text().await.expect("a text");
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// Waits until a run's state is this one, by HTTP.
pub(super) async fn is(served: &Served, job: &Job, state: &str) {
    until(&format!("the run is {state}"), async || served.run(job).await["state"] == state).await;
}
