//! Do the dashboards, the alerts, the runbooks and the README tell of the series that there are? Walks the folder; needs no
//! server. Whether the queries find anything in a running job is a promise, kept in `tests/promises/metrics`.
//!
//! `UPDATE_EXPECT=1 cargo test --test dashboards` writes the README's table anew.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]

mod series;
mod shipped;

use serde_json::Value;
use series::{Family, every_series};
use shipped::{DASHBOARDS, dashboard, file, panel_queries, panels, rules, rules_as_written, selectors, yaml};
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn every_expression_names_series_and_labels_that_there_are() {
    let (series, rules) = (every_series(), rules());
    let recorded: BTreeSet<&str> = rules.iter().filter(|rule| !rule.is_alert).map(|rule| rule.name.as_str()).collect();
    let of_panels = panel_queries().into_iter().map(|query| (query.place, query.expr));
    let of_rules = rules.iter().map(|rule| (rule.name.clone(), rule.expr.clone()));
    for (place, expr) in of_panels.chain(of_rules) {
        let selectors = selectors(&expr);
        assert!(!selectors.is_empty(), "{place} asks for nothing: {expr}");
        for selector in selectors {
            let name = selector.name.clone().unwrap_or_else(|| panic!("{place} asks for any series: {expr}"));
            if recorded.contains(name.as_str()) {
                continue;
            }
            let family = family(&series, &name).unwrap_or_else(|| panic!("{place}: there is no series {name}"));
            for matcher in &selector.matchers.matchers {
                let known =
                    ["job", "instance"].contains(&matcher.name.as_str()) || family.labels.contains(&matcher.name);
                assert!(known, "{place}: {name} has no label {}", matcher.name);
            }
        }
    }
}

#[test]
fn every_series_of_a_run_is_on_a_dashboard() {
    let shown: BTreeSet<String> =
        panel_queries().iter().flat_map(|query| selectors(&query.expr)).filter_map(|selector| selector.name).collect();
    for name in every_series().keys().filter(|name| name.starts_with("tidegate_") && *name != "tidegate_build_info") {
        let is_shown = shown.iter().any(|shown| {
            shown == name || shown.strip_prefix(name.as_str()).is_some_and(|rest| HISTOGRAM.contains(&rest))
        });
        assert!(is_shown, "{name} is on no panel");
    }
}

#[test]
fn every_dashboard_can_be_provisioned_anywhere() {
    let mut uids = BTreeSet::new();
    for name in DASHBOARDS {
        let dashboard = dashboard(name);
        assert_eq!(dashboard["id"], Value::Null, "{name}: Grafana gives the id");
        assert!(uids.insert(dashboard["uid"].as_str().expect("a uid").to_owned()), "{name}: the uid is taken");
        assert!(
            (39..=41).contains(&dashboard["schemaVersion"].as_u64().expect("a number")),
            "{name}: the classic model"
        );
        assert_eq!(dashboard["editable"], false, "{name}");
        assert_eq!(dashboard["timezone"], "utc", "{name}");
        assert!(dashboard["refresh"].is_string(), "{name}: it is looked at while a run goes on");
        for asked_for_at_import in ["__inputs", "__requires"] {
            assert_eq!(dashboard[asked_for_at_import], Value::Null, "{name}: nobody answers when it is provisioned");
        }
        let variables = dashboard["templating"]["list"].as_array().expect("variables");
        let names: Vec<&str> = variables.iter().map(|variable| variable["name"].as_str().expect("a name")).collect();
        assert_eq!(names, ["datasource", "job", "instance", "database", "backfill"], "{name}");
        assert_eq!((&variables[0]["type"], &variables[0]["query"]), (&"datasource".into(), &"prometheus".into()));
    }
    for link in
        DASHBOARDS.map(dashboard).iter().flat_map(|dashboard| dashboard["links"].as_array().expect("links").clone())
    {
        let uid = link["url"].as_str().expect("a URL").trim_start_matches("/d/").to_owned();
        assert!(uids.contains(&uid), "a link to {uid}");
    }
}

