//! In how many laps is a table walked? In several where the new version of a row can lie beside the old one and leave the indexes
//! alone, which PostgreSQL calls HOT. Pure: from the job, the table's facts and the cuts of its key.
//!
//! In a table without free space the new version of a row goes to another block, and every index gets an entry for it. A lap
//! changes one row in `count`; by the next lap its old versions are nobody's any more, and their room takes the new versions of
//! the next rows. Measured with three indexes, 4 laps: 0.65 times the log, two fifths of the growth (docs/walking.md).

use super::facts::{Leg, TableFacts};
use super::refusal::Refusal;
use super::resolve::Resolved;
use super::route::{Laps, Order};
use super::walking::Walking;
use super::work::{Action, Work};
use crate::job::{Job, LapCount};

/// With more, reading the blocks anew takes as long as the room is worth; with fewer there is less of it.
const USUAL: u32 = 4;

/// Fewer rows in a block than this for each lap make no room that one of their kind would fit in.
const ROWS_OF_A_LAP: f64 = 2.0;

/// In a table with fewer rows, counted in batches of each lap, there is nothing to gain that anybody would see.
const LEAST_BATCHES: u64 = 8;

/// Where less than this share of the keys are rows, neighbouring keys may not be neighbours in a block, or all of one stripe.
const DENSE: f64 = 0.8;

/// A key whose values follow the order on disk less than this spreads a stretch over more blocks than it fills.
const IN_ORDER: f64 = 0.9;

/// Bytes of a block, as nearly every server is built.
const BLOCK: f64 = 8192.0;

/// In how many laps a table is walked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lapping {
    /// How many, and over what stripes.
    pub laps: Laps,
    /// Why so, for people.
    pub why: String,
}

/// Decides in how many laps a job's table is walked.
///
/// # Errors
/// When the job asks for laps that cannot be made on this table.
pub fn lapping(
    job: &Job,
    table: &TableFacts,
    resolved: &Resolved,
    walking: &Walking,
    legs: &[Leg],
) -> Result<Lapping, Refusal> {
    let work = &resolved.work;
    let one = |why: String| Ok(Lapping { laps: Laps::default(), why });
    if job.laps == LapCount::Of(1) {
        return one("the job says so".to_owned());
    }
    let impossible = no_laps(table, work, walking);
    match (job.laps, impossible) {
        (LapCount::Auto, Some(why)) => one(why),
        (LapCount::Auto, None) => match no_use(table, resolved, walking, legs) {
            Some(why) => one(why),
            None => Ok(Lapping {
                laps: Laps { count: USUAL, stripe: stripe(table, resolved, walking, USUAL) },
                why:
                    "no index has a column that is changed, so new versions of rows fit where an earlier lap made room"
                        .to_owned(),
            }),
        },
        (LapCount::Of(_), Some(why)) => Err(Refusal::new(
            "laps-unavailable",
            format!("{} cannot be walked in several laps: {why}", work.table),
            "leave `laps` out; each row is then changed as the walk comes by",
        )),
        (LapCount::Of(count), None) => Ok(Lapping {
            laps: Laps { count, stripe: stripe(table, resolved, walking, count) },
            why: "the job says so".to_owned(),
        }),
    }
}

/// Why there can be no laps, where there cannot.
fn no_laps(table: &TableFacts, work: &Work, walking: &Walking) -> Option<String> {
    if table.indexed_columns.is_none() {
        return Some("this database changes rows where they lie".to_owned());
    }
    if !matches!(work.action, Action::Set(_)) {
        return Some("no row is changed where it lies".to_owned());
    }
    match (walking.order, work.key.as_slice()) {
        (Order::Physical, _) => None,
        (Order::Key, [column]) if column.is_whole_number() => None,
        (Order::Key, [column]) => {
            Some(format!("a row's lap is told by a whole number, and {} is {}", column.name, column.sql_type))
        }
        (Order::Key, _) => Some("a row's lap is told by one whole number, and the key has several columns".to_owned()),
    }
}

