//! May the database be held to the key's index while a batch changes its rows? Statistics of a table that is being rewritten
//! are never right, and a plan that reads the whole table for each batch is a run that never ends. But the settings that
//! hold the server hold every query of the statement: a user's own would be planned for the worse.

use super::facts::Facts;
use crate::job::Expression;

/// What would suffer, for people; nothing where the change may be held to the index.
pub(super) fn queries_of_others<'a>(
    mut expressions: impl Iterator<Item = &'a Expression>,
    facts: &Facts,
) -> Vec<String> {
    let mut queries = Vec::new();
    if expressions.any(|expression| expression.may_hold_query()) {
        queries.push("an expression of the job holds a query".to_owned());
    }
    if !facts.querying_functions.is_empty() {
        queries.push(format!("the job calls functions that may run queries: {}", facts.querying_functions.join(", ")));
    }
    let tables = facts.table.iter().chain(&facts.target);
    let triggers: Vec<_> = tables.flat_map(|table| &table.triggers).map(String::as_str).collect();
    if !triggers.is_empty() {
        queries.push(format!("triggers may run queries: {}", triggers.join(", ")));
    }
    queries
}

/// What `plan` says of it.
pub(super) fn note(queries: &[String]) -> String {
    match queries {
        [] => "batches are held to the key's index, whatever the table's statistics say".to_owned(),
        queries => format!(
            "the server chooses how it reads the rows of a batch: holding it to the key's index would hold other queries \
             too, because {}",
            queries.join(", and ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::TableFacts;

    #[test]
    fn only_what_has_no_query_of_its_own_is_held() {
        let plain = Facts { table: Some(TableFacts::default()), ..Facts::default() };
        let with_trigger = || TableFacts { triggers: vec!["audit".to_owned()], ..TableFacts::default() };
        let walked = Facts { table: Some(with_trigger()), ..Facts::default() };
        let target = Facts { target: Some(with_trigger()), ..plain.clone() };
        let function = Facts { querying_functions: vec!["price_of".to_owned()], ..plain.clone() };
        let table = [
            ("a + 1", &plain, 0),
            ("(select max(a) from b)", &plain, 1),
            ("price_of(a)", &function, 1),
            ("a + 1", &walked, 1),
            ("a + 1", &target, 1),
            ("(select 1)", &walked, 2),
        ];
        for (sql, facts, queries) in table {
            let expression = Expression::parse(sql).unwrap();
            assert_eq!(queries_of_others([&expression].into_iter(), facts).len(), queries, "{sql}");
        }
    }
}