#[test]
fn every_panel_says_what_it_shows_and_asks_the_chosen_source() {
    for name in DASHBOARDS {
        let dashboard = dashboard(name);
        let (mut ids, mut titles) = (BTreeSet::new(), BTreeSet::new());
        for panel in panels(&dashboard) {
            let title = panel["title"].as_str().expect("a title");
            assert!(titles.insert(title), "{name}: two panels are called {title}");
            assert!(ids.insert(panel["id"].as_u64()), "{name}: {title} has somebody's id");
            assert!(
                panel["description"].as_str().is_some_and(|words| words.ends_with('.')),
                "{name}: {title} has no description"
            );
            assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{name}: {title} has no unit");
            let targets = panel["targets"].as_array().expect("targets");
            for asks in std::iter::once(panel).chain(targets) {
                assert_eq!(asks["datasource"]["uid"], "${datasource}", "{name}: {title}");
            }
            for target in targets {
                let expr = target["expr"].as_str().expect("an expression");
                let selected = expr
                    .matches(r#"{job=~"$job", instance=~"$instance", database=~"$database", backfill=~"$backfill""#);
                let all = expr.matches("tidegate_").count();
                assert_eq!(selected.count(), all, "{name}: {title} looks past the chosen runs: {expr}");
            }
        }
        do_not_overlap(name, &dashboard);
    }
}

#[test]
fn every_alert_says_what_it_means_and_where_to_read_on() {
    let runbooks = file("docs/runbooks.md");
    let anchors: BTreeSet<String> =
        runbooks.lines().filter_map(|line| line.strip_prefix("## ")).map(str::to_lowercase).collect();
    let mut with_runbook = BTreeSet::new();
    for alert in rules_as_written().iter().filter(|rule| !rule["alert"].is_badvalue()) {
        let name = alert["alert"].as_str().expect("a name");
        let words = |part: &str, word: &str| {
            alert[part][word].as_str().unwrap_or_else(|| panic!("{name} has no {word}")).to_owned()
        };
        assert!(alert["for"].as_str().is_some(), "{name} does not say for how long");
        assert!(["critical", "warning", "info"].contains(&words("labels", "severity").as_str()), "{name}");
        for word in ["summary", "description"] {
            assert!(!words("annotations", word).is_empty(), "{name} has no {word}");
        }
        let anchor = name.to_lowercase();
        assert_eq!(words("annotations", "runbook_url"), format!("docs/runbooks.md#{anchor}"), "{name}");
        assert!(anchors.contains(&anchor), "docs/runbooks.md has no `## {name}`");
        with_runbook.insert(anchor);
    }
    assert_eq!(anchors, with_runbook, "a runbook for no alert");
}

#[test]
fn every_alert_has_a_case_that_fires_and_one_that_does_not() {
    let tests = yaml("dashboards/rules_test.yaml");
    let cases: Vec<(String, bool)> = tests["tests"]
        .as_vec()
        .expect("tests")
        .iter()
        .map(|test| {
            let case = &test["alert_rule_test"][0];
            let fires = case["exp_alerts"].as_vec().expect("alerts");
            (case["alertname"].as_str().expect("a name").to_owned(), !fires.is_empty())
        })
        .collect();
    for alert in rules().into_iter().filter(|rule| rule.is_alert) {
        for fires in [true, false] {
            assert!(cases.contains(&(alert.name.clone(), fires)), "no case where {} fires: {fires}", alert.name);
        }
    }
}

#[test]
fn every_recorded_series_is_named_by_its_level_metric_and_operation() {
    for rule in rules().into_iter().filter(|rule| !rule.is_alert) {
        let parts: Vec<&str> = rule.name.split(':').collect();
        assert!(parts.len() == 3 && parts[0].starts_with("backfill"), "{}", rule.name);
    }
}

#[test]
fn the_sample_provisions_the_folder_as_it_ships() {
    let sample = yaml("dashboards/provisioning.yaml");
    let provider = &sample["providers"][0];
    assert_eq!(sample["apiVersion"].as_i64(), Some(1));
    assert_eq!(provider["folder"].as_str(), Some("tidegate"));
    assert_eq!(provider["allowUiUpdates"].as_bool(), Some(false));
    assert!(provider["options"]["path"].as_str().is_some());
}

/// So that nobody has to read the code to know what a series says.
#[test]
fn the_readme_has_every_series_as_it_is() {
    const BEGIN: &str = "<!-- series: written by `UPDATE_EXPECT=1 cargo test --test dashboards` -->\n";
    const END: &str = "<!-- end of series -->";
    let readme = file("README.md");
    let (before, rest) = readme.split_once(BEGIN).expect("the table's begin");
    let (table, after) = rest.split_once(END).expect("the table's end");
    let expected = table_of(&every_series());
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write("README.md", format!("{before}{BEGIN}{expected}{END}{after}")).expect("a README");
        return;
    }
    assert_eq!(table, expected, "run with UPDATE_EXPECT=1 when the code is right");
}

/// What the parts of a histogram are called.
const HISTOGRAM: [&str; 3] = ["_bucket", "_sum", "_count"];

fn family<'a>(series: &'a BTreeMap<String, Family>, name: &str) -> Option<&'a Family> {
    let whole = HISTOGRAM.iter().find_map(|part| name.strip_suffix(part));
    let histogram = whole.and_then(|whole| series.get(whole)).filter(|family| family.kind == "histogram");
    histogram.or_else(|| series.get(name).filter(|family| family.kind != "histogram"))
}

fn do_not_overlap(name: &str, dashboard: &Value) {
    let mut taken = BTreeMap::new();
    for panel in dashboard["panels"].as_array().expect("panels") {
        let place = |key: &str| panel["gridPos"][key].as_u64().expect("a place");
        assert!(place("x") + place("w") <= 24, "{name}: {} is too wide", panel["title"]);
        for cell in (place("x")..place("x") + place("w"))
            .flat_map(|x| (place("y")..place("y") + place("h")).map(move |y| (x, y)))
        {
            if let Some(other) = taken.insert(cell, &panel["title"]) {
                panic!("{name}: {} lies over {other}", panel["title"]);
            }
        }
    }
}

fn table_of(series: &BTreeMap<String, Family>) -> String {
    let mut table = "\n| series | type | labels | |\n|---|---|---|---|\n".to_owned();
    for (name, family) in series.iter().filter(|(name, _)| name.starts_with("tidegate_")) {
        let more = family.labels.iter().filter(|label| !["backfill", "database"].contains(&label.as_str()));
        let more: Vec<String> = more.map(|label| format!("`{label}`")).collect();
        table += &format!("| `{name}` | {} | {} | {} |\n", family.kind, more.join(", "), family.help);
    }
    table + "\n"
}
