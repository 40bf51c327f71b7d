//! What may this role not do that the job needs? Each missing privilege as the GRANT that mends it. Asks the catalog only.

use super::connect::PostgresSession;
use super::spelling::stored_parts;
use crate::db::dialect::{Dialect, literal, quote};
use crate::db::failure::Failure;
use crate::db::preparation;
use crate::db::session::{Session, first_text};
use crate::job::{Change, Ident, Job, OnConflict, TableName};
use crate::plan::{Facts, TableFacts};

/// Something that the job needs: whether the role has it, as SQL, and what gives it.
struct Need {
    check: String,
    grant: String,
}

/// The schemas of the job's tables that the role may not look into. Asked first: every question about a table in one of
/// them is an error.
pub(super) async fn missing_on_schemas(session: &mut PostgresSession, job: &Job) -> Result<Vec<String>, Failure> {
    let target = match &job.change {
        Change::Copy { into, .. } | Change::Delete { archive_into: Some(into) } => Some(into),
        Change::Set(_) | Change::Delete { archive_into: None } => None,
    };
    let schemas = std::iter::once(&job.table).chain(target).filter_map(|table| table.schema.as_ref());
    let usage = |schema: &Ident| Need {
        // One that does not exist is missing nothing: its tables are.
        check: format!("coalesce(has_schema_privilege(to_regnamespace({}), 'usage'), true)", literal(&quote(schema))),
        grant: format!("grant usage on schema {}", quote(schema)),
    };
    missing(session, schemas.map(usage).collect()).await
}

/// The privileges on tables and columns that the job's statements need. What its expressions read is not known here: the
/// server says it of the statement itself.
pub(super) async fn missing_on_tables(
    session: &mut PostgresSession,
    job: &Job,
    facts: &Facts,
) -> Result<Vec<String>, Failure> {
    let Some(table) = &facts.table else { return Ok(Vec::new()) };
    let key = known(job.key.as_ref().unwrap_or(&table.primary_key), table);
    let mut needs = vec![on_columns(&job.table, "select", &key)];
    match &job.change {
        Change::Set(columns) => {
            let set = known(columns.iter().map(|(name, _)| name), table);
            needs.extend(set.iter().map(|name| on_each_column(&job.table, "update", name)));
        }
        Change::Copy { into, columns, on_conflict } => {
            // `for share` asks for it: at least one column.
            needs.push(on_any_column(&job.table, "update"));
            if let Some(target) = &facts.target {
                let given = known(columns.iter().map(|(name, _)| name), target);
                needs.extend(given.iter().map(|name| on_each_column(into, "insert", name)));
                needs.extend(of_conflict(into, &target.primary_key, &given, *on_conflict));
            }
        }
        Change::Delete { archive_into } => {
            needs.push(on_table(&job.table, "delete"));
            if let (Some(into), Some(target)) = (archive_into, &facts.target) {
                let kept: Vec<_> = table.columns.iter().filter(|c| !c.generated).map(|c| c.name.clone()).collect();
                needs.push(on_columns(&job.table, "select", &kept));
                needs.push(on_columns(into, "insert", &known(&kept, target)));
            }
        }
    }
    missing(session, needs).await
}

/// Those of the columns that are there; asked about any other, the server fails.
fn known<'a>(names: impl IntoIterator<Item = &'a Ident>, table: &TableFacts) -> Vec<Ident> {
    names.into_iter().filter(|name| table.column(name).is_some()).cloned().collect()
}

/// What `run` needs for its state: the right to make the tables, or to use them as they are.
pub(super) async fn missing_on_state(session: &mut PostgresSession) -> Result<Vec<String>, Failure> {
    let exists = session.script("select (to_regnamespace('tidegate') is not null)::int::text").await?;
    if first_text(&exists).as_deref() == Some("1") {
        return missing(session, preparation::grants().filter_map(on_state).collect()).await;
    }
    let database = first_text(&session.script("select quote_ident(current_database())").await?).unwrap_or_default();
    let create = Need {
        check: "has_database_privilege(current_database(), 'create')".to_owned(),
        grant: format!("grant create on database {database}"),
    };
    missing(session, vec![create]).await
}

