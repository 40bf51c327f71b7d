//! How large are a table and its indexes? By the sizes of their files.

use super::connect::PostgresSession;
use super::spelling::stored_parts;
use crate::db::failure::Failure;
use crate::db::session::{Row, Session, first_int};
use crate::job::TableName;
use crate::plan::{IndexSize, TableSizes};

/// The sizes of a table, with what it stores apart, and of each of its indexes; of a partitioned table all of its
/// partitions'.
pub(super) async fn sizes(session: &mut PostgresSession, table: &TableName) -> Result<TableSizes, Failure> {
    let parts = stored_parts(table);
    let own = format!("select coalesce(sum(pg_table_size(p.oid)), 0)::bigint from ({parts}) as p");
    let indexes = format!(
        "select n.nspname::text, x.relname::text, pg_relation_size(x.oid) from ({parts}) as p \
         join pg_catalog.pg_index as i on i.indrelid = p.oid join pg_catalog.pg_class as x on x.oid = i.indexrelid \
         join pg_catalog.pg_namespace as n on n.oid = x.relnamespace order by 1, 2"
    );
    let table_bytes = first_int(&session.script(&own).await?);
    let indexes = session.script(&indexes).await?.iter().map(index).collect::<Result<_, _>>()?;
    Ok(TableSizes { table_bytes, indexes })
}

fn index(row: &Row) -> Result<IndexSize, Failure> {
    Ok(IndexSize { schema: row.text(0)?, name: row.text(1)?, bytes: row.int(2)?.unsigned_abs() })
}