/// Why laps would gain nothing, where they would not.
fn no_use(table: &TableFacts, resolved: &Resolved, walking: &Walking, legs: &[Leg]) -> Option<String> {
    let Action::Set(changed) = &resolved.work.action else { return None };
    let indexed = table.indexed_columns.as_deref().unwrap_or_default();
    if let Some((column, _)) = changed.iter().find(|(column, _)| indexed.contains(column)) {
        return Some(format!("an index has {column}, and must learn of each change anyway"));
    }
    if let Some(trigger) = table.triggers.first() {
        return Some(format!("the trigger {trigger} may change a column that an index has"));
    }
    if walking.scope_index.is_some() {
        return Some("rows in scope are sought one by one".to_owned());
    }
    let start = u64::from(resolved.sizes.start);
    if table.estimated_rows < start * u64::from(USUAL) * LEAST_BATCHES {
        return Some("the table is small".to_owned());
    }
    if rows_of_a_block(table) < f64::from(USUAL) * ROWS_OF_A_LAP {
        return Some("a block has only few rows".to_owned());
    }
    match walking.order {
        Order::Physical => None,
        Order::Key => scattered(table, &resolved.work, legs),
    }
}

/// Why neighbours by the key may not be neighbours in a block.
fn scattered(table: &TableFacts, work: &Work, legs: &[Leg]) -> Option<String> {
    let column = &work.key.last()?.name;
    match table.column(column).and_then(|column| column.correlation) {
        None => return Some("ANALYZE has not said how the key follows the order on disk".to_owned()),
        Some(correlation) if correlation.abs() < IN_ORDER => {
            return Some(format!("the key does not follow the order on disk (correlation {correlation:.2})"));
        }
        Some(_) => {}
    }
    match density(table.estimated_rows, legs) {
        None => Some("too little is known of the key's gaps".to_owned()),
        Some(density) if density < DENSE => {
            Some(format!("the key has gaps (rows are {:.0} % of its numbers)", density * 100.0))
        }
        Some(_) => None,
    }
}

/// What share of the numbers between the first and the last cut are rows. `None`: there are not two cuts.
fn density(rows: u64, legs: &[Leg]) -> Option<f64> {
    let slices: usize = legs.iter().map(|leg| leg.cuts.len() + 1).sum();
    let number = |key: &crate::key::Key| key.parts().first()?.parse::<f64>().ok();
    let (mut numbers, mut between) = (0.0, 0);
    for leg in legs {
        if let [first, .., last] = leg.cuts.as_slice() {
            numbers += number(last)? - number(first)?;
            between += leg.cuts.len() - 1;
        }
    }
    (numbers > 0.0).then(|| rows as f64 / slices as f64 * between as f64 / numbers)
}

fn rows_of_a_block(table: &TableFacts) -> f64 {
    let blocks = table.heap.map_or(0.0, |heap| heap.bytes as f64) / BLOCK;
    table.estimated_rows as f64 / blocks.max(1.0)
}

