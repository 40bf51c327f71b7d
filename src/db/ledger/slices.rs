//! Which parts does a pass have, and how far is each?

use super::Ledger;
use super::recorded::Recorded;
use crate::db::failure::Failure;
use crate::db::session::{Row, Value};
use crate::key::{Key, KeyRange};
use crate::plan::Route;

/// A slice as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SliceRecord {
    /// 0 for the walk, 1 and on for sweeps.
    pub pass: i64,
    /// Its place in the pass.
    pub number: i64,
    /// Along what it goes, and so what its keys are.
    pub route: Route,
    /// The rows it covers.
    pub range: KeyRange,
    /// All rows up to here are done; in a walk in laps, those of the lap in hand.
    pub cursor: Option<Key>,
    /// Of a walk in laps, the stretch that it is going over.
    pub circuit: SliceCircuit,
    /// Committed batches.
    pub seq: i64,
    /// Rows changed.
    pub rows_changed: i64,
    /// Rows looked at.
    pub rows_scanned: i64,
    /// Rows changed that are in scope still.
    pub rows_still_in_scope: i64,
    /// Whether the cursor reached the end.
    pub done: bool,
    /// Counts the takings.
    pub token: i64,
    /// Carved out of another slice because somebody kept a lock on its rows; walked last.
    pub set_aside: bool,
    /// The planned slice of its pass that it was split from; `None`: planned itself, or carved out.
    pub split_from: Option<i64>,
}

/// The stretch of a slice that is gone over lap by lap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SliceCircuit {
    /// The lap in hand, from 0.
    pub lap: i64,
    /// Where it begins; `None`: where the slice does.
    pub after: Option<Key>,
    /// Where it ends; `None` in its first lap.
    pub through: Option<Key>,
}

/// What a pass after the walk goes over.
#[derive(Clone, Copy, Debug)]
pub enum NewPass<'a> {
    /// The slices of the walk once more.
    Again {
        /// Rows that were added above its end.
        added: Option<&'a KeyRange>,
    },
    /// These ranges of keys, the first one open below.
    Of(&'a [KeyRange]),
    /// All keys; it is done already, and nothing was in scope.
    FoundNothing(&'a KeyRange),
}

/// A slice to be.
pub(super) struct NewSlice<'a> {
    pub(super) run: i64,
    pub(super) pass: i64,
    pub(super) number: i64,
    pub(super) route: &'a Route,
    pub(super) range: &'a KeyRange,
}

