//! What does SQLite know about a table? Its schema, and what the planner makes of its indexes; never a scan.

use super::connect::{BEGIN_READING, SqliteSession};
use super::estimate::estimated_rows;
use crate::db::dialect::{Dialect, quote};
use crate::db::failure::{Class, Failure};
use crate::db::session::Session;
use crate::job::{Change, Ident, Job, TableName};
use crate::plan::{ColumnFacts, Facts, TableFacts, TableKind};
use sqlparser::dialect::SQLiteDialect;
use sqlparser::tokenizer::{Token, Tokenizer};

/// Reads the facts about a job's tables.
pub(super) async fn facts(session: &mut SqliteSession, job: &Job) -> Result<Facts, Failure> {
    session.script(BEGIN_READING).await?;
    let facts = facts_in_transaction(session, job).await;
    session.rollback().await;
    facts.map_err(|failure| failure.while_doing(format!("read the catalog about {}", job.table)))
}

async fn facts_in_transaction(session: &mut SqliteSession, job: &Job) -> Result<Facts, Failure> {
    let target = match &job.change {
        Change::Copy { into, .. } | Change::Delete { archive_into: Some(into) } => Some(into),
        Change::Set(_) | Change::Delete { archive_into: None } => None,
    };
    let mut facts = Facts {
        table: table(session, &job.table, trigger_event(&job.change)).await?,
        // SQLite has one writer: a second batch would only wait for the first.
        max_workers: Some(1),
        ..Facts::default()
    };
    if facts.table.is_none() {
        facts.similar_tables = similar_tables(session, &job.table).await?;
        return Ok(facts);
    }
    if let Some(target) = target {
        facts.target = table(session, target, Some("insert")).await?;
    }
    Ok(facts)
}

fn trigger_event(change: &Change) -> Option<&'static str> {
    match change {
        Change::Set(_) => Some("update"),
        Change::Delete { .. } => Some("delete"),
        // The walked table is only read.
        Change::Copy { .. } => None,
    }
}

