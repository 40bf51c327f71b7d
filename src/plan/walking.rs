//! In which order is a table walked? By its key, or as its rows lie on disk. Pure: from the job, the table's facts and the
//! index that finds the rows in scope.

use super::facts::{ColumnFacts, Heap, TableFacts};
use super::refusal::Refusal;
use super::route::Order;
use super::work::Work;
use crate::job::{Job, Walk};

/// A key whose values follow the order on disk less than this makes each batch touch blocks all over the table.
/// PostgreSQL's planner weighs an index scan's cost by the square of it: at 0.5, three quarters of the reads are as random.
const SCATTERED: f64 = 0.5;

/// A table of less than this share of the cache stays in it while it is walked, whatever the order.
const FITS: f64 = 0.5;

/// How a table is walked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walking {
    /// In which order.
    pub order: Order,
    /// Why so, for people.
    pub why: String,
    /// The index by which a batch finds its rows in scope without looking at others.
    pub scope_index: Option<String>,
}

/// Decides how a job's table is walked.
///
/// # Errors
/// When the job asks for what cannot be done on this table.
pub fn walking(job: &Job, table: &TableFacts, work: &Work, scope_index: Option<String>) -> Result<Walking, Refusal> {
    let by_key = |why: &str| Walking { order: Order::Key, why: why.to_owned(), scope_index: None };
    match (job.walk, table.heap) {
        (Walk::Physical, None) => Err(Refusal::new(
            "physical-walk-unavailable",
            format!("{} has no blocks of rows that could be walked one after the other", work.table),
            "leave `walk` out; the table is then walked by its key",
        )),
        (Walk::Physical, Some(_)) => {
            Ok(Walking { order: Order::Physical, why: "the job says so".to_owned(), scope_index: None })
        }
        (Walk::Key, _) => Ok(Walking { scope_index, ..by_key("the job says so") }),
        (Walk::Auto, _) if !work.is_swept() => Ok(by_key("only a sweep finds rows that move, and this job has none")),
        (Walk::Auto, _) if scope_index.is_some() => {
            Ok(Walking { scope_index, ..by_key("an index finds the rows in scope in the order of the key") })
        }
        (Walk::Auto, None) => Ok(by_key("there is no other order on disk")),
        (Walk::Auto, Some(heap)) => Ok(by_disk(table, work, heap)),
    }
}

fn by_disk(table: &TableFacts, work: &Work, heap: Heap) -> Walking {
    let leading = work.key.first().map(|column| &column.name);
    let correlation = leading.and_then(|name| table.column(name)).and_then(|column: &ColumnFacts| column.correlation);
    let share = heap.bytes as f64 / heap.cache_bytes.max(1) as f64;
    let (order, why) = match correlation {
        None => (Order::Key, "ANALYZE has not said how the key follows the order on disk".to_owned()),
        Some(correlation) if correlation.abs() >= SCATTERED => {
            (Order::Key, format!("the key follows the order on disk (correlation {correlation:.2})"))
        }
        Some(_) if share < FITS => (Order::Key, format!("the rows take {:.0} % of the server's cache", share * 100.0)),
        Some(correlation) => (
            Order::Physical,
            format!(
                "the key is scattered over the blocks (correlation {correlation:.2}), and the rows take {share:.1} times \
                 the server's cache"
            ),
        ),
    };
    Walking { order, why, scope_index: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::parse;
    use crate::plan::{Action, KeyColumn};

    const GIB: u64 = 1 << 30;

    fn job(walk: &str, scope: &str) -> Job {
        let text = format!(
            "version = 1\nname = \"fill\"\n[table]\nname = \"items\"\n{walk}\n{scope}\n[change.set]\nnote = \"'x'\"\n"
        );
        parse(&text).unwrap().0
    }

    fn table(correlation: Option<f64>, heap: Option<Heap>) -> TableFacts {
        let column = |name| ColumnFacts {
            name: crate::job::Ident::new(name).unwrap(),
            sql_type: "uuid".into(),
            nullable: false,
            generated: false,
            text_depends_on: None,
            correlation,
        };
        TableFacts { columns: vec![column("id")], heap, ..TableFacts::default() }
    }

    fn decided(job: &Job, table: &TableFacts, scope_index: Option<&str>) -> Result<Walking, Refusal> {
        let key = vec![KeyColumn { name: crate::job::Ident::new("id").unwrap(), sql_type: "uuid".into() }];
        let action = Action::Delete { archive: None };
        let work = Work { table: job.table.clone(), key, scope: job.scope.clone(), action, held_to_index: false };
        walking(job, table, &work, scope_index.map(str::to_owned))
    }

    #[test]
    fn auto_walks_on_disk_only_what_is_scattered_and_larger_than_the_cache() {
        let heap = |bytes| Some(Heap { bytes, cache_bytes: GIB });
        let scope = "where = \"note is null\"";
        let table_of = [
            (Some(0.01), heap(4 * GIB), None, Order::Physical, "scattered"),
            (Some(-0.49), heap(GIB / 2), None, Order::Physical, "scattered"),
            (Some(0.01), heap(GIB / 4), None, Order::Key, "25 % of the server's cache"),
            (Some(-0.98), heap(4 * GIB), None, Order::Key, "follows the order on disk"),
            (None, heap(4 * GIB), None, Order::Key, "ANALYZE"),
            (Some(0.01), None, None, Order::Key, "no other order"),
            (Some(0.01), heap(4 * GIB), Some("todo"), Order::Key, "an index finds the rows"),
        ];
        for (correlation, heap, index, order, why) in table_of {
            let walking = decided(&job("", scope), &table(correlation, heap), index).unwrap();
            assert!(walking.order == order && walking.why.contains(why), "{walking:?} instead of {why}");
            assert_eq!(walking.scope_index.as_deref(), index);
        }
        let unproven = decided(&job("", ""), &table(Some(0.0), heap(4 * GIB)), None).unwrap();
        assert_eq!(unproven.order, Order::Key, "{}", unproven.why);
    }

    #[test]
    fn a_job_may_choose_and_is_refused_what_is_not_there() {
        let heap = Some(Heap { bytes: 1, cache_bytes: GIB });
        let scope = "where = \"note is null\"";
        let physical = job("walk = \"physical\"", scope);
        assert_eq!(decided(&physical, &table(Some(1.0), heap), Some("todo")).unwrap().order, Order::Physical);
        assert_eq!(decided(&physical, &table(None, None), None).unwrap_err().code, "physical-walk-unavailable");
        let by_key = job("walk = \"key\"", scope);
        assert_eq!(decided(&by_key, &table(Some(0.0), heap), None).unwrap().order, Order::Key);
    }
}