/// A block's rows, shared out: wherever a block begins, it has about as many neighbours of each stripe as of any other. No more
/// than the smallest batch may have.
fn stripe(table: &TableFacts, resolved: &Resolved, walking: &Walking, laps: u32) -> u32 {
    let keys = (rows_of_a_block(table) / f64::from(laps)).ceil() as u32;
    match walking.order {
        Order::Physical => 1,
        Order::Key => Laps::stripe_of(keys.min(resolved.sizes.least)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{Ident, parse};
    use crate::key::Key;
    use crate::pace::Sizes;
    use crate::plan::{ColumnFacts, Heap, KeyColumn, Route};

    const ROWS: u64 = 1_000_000;

    fn ident(name: &str) -> Ident {
        Ident::new(name).unwrap()
    }

    fn job(laps: &str) -> Job {
        let text = format!("version = 1\nname = \"a\"\n[table]\nname = \"t\"\n{laps}\n[change.set]\nnote = \"1\"");
        parse(&text).unwrap().0
    }

    /// Sixty rows in a block, in the order of the key; an index has the key alone.
    fn table() -> TableFacts {
        let id = ColumnFacts {
            name: ident("id"),
            sql_type: "bigint".into(),
            nullable: false,
            generated: false,
            text_depends_on: None,
            correlation: Some(1.0),
        };
        TableFacts {
            columns: vec![id],
            estimated_rows: ROWS,
            heap: Some(Heap { bytes: ROWS / 60 * 8192, cache_bytes: 1 << 30 }),
            indexed_columns: Some(vec![ident("id")]),
            ..TableFacts::default()
        }
    }

    fn resolved(key: &[(&str, &str)]) -> Resolved {
        let column =
            |(name, sql_type): &(&str, &str)| KeyColumn { name: ident(name), sql_type: (*sql_type).to_owned() };
        let action = Action::Set(vec![(ident("note"), job("").expressions().next().unwrap().clone())]);
        let key = key.iter().map(column).collect();
        let work = Work { table: job("").table, key, scope: None, action, held_to_index: true };
        let sizes = job("").batch.sizes(100);
        Resolved { work, workers: 1, max_workers: None, sizes: Sizes { start: 5_000, ..sizes }, notes: Vec::new() }
    }

    fn walking(order: Order) -> Walking {
        Walking { order, why: String::new(), scope_index: None }
    }

    /// Eight slices whose cuts are so far apart.
    fn legs(apart: u64) -> Vec<Leg> {
        let key = |number: u64| Key::new(vec![number.to_string()]);
        let cuts = (1..8).map(|cut| key(1_000_000_000 + cut * apart)).collect();
        vec![Leg { route: Route::default(), last: Some(key(2_000_000_000)), cuts }]
    }

    #[test]
    fn auto_takes_laps_where_new_versions_find_room_and_says_why_not() {
        type Change = fn(&mut TableFacts, &mut Resolved, &mut Walking);
        let dense = ROWS / 8;
        let table_of: [(Change, u64, &str); 13] = [
            (|_, _, _| {}, dense, "4: no index has"),
            (|t, _, _| t.indexed_columns = None, dense, "1: this database changes rows where they lie"),
            (|t, _, _| t.indexed_columns = Some(vec![ident("note")]), dense, "1: an index has note"),
            (|t, _, _| t.triggers = vec!["stamp".into()], dense, "1: the trigger stamp"),
            (|t, _, _| t.estimated_rows = 159_999, dense, "1: the table is small"),
            (|t, _, _| t.heap.as_mut().unwrap().bytes *= 10, dense, "1: a block has only few rows"),
            (|t, _, _| t.columns[0].correlation = Some(0.5), dense, "1: the key does not follow the order on disk"),
            (|t, _, _| t.columns[0].correlation = None, dense, "1: ANALYZE"),
            (|_, _, _| {}, dense * 4, "1: the key has gaps (rows are 25 %"),
            (|_, r, _| *r = resolved(&[("id", "uuid")]), dense, "1: a row's lap is told by a whole number"),
            (
                |_, r, _| *r = resolved(&[("shop", "text"), ("id", "bigint")]),
                dense,
                "1: a row's lap is told by one whole number",
            ),
            (|_, _, w| w.scope_index = Some("todo".into()), dense, "1: rows in scope are sought"),
            (
                |t, r, w| {
                    (*r, *w) = (resolved(&[("id", "uuid")]), walking(Order::Physical));
                    t.columns[0].correlation = Some(0.0);
                },
                dense,
                "4: no index has",
            ),
        ];
        for (change, apart, says) in table_of {
            let (mut table, mut resolved, mut walking) = (table(), resolved(&[("id", "bigint")]), walking(Order::Key));
            change(&mut table, &mut resolved, &mut walking);
            let Lapping { laps, why } = lapping(&job(""), &table, &resolved, &walking, &legs(apart)).unwrap();
            let said = format!("{}: {why}", laps.count);
            assert!(said.starts_with(says), "{said:?} instead of {says:?}");
        }
    }

    #[test]
    fn stripes_share_out_the_rows_of_a_block() {
        for (laps, stripe) in [("\"2\"", 16), ("\"4\"", 16), ("\"8\"", 8)] {
            let job = job(&format!("laps = {laps}"));
            let of =
                |order| lapping(&job, &table(), &resolved(&[("id", "bigint")]), &walking(order), &[]).unwrap().laps;
            assert_eq!((of(Order::Key).stripe, of(Order::Physical).stripe), (stripe, 1), "{laps}");
        }
    }

    #[test]
    fn a_job_may_choose_and_is_refused_what_cannot_be() {
        let asked = |laps: &str, resolved: &Resolved| {
            lapping(&job(&format!("laps = \"{laps}\"")), &table(), resolved, &walking(Order::Key), &[])
        };
        let mut id = resolved(&[("id", "bigint")]);
        assert_eq!(asked("8", &id).unwrap().laps.count, 8, "nothing is known of the key's gaps here");
        id.work.key.push(id.work.key[0].clone());
        assert_eq!(asked("1", &id).unwrap().laps, Laps::default());
        assert_eq!(asked("2", &id).unwrap_err().code, "laps-unavailable");
        assert_eq!(asked("2", &resolved(&[("id", "text")])).unwrap_err().code, "laps-unavailable");
        let mut deletes = resolved(&[("id", "bigint")]);
        deletes.work.action = Action::Delete { archive: None };
        assert_eq!(asked("2", &deletes).unwrap_err().code, "laps-unavailable");
        assert_eq!(asked("auto", &deletes).unwrap().laps, Laps::default());
    }
}
