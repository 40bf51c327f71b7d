//! Where is the middle of what is left of a slice? Looked up in the index over a bounded number of rows; where more are
//! left, guessed from a few blocks of the table and then looked up. Never a scan. Knows neither who splits nor what is
//! recorded.

use super::connect::PostgresSession;
use super::cuts::{half_way, sampled_blocks};
use super::range::range_end;
use super::spelling::{BY_INDEX, begin_survey, bound, key_as_stored, numbered_key, numbered_key_as_stored};
use super::survey::key_columns;
use crate::db::dialect::Dialect;
use crate::db::failure::Failure;
use crate::db::ledger::{self, read_key};
use crate::db::session::{Session, first_int, first_text};
use crate::db::statement::BatchStatements;
use crate::db::{SliceLease, Wanted};
use crate::key::{Key, KeyRange};
use crate::plan::Order;

/// Rows that are counted to find the middle: some ten milliseconds of reading an index, and where the table was not vacuumed
/// lately, as many rows as ten batches read anyway. The owner's next batch waits for as long.
const MOST_COUNTED: u64 = 50_000;

/// Fewer sampled rows of the range than this come from a handful of blocks, whose keys may lie together.
const FEW_SAMPLED: i64 = 500;

/// No block has more rows.
const ROWS_OF_A_BLOCK: u32 = 300;

/// What was found of the middle of a range.
pub(super) enum Middle {
    /// This key is about there; with the rows below it, itself included, and above, where all were counted.
    At(Key, Option<(u64, u64)>),
    /// Either half would have fewer rows than are wanted.
    TooShort,
    /// More is left than can be counted, and than was thought: ask for a guess.
    TooLong,
}

/// Looks for the middle of a range that is locked by now.
pub(super) async fn middle(
    session: &mut PostgresSession,
    statements: &BatchStatements,
    range: &KeyRange,
    wanted: Wanted,
    guessed: Option<Key>,
) -> Result<Middle, Failure> {
    let most = most_counted(wanted);
    let count = statements.count_at_most(range.after.is_none(), most);
    let rows = first_int(&session.fetch(&count, &bound(range)).await?);
    let below = rows / 2;
    if below < wanted.least.max(1) {
        return Ok(Middle::TooShort);
    }
    if rows == most && wanted.about < most {
        return Ok(Middle::TooLong);
    }
    if rows == most
        && let Some(middle) = guessed
        && is_inside(session, statements, range, &middle, wanted).await?
    {
        return Ok(Middle::At(middle, None));
    }
    let middle = range_end(session, statements, range, u32::try_from(below).unwrap_or(u32::MAX)).await?;
    let counted = (rows < most).then_some((below, rows - below));
    Ok(middle.map_or(Middle::TooShort, |middle| Middle::At(middle, counted)))
}

/// Enough for two halves, however large batches are.
fn most_counted(wanted: Wanted) -> u64 {
    MOST_COUNTED.max(wanted.least.saturating_mul(2))
}

/// Whether enough rows lie on either side of it. It was guessed before the slice was locked: its owner may have passed it
/// since, or somebody else taken that part.
async fn is_inside(
    session: &mut PostgresSession,
    statements: &BatchStatements,
    range: &KeyRange,
    middle: &Key,
    wanted: Wanted,
) -> Result<bool, Failure> {
    let least = u32::try_from(wanted.least).unwrap_or(u32::MAX);
    let below = KeyRange { after: range.after.clone(), through: middle.clone() };
    let above = KeyRange { after: Some(middle.clone()), through: range.through.clone() };
    Ok(range_end(session, statements, &below, least).await?.is_some()
        && range_end(session, statements, &above, least).await?.is_some())
}

/// A key that may be near the middle of what is left, where too much may be left to be counted. Without a lock on the
/// slice: random reads can take seconds.
pub(super) async fn guessed_middle(
    session: &mut PostgresSession,
    statements: &BatchStatements,
    lease: &SliceLease,
    wanted: Wanted,
) -> Result<Option<Key>, Failure> {
    if wanted.about < most_counted(wanted) {
        return Ok(None);
    }
    session.script(&begin_survey()).await?;
    let guessed = guess(session, statements, lease).await;
    session.rollback().await;
    guessed
}

/// A sample knows any order of the rows, and next to nothing of a small part of a large table. Where the rows lie in the
/// order of their keys, the block half-way between the range's ends knows that part; where they do not, a few sampled rows
/// are spread over all of it.
async fn guess(
    session: &mut PostgresSession,
    statements: &BatchStatements,
    lease: &SliceLease,
) -> Result<Option<Key>, Failure> {
    let Some(left) = ledger::left(session, Dialect::Postgres, lease, false).await? else { return Ok(None) };
    if statements.route().order == Order::Physical {
        return Ok(half_way(&left.range));
    }
    let sampled = of_sampled_blocks(session, statements, &left.range).await?;
    if let Some((middle, FEW_SAMPLED..)) = sampled {
        return Ok(Some(middle));
    }
    let half_way = of_the_block_half_way(session, statements, &left.range).await?;
    Ok(half_way.or(sampled.map(|(middle, _)| middle)))
}

/// The middle one of the sampled rows that lie in the range, and how many those are.
async fn of_sampled_blocks(
    session: &mut PostgresSession,
    statements: &BatchStatements,
    range: &KeyRange,
) -> Result<Option<(Key, i64)>, Failure> {
    let key = &statements.work().key;
    let sql = format!(
        "select {stored}, places from (select {columns}, row_number() over (order by {order}) as place, \
         count(*) over () as places from {sampled} where {range}) as sampled where place = (places + 1) / 2",
        stored = numbered_key_as_stored(key),
        columns = numbered_key(key),
        order = key_columns(key, ""),
        sampled = sampled_blocks(session, statements).await?,
        range = statements.range_condition(range.after.is_none()),
    );
    let rows = session.fetch(&sql, &bound(range)).await?;
    rows.first().map(|row| Ok((read_key(&row.text(0)?)?, row.int(1)?))).transpose()
}

/// A row of the range in the block half-way between those of its first and its last row.
async fn of_the_block_half_way(
    session: &mut PostgresSession,
    statements: &BatchStatements,
    range: &KeyRange,
) -> Result<Option<Key>, Failure> {
    let key = &statements.work().key;
    let table = statements.table();
    let within = statements.range_condition(range.after.is_none());
    let block = |direction: &str| {
        let order = key_columns(key, direction);
        format!("(select (t.ctid::text::point)[0] from {table} as t where {within} order by {order} limit 1)")
    };
    // The block is read by itself, so that nobody prefers to read the whole range by the index and to compare places.
    let sql = format!(
        "select {stored} from (select t.* from {table} as t where t.ctid = any (array(\
         select format('(%s,%s)', half_way, line)::tid \
         from (select floor(({first} + {last}) / 2)::bigint as half_way) as ends, \
         generate_series(1, {ROWS_OF_A_BLOCK}) as line where half_way is not null)) offset 0) as t where {within} limit 1",
        stored = key_as_stored(key),
        first = block(""),
        last = block(" desc"),
    );
    session.script(BY_INDEX).await?;
    first_text(&session.fetch(&sql, &bound(range)).await?).map(|text| read_key(&text)).transpose()
}
