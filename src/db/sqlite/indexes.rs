//! Which indexes does a table have, and which of them make their columns a key? From SQLite's schema and its planner;
//! never a scan.

use super::catalog::ident;
use super::connect::SqliteSession;
use crate::db::dialect::{Dialect, quote};
use crate::db::failure::{Class, Failure};
use crate::db::session::Session;
use crate::job::{Ident, TableName};
use crate::plan::KeyFlaw;

/// An index of a table.
pub(super) struct Index {
    pub(super) name: String,
    pub(super) is_primary: bool,
    is_unique: bool,
    is_partial: bool,
    /// `None` where it is over an expression.
    pub(super) columns: Option<Vec<Ident>>,
}

/// The indexes of a table, in SQLite's own order.
pub(super) async fn indexes(session: &mut SqliteSession, table: &str) -> Result<Vec<Index>, Failure> {
    let sql = "select l.name, l.origin = 'pk', l.\"unique\", x.name, l.partial \
               from pragma_index_list($1, 'main') as l join pragma_index_xinfo(l.name, 'main') as x \
               where x.key order by l.seq, x.seqno";
    let mut indexes: Vec<Index> = Vec::new();
    for row in session.fetch(sql, &[table.into()]).await? {
        let name = row.text(0)?;
        if indexes.last().is_none_or(|last| last.name != name) {
            let [is_primary, is_unique, is_partial] = [row.int(1)? == 1, row.int(2)? == 1, row.int(4)? == 1];
            indexes.push(Index { name, is_primary, is_unique, is_partial, columns: Some(Vec::new()) });
        }
        let Some(index) = indexes.last_mut() else { continue };
        match row.text_or_null(3) {
            Some(column) => {
                let column = ident(&column)?;
                index.columns.iter_mut().for_each(|columns| columns.push(column.clone()));
            }
            None => index.columns = None,
        }
    }
    Ok(indexes)
}

/// Why an index does not make its columns a key; `None` where it does.
///
/// Its collations must be those of the columns: an index that tells `a` from `A` is no key where the column, and so every
/// range of ours, takes them for equal. No pragma names a column's collation, but the planner knows it: it looks up by
/// the index exactly the columns that are compared as it compares.
pub(super) async fn flaw(
    session: &mut SqliteSession,
    table: &TableName,
    index: &Index,
    columns: &[Ident],
) -> Result<Option<KeyFlaw>, Failure> {
    match index {
        Index { is_unique: false, .. } => return Ok(Some(KeyFlaw::NotUnique)),
        Index { is_partial: true, .. } => return Ok(Some(KeyFlaw::Partial)),
        Index { .. } => {}
    }
    let compared: Vec<_> = columns.iter().zip(1..).map(|(name, n)| format!("t.{} = ${n}", quote(name))).collect();
    let sql = format!(
        "explain query plan select 1 from {} as t indexed by {} where {}",
        Dialect::Sqlite.table(table),
        quote(&ident(&index.name)?),
        compared.join(" and ")
    );
    let planned = match session.fetch(&sql, &[]).await {
        // For instance a collation that only the application has.
        Err(failure) if failure.class == Class::Fatal => return Ok(Some(KeyFlaw::Collation)),
        planned => planned?,
    };
    let looked_up: Vec<_> = columns.iter().map(|name| format!("{}=?", name.as_str())).collect();
    let looked_up = format!("({})", looked_up.join(" AND "));
    let is_key = planned.iter().filter_map(|row| row.text_or_null(3)).any(|line| line.ends_with(&looked_up));
    Ok((!is_key).then_some(KeyFlaw::Collation))
}
