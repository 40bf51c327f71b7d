//! How do the rows of a table lie on disk, and in which partitions? Sizes and statistics only, in the caller's transaction.

use super::connect::PostgresSession;
use crate::db::dialect::{Dialect, literal};
use crate::db::failure::Failure;
use crate::db::session::{Row, Session};
use crate::job::{Ident, TableName};
use crate::plan::{Heap, TableFacts};

/// A table with rows of its own: the walked one, or one of its partitions.
pub(super) struct Leaf {
    /// `None`: the table itself.
    pub(super) part: Option<TableName>,
    /// Blocks of its file.
    pub(super) blocks: u64,
    /// Whether this role may work on it by its own name. Through the table it is asked for its rights on the table alone.
    pub(super) by_name: bool,
}

/// The tables whose rows are the table's, in the order of their names.
pub(super) async fn leaves(session: &mut PostgresSession, table: &TableName) -> Result<Vec<Leaf>, Failure> {
    let sql = format!(
        "with {leaf} select leaf.relid = root.oid, n.nspname::text, c.relname::text, \
         pg_relation_size(leaf.relid) / current_setting('block_size')::bigint, \
         {BY_NAME} from root, leaf join pg_catalog.pg_class as c on c.oid = leaf.relid \
         join pg_catalog.pg_namespace as n on n.oid = c.relnamespace order by n.nspname, c.relname",
        leaf = leaf(table)
    );
    session.script(&sql).await?.iter().map(read_leaf).collect()
}

fn read_leaf(row: &Row) -> Result<Leaf, Failure> {
    let name = |column| Ident::new(&row.text(column)?).map_err(|error| Failure::fatal(error.to_string()));
    let part = if row.int(0)? == 1 { None } else { Some(TableName { schema: Some(name(1)?), name: name(2)? }) };
    Ok(Leaf { part, blocks: row.int(3)?.unsigned_abs(), by_name: row.int(4)? == 1 })
}

/// Adds to a table's facts what it has on disk, and how far its columns follow the order there.
pub(super) async fn add_to(
    session: &mut PostgresSession,
    table: &TableName,
    facts: &mut TableFacts,
) -> Result<(), Failure> {
    // Another access method has blocks of its own kind, or none.
    let sql = format!(
        "with {leaf} select coalesce(bool_and(am.amname = 'heap' and {BY_NAME}), false), \
         coalesce(sum(pg_relation_size(leaf.relid)), 0)::bigint, \
         (select setting::bigint * current_setting('block_size')::bigint from pg_catalog.pg_settings \
         where name = 'shared_buffers') \
         from leaf join pg_catalog.pg_class as c on c.oid = leaf.relid left join pg_catalog.pg_am as am on am.oid = c.relam",
        leaf = leaf(table)
    );
    if let [row] = session.script(&sql).await?.as_slice()
        && row.int(0)? == 1
    {
        facts.heap = Some(Heap { bytes: row.int(1)?.unsigned_abs(), cache_bytes: row.int(2)?.unsigned_abs() });
    }
    // Table by table: joined freely, the view is read for every column of the database.
    let sql = format!(
        "with {leaf}, named as materialized (select n.nspname as schema, c.relname as name \
         from leaf join pg_catalog.pg_class as c on c.oid = leaf.relid \
         join pg_catalog.pg_namespace as n on n.oid = c.relnamespace) \
         select s.attname::text, \
         (case when count(*) = 1 then max(s.correlation) else avg(abs(s.correlation)) end)::float8 \
         from named cross join lateral (select s.attname, s.correlation from pg_catalog.pg_stats as s \
         where s.schemaname = named.schema and s.tablename = named.name and not s.inherited offset 0) as s \
         where s.correlation is not null group by s.attname",
        leaf = leaf(table)
    );
    for row in session.script(&sql).await? {
        let name = row.text(0)?;
        let column = facts.columns.iter_mut().find(|column| column.name.as_str() == name);
        column.into_iter().for_each(|column| column.correlation = row.real_or_null(1));
    }
    Ok(())
}

/// Whether this role may read and write the leaf by its own name, and sees all of its rows there.
const BY_NAME: &str = "(has_any_column_privilege(leaf.relid, 'select') and (has_any_column_privilege(leaf.relid, 'update') \
    or has_table_privilege(leaf.relid, 'delete')) and not row_security_active(leaf.relid))";

/// `root`, the table; `leaf`, whatever has its rows.
fn leaf(table: &TableName) -> String {
    let table = literal(&Dialect::Postgres.table(table));
    format!(
        "root as (select to_regclass({table})::oid as oid), \
         leaf as (select p.relid::oid as relid from root, pg_partition_tree(root.oid) as p where p.isleaf \
         union select root.oid from root where not exists (select from pg_partition_tree(root.oid)))"
    )
}
