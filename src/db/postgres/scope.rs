//! Which rows are in scope, beside a walk: is there an index that has just those, and is any left? Both in a read-only
//! transaction that the caller ends.

use super::connect::PostgresSession;
use super::query_plan::{Node, explained};
use super::spelling::{BY_INDEX, begin_survey, key_as_stored};
use crate::db::dialect::Dialect;
use crate::db::failure::{Class, Failure};
use crate::db::session::{Session, first_int};
use crate::db::statement::BatchStatements;
use crate::plan::Work;
use std::time::Duration;

/// Rows of a batch to ask about: the answer is the same for any.
const ROWS: u32 = 1_000;

/// The index by which PostgreSQL finds the rows in scope in the order of the key without looking at any other row. Such an
/// index has the key's columns last, behind columns that `where` names one value of, or is partial by `where` itself.
pub(super) async fn scope_index(session: &mut PostgresSession, work: &Work) -> Result<Option<String>, Failure> {
    if !work.is_swept() {
        return Ok(None);
    }
    session.script(&format!("{}; {BY_INDEX}", begin_survey())).await?;
    let statements = BatchStatements::new(Dialect::Postgres, work.clone());
    let plan = |sql: String| format!("explain (format json) {sql}");
    let key = key_as_stored(&work.key);
    let Some(scope) = &work.scope else { return Ok(None) };
    let in_scope = plan(statements.boundary_where(&key, &format!("({}\n)", scope.as_sql()), ROWS));
    let any = plan(statements.boundary_where(&key, "true", ROWS));
    let in_scope = match session.fetch(&in_scope, &[]).await {
        Ok(rows) => explained(&rows),
        // What is wrong with the expression is for the plan to say, which explains the whole statement.
        Err(Failure { class: Class::Fatal | Class::Row, code: Some(_), .. }) => return Ok(None),
        Err(failure) => return Err(failure),
    };
    let any = explained(&session.fetch(&any, &[]).await?);
    Ok(in_scope.and_then(|root| index_of_scope(&root, any.as_ref())))
}

/// Pure. The index of the look-up in scope, where it filters nothing, sorts nothing and is not the one that has every row.
fn index_of_scope(in_scope: &Node, any: Option<&Node>) -> Option<String> {
    let scan = in_scope.walked()?;
    let index = scan.index()?;
    let sorts = in_scope.any(|node| node.kind().contains("Sort"));
    let has_all = any.and_then(Node::walked).is_some_and(|scan| scan.index() == Some(index));
    (!sorts && !scan.filters() && !has_all).then(|| index.to_owned())
}

/// Whether any row is in scope, in one statement and so at one moment. `None`: not known within `limit`.
pub(super) async fn any_in_scope(
    session: &mut PostgresSession,
    work: &Work,
    run: i64,
    limit: Duration,
) -> Result<Option<bool>, Failure> {
    // One process of the server's and no more: the application has the others.
    let settings = format!(
        "set local statement_timeout = {}; set local max_parallel_workers_per_gather = 0; set local jit = off",
        limit.as_millis()
    );
    session.script(&format!("{}; {settings}", begin_survey())).await?;
    let statements = BatchStatements::new(Dialect::Postgres, work.clone());
    match session.fetch(&statements.any_in_scope(run), &[]).await {
        Ok(rows) => Ok(Some(first_int(&rows) == 1)),
        Err(failure) if failure.has_code(&[QUERY_CANCELED]) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// SQLSTATE of a statement that took too long.
const QUERY_CANCELED: &str = "57014";
