//! How large are the transactions, and how long may they take? Judges `[batch]`: each setting alone, then in pairs.

use super::Batch;
use super::code::Code;
use super::file::BatchWords;
use super::judge::Judge;
use super::limit;
use super::problem::{Judged, Problem, Reported};
use super::section::Word;
use crate::pace::Sizes;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

/// The batch, where what is not written takes its default.
pub(super) fn batch(word: Option<Word<BatchWords>>, judge: &mut Judge<'_>) -> Judged<Batch> {
    let words = word.map_or_else(|| Ok(BatchWords::default()), |word| word.value)?;

    let rows = row_count("rows", words.rows, limit::DEFAULT_ROWS, judge);
    let start = rows.as_ref().map_or(limit::DEFAULT_ROWS, |rows| rows.value);
    let min_rows = row_count("min_rows", words.min_rows, limit::DEFAULT_MIN_ROWS.min(start), judge);
    let max_rows = row_count("max_rows", words.max_rows, limit::DEFAULT_MAX_ROWS.max(start), judge);
    let workers = workers(words.workers, judge);
    let statement_timeout =
        timeout("statement_timeout", words.statement_timeout, limit::DEFAULT_STATEMENT_TIMEOUT, judge);
    let lock_timeout = timeout("lock_timeout", words.lock_timeout, limit::DEFAULT_LOCK_TIMEOUT, judge);

    if let Ok(rows) = &rows {
        usual(rows, judge);
        above_minimum(rows, &min_rows, judge);
        below_maximum(rows, &max_rows, judge);
    }
    lock_gives_up_first(&lock_timeout, &statement_timeout, judge);
    Ok(Batch {
        rows: rows?.count()?,
        min_rows: Some(min_rows?.count()?),
        max_rows: max_rows?.count()?,
        target_time: limit::DEFAULT_TARGET_TIME,
        max_wal: limit::DEFAULT_MAX_WAL,
        workers: workers?.count()?,
        statement_timeout: *statement_timeout?.value,
        lock_timeout: *lock_timeout?.value,
    })
}

impl Batch {
    /// Within what batches are sized on a table whose rows take `row_bytes` on disk, large values included.
    ///
    /// Rows of megabytes start with as few as `max_wal` allows, and nothing but a written `min_rows` keeps them above
    /// that: a batch of 1,000 such rows would be gigabytes of log.
    pub fn sizes(&self, row_bytes: u64) -> Sizes {
        let by_wal = u32::try_from(self.max_wal / row_bytes.max(1)).unwrap_or(u32::MAX).max(1);
        let usual = limit::DEFAULT_MIN_ROWS.unsigned_abs() as u32;
        let least = self.min_rows.unwrap_or(usual.min(self.rows).min(by_wal));
        Sizes {
            start: self.rows.min(by_wal).max(least),
            least,
            most: self.max_rows,
            target_time: self.target_time,
            max_wal: self.max_wal,
        }
    }
}

/// A value and where it is written.
struct Setting<T> {
    name: &'static str,
    value: T,
    /// `None` for a default.
    place: Option<Range<usize>>,
}

impl Setting<i64> {
    fn count(&self) -> Judged<u32> {
        // Every setting is in its range by now, and every range fits.
        u32::try_from(self.value).map_err(|_| Reported)
    }
}

impl<T: fmt::Display> Setting<T> {
    /// This setting is, say, "smaller than" the other, and both cannot be. Points at this one, or at the other where
    /// this one is not written.
    fn conflict(&self, is: &str, other: &Self, code: Code, message: String) -> Problem {
        let unwritten = |setting: &Self| format!("`{}` is {} when it is not written", setting.name, setting.value);
        match (&self.place, &other.place) {
            (Some(place), Some(also)) => Problem::new(code, place.clone(), message)
                .label(format!("{is} `{}`", other.name))
                .also(also.clone(), "set here"),
            (Some(place), None) => Problem::new(code, place.clone(), message).label(unwritten(other)),
            (None, place) => Problem::new(code, place.clone().unwrap_or_default(), message).label(unwritten(self)),
        }
    }
}

fn row_count(name: &'static str, word: Option<Word<i64>>, default: i64, judge: &mut Judge<'_>) -> Judged<Setting<i64>> {
    let rows = positive(name, word, default, judge)?;
    if rows.value <= limit::MAX_ROWS {
        return Ok(rows);
    }
    let message = format!(
        "`batch.{name}` cannot be {}: a batch is one transaction, and everyone waits for a long one",
        rows.value
    );
    let problem = Problem::new(Code::RowsOutOfRange, rows.place.unwrap_or_default(), message);
    Err(judge.report(problem.help(format!("write at most {}; 1000 to 10000 serves most tables", limit::MAX_ROWS))))
}