/// What would let the role vacuum the table, where it may not: from PostgreSQL 17 on a privilege, before that the owner's
/// role. Each partition is asked for it by itself.
pub(super) async fn missing_to_vacuum(
    session: &mut PostgresSession,
    table: &TableName,
) -> Result<Option<String>, Failure> {
    let sql = format!(
        "select count(*), min(parts), min(quote_ident(pg_get_userbyid(relowner))), quote_ident(current_user), \
         current_setting('server_version_num')::int >= 170000 \
         from (select p.*, count(*) over () as parts from ({parts}) as p) as p \
         where not pg_has_role(p.relowner, 'usage') and not case when current_setting('server_version_num')::int >= 170000 \
         then has_table_privilege(p.oid, 'maintain') else false end and not pg_has_role( \
         (select d.datdba from pg_catalog.pg_database as d where d.datname = current_database()), 'usage')",
        parts = stored_parts(table),
    );
    let rows = session.script(&sql).await?;
    let Some(row) = rows.first().filter(|row| row.int_or_null(0).unwrap_or_default() > 0) else { return Ok(None) };
    let (owner, role) = (row.text(2)?, row.text(3)?);
    let has_privilege = row.int(4)? == 1;
    Ok(Some(match row.int(1)? {
        _ if !has_privilege => format!("grant {owner} to {role}"),
        1 => format!("grant maintain on {} to {role}", Dialect::Postgres.table(table)),
        _ => format!("grant pg_maintain to {role}"),
    }))
}

/// A GRANT that an administrator is told to run: `select, insert` on `tidegate.run, tidegate.slice`.
fn on_state((words, objects): (&str, &str)) -> Option<Need> {
    let grant = format!("grant {words} on {objects}");
    if objects == "schema tidegate" {
        return Some(Need { check: format!("has_schema_privilege('tidegate', '{words}')"), grant });
    }
    let list = |texts: &str| texts.split(", ").map(literal).collect::<Vec<_>>().join(", ");
    let tables = objects.replace("tidegate.", "");
    let check = format!(
        "coalesce((select bool_and(has_table_privilege(c.oid, word)) from pg_catalog.pg_class as c, \
         unnest(array[{}]) as word where c.relnamespace = to_regnamespace('tidegate') and c.relname in ({})), true)",
        list(words),
        list(&tables)
    );
    Some(Need { check, grant })
}

/// What the target's own row is read and changed with.
fn of_conflict(into: &TableName, key: &[Ident], given: &[Ident], on_conflict: OnConflict) -> Vec<Need> {
    let changed = given.iter().filter(|name| !key.contains(name));
    match on_conflict {
        OnConflict::Error => Vec::new(),
        OnConflict::Skip => vec![on_columns(into, "select", key)],
        OnConflict::Update => {
            let updates = changed.map(|name| on_each_column(into, "update", name));
            std::iter::once(on_columns(into, "select", key)).chain(updates).collect()
        }
    }
}

/// The GRANTs of those that the role lacks, to the role by its name.
async fn missing(session: &mut PostgresSession, needs: Vec<Need>) -> Result<Vec<String>, Failure> {
    if needs.is_empty() {
        return Ok(Vec::new());
    }
    let checks: Vec<_> = needs.iter().map(|need| need.check.as_str()).collect();
    let rows = session.script(&format!("select quote_ident(current_user), {}", checks.join(", "))).await?;
    let Some(row) = rows.first() else { return Ok(Vec::new()) };
    let role = row.text(0)?;
    let lacking = (1..).zip(needs).filter(|(column, _)| row.int_or_null(*column) != Some(1));
    Ok(lacking.map(|(_, need)| format!("{} to {role}", need.grant)).collect())
}

fn on_table(table: &TableName, word: &str) -> Need {
    let name = Dialect::Postgres.table(table);
    Need {
        check: format!("has_table_privilege({}, '{word}')", literal(&name)),
        grant: format!("grant {word} on {name}"),
    }
}

fn on_each_column(table: &TableName, word: &str, column: &Ident) -> Need {
    let name = Dialect::Postgres.table(table);
    Need {
        check: format!("has_column_privilege({}, {}, '{word}')", literal(&name), literal(column.as_str())),
        grant: format!("grant {word} ({}) on {name}", quote(column)),
    }
}

/// On all of these columns: each by itself, or with the table.
fn on_columns(table: &TableName, word: &str, columns: &[Ident]) -> Need {
    let whole = on_table(table, word);
    let each: Vec<_> = columns.iter().map(|column| on_each_column(table, word, column).check).collect();
    match each.is_empty() {
        true => whole,
        false => Need { check: format!("({} or ({}))", whole.check, each.join(" and ")), ..whole },
    }
}

fn on_any_column(table: &TableName, word: &str) -> Need {
    let name = Dialect::Postgres.table(table);
    Need {
        check: format!("has_any_column_privilege({}, '{word}')", literal(&name)),
        grant: format!("grant {word} on {name}"),
    }
}
