//! How does a test see what a person sees? A real Chromium without a screen, driven by its own driver, with a profile of its
//! own. Waits for what is shown, and remembers what the console said. Knows no page.

use super::until::until;
use fantoccini::elements::Element;
use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use std::fs::File;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A browser with one window.
pub(crate) struct Browser {
    client: Client,
    driver: Driver,
    session: String,
}

/// The program that starts browsers and ends them.
struct Driver {
    /// A shell that reads from us until we are gone, whichever way.
    watchdog: Child,
    address: String,
    /// The browser's profile, and what the driver said.
    folder: TempDir,
}

/// Desk and phone, in CSS pixels.
pub(crate) const DESK: (u32, u32) = (1280, 900);
pub(crate) const PHONE: (u32, u32) = (390, 844);

impl Browser {
    pub(crate) async fn start() -> Self {
        let driver = Driver::start().await;
        let profile = driver.folder.path().join("profile");
        let arguments = [
            "--headless=new".to_owned(),
            // Root has no sandbox, and a container's /dev/shm is small.
            "--no-sandbox".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-gpu".to_owned(),
            // It asks nobody but the test's own server.
            "--disable-background-networking".to_owned(),
            "--no-first-run".to_owned(),
            format!("--user-data-dir={}", profile.display()),
        ];
        let mut options = json!({ "args": arguments });
        if let Some(chromium) = chromium() {
            options["binary"] = chromium.into();
        }
        let wanted = json!({ "goog:chromeOptions": options, "goog:loggingPrefs": { "browser": "ALL" } });
        let Value::Object(capabilities) = wanted else { unreachable!("an object") };
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let client = builder.capabilities(Capabilities::from_iter(capabilities)).connect(&driver.address).await;
        let client = client.unwrap_or_else(|error| panic!("no browser: {error}\n{}", driver.said()));
        driver.ends_with_us(client.capabilities());
        let session = client.session_id().await.expect("an answer").expect("a session");
        let browser = Self { client, driver, session };
        browser.looks_like(DESK, false).await;
        browser
    }

    /// From now on its screen has this size, and its reader likes it dark or light.
    pub(crate) async fn looks_like(&self, (width, height): (u32, u32), dark: bool) {
        let scheme = if dark { "dark" } else { "light" };
        // Nothing moves, so that a picture shows the end of it.
        let features = [("prefers-color-scheme", scheme), ("prefers-reduced-motion", "reduce")];
        let features = features.map(|(name, value)| json!({ "name": name, "value": value }));
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
        let screen = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.devtools("Emulation.setDeviceMetricsOverride", screen).await;
    }

    pub(crate) async fn open(&self, url: &str) {
        self.client.goto(url).await.expect("a page");
    }

    /// The text of the first element that this CSS selector finds, as it is shown; nothing while there is none.
    pub(crate) async fn text(&self, selector: &str) -> String {
        // A page that draws itself anew may take the element away between the two questions.
        match self.client.find(Locator::Css(selector)).await {
            Ok(element) => element.text().await.unwrap_or_default(),
            Err(_) => String::new(),
        }
    }

    /// Waits until the first element of the selector shows these words.
    pub(crate) async fn shows(&self, selector: &str, words: &str) {
        until(&format!("{selector} shows {words:?}"), async || self.text(selector).await.contains(words)).await;
    }

    /// Waits until no element of the selector is there.
    pub(crate) async fn shows_no(&self, selector: &str) {
        until(&format!("no {selector}"), async || self.count(selector).await == 0).await;
    }

    /// How many elements the selector finds.
    pub(crate) async fn count(&self, selector: &str) -> usize {
        self.client.find_all(Locator::Css(selector)).await.expect("an answer").len()
    }

    /// What an expression of the page's own language is, or becomes.
    pub(crate) async fn value(&self, expression: &str) -> Value {
        let value = self.client.execute(&format!("return {expression}"), Vec::new()).await;
        value.unwrap_or_else(|error| panic!("{error} in {expression}"))
    }

    /// Clicks as a person does: on what can be seen and pressed.
    pub(crate) async fn click(&self, selector: &str) {
        until(&format!("{selector} can be clicked"), async || {
            let Ok(element) = self.client.find(Locator::Css(selector)).await else { return false };
            element.is_enabled().await.unwrap_or(false) && element.click().await.is_ok()
        })
        .await;
    }

    pub(crate) async fn types(&self, selector: &str, words: &str) {
        self.element(selector).await.send_keys(words).await.expect("a field that takes words");
    }

    pub(crate) async fn is_enabled(&self, selector: &str) -> bool {
        self.element(selector).await.is_enabled().await.expect("an answer")
    }