async fn table(
    session: &mut SqliteSession,
    name: &TableName,
    event: Option<&str>,
) -> Result<Option<TableFacts>, Failure> {
    // Another schema would be another file, attached by another connection.
    if name.schema.as_ref().is_some_and(|schema| !schema.as_str().eq_ignore_ascii_case("main")) {
        return Ok(None);
    }
    let sql = "select name, type, wr from pragma_table_list($1) where schema = 'main'";
    let rows = session.fetch(sql, &[name.name.as_str().into()]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let own_name = row.text(0)?;
    let is_plain = row.text(1)? == "table" && !own_name.to_ascii_lowercase().starts_with("sqlite_");
    let mut facts = TableFacts {
        kind: if is_plain { TableKind::Table } else { TableKind::Other },
        full_name: format!("main.{own_name}"),
        bytes: file_bytes(session).await?,
        ..TableFacts::default()
    };
    let columns = columns(session, &own_name).await?;
    let indexes = indexes(session, &own_name).await?;
    let without_rowid = row.int(2)? == 1;
    let rowid_alias = rowid_alias(&columns, &indexes, without_rowid);
    facts.primary_key = primary_key(&columns);
    facts.unique_keys.extend(rowid_alias.clone().map(|alias| vec![alias]));
    for index in &indexes {
        if is_plain && let Some(key) = unique_key(session, name, index).await? {
            facts.unique_keys.push(key);
        }
    }
    facts.indexes = indexes.into_iter().map(|index| index.name).collect();
    facts.columns = columns.into_iter().map(|column| column.facts(rowid_alias.as_ref())).collect();
    if is_plain {
        facts.triggers = triggers(session, &own_name, event).await?;
        facts.estimated_rows = estimated_rows(session, name, &facts, without_rowid).await?;
    }
    Ok(Some(facts))
}

/// Of the whole file: the tables in it are not told apart without reading it.
async fn file_bytes(session: &mut SqliteSession) -> Result<u64, Failure> {
    let sql = "select page_count * page_size from pragma_page_count, pragma_page_size";
    let rows = session.fetch(sql, &[]).await?;
    Ok(rows.first().and_then(|row| row.int_or_null(0)).unwrap_or_default().unsigned_abs())
}

struct Column {
    name: Ident,
    sql_type: String,
    not_null: bool,
    /// Its place in the primary key, from 1; 0 for the others.
    key_place: i64,
    generated: bool,
}

impl Column {
    /// A primary key may hold nulls here, unless it is the rowid.
    fn facts(self, rowid_alias: Option<&Ident>) -> ColumnFacts {
        let nullable = !self.not_null && rowid_alias != Some(&self.name);
        ColumnFacts { name: self.name, sql_type: self.sql_type, nullable, generated: self.generated }
    }
}

async fn columns(session: &mut SqliteSession, table: &str) -> Result<Vec<Column>, Failure> {
    let sql = "select name, type, \"notnull\", pk, hidden in (2, 3) from pragma_table_xinfo($1, 'main') order by cid";
    let rows = session.fetch(sql, &[table.into()]).await?;
    rows.iter()
        .map(|row| {
            Ok(Column {
                name: ident(&row.text(0)?)?,
                sql_type: row.text(1)?,
                not_null: row.int(2)? == 1,
                key_place: row.int(3)?,
                generated: row.int(4)? == 1,
            })
        })
        .collect()
}

fn primary_key(columns: &[Column]) -> Vec<Ident> {
    let mut key: Vec<_> = columns.iter().filter(|column| column.key_place > 0).collect();
    key.sort_by_key(|column| column.key_place);
    key.into_iter().map(|column| column.name.clone()).collect()
}

/// The column that is the rowid itself: an `integer primary key` that needed no index of its own (as `integer primary
/// key desc` does).
fn rowid_alias(columns: &[Column], indexes: &[Index], without_rowid: bool) -> Option<Ident> {
    let mut key = columns.iter().filter(|column| column.key_place > 0);
    let (Some(only), None) = (key.next(), key.next()) else { return None };
    let is_alias = !without_rowid
        && only.sql_type.eq_ignore_ascii_case("integer")
        && !indexes.iter().any(|index| index.is_primary);
    is_alias.then(|| only.name.clone())
}

struct Index {
    name: String,
    is_primary: bool,
    /// Whether it keeps every row apart.
    is_unique: bool,
    /// `None` where it is over an expression.
    columns: Option<Vec<Ident>>,
}

async fn indexes(session: &mut SqliteSession, table: &str) -> Result<Vec<Index>, Failure> {
    let sql = "select l.name, l.origin = 'pk', l.\"unique\" and not l.partial, x.name \
               from pragma_index_list($1, 'main') as l join pragma_index_xinfo(l.name, 'main') as x \
               where x.key order by l.seq, x.seqno";
    let mut indexes: Vec<Index> = Vec::new();
    for row in session.fetch(sql, &[table.into()]).await? {
        let name = row.text(0)?;
        if indexes.last().is_none_or(|last| last.name != name) {
            let (is_primary, is_unique) = (row.int(1)? == 1, row.int(2)? == 1);
            indexes.push(Index { name, is_primary, is_unique, columns: Some(Vec::new()) });
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

/// The columns of an index that makes them a key. Its collations must be those of the columns: an index that tells `a`
/// from `A` is no key where the column, and so every range of ours, takes them for equal. No pragma names a column's
/// collation, but the planner knows it: it looks up by the index exactly the columns that are compared as it compares.
async fn unique_key(
    session: &mut SqliteSession,
    table: &TableName,
    index: &Index,
) -> Result<Option<Vec<Ident>>, Failure> {
    let (true, Some(columns)) = (index.is_unique, &index.columns) else { return Ok(None) };
    let compared: Vec<_> = columns.iter().zip(1..).map(|(name, n)| format!("t.{} = ${n}", quote(name))).collect();
    let sql = format!(
        "explain query plan select 1 from {} as t indexed by {} where {}",
        Dialect::Sqlite.table(table),
        quote(&ident(&index.name)?),
        compared.join(" and ")
    );
    let planned = match session.fetch(&sql, &[]).await {
        // For instance a collation that only the application has.
        Err(failure) if failure.class == Class::Fatal => return Ok(None),
        planned => planned?,
    };
    let looked_up: Vec<_> = columns.iter().map(|name| format!("{}=?", name.as_str())).collect();
    let looked_up = format!("({})", looked_up.join(" AND "));
    let is_key = planned.iter().filter_map(|row| row.text_or_null(3)).any(|line| line.ends_with(&looked_up));
    Ok(is_key.then(|| columns.clone()))
}

async fn triggers(session: &mut SqliteSession, table: &str, event: Option<&str>) -> Result<Vec<String>, Failure> {
    let Some(event) = event else { return Ok(Vec::new()) };
    let sql =
        "select name, sql from sqlite_schema where type = 'trigger' and tbl_name = $1 collate nocase order by name";
    let rows = session.fetch(sql, &[table.into()]).await?;
    let firing = rows.iter().filter(|row| fires_on(&row.text_or_null(1).unwrap_or_default(), event));
    firing.map(|row| row.text(0)).collect()
}

/// The event is the first of the three words: no name can be one of them without quotes. What cannot be read is
/// mentioned rather than left out.
fn fires_on(trigger: &str, event: &str) -> bool {
    let Ok(tokens) = Tokenizer::new(&SQLiteDialect {}, trigger).tokenize() else { return true };
    let mut words = tokens.iter().filter_map(|token| match token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.value.as_str()),
        _ => None,
    });
    let named = words.find(|word| ["insert", "update", "delete"].iter().any(|event| word.eq_ignore_ascii_case(event)));
    named.is_none_or(|named| named.eq_ignore_ascii_case(event))
}

async fn similar_tables(session: &mut SqliteSession, name: &TableName) -> Result<Vec<String>, Failure> {
    let sql = "select name from pragma_table_list where schema = 'main' and type = 'table' \
               and name not like 'sqlite\\_%' escape '\\' and name not like 'tidegate\\_%' escape '\\' \
               order by name limit 10000";
    let names: Result<Vec<String>, Failure> = session.fetch(sql, &[]).await?.iter().map(|row| row.text(0)).collect();
    let wanted = name.name.as_str().to_lowercase();
    let is_similar = |name: &String| strsim::jaro_winkler(&name.to_lowercase(), &wanted) > 0.85;
    let mut names: Vec<_> = names?.into_iter().filter(is_similar).collect();
    names.truncate(3);
    Ok(names)
}

fn ident(name: &str) -> Result<Ident, Failure> {
    Ident::new(name).map_err(|error| Failure::fatal(format!("the catalog has a name that cannot be used: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_triggers_event_is_read_past_its_name() {
        let table = [
            ("create trigger a after update on t begin select 1; end", "update"),
            (
                "CREATE TRIGGER IF NOT EXISTS \"on insert\" BEFORE UPDATE OF a, \"delete\" ON t BEGIN SELECT 1; END",
                "update",
            ),
            ("create trigger [update] after delete on t begin insert into u values (1); end", "delete"),
            ("create trigger a /* update */ insert on t -- delete\nbegin delete from u; end", "insert"),
            ("create trigger insert_a delete on t begin select 'it''s'; end", "delete"),
        ];
        for (sql, event) in table {
            for asked in ["insert", "update", "delete"] {
                assert_eq!(fires_on(sql, asked), asked == event, "{asked}: {sql}");
            }
        }
    }

    #[test]
    fn a_trigger_that_cannot_be_read_is_mentioned() {
        assert!(fires_on("create trigger \"a", "update"));
        assert!(fires_on("", "update"));
    }
}