fn workers(word: Option<Word<i64>>, judge: &mut Judge<'_>) -> Judged<Setting<i64>> {
    let workers = positive("workers", word, limit::DEFAULT_WORKERS, judge)?;
    if workers.value <= limit::MAX_WORKERS {
        return Ok(workers);
    }
    let message =
        format!("`batch.workers` cannot be {}: each worker takes a connection from the application", workers.value);
    let problem = Problem::new(Code::WorkersOutOfRange, workers.place.unwrap_or_default(), message);
    let help =
        format!("write at most {}; more workers than the server has cores cost instead of helping", limit::MAX_WORKERS);
    Err(judge.report(problem.help(help)))
}

fn positive(name: &'static str, word: Option<Word<i64>>, default: i64, judge: &mut Judge<'_>) -> Judged<Setting<i64>> {
    let Some(word) = word else {
        return Ok(Setting { name, value: default, place: None });
    };
    let value = word.value?;
    if value > 0 {
        return Ok(Setting { name, value, place: Some(word.span) });
    }
    let problem = Problem::new(
        Code::SizeNotPositive,
        word.span,
        format!("`batch.{name}` cannot be {value}: nothing would ever be done"),
    );
    Err(judge.report(problem.help(format!("write at least 1, or remove it to use {default}"))))
}

fn usual(rows: &Setting<i64>, judge: &mut Judge<'_>) {
    let (least, most) = limit::USUAL_ROWS.into_inner();
    let why = match rows.value {
        few if few < least => "most of the time goes into transactions, not rows",
        many if many > most => "locks are held long enough for users to notice",
        _ => return,
    };
    let place = rows.place.clone().unwrap_or_default();
    let problem = Problem::new(Code::RowsUnusual, place, format!("at {} rows a batch, {why}", rows.value));
    judge.report(problem.help(format!("{least} to {most} serves most tables; keep it if you have measured")));
}

fn above_minimum(rows: &Setting<i64>, min_rows: &Judged<Setting<i64>>, judge: &mut Judge<'_>) {
    let Ok(min_rows) = min_rows else { return };
    let (start, least) = (rows.value, min_rows.value);
    if start < least {
        let message = format!("a batch cannot start at {start} rows when it may not go below {least}");
        let problem = rows.conflict("smaller than", min_rows, Code::BatchBelowMinimum, message);
        judge.report(problem.help(format!("set `rows` to at least {least}, or `min_rows` to at most {start}")));
    }
}

fn below_maximum(rows: &Setting<i64>, max_rows: &Judged<Setting<i64>>, judge: &mut Judge<'_>) {
    let Ok(max_rows) = max_rows else { return };
    let (start, most) = (rows.value, max_rows.value);
    if start > most {
        let message = format!("a batch cannot start at {start} rows when it may not go above {most}");
        let problem = rows.conflict("larger than", max_rows, Code::BatchAboveMaximum, message);
        judge.report(problem.help(format!("set `rows` to at most {most}, or `max_rows` to at least {start}")));
    }
}

fn timeout(
    name: &'static str,
    word: Option<Word<String>>,
    default: Duration,
    judge: &mut Judge<'_>,
) -> Judged<Setting<humantime::Duration>> {
    let value = word.as_ref().map_or(Ok(default), |word| judge.timeout(&format!("batch.{name}"), word))?;
    Ok(Setting { name, value: value.into(), place: word.map(|word| word.span) })
}

/// Otherwise every wait for a lock ends as a slow statement, and the run would shrink batches instead of waiting.
fn lock_gives_up_first(
    lock: &Judged<Setting<humantime::Duration>>,
    statement: &Judged<Setting<humantime::Duration>>,
    judge: &mut Judge<'_>,
) {
    let (Ok(lock), Ok(statement)) = (lock, statement) else { return };
    if *lock.value >= *statement.value {
        let message = format!(
            "a lock cannot be waited for {} when the whole statement is given up after {}",
            lock.value, statement.value
        );
        let problem = lock.conflict("not shorter than", statement, Code::LockTimeoutTooLong, message);
        judge.report(problem.help(
            "set `lock_timeout` below `statement_timeout`: a batch that cannot get a lock should find out early",
        ));
    }
}