    /// Chooses an option of a list by its value.
    pub(crate) async fn chooses(&self, selector: &str, value: &str) {
        self.element(selector).await.select_by_value(value).await.expect("an option");
    }

    async fn element(&self, selector: &str) -> Element {
        until(&format!("there is {selector}"), async || self.client.find(Locator::Css(selector)).await.is_ok()).await;
        self.client.find(Locator::Css(selector)).await.expect("an element")
    }

    /// A picture of the whole page, however long, as PNG.
    pub(crate) async fn picture(&self, (width, _): (u32, u32), dark: bool) -> Vec<u8> {
        let height = self.value("document.documentElement.scrollHeight").await.as_u64().expect("pixels");
        self.looks_like((width, height as u32), dark).await;
        self.client.screenshot().await.expect("a picture")
    }

    /// What the console said since the last look, as `source: words`. A refused or failed request is in it as `network`,
    /// a broken rule of the content security policy as `security`.
    pub(crate) async fn console(&self) -> Vec<String> {
        let log = self.ask("se/log", json!({ "type": "browser" })).await;
        let entries = log["value"].as_array().unwrap_or_else(|| panic!("no console in {log}")).clone();
        let line = |entry: &Value| format!("{}: {}", entry["source"].as_str().unwrap_or("?"), entry["message"]);
        entries.iter().map(line).collect()
    }

    /// Panics when the console said anything.
    pub(crate) async fn said_nothing(&self) {
        assert_eq!(self.console().await, [""; 0], "the console");
    }

    /// Panics when the console said anything but that a request failed.
    pub(crate) async fn said_nothing_but_failed_requests(&self) {
        let said = self.console().await;
        assert!(said.iter().all(|line| line.starts_with("network: ")), "the console: {said:#?}");
    }

    async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let answer = self.ask("goog/cdp/execute", json!({ "cmd": command, "params": parameters })).await;
        answer["value"].clone()
    }

    /// What the standard has no word for.
    async fn ask(&self, what: &str, body: Value) -> Value {
        let url = format!("{}/session/{}/{what}", self.driver.address, self.session);
        let answer = reqwest::Client::new().post(url).json(&body).send().await.expect("the driver answers");
        answer.json().await.expect("JSON")
    }
}

impl Driver {
    async fn start() -> Self {
        use std::os::unix::process::CommandExt;
        let folder = TempDir::with_prefix("tidegate-browser-").expect("a folder");
        let output = File::create(folder.path().join("driver")).expect("a file");
        // The shell ends both when the pipe from us is closed, which it is also when we are killed. A driver that ends does
        // not end its browser, and a browser's parts may write for a moment after its end.
        let script = r#"chromedriver --port=0 & driver=$!; cat; kill -9 "$driver" $(cat "$1/browser"); wait "$driver"
                        for attempt in 1 2 3 4 5; do rm -rf "$1"; sleep 0.2; [ -e "$1" ] || break; done"#;
        let watchdog = Command::new("sh")
            .args(["-c", script, "watchdog"])
            .arg(folder.path())
            .current_dir(folder.path())
            // Where a browser keeps what it keeps beside its profile.
            .env("HOME", folder.path())
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(output.try_clone().expect("a file"))
            .stderr(output)
            .spawn()
            .expect("a shell");
        let mut driver = Self { watchdog, address: String::new(), folder };
        until("chromedriver listens; tests/run installs it", async || driver.port().is_some()).await;
        driver.address = format!("http://127.0.0.1:{}", driver.port().expect("a port"));
        driver
    }

    /// Remembers the browser's process for the shell that will end it.
    fn ends_with_us(&self, capabilities: Option<&Capabilities>) {
        let process = capabilities.and_then(|known| known.get("goog:processID")).and_then(Value::as_u64);
        let process = process.unwrap_or_else(|| panic!("the driver names no process: {capabilities:?}"));
        std::fs::write(self.folder.path().join("browser"), process.to_string()).expect("a file");
    }

    /// `ChromeDriver was started successfully on port 40213.`
    fn port(&self) -> Option<u16> {
        let said = self.said();
        assert!(!said.contains("not found"), "chromedriver is not installed; run tests/run");
        said.split("successfully on port ").nth(1)?.split('.').next()?.parse().ok()
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("driver")).unwrap_or_default()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        let _ = self.watchdog.wait();
    }
}

/// Debian calls it so; elsewhere the driver knows where its browser is.
fn chromium() -> Option<&'static str> {
    let path = "/usr/bin/chromium";
    std::path::Path::new(path).exists().then_some(path)
}
