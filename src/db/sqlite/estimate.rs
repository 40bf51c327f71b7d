//! About how many rows has a table? Two look-ups at its ends, the size of the file and the numbers of ANALYZE; never a
//! count.

use super::connect::SqliteSession;
use crate::db::dialect::{Dialect, quote};
use crate::db::failure::Failure;
use crate::db::session::{Row, Session, Value};
use crate::job::{Ident, TableName};
use crate::plan::TableFacts;

/// The least bytes that a row takes: its place in the page, two lengths, a number, one small value.
const LEAST_BYTES_PER_ROW: u64 = 8;

/// What a row takes that nothing is known of: a short text or two, and its share of an index.
const USUAL_BYTES_PER_ROW: u64 = 64;

/// What ANALYZE counted, else a guess from the file's size. Rows that are numbered bound both: there are no more of them
/// than numbers from the first to the last.
pub(super) async fn estimated_rows(
    session: &mut SqliteSession,
    name: &TableName,
    facts: &TableFacts,
    without_rowid: bool,
) -> Result<u64, Failure> {
    let numbers = match numbered_by(facts, without_rowid) {
        Some(column) => numbers(session, name, &column).await?,
        None => None,
    };
    Ok(match (analyzed_rows(session, &name.name).await?, numbers) {
        (Some(rows), numbers) => rows.min(numbers.unwrap_or(u64::MAX)),
        (None, Some(numbers)) => numbers.min(facts.bytes / LEAST_BYTES_PER_ROW),
        (None, None) => facts.bytes / USUAL_BYTES_PER_ROW,
    })
}

async fn analyzed_rows(session: &mut SqliteSession, table: &Ident) -> Result<Option<u64>, Failure> {
    let exists = "select 1 from sqlite_schema where name = 'sqlite_stat1'";
    if session.fetch(exists, &[]).await?.is_empty() {
        return Ok(None);
    }
    // A line per index; that of a partial index counts fewer rows.
    let sql = "select max(cast(stat as integer)) from sqlite_stat1 where tbl = $1 collate nocase";
    let rows = session.fetch(sql, &[table.as_str().into()]).await?;
    Ok(rows.first().and_then(|row| row.int_or_null(0)).map(i64::unsigned_abs))
}

/// What numbers the rows: the rowid, unless a column hides it; without one the only key column may hold numbers.
fn numbered_by(facts: &TableFacts, without_rowid: bool) -> Option<String> {
    if !without_rowid {
        let is_hidden = facts.columns.iter().any(|column| column.name.as_str().eq_ignore_ascii_case("_rowid_"));
        return (!is_hidden).then(|| "_rowid_".to_owned());
    }
    match facts.primary_key.as_slice() {
        [column] if facts.unique_keys.contains(&facts.primary_key) => Some(quote(column)),
        _ => None,
    }
}

/// How many numbers lie from the first to the last, where those two are whole numbers.
async fn numbers(session: &mut SqliteSession, name: &TableName, column: &str) -> Result<Option<u64>, Failure> {
    let table = Dialect::Sqlite.table(name);
    // One look-up each; `min` and `max` in one select would read every row.
    let sql = format!("select (select min(t.{column}) from {table} as t), (select max(t.{column}) from {table} as t)");
    let rows = session.fetch(&sql, &[]).await?;
    Ok(match rows.first().map(|Row(ends)| ends.as_slice()) {
        Some([Value::Int(first), Value::Int(last)]) => Some(last.abs_diff(*first).saturating_add(1)),
        Some([Value::Null, _]) => Some(0),
        _ => None,
    })
}
