//! How do people make a change in batches without a tool? Three loops, as they are written by hand and as other tools
//! write them.

use crate::ground::Ground;
use crate::shape::{Change, Shape, assignments};
use anyhow::{Context, Result};

/// One statement below the middle of a whole-number key and one above it, at once and without commits between.
pub(super) async fn halves(shape: &Shape, ground: &mut Ground) -> Result<()> {
    let (table, key) = (shape.table, shape.key_list());
    let middle = ground.number(&format!("select (min({key}) + max({key}))::bigint / 2 from {table}")).await?;
    let [lower, upper] =
        ["<=", ">"].map(|side| shape.statement(Some(&both(shape.only(), &format!("{key} {side} {middle}")))));
    let mut other = Ground::at(&ground.url, &ground.folder, shape).await?;
    tokio::try_join!(ground.execute(&lower), other.execute(&upper))?;
    Ok(())
}

/// Changes some rows that still need it, until none does.
pub(super) async fn id_in(shape: &Shape, ground: &mut Ground) -> Result<()> {
    let statement = shape.statement(Some(&some_that_need_it(shape)?));
    while ground.execute(&statement).await? > 0 {}
    Ok(())
}

/// A condition that no more rows than a batch fulfil.
fn some_that_need_it(shape: &Shape) -> Result<String> {
    let (table, key, rows) = (shape.table, shape.key_list(), shape.batch_rows);
    if let Change::Copy { into, columns: [(copied_key, _), ..] } = shape.change {
        return Ok(format!(
            "{key} in (select {key} from {table} as source \
             where not exists (select from {into} where {copied_key} = source.{key}) limit {rows})"
        ));
    }
    let needs = shape.needs.as_ref().context("nothing says which rows still need the change")?;
    Ok(format!("({key}) in (select {key} from {table} where {} limit {rows})", needs.predicate))
}

/// The whole loop as one statement for the server, which never waits for a client.
pub(super) fn on_the_server(shape: &Shape) -> String {
    let named = |prefix: &str| (1..=shape.key.len()).map(|part| format!("{prefix}{part}")).collect::<Vec<_>>();
    let (last, upto) = (named("last_"), named("upto_"));
    let variables: Vec<_> = shape.key.iter().zip(last.iter().zip(&upto)).collect();
    let declared: String = variables
        .iter()
        .map(|(column, (last, upto))| format!("{last} {0} := {1}; {upto} {0}; ", column.sql_type, column.before_all))
        .collect();
    let moved: String = variables.iter().map(|(_, (last, upto))| format!("{last} := {upto}; ")).collect();
    let (last, upto, key) = (last.join(", "), upto.join(", "), shape.key_list());
    let within = both(shape.only(), &format!("({key}) > ({last}) and ({key}) <= ({upto})"));
    format!(
        "do $loop$ declare {declared} begin loop \
             select {keys} into {upto} from ({batch}) as batch order by {backwards} limit 1; \
             exit when not found; \
             {change}; \
             commit; \
             {moved} \
         end loop; end $loop$",
        keys = batch_keys(shape, ""),
        batch = batch_after(shape, &format!("({last})"), shape.only(), shape.batch_rows),
        backwards = batch_keys(shape, " desc"),
        change = shape.statement(Some(&within)),
    )
}

/// Batch after batch by the last key of the one before, which is written into the statement.
pub(super) async fn cte(shape: &Shape, rows: u32, ground: &mut Ground) -> Result<()> {
    let before_all: Vec<_> = shape.key.iter().map(|column| column.before_all.to_owned()).collect();
    let mut last = before_all.join(", ");
    loop {
        let ends = ground.texts(&cte_after(shape, rows, &last)).await?;
        if ends.is_empty() {
            return Ok(());
        }
        let typed = shape.key.iter().zip(ends).map(|(column, text)| {
            // Keys that we made ourselves, and still quoted.
            format!("'{}'::{}", text.replace('\'', "''"), column.sql_type)
        });
        last = typed.collect::<Vec<_>>().join(", ");
    }
}

/// Answers with the last key of the batch, and with no row at the end.
fn cte_after(shape: &Shape, rows: u32, last: &str) -> String {
    let table = shape.table;
    let needs = shape.needs.as_ref().map(|needs| needs.predicate);
    let same: Vec<_> =
        (1..).zip(shape.key).map(|(part, column)| format!("{table}.{} = batch.key_{part}", column.name)).collect();
    let same = same.join(" and ");
    let changed = match shape.change {
        Change::Delete => format!("delete from {table} using batch where {same}"),
        Change::Set(columns) => format!("update {table} set {} from batch where {same}", assignments(columns)),
        Change::Copy { .. } => String::new(),
    };
    format!(
        "with batch as ({batch} for no key update), changed as ({changed}) \
         select {texts} from batch order by {backwards} limit 1",
        batch = batch_after(shape, &format!("({last})"), needs, rows),
        texts = batch_keys(shape, "::text"),
        backwards = batch_keys(shape, " desc"),
    )
}

/// The keys of the next batch, as `key_1`, `key_2`.
fn batch_after(shape: &Shape, last: &str, needs: Option<&str>, rows: u32) -> String {
    let named: Vec<_> = (1..).zip(shape.key).map(|(part, column)| format!("{} as key_{part}", column.name)).collect();
    let (table, key) = (shape.table, shape.key_list());
    let condition = both(needs, &format!("({key}) > {last}"));
    format!("select {} from {table} where {condition} order by {key} limit {rows}", named.join(", "))
}

/// `key_1, key_2`, with the same behind each.
fn batch_keys(shape: &Shape, behind: &str) -> String {
    (1..=shape.key.len()).map(|part| format!("key_{part}{behind}")).collect::<Vec<_>>().join(", ")
}

fn both(needs: Option<&str>, condition: &str) -> String {
    needs.map(|needs| format!("{needs} and {condition}")).unwrap_or_else(|| condition.to_owned())
}