impl Ledger {
    /// Every slice of a run, by pass and place.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn slices(&mut self, run: i64) -> Result<Vec<SliceRecord>, Failure> {
        self.begin_reading().await?;
        let rows = self.slice_rows(run).await;
        let rows = self.end(rows, "read the slices").await?;
        self.read_all(&rows, run)
    }

    /// Every slice of a run; the caller's transaction.
    pub(super) async fn read_slices(&mut self, run: i64) -> Result<Vec<SliceRecord>, Failure> {
        let rows = self.slice_rows(run).await?;
        self.read_all(&rows, run)
    }

    async fn slice_rows(&mut self, run: i64) -> Result<Vec<Row>, Failure> {
        let sql = format!(
            "select pass, slice, after_key, through_key, cursor_key, seq, rows_changed, rows_scanned, \
             rows_still_in_scope, done, token, set_aside, walk, part, split_from, laps, stripe, \
             lap, circuit_after, circuit_through from {} where run_id = $1 order by pass, slice",
            self.dialect.state_table("slice")
        );
        self.session.fetch(&sql, &[run.into()]).await
    }

    fn read_all(&self, rows: &[Row], run: i64) -> Result<Vec<SliceRecord>, Failure> {
        let table = self.dialect.state_table("slice");
        rows.iter().map(|row| read_slice(row, &table, run)).collect()
    }

    /// Records another pass, held by `holder`. Nothing happens when it is there already: the last runner may have died right
    /// after. `false`: `holder` does not have the run now.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn add_pass(&mut self, run: i64, pass: i64, holder: &str, new: NewPass<'_>) -> Result<bool, Failure> {
        self.begin().await?;
        let added = self.add_pass_in_transaction(run, pass, holder, new).await;
        self.end(added, "record the next pass").await
    }

    async fn add_pass_in_transaction(
        &mut self,
        run: i64,
        pass: i64,
        holder: &str,
        new: NewPass<'_>,
    ) -> Result<bool, Failure> {
        let (_, held) = self.lock_run(run).await?;
        if held.is_none_or(|held| held.runner.holder != holder) {
            return Ok(false);
        }
        match new {
            NewPass::Again { added } => self.copy_pass(run, pass, holder, added).await?,
            NewPass::Of(ranges) => self.insert_pass(run, pass, holder, ranges, false).await?,
            NewPass::FoundNothing(whole) => {
                self.insert_pass(run, pass, holder, std::slice::from_ref(whole), true).await?;
            }
        }
        Ok(true)
    }

    /// The slices of a pass that are not those of the walk.
    async fn insert_pass(
        &mut self,
        run: i64,
        pass: i64,
        holder: &str,
        ranges: &[KeyRange],
        is_done: bool,
    ) -> Result<(), Failure> {
        let slice = self.dialect.state_table("slice");
        let known = format!("select slice from {slice} where run_id = $1 and pass = $2 limit 1");
        if !self.session.fetch(&known, &[run.into(), pass.into()]).await?.is_empty() {
            return Ok(());
        }
        for (number, range) in (0..).zip(ranges) {
            self.insert_slice(&NewSlice { run, pass, number, route: &Route::default(), range }).await?;
        }
        let end = if is_done { ", cursor_key = through_key, done = (1 = 1)" } else { "" };
        let own = format!("update {slice} set token = 1, holder = $3{end} where run_id = $1 and pass = $2");
        self.session.execute(&own, &[run.into(), pass.into(), holder.into()]).await.map(drop)
    }

    /// The slices of the walk once more, with `added` behind them.
    async fn copy_pass(&mut self, run: i64, pass: i64, holder: &str, added: Option<&KeyRange>) -> Result<(), Failure> {
        let slice = self.dialect.state_table("slice");
        let sql = format!(
            "insert into {slice} (run_id, pass, slice, after_key, through_key, cursor_key, split_from, token, holder) \
             select run_id, $2, slice, after_key, through_key, after_key, split_from, 1, $3 from {slice} \
             where run_id = $1 and pass = 0 on conflict (run_id, pass, slice) do nothing"
        );
        let copied = self.session.execute(&sql, &[run.into(), pass.into(), holder.into()]).await?;
        let Some(range) = added.filter(|_| copied > 0) else { return Ok(()) };
        let number = i64::try_from(copied).unwrap_or(i64::MAX);
        self.insert_slice(&NewSlice { run, pass, number, route: &Route::default(), range }).await?;
        let own = format!("update {slice} set token = 1, holder = $3 where run_id = $1 and pass = $2 and slice = $4");
        self.session.execute(&own, &[run.into(), pass.into(), holder.into(), number.into()]).await.map(drop)
    }

    /// Adds one slice; the caller's transaction.
    pub(super) async fn insert_slice(&mut self, new: &NewSlice<'_>) -> Result<(), Failure> {
        let sql = format!(
            "insert into {} (run_id, pass, slice, after_key, through_key, cursor_key, walk, part, laps, stripe) \
             values ($1, $2, $3, $4, $5, $4, $6, $7, $8, $9)",
            self.dialect.state_table("slice")
        );
        let after = new.range.after.as_ref().map(Key::to_stored);
        let values: [Value; 9] = [
            new.run.into(),
            new.pass.into(),
            new.number.into(),
            after.as_deref().into(),
            new.range.through.to_stored().as_str().into(),
            new.route.order.as_str().into(),
            new.route.part.as_ref().map(ToString::to_string).as_deref().into(),
            i64::from(new.route.laps.count).into(),
            i64::from(new.route.laps.stripe).into(),
        ];
        self.session.execute(&sql, &values).await.map(drop)
    }
}

