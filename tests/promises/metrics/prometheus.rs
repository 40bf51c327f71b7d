//! Does everything that ships in `dashboards/` find something in a running job? A real Prometheus scrapes one, and is asked
//! for every panel, every rule, and every series that an alert looks at.

use super::exposition::{Exposition, start_exporting};
use crate::shipped::{panel_queries, rules, selectors};
use crate::support::{Prometheus, SlowRun, Target, promises, promtool, until};
use rustix::process::Signal;
use serde_json::Value;
use std::time::{SystemTime, UNIX_EPOCH};

promises!(on [postgres_15]: every_panel_and_every_rule_finds_its_series_in_a_running_job);
promises!(on [postgres_15, sqlite]: promtool_is_content_with_every_name);

/// A minute; the test ends it sooner.
const ROWS: u64 = 24_000;

/// Panels that are empty while nothing is wrong.
const EMPTY_WHEN_HEALTHY: &[(&str, &str)] = &[("fleet: What holds", "nothing holds a run that is left in peace")];

async fn every_panel_and_every_rule_finds_its_series_in_a_running_job(target: Target) {
    let items = SlowRun::prepare(&target, ROWS, &paced(&target).await).await;
    let (runner, address) = start_exporting(&target, &items.job).await;
    let mut run = SlowRun::after_its_first_batches(&target, items, runner).await;
    let prometheus = Prometheus::scraping(&address).await;

    for query in panel_queries() {
        let healthy = EMPTY_WHEN_HEALTHY.iter().any(|(place, _)| *place == query.place);
        if healthy {
            assert!(prometheus.query(&query.expr).await.is_empty(), "{} is not empty any more", query.place);
            continue;
        }
        let what = format!("{} finds something: {}", query.place, query.expr);
        run.runner.brings(&what, async || !prometheus.query(&query.expr).await.is_empty()).await;
    }
    for rule in rules() {
        for selector in selectors(&rule.expr) {
            let selector = selector.to_string();
            let what = format!("{} finds {selector}", rule.name);
            run.runner.brings(&what, async || !prometheus.query(&selector).await.is_empty()).await;
        }
        if !rule.is_alert {
            run.runner.brings(&rule.name, async || !prometheus.query(&rule.name).await.is_empty()).await;
        }
    }
    until("every rule was evaluated", async || prometheus.rules().await.iter().all(|rule| rule["health"] == "ok"))
        .await;
    let evaluated = prometheus.rules().await;
    assert_eq!(evaluated.len(), rules().len());
    let alerting: Vec<&Value> =
        evaluated.iter().filter(|rule| rule["state"].is_string() && rule["state"] != "inactive").collect();
    assert!(alerting.is_empty(), "alerts about a run that is well: {alerting:?}");

    run.runner.signal(Signal::TERM);
    run.runner.end().await.exits(4);
}

/// Also of series that come with signals, windows and batches.
async fn promtool_is_content_with_every_name(target: Target) {
    let items = SlowRun::prepare(&target, ROWS, &paced(&target).await).await;
    let (runner, address) = start_exporting(&target, &items.job).await;
    let run = SlowRun::after_its_first_batches(&target, items, runner).await;
    promtool(&["check", "metrics"], &Exposition::of(&address).await.text);
    promtool(&["check", "rules", "dashboards/rules.yaml"], "");
    promtool(&["test", "rules", "dashboards/rules_test.yaml"], "");
    run.runner.signal(Signal::TERM);
    run.runner.end().await.exits(4);
}

/// A signal `queue` that reads the table `gauge` and is far from its limit of 8, and a window that closes within days: what there is to see.
pub(super) async fn paced(target: &Target) -> String {
    let table = "create table gauge (value double precision); insert into gauge values (1)";
    target.execute(table).await;
    let windows = format!("[pace]\nwindow = [{}]\n", windows_open_now());
    format!("{windows}[[pace.signal]]\nname = \"queue\"\nsql = \"select value from gauge\"\nmax = 8\n")
}

/// Open all week but for a minute, three days from now.
fn windows_open_now() -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock of this century").as_secs();
    let closes = (seconds / 86_400 + 3) % 7;
    let hours = |day: usize| if day as u64 == closes { "00:00-23:59" } else { "00:00-24:00" };
    let windows: Vec<String> =
        DAYS.iter().enumerate().map(|(day, name)| format!("\"{name} {} UTC\"", hours(day))).collect();
    windows.join(", ")
}
