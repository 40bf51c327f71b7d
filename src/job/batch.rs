//! How large are the transactions, and how long may they take? Judges `[batch]`: each setting alone, then in pairs.

use super::code::Code;
use super::file::BatchWords;
use super::judge::Judge;
use super::limit;
use super::limit::DurationRange;
use super::problem::{Judged, Problem, Reported};
use super::section::Word;
use super::{Batch, Vacuum};
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
    let scan_rows = scan_rows(words.scan_rows, judge);
    let workers = workers(words.workers, judge);
    let statement_timeout = words.statement_timeout;
    let statement_timeout =
        duration("statement_timeout", statement_timeout, &limit::TIMEOUT, limit::DEFAULT_STATEMENT_TIMEOUT, judge);
    let lock_timeout =
        duration("lock_timeout", words.lock_timeout, &limit::TIMEOUT, limit::DEFAULT_LOCK_TIMEOUT, judge);
    let target_time =
        duration("target_time", words.target_time, &limit::TARGET_TIME, usual_time(&statement_timeout), judge);
    let max_wal = words.max_wal.as_ref();
    let max_wal = max_wal.map_or(Ok(limit::DEFAULT_MAX_WAL), |word| judge.size("batch.max_wal", word));

    let vacuum = words.vacuum.as_ref();
    let vacuum = vacuum.map_or(Ok(Vacuum::Off), |word| judge.choice("batch.vacuum", word, &Vacuum::WORDS));

    if let Ok(rows) = &rows {
        usual(rows, judge);
        above_minimum(rows, &min_rows, judge);
        below_maximum(rows, &max_rows, judge);
    }
    lock_gives_up_first(&lock_timeout, &statement_timeout, judge);
    target_is_met_first(&target_time, &statement_timeout, judge);
    Ok(Batch {
        rows: rows?.count()?,
        min_rows: min_rows?.written().map(|min_rows| min_rows.count()).transpose()?,
        max_rows: max_rows?.count()?,
        scan_rows: scan_rows?.count()?,
        target_time: *target_time?.value,
        max_wal: max_wal?,
        workers: workers?.count()?,
        statement_timeout: *statement_timeout?.value,
        lock_timeout: *lock_timeout?.value,
        vacuum: vacuum?,
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
            scan: self.scan_rows,
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

impl<T> Setting<T> {
    /// The setting, unless it is a default.
    fn written(&self) -> Option<&Self> {
        self.place.is_some().then_some(self)
    }
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

fn scan_rows(word: Option<Word<i64>>, judge: &mut Judge<'_>) -> Judged<Setting<i64>> {
    let rows = positive("scan_rows", word, limit::DEFAULT_SCAN_ROWS, judge)?;
    if rows.value <= limit::MAX_SCAN_ROWS {
        return Ok(rows);
    }
    let message = format!("`batch.scan_rows` cannot be {}: a stop waits for the end of such a look", rows.value);
    let problem = Problem::new(Code::RowsOutOfRange, rows.place.unwrap_or_default(), message);
    let (usual, most) = (limit::DEFAULT_SCAN_ROWS, limit::MAX_SCAN_ROWS);
    Err(judge.report(problem.help(format!("write at most {most}; {usual} serves most tables"))))
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

fn duration(
    name: &'static str,
    word: Option<Word<String>>,
    takes: &DurationRange,
    default: Duration,
    judge: &mut Judge<'_>,
) -> Judged<Setting<humantime::Duration>> {
    let value = word.as_ref().map_or(Ok(default), |word| judge.duration(&format!("batch.{name}"), word, takes))?;
    Ok(Setting { name, value: value.into(), place: word.map(|word| word.span) })
}

/// The target of a job that says none: half of a short statement timeout, so that a batch that takes longer than the
/// others is not given up at once.
fn usual_time(statement: &Judged<Setting<humantime::Duration>>) -> Duration {
    let longest = statement.as_ref().map_or(limit::DEFAULT_STATEMENT_TIMEOUT, |statement| *statement.value);
    limit::DEFAULT_TARGET_TIME.min(longest / 2)
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

/// Otherwise batches grow until the server gives them up.
fn target_is_met_first(
    target: &Judged<Setting<humantime::Duration>>,
    statement: &Judged<Setting<humantime::Duration>>,
    judge: &mut Judge<'_>,
) {
    let (Ok(target), Ok(statement)) = (target, statement) else { return };
    if *target.value >= *statement.value {
        let message = format!(
            "a batch cannot be sized to take {} when a statement of it is given up after {}",
            target.value, statement.value
        );
        let problem = target.conflict("not shorter than", statement, Code::TargetTimeTooLong, message);
        judge
            .report(problem.help("set `target_time` well below `statement_timeout`: half a second serves most tables"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_rows_make_small_batches_unless_the_job_says_otherwise() {
        const MIB: u64 = 1024 * 1024;
        // Rows, the least that is written, bytes of a row; the start and the least.
        let cases = [
            (5000, None, 0, (5000, 1000)),
            (5000, None, 200, (5000, 1000)),
            (5000, None, 8 * 1024, (2048, 1000)),
            (5000, None, 32 * 1024, (512, 512)),
            (5000, None, MIB, (16, 16)),
            (5000, None, 10 * MIB, (1, 1)),
            (5000, None, 1024 * MIB, (1, 1)),
            (5000, Some(100), MIB, (100, 100)),
            (5000, Some(4), MIB, (16, 4)),
            (200, None, 200, (200, 200)),
            (200, Some(50), 200, (200, 50)),
        ];
        for (rows, min_rows, row_bytes, expected) in cases {
            let batch = Batch {
                rows,
                min_rows,
                max_rows: 10_000,
                scan_rows: 100_000,
                target_time: limit::DEFAULT_TARGET_TIME,
                max_wal: 16 * MIB,
                workers: 1,
                statement_timeout: limit::DEFAULT_STATEMENT_TIMEOUT,
                lock_timeout: limit::DEFAULT_LOCK_TIMEOUT,
                vacuum: Vacuum::Off,
            };
            let sizes = batch.sizes(row_bytes);
            assert_eq!((sizes.start, sizes.least), expected, "{rows} {min_rows:?} {row_bytes}");
            assert_eq!((sizes.most, sizes.max_wal, sizes.target_time), (10_000, batch.max_wal, batch.target_time));
        }
    }

    #[test]
    fn the_usual_target_is_met_before_the_statement_is_given_up() {
        for (statement, target) in [("30s", "500ms"), ("1s", "500ms"), ("800ms", "400ms"), ("1ms", "500us")] {
            let value = humantime::parse_duration(statement).unwrap().into();
            let setting = Ok(Setting { name: "statement_timeout", value, place: None });
            assert_eq!(usual_time(&setting), humantime::parse_duration(target).unwrap(), "{statement}");
        }
        assert_eq!(usual_time(&Err(Reported)), limit::DEFAULT_TARGET_TIME);
    }
}
