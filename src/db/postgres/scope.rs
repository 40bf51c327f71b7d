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
    session.script(&format!("{}; {BY_INDEX}", begin_survey())).await?;
    let statements = BatchStatements::new(Dialect::Postgres, work.clone());
    let plan = |sql: String| format!("explain (format json) {sql}");
    let key = key_as_stored(&work.key);
    let Some(scope) = &work.scope else { return Ok(None) };
    let in_scope = plan(statements.boundary_where(&key, &format!("({}\n)", scope.as_sql()), ROWS));
    let in_scope = match session.fetch(&in_scope, &[]).await {
        Ok(rows) => explained(&rows),
        // What is wrong with the expression is for the plan to say, which explains the whole statement.
        Err(Failure { class: Class::Fatal | Class::Row, code: Some(_), .. }) => return Ok(None),
        Err(failure) => return Err(failure),
    };
    let Some(scan) = in_scope.and_then(|root| unsorted_unfiltered(&root)) else { return Ok(None) };
    let Some(index) = scan.index() else { return Ok(None) };
    let has_only_these = has_only_rows_in_scope(session, work, index, scan.seeks()).await?;
    Ok(has_only_these.then(|| index.to_owned()))
}

/// Pure. What reads the table, where nothing is thrown away or sorted.
fn unsorted_unfiltered(root: &Node) -> Option<Node> {
    let sorts = root.any(|node| node.kind().contains("Sort"));
    root.walked().filter(|scan| !sorts && !scan.filters())
}

/// An index that begins with the key has every row, unless it is partial and `where` asks for nothing beside. One that
/// begins with another column is in the order of the key only below one value of it.
async fn has_only_rows_in_scope(
    session: &mut PostgresSession,
    work: &Work,
    index: &str,
    seeks: bool,
) -> Result<bool, Failure> {
    let leading = work.key.first().map(|column| column.name.as_str()).unwrap_or_default();
    let sql = "select i.indpred is not null, a.attname is not null and a.attname = $2 from pg_catalog.pg_index as i \
         join pg_catalog.pg_class as x on x.oid = i.indexrelid \
         left join pg_catalog.pg_attribute as a on a.attrelid = i.indrelid and a.attnum = i.indkey[0] \
         where x.relname = $1 and (i.indrelid = to_regclass($3) \
         or i.indrelid in (select p.relid from pg_partition_tree(to_regclass($3)) as p))";
    let table = Dialect::Postgres.table(&work.table);
    let rows = session.fetch(sql, &[index.into(), leading.into(), table.as_str().into()]).await?;
    let Some(row) = rows.first() else { return Ok(false) };
    let (is_partial, begins_with_key) = (row.int(0)? == 1, row.int(1)? == 1);
    Ok(!begins_with_key || (is_partial && !seeks))
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
