//! Which parts does a pass have, and how far is each?

use super::Ledger;
use crate::db::failure::Failure;
use crate::db::session::{Row, Value};
use crate::key::{Key, KeyRange};

/// A slice as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SliceRecord {
    /// 0 for the walk, 1 and on for sweeps.
    pub pass: i64,
    /// Its place in the pass.
    pub number: i64,
    /// The rows it covers.
    pub range: KeyRange,
    /// All rows up to here are done.
    pub cursor: Option<Key>,
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
}

/// A slice to be.
pub(super) struct NewSlice<'a> {
    pub(super) run: i64,
    pub(super) pass: i64,
    pub(super) number: i64,
    pub(super) range: &'a KeyRange,
}

impl Ledger {
    /// Every slice of a run, by pass and place.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn slices(&mut self, run: i64) -> Result<Vec<SliceRecord>, Failure> {
        self.begin_reading().await?;
        let slices = self.read_slices(run).await;
        self.end(slices, "read the slices").await
    }

    /// Every slice of a run; the caller's transaction.
    pub(super) async fn read_slices(&mut self, run: i64) -> Result<Vec<SliceRecord>, Failure> {
        let sql = format!(
            "select pass, slice, after_key, through_key, cursor_key, seq, rows_changed, rows_scanned, \
             rows_still_in_scope, done, token, set_aside from {} where run_id = $1 order by pass, slice",
            self.dialect.state_table("slice")
        );
        let rows = self.session.fetch(&sql, &[run.into()]).await?;
        rows.iter().map(read_slice).collect()
    }

    /// Records another pass over the same parts, held by `holder`, with `added` behind them. Nothing happens when it is
    /// there already: the last runner may have died right after.
    ///
    /// # Errors
    /// When the database does not answer, or another runner has the run.
    pub async fn add_pass(
        &mut self,
        run: i64,
        pass: i64,
        holder: &str,
        added: Option<&KeyRange>,
    ) -> Result<(), Failure> {
        self.begin().await?;
        let added = self.add_pass_in_transaction(run, pass, holder, added).await;
        self.end(added, "record the next pass").await
    }

    async fn add_pass_in_transaction(
        &mut self,
        run: i64,
        pass: i64,
        holder: &str,
        added: Option<&KeyRange>,
    ) -> Result<(), Failure> {
        let (_, held) = self.lock_run(run).await?;
        if held.is_none_or(|held| held.runner.holder != holder) {
            return Err(Failure::fatal("another runner has the run"));
        }
        let slice = self.dialect.state_table("slice");
        let sql = format!(
            "insert into {slice} (run_id, pass, slice, after_key, through_key, cursor_key, token, holder) \
             select run_id, $2, slice, after_key, through_key, after_key, 1, $3 from {slice} \
             where run_id = $1 and pass = 0 on conflict (run_id, pass, slice) do nothing"
        );
        let copied = self.session.execute(&sql, &[run.into(), pass.into(), holder.into()]).await?;
        let Some(range) = added.filter(|_| copied > 0) else { return Ok(()) };
        let number = i64::try_from(copied).unwrap_or(i64::MAX);
        self.insert_slice(&NewSlice { run, pass, number, range }).await?;
        let own = format!("update {slice} set token = 1, holder = $3 where run_id = $1 and pass = $2 and slice = $4");
        self.session.execute(&own, &[run.into(), pass.into(), holder.into(), number.into()]).await.map(drop)
    }

    /// Adds one slice; the caller's transaction.
    pub(super) async fn insert_slice(&mut self, new: &NewSlice<'_>) -> Result<(), Failure> {
        let sql = format!(
            "insert into {} (run_id, pass, slice, after_key, through_key, cursor_key) values ($1, $2, $3, $4, $5, $4)",
            self.dialect.state_table("slice")
        );
        let after = new.range.after.as_ref().map(Key::to_stored);
        let values: [Value; 5] = [
            new.run.into(),
            new.pass.into(),
            new.number.into(),
            after.as_deref().into(),
            new.range.through.to_stored().as_str().into(),
        ];
        self.session.execute(&sql, &values).await.map(drop)
    }
}

fn read_slice(row: &Row) -> Result<SliceRecord, Failure> {
    let key = |column: usize| row.text_or_null(column).map(|text| read_key(&text)).transpose();
    Ok(SliceRecord {
        pass: row.int(0)?,
        number: row.int(1)?,
        range: KeyRange { after: key(2)?, through: read_key(&row.text(3)?)? },
        cursor: key(4)?,
        seq: row.int(5)?,
        rows_changed: row.int(6)?,
        rows_scanned: row.int(7)?,
        rows_still_in_scope: row.int(8)?,
        done: row.int(9)? == 1,
        token: row.int(10)?,
        set_aside: row.int(11)? == 1,
    })
}

/// Reads a key as the state tables keep it.
pub(crate) fn read_key(text: &str) -> Result<Key, Failure> {
    Key::from_stored(text).map_err(|error| Failure::fatal(format!("the state tables hold an unreadable key: {error}")))
}
