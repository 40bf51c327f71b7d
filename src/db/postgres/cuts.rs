//! Where is the walk cut into slices of about equal rows? By a sample of blocks where it goes by the key, by arithmetic
//! where it goes by blocks; never a scan.

use super::connect::PostgresSession;
use super::heap::leaves;
use super::spelling::{begin_survey, key_values, numbered_key, numbered_key_as_stored};
use crate::db::dialect::Dialect;
use crate::db::failure::Failure;
use crate::db::ledger::read_key;
use crate::db::session::{Session, Value};
use crate::db::statement::BatchStatements;
use crate::key::{Key, KeyRange};
use crate::plan::Work;

/// Blocks read to cut the key space, for the cost of as many random reads as a slow disk does in a few seconds. Where rows
/// lie in any order each slice's share is then right within a few per cent; where they lie in the order of their keys a
/// slice's share is that of some blocks, and right within a half. Workers that have none left make up for it.
const SAMPLED_BLOCKS: u64 = 512;

/// Above every row of a block: a place counts them from 1, and none holds as many.
const BEHIND_ALL_ROWS: u32 = 65_535;

/// Keys below `bound` that part the whole table into about equal shares. The caller ends the transaction.
pub(super) async fn below(
    session: &mut PostgresSession,
    work: &Work,
    bound: &Key,
    slices: usize,
) -> Result<Vec<Key>, Failure> {
    session.script(&begin_survey()).await?;
    sampled(session, &BatchStatements::new(Dialect::Postgres, work.clone()), bound, slices).await
}

/// The statements' table, as `t`, as far as a sample of its blocks goes.
pub(super) async fn sampled_blocks(
    session: &mut PostgresSession,
    statements: &BatchStatements,
) -> Result<String, Failure> {
    let table = statements.route().part.as_ref().unwrap_or(&statements.work().table);
    let blocks: u64 = leaves(session, table).await?.iter().map(|leaf| leaf.blocks).sum();
    let percent = (100.0 * SAMPLED_BLOCKS as f64 / blocks.max(1) as f64).min(100.0);
    Ok(format!("{} as t tablesample system ({percent})", statements.table()))
}

/// Keys below `bound` that part the statements' table into about equal shares: the ends of `slices` tiles of a sample of
/// blocks. A histogram knows one column and is as old as the last ANALYZE; the blocks know the whole
/// key as it is.
pub(super) async fn sampled(
    session: &mut PostgresSession,
    statements: &BatchStatements,
    bound: &Key,
    slices: usize,
) -> Result<Vec<Key>, Failure> {
    if slices < 2 {
        return Ok(Vec::new());
    }
    // Only the ends are written as stored keys, not each of the sampled rows.
    let sql = format!(
        "select {stored} from (select {columns}, row_number() over (order by {key}) as place, \
         count(*) over () as places from {sampled} where {below}) as sampled \
         where place * {slices} / places > (place - 1) * {slices} / places order by place",
        stored = numbered_key_as_stored(&statements.work().key),
        columns = numbered_key(&statements.work().key),
        key = statements.key_columns(),
        sampled = sampled_blocks(session, statements).await?,
        below = statements.range_condition(true),
    );
    let values: Vec<Value> = key_values(bound);
    let mut cuts = Vec::new();
    for row in session.fetch(&sql, &values).await? {
        let cut = read_key(&row.text(0)?)?;
        if cuts.last() != Some(&cut) {
            cuts.push(cut);
        }
    }
    // The end of the last tile is the end of the table, as far as the sample knows; the bound says it better.
    cuts.pop();
    cuts.retain(|cut| cut != bound);
    Ok(cuts)
}

/// The last place of a table of so many blocks, and those that part it into equal shares.
pub(super) fn of_blocks(blocks: u64, slices: usize) -> (Option<Key>, Vec<Key>) {
    let Some(last) = blocks.checked_sub(1) else { return (None, Vec::new()) };
    let slices = (slices as u64).clamp(1, blocks);
    let cuts = (1..slices).map(|slice| end_of(blocks * slice / slices - 1)).collect();
    (Some(end_of(last)), cuts)
}

/// Behind all rows of a block.
fn end_of(block: u64) -> Key {
    Key::new(vec![format!("({block},{BEHIND_ALL_ROWS})")])
}

/// The place half-way through a range of places, at the end of a block. `None`: no block ends within it.
pub(super) fn half_way(range: &KeyRange) -> Option<Key> {
    let block = |place: &Key| place.parts().first()?.strip_prefix('(')?.split(',').next()?.parse::<u64>().ok();
    let first = range.after.as_ref().map_or(Some(0), block)?;
    let last = block(&range.through)?;
    (last > first).then(|| end_of(first + (last - first) / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_a_range_of_places_ends_with_a_block() {
        let place = |text: &str| Key::new(vec![text.to_owned()]);
        let table = [
            (None, "(9,65535)", Some("(4,65535)")),
            (Some("(4,17)"), "(9,65535)", Some("(6,65535)")),
            (Some("(8,17)"), "(9,65535)", Some("(8,65535)")),
            (Some("(9,17)"), "(9,65535)", None),
            (Some("nonsense"), "(9,65535)", None),
        ];
        for (after, through, middle) in table {
            let range = KeyRange { after: after.map(place), through: place(through) };
            assert_eq!(half_way(&range), middle.map(place), "{range}");
        }
    }

    #[test]
    fn blocks_are_parted_evenly_and_each_is_in_one_slice() {
        let shown = |blocks, slices| {
            let (last, cuts) = of_blocks(blocks, slices);
            cuts.iter().chain(&last).map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        let table = [
            (0, 4, ""),
            (1, 4, "(0,65535)"),
            (3, 8, "(0,65535) (1,65535) (2,65535)"),
            (10, 4, "(1,65535) (4,65535) (6,65535) (9,65535)"),
        ];
        for (blocks, slices, ends) in table {
            assert_eq!(shown(blocks, slices), ends, "{blocks} blocks, {slices} slices");
        }
    }
}
