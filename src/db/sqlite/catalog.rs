//! What does SQLite know about a table? Its schema, and what the planner makes of its indexes; never a scan.

use super::connect::{BEGIN_READING, SqliteSession};
use super::estimate::estimated_rows;
use super::indexes::{Index, flaw, indexes};
use crate::db::failure::Failure;
use crate::db::remedy;
use crate::db::session::Session;
use crate::job::{Change, Ident, Job, TableName};
use crate::plan::{ColumnFacts, Facts, Owner, TableFacts, TableKind, UnsuitedKey};
use sqlparser::dialect::SQLiteDialect;
use sqlparser::tokenizer::{Token, Tokenizer};

/// Reads the facts about a job's tables.
pub(super) async fn facts(session: &mut SqliteSession, job: &Job) -> Result<Facts, Failure> {
    session.script(BEGIN_READING).await?;
    let facts = facts_in_transaction(session, job).await;
    session.rollback().await;
    facts.map_err(|failure| remedy::of_any(failure).while_doing(format!("read the catalog about {}", job.table)))
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
    let owner = owner(name.name.as_str());
    if owner == Owner::Database {
        // Not all of these are listed.
        return Ok(Some(TableFacts { owner, ..TableFacts::default() }));
    }
    let sql = "select name, type, wr from pragma_table_list($1) where schema = 'main'";
    let rows = session.fetch(sql, &[name.name.as_str().into()]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let own_name = row.text(0)?;
    let kind = match row.text(1)?.as_str() {
        "table" => TableKind::Table,
        "view" => TableKind::Other("a view"),
        "virtual" => TableKind::Other("a virtual table"),
        _ => TableKind::Other("a part of a virtual table"),
    };
    let is_plain = kind == TableKind::Table && owner == Owner::Application;
    let mut facts = TableFacts {
        kind,
        owner,
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
    for index in indexes.iter().filter(|_| is_plain) {
        let Some(columns) = index.columns.clone() else { continue };
        match flaw(session, name, index, &columns).await? {
            None => facts.unique_keys.push(columns),
            Some(flaw) => facts.unsuited_keys.push(UnsuitedKey { index: index.name.clone(), columns, flaw }),
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

/// SQLite keeps names with its own prefix for itself, and so do we.
fn owner(name: &str) -> Owner {
    let name = name.to_ascii_lowercase();
    match () {
        () if name.starts_with("sqlite_") => Owner::Database,
        () if name.starts_with("tidegate_") => Owner::Tidegate,
        () => Owner::Application,
    }
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
        let (name, sql_type, generated) = (self.name, self.sql_type, self.generated);
        // A key is kept as a value in its storage class, which no setting touches.
        ColumnFacts { name, sql_type, nullable, generated, text_depends_on: None, correlation: None }
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

/// A name as the catalog has it.
pub(super) fn ident(name: &str) -> Result<Ident, Failure> {
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
