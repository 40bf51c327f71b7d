//! Does each cursor of a run lie in its slice? By PostgreSQL's own comparison, in the key's type and collation. Knows
//! nothing of what a slice is for.

use super::connect::PostgresSession;
use super::spelling::begin_survey;
use crate::db::Stray;
use crate::db::dialect::{Dialect, quote};
use crate::db::failure::Failure;
use crate::db::ledger::SliceRecord;
use crate::db::session::Session;
use crate::db::statement::BatchStatements;
use crate::plan::{Order, Route, Work};
use serde_json::{Value, json};

/// The first slice whose cursor is not one of its own, by its place in `slices`. The caller ends the transaction.
pub(super) async fn stray(
    session: &mut PostgresSession,
    work: &Work,
    slices: &[SliceRecord],
) -> Result<Option<(usize, Stray)>, Failure> {
    let mut first = None;
    for order in [Order::Key, Order::Physical] {
        let (places, of_order): (Vec<_>, Vec<_>) =
            slices.iter().enumerate().filter(|(_, slice)| slice.route.order == order).unzip();
        if let Some((place, stray)) = stray_of_order(session, work, order, &of_order).await? {
            let found = (places[place], stray);
            first = first.filter(|(known, _)| *known < found.0).or(Some(found));
        }
    }
    Ok(first)
}

async fn stray_of_order(
    session: &mut PostgresSession,
    work: &Work,
    order: Order,
    slices: &[&SliceRecord],
) -> Result<Option<(usize, Stray)>, Failure> {
    if slices.is_empty() {
        return Ok(None);
    }
    let route = Route { order, ..Route::default() };
    let statements = BatchStatements::new(Dialect::Postgres, work.clone()).along(&route);
    match outside(session, &statements, slices).await {
        Ok(place) => Ok(place.map(|place| (place, Stray::Outside))),
        // Of all slices at once the server does not say which; one at a time it does.
        Err(failure) if is_unreadable(&failure) => {
            for (place, slice) in slices.iter().enumerate() {
                match outside(session, &statements, &[slice]).await {
                    Err(failure) if is_unreadable(&failure) => return Ok(Some((place, Stray::Unreadable))),
                    answer => drop(answer?),
                }
            }
            Err(failure)
        }
        Err(failure) => Err(failure),
    }
}

/// Class 22: a text that is none of the type.
fn is_unreadable(failure: &Failure) -> bool {
    failure.code.as_deref().is_some_and(|code| code.starts_with("22"))
}

async fn outside(
    session: &mut PostgresSession,
    statements: &BatchStatements,
    slices: &[&SliceRecord],
) -> Result<Option<usize>, Failure> {
    session.rollback().await;
    session.script(&begin_survey()).await?;
    let (places, keys): (Vec<_>, Vec<_>) =
        (0..).zip(slices).flat_map(|(place, slice)| in_order(slice).map(move |keys| (place, keys))).unzip();
    let rows = session.fetch(&outside_sql(statements), &[json!(keys).to_string().as_str().into()]).await?;
    let first = rows.first().and_then(|row| row.int_or_null(0)).and_then(|first| usize::try_from(first - 1).ok());
    Ok(first.and_then(|first| places.get(first).copied()))
}

/// Keys of a slice of which none is below the one before it: its cursor in the slice; in laps also in the circuit, and that in the
/// slice.
fn in_order(slice: &SliceRecord) -> impl Iterator<Item = Value> {
    let SliceRecord { range, cursor, circuit, .. } = slice;
    let (after, through) = (&range.after, Some(&range.through));
    let of_circuit = (!slice.route.laps.is_one()).then(|| {
        let (begins, ends) = (circuit.after.as_ref().or(after.as_ref()), circuit.through.as_ref().or(through));
        [json!([begins, cursor, ends]), json!([after, begins, through]), json!([after, ends, through])]
    });
    [json!([after, cursor, through])].into_iter().chain(of_circuit.into_iter().flatten())
}

/// The table is joined by a condition that is never true, and read nowhere: what it gives is the collation of each
/// column, which a text that is cast does not have.
fn outside_sql(statements: &BatchStatements) -> String {
    let key = |which: usize| {
        let part = |(i, column): (usize, &crate::plan::KeyColumn)| {
            let (name, sql_type) = (quote(&column.name), &column.sql_type);
            format!("case when false then t.{name} else (s.keys -> {which} ->> {i})::{sql_type} end")
        };
        format!("row({})", statements.position().iter().enumerate().map(part).collect::<Vec<_>>().join(", "))
    };
    let [after, cursor, through] = [0, 1, 2].map(key);
    format!(
        "select s.place from json_array_elements($1::text::json) with ordinality as s (keys, place) \
         left join {table} as t on false \
         where {after} > {cursor} or {cursor} > {through} order by s.place limit 1",
        table = statements.table(),
    )
}
