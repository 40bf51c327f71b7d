//! What does `explain` say? Reads PostgreSQL's plans as JSON. Knows no statement.

use crate::db::session::{Row, first_text};
use crate::plan::QueryPlan;
use serde_json::Value;

/// One node of a plan, with what feeds it.
pub(super) struct Node(Value);

/// The plan in the answer to `explain (format json)`.
pub(super) fn explained(rows: &[Row]) -> Option<Node> {
    let mut explained: Value = serde_json::from_str(&first_text(rows)?).ok()?;
    Some(Node(explained.get_mut(0)?.get_mut("Plan")?.take()))
}

impl Node {
    /// `Index Scan`, `Limit`, …
    pub(super) fn kind(&self) -> &str {
        text(&self.0, "Node Type").unwrap_or("?")
    }

    /// Rows that the planner expects.
    pub(super) fn rows(&self) -> Option<u64> {
        self.0.get("Plan Rows")?.as_f64().map(|rows| rows as u64)
    }

    /// The index it reads.
    pub(super) fn index(&self) -> Option<&str> {
        text(&self.0, "Index Name")
    }

    /// Whether it throws rows away that it has read.
    pub(super) fn filters(&self) -> bool {
        self.0.get("Filter").is_some()
    }

    /// Whether it begins and ends at values of the index.
    pub(super) fn seeks(&self) -> bool {
        self.0.get("Index Cond").is_some()
    }

    /// Whether this holds for it, or for one below it.
    pub(super) fn any(&self, holds: impl Fn(&Self) -> bool + Copy) -> bool {
        holds(self) || self.children().iter().any(|child| child.any(holds))
    }

    /// The first node that reads the walked table.
    pub(super) fn walked(&self) -> Option<Self> {
        match is_walked(&self.0) {
            true => Some(Self(self.0.clone())),
            false => self.children().iter().find_map(Self::walked),
        }
    }

    /// As much of the plan as decides.
    pub(super) fn in_words(&self) -> QueryPlan {
        let mut plan = QueryPlan { by_index: true, ..QueryPlan::default() };
        read(&self.0, 0, &mut plan);
        plan
    }

    fn children(&self) -> Vec<Self> {
        children(&self.0).cloned().map(Self).collect()
    }
}

fn text<'v>(node: &'v Value, field: &str) -> Option<&'v str> {
    node.get(field).and_then(Value::as_str)
}

fn children(node: &Value) -> impl Iterator<Item = &Value> {
    node.get("Plans").and_then(Value::as_array).into_iter().flatten()
}

/// The walked table's alias tells its nodes from those of a user's subquery, and partitions carry it with a number.
fn is_walked(node: &Value) -> bool {
    text(node, "Alias").is_some_and(|alias| alias == "t" || alias.starts_with("t_"))
}

/// A line per node, as `explain` writes them.
fn read(node: &Value, depth: usize, plan: &mut QueryPlan) {
    let kind = text(node, "Node Type").unwrap_or("?");
    if is_walked(node) && kind == "Seq Scan" {
        plan.by_index = false;
    }
    let index = text(node, "Index Name").map(|name| format!(" using {name}")).unwrap_or_default();
    let relation = text(node, "Relation Name").map(|name| format!(" on {name}")).unwrap_or_default();
    let rows = node.get("Plan Rows").and_then(Value::as_f64).unwrap_or_default();
    plan.lines.push(format!("{}{kind}{index}{relation} (rows={rows})", "  ".repeat(depth)));
    for (field, word) in [("Index Cond", "index condition"), ("TID Cond", "block condition")] {
        if let Some(condition) = text(node, field) {
            plan.lines.push(format!("{}  {word}: {condition}", "  ".repeat(depth)));
        }
    }
    for child in children(node) {
        read(child, depth + 1, plan);
    }
}
