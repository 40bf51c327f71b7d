//! Where does a test get a Prometheus? Debian's, with a folder of its own and any free port of this machine; taken down
//! however the test process ends.

use super::until::until;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;
use url::Url;

/// A Prometheus that scrapes one address and evaluates the rules that ship.
pub(crate) struct Prometheus {
    folder: PathBuf,
    address: String,
    /// A shell that ends Prometheus and removes the folder when its input ends: with us.
    watchdog: Child,
}

/// The rules, found from wherever Prometheus reads its settings.
const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/dashboards/rules.yaml");

/// What the shell does; `$1` is the folder, the rest the command.
const WATCH: &str = r#"folder=$1; shift; "$@" 2>"$folder/log" & cat >/dev/null; kill -9 $!; wait; rm -rf "$folder""#;

impl Prometheus {
    /// Scrapes `host:port` several times a second, so that a test need not wait for rates.
    pub(crate) async fn scraping(target: &str) -> Self {
        let folder = TempDir::with_prefix("tidegate-prometheus-").expect("a temporary folder").keep();
        let settings = format!(
            "global: {{ scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 1s }}\n\
             rule_files: [ \"{RULES}\" ]\n\
             scrape_configs: [ {{ job_name: tidegate, static_configs: [ {{ targets: [ \"{target}\" ] }} ] }} ]\n"
        );
        std::fs::write(folder.join("prometheus.yml"), settings).expect("settings");
        let watchdog = Command::new("sh")
            .args(["-c", WATCH, "watchdog"])
            .arg(&folder)
            .arg(program("prometheus"))
            .arg(format!("--config.file={}", folder.join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg("--web.listen-address=127.0.0.1:0")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        let mut prometheus = Self { folder, address: String::new(), watchdog };
        until("Prometheus listens", async || {
            prometheus.address = listens_on(&prometheus.log()).unwrap_or_default();
            !prometheus.address.is_empty()
        })
        .await;
        until("Prometheus is ready", async || {
            reqwest::get(prometheus.url("/-/ready", &[])).await.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
        prometheus
    }

    /// What an expression finds now.
    pub(crate) async fn query(&self, expr: &str) -> Vec<Value> {
        let answer = self.get("/api/v1/query", &[("query", expr)]).await;
        assert_eq!(answer["status"], "success", "{expr}: {answer}");
        answer["data"]["result"].as_array().unwrap_or_else(|| panic!("{expr}: {answer}")).clone()
    }

    /// Every rule, as it was evaluated last.
    pub(crate) async fn rules(&self) -> Vec<Value> {
        let answer = self.get("/api/v1/rules", &[]).await;
        let groups = answer["data"]["groups"].as_array().expect("groups").clone();
        groups.iter().flat_map(|group| group["rules"].as_array().expect("rules").clone()).collect()
    }

    /// What it wrote about itself.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    async fn get(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        let answer =
            reqwest::get(self.url(path, parameters)).await.unwrap_or_else(|error| panic!("{error}: {}", self.log()));
        answer.json().await.expect("JSON")
    }

    fn url(&self, path: &str, parameters: &[(&str, &str)]) -> Url {
        Url::parse_with_params(&format!("http://{}{path}", self.address), parameters).expect("a URL of ours")
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        let _ = self.watchdog.wait();
    }
}

/// Runs `promtool` with an input; panics with its words unless it is content.
pub(crate) fn promtool(arguments: &[&str], input: &str) {
    let file = TempDir::new().expect("a temporary folder");
    let file = file.path().join("input");
    std::fs::write(&file, input).expect("a file");
    let stdin = std::fs::File::open(&file).expect("the file");
    let ended = Command::new(program("promtool")).args(arguments).stdin(stdin).output().expect("promtool runs");
    let said = [ended.stdout, ended.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    // What is only a recommendation does not fail it, so it is to say nothing at all about our names.
    assert!(ended.status.success() && !said.contains("tidegate_"), "promtool {}: {said}", arguments.join(" "));
}

/// The address in its log, which it has chosen itself.
fn listens_on(log: &str) -> Option<String> {
    let line = log.lines().find(|line| line.contains("Listening on"))?;
    let (_, address) = line.split_once("address=")?;
    address.split_whitespace().next().map(|address| address.trim_matches('"').to_owned())
}

fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut programs = std::env::split_paths(&path).map(|folder| folder.join(name));
    programs.find(|program| Path::exists(program)).unwrap_or_else(|| panic!("{name} is not installed; run tests/run"))
}
