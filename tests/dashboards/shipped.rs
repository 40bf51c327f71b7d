//! What ships in `dashboards/`? Its expressions, each with the place where it stands, ready to be asked. Knows no
//! Prometheus.

use promql_parser::parser::{Expr, VectorSelector};
use promql_parser::util::{ExprVisitor, walk_expr};
use serde_json::Value;
use yaml_rust2::{Yaml, YamlLoader};

/// The dashboards, by the names of their files.
pub(crate) const DASHBOARDS: [&str; 2] = ["fleet", "run"];

/// An expression of a panel.
pub(crate) struct PanelQuery {
    /// `fleet: Rows changed`.
    pub(crate) place: String,
    /// With every variable filled in.
    pub(crate) expr: String,
}

/// A rule, recording or alerting.
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) is_alert: bool,
    pub(crate) expr: String,
}

/// A file of this repository.
pub(crate) fn file(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A dashboard's model.
pub(crate) fn dashboard(name: &str) -> Value {
    let path = format!("dashboards/{name}.json");
    serde_json::from_str(&file(&path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Its panels, rows left out.
pub(crate) fn panels(dashboard: &Value) -> Vec<&Value> {
    let panels = dashboard["panels"].as_array().expect("panels");
    panels.iter().filter(|panel| panel["type"] != "row").collect()
}

/// Every expression of every panel.
pub(crate) fn panel_queries() -> Vec<PanelQuery> {
    let mut queries = Vec::new();
    for name in DASHBOARDS {
        let dashboard = dashboard(name);
        for panel in panels(&dashboard) {
            let place = format!("{name}: {}", panel["title"].as_str().expect("a title"));
            for target in panel["targets"].as_array().expect("targets") {
                let expr = filled_in(target["expr"].as_str().expect("an expression"));
                queries.push(PanelQuery { place: place.clone(), expr });
            }
        }
    }
    queries
}

/// The expression as Grafana sends it where `All` is chosen, at steps of a second.
fn filled_in(expr: &str) -> String {
    let mut filled = expr.replace("$__rate_interval", "15s");
    for variable in ["job", "instance", "database", "backfill"] {
        filled = filled.replace(&format!("${variable}\""), ".+\"");
    }
    assert!(!filled.contains('$'), "a variable that no dashboard has: {expr}");
    filled
}

/// Every rule that ships.
pub(crate) fn rules() -> Vec<Rule> {
    rules_as_written().iter().map(rule).collect()
}

/// The same, with all that stands there.
pub(crate) fn rules_as_written() -> Vec<Yaml> {
    let document = yaml("dashboards/rules.yaml");
    let groups = document["groups"].as_vec().expect("groups");
    groups.iter().flat_map(|group| group["rules"].as_vec().expect("rules")).cloned().collect()
}

fn rule(rule: &Yaml) -> Rule {
    let alert = rule["alert"].as_str();
    let name = alert.or(rule["record"].as_str()).expect("a name").to_owned();
    Rule { name, is_alert: alert.is_some(), expr: rule["expr"].as_str().expect("an expression").to_owned() }
}

/// The one document of a YAML file.
pub(crate) fn yaml(path: &str) -> Yaml {
    let mut documents = YamlLoader::load_from_str(&file(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    assert_eq!(documents.len(), 1, "{path}");
    documents.swap_remove(0)
}

/// Every selector of an expression.
pub(crate) fn selectors(expr: &str) -> Vec<VectorSelector> {
    struct Found(Vec<VectorSelector>);
    impl ExprVisitor for Found {
        type Error = std::convert::Infallible;
        fn pre_visit(&mut self, expr: &Expr) -> Result<bool, Self::Error> {
            match expr {
                Expr::VectorSelector(selector) => self.0.push(selector.clone()),
                Expr::MatrixSelector(matrix) => self.0.push(matrix.vs.clone()),
                _ => {}
            }
            Ok(true)
        }
    }
    let parsed = promql_parser::parser::parse(expr).unwrap_or_else(|error| panic!("{error}: {expr}"));
    let mut found = Found(Vec::new());
    let Ok(_) = walk_expr(&mut found, &parsed);
    found.0
}