fn read_slice(row: &Row, table: &str, run: i64) -> Result<SliceRecord, Failure> {
    let of_run = Recorded::new(row, format!("{table} of run {run}"));
    let (pass, number) = (of_run.int(0, "pass")?, of_run.int(1, "slice")?);
    let row = Recorded::new(row, format!("{table} of run {run}, pass {pass}, slice {number}"));
    Ok(SliceRecord {
        pass,
        number,
        route: Route { order: row.order(12, "walk")?, laps: row.laps(15, 16)?, part: row.table_or_null(13, "part")? },
        range: KeyRange { after: row.key_or_null(2, "after_key")?, through: row.key(3, "through_key")? },
        cursor: row.key_or_null(4, "cursor_key")?,
        circuit: SliceCircuit {
            lap: row.int(17, "lap")?,
            after: row.key_or_null(18, "circuit_after")?,
            through: row.key_or_null(19, "circuit_through")?,
        },
        seq: row.int(5, "seq")?,
        rows_changed: row.int(6, "rows_changed")?,
        rows_scanned: row.int(7, "rows_scanned")?,
        rows_still_in_scope: row.int(8, "rows_still_in_scope")?,
        done: row.int(9, "done")? == 1,
        token: row.int(10, "token")?,
        set_aside: row.int(11, "set_aside")? == 1,
        split_from: row.int_or_null(14, "split_from")?,
    })
}

/// Reads a key as the state tables keep it.
pub(crate) fn read_key(text: &str) -> Result<Key, Failure> {
    Key::from_stored(text).map_err(|_| Failure::fatal("a stored key is no JSON array of texts"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What tidegate writes, and in each place what another hand or another version might.
    fn value(right: impl Strategy<Value = Value> + 'static) -> impl Strategy<Value = Value> {
        let number = prop_oneof![any::<i64>(), Just(i64::MAX), Just(-1), Just(0)];
        let wrong = prop_oneof![
            Just(Value::Null),
            number.prop_map(Value::Int),
            any::<f64>().prop_map(Value::Real),
            "\\PC{0,12}|\\[.{0,8}\\]?|\\[null\\]|\\[1\\]".prop_map(Value::Text),
            proptest::collection::vec(any::<u8>(), 0..6).prop_map(Value::Blob),
        ];
        prop_oneof![9 => right, 1 => wrong]
    }

    fn row() -> impl Strategy<Value = Vec<Value>> {
        let int = || value((0..100_i64).prop_map(Value::Int)).boxed();
        let key = || {
            value(proptest::collection::vec(".{0,4}", 1..4).prop_map(|parts| Value::Text(Key::new(parts).to_stored())))
        };
        let key = || prop_oneof![4 => key(), 1 => Just(Value::Null)].boxed();
        let walk = value(prop_oneof![Just("key"), Just("physical")].prop_map(Value::from)).boxed();
        let part = prop_oneof![3 => Just(Value::Null), 1 => value(Just(Value::from("public.items_2026")))].boxed();
        let int_or_null = prop_oneof![1 => int(), 1 => Just(Value::Null)].boxed();
        let ints = vec![int(), int(), int(), int(), int(), int(), int()];
        let [laps, stripe] = [(); 2].map(|()| value((0..=10_i64).prop_map(Value::Int)).boxed());
        let columns = [
            vec![int(), int(), key(), key(), key()],
            ints,
            vec![walk, part, int_or_null, laps, stripe, int(), key(), key()],
        ]
        .concat();
        (columns, 0..=20_usize, 0..4_u8).prop_map(|(mut row, end, is_cut)| {
            row.truncate(if is_cut == 0 { end } else { 20 });
            row
        })
    }

    proptest! {
        #[test]
        fn a_row_is_a_slice_or_says_which_row_of_which_table_is_none(values in row()) {
            match read_slice(&Row(values.clone()), "tidegate.slice", 7) {
                Ok(slice) => {
                    prop_assert_eq!(Value::Int(slice.pass), values[0].clone());
                    prop_assert_eq!(Value::Text(slice.range.through.to_stored()), values[3].clone());
                    prop_assert_eq!(slice.range.after.is_none(), values[2] == Value::Null);
                    prop_assert_eq!(slice.cursor.is_none(), values[4] == Value::Null);
                    prop_assert_eq!(Value::Int(slice.token), values[10].clone());
                    prop_assert!([1, 2, 4, 8].contains(&slice.route.laps.count));
                }
                Err(failure) => {
                    let said = failure.to_string();
                    prop_assert!(said.starts_with("tidegate.slice of run 7") && said.ends_with("then run again"), "{}", said);
                }
            }
        }
    }
}
