//! What is measured, and how much of it is too much? Judges the sections of `[pace]`, each by itself; replication lag is
//! next door.

use super::super::code::Code;
use super::super::judge::Judge;
use super::super::limit;
use super::super::problem::{Judged, Problem, Reported, quoted};
use super::super::section::Word;
use super::hold::hold;
use super::replication::replication;
use super::words::{CustomWords, HoldWords, LimitWords, PaceWords, ProbeWords};
use super::{Signal, Source};
use crate::pace::{Statistic, signal_name};
use crate::quantity::Quantity;
use std::ops::Range;

/// What reasons, metrics and the time ledger call something else that makes a run wait.
const OTHER_NAMES: &[&str] = &["window", "hold-file", "operator", "rate", "duty", "idle"];

/// The signals, in the order of the format.
pub(super) fn signals(words: &PaceWords, judge: &mut Judge<'_>) -> Judged<Vec<Signal>> {
    let built_in = [
        words.replication_lag.as_ref().map(|word| replication(word.get()?, judge)),
        limited(&words.wal_rate, Source::WalRate, signal_name::WAL_RATE, rate, judge),
        limited(&words.retained_wal, Source::RetainedWal, signal_name::RETAINED_WAL, size, judge),
        limited(&words.archive_backlog, Source::ArchiveBacklog, signal_name::ARCHIVE_BACKLOG, count, judge),
        words.autovacuum.as_ref().map(|word| autovacuum(word.get()?, judge)),
        limited(&words.oldest_transaction, Source::OldestTransaction, signal_name::OLDEST_TRANSACTION, age, judge),
        limited(&words.active_sessions, Source::ActiveSessions, signal_name::ACTIVE_SESSIONS, count, judge),
        limited(&words.lock_waits, Source::LockWaits, signal_name::LOCK_WAITS, latency, judge),
        words.probe.as_ref().map(|word| probe(word.get()?, judge)),
    ];
    let custom = words.signal.as_ref().map_or(Ok(Vec::new()), |word| customs(word.get()?, judge));
    let mut signals: Vec<Signal> = built_in.into_iter().flatten().collect::<Judged<_>>()?;
    signals.append(&mut custom?);
    Ok(signals)
}

/// A signal that has nothing but a limit.
fn limited<T>(
    word: &Option<Word<LimitWords<T>>>,
    source: Source,
    name: &str,
    max: impl FnOnce(&str, &Word<T>, &mut Judge<'_>) -> Judged<Quantity>,
    judge: &mut Judge<'_>,
) -> Option<Judged<Signal>> {
    let signal = |words: &LimitWords<T>| {
        let section = section(name);
        let max = words.max.as_ref().ok_or(Reported).and_then(|word| max(&format!("{section}.max"), word, judge));
        let hold = hold(&section, &words.hold, judge);
        Ok(Signal { source, limits: vec![hold?.limit(name, max?)] })
    };
    word.as_ref().map(|word| word.get().and_then(signal))
}

/// Held while there is any, so it needs no limit of the user's.
fn autovacuum(words: &HoldWords, judge: &mut Judge<'_>) -> Judged<Signal> {
    let name = signal_name::AUTOVACUUM;
    let limit = hold(&section(name), words, judge)?.limit(name, Quantity::number(0.0));
    Ok(Signal { source: Source::Autovacuum, limits: vec![limit] })
}

fn probe(words: &ProbeWords, judge: &mut Judge<'_>) -> Judged<Signal> {
    let section = section(signal_name::PROBE);
    let sql = words.sql.as_ref().ok_or(Reported).and_then(|word| judge.query(word));
    let max = words.max.as_ref().ok_or(Reported).and_then(|word| {
        let max = judge.duration(&format!("{section}.max"), word, &limit::PROBE_TIME)?;
        Ok(Quantity::seconds(max.as_secs_f64()))
    });
    let mut limit = hold(&section, &words.hold, judge).and_then(|hold| Ok(hold.limit(signal_name::PROBE, max?)))?;
    limit.statistic = Statistic::P95;
    Ok(Signal { source: Source::Probe { sql: sql? }, limits: vec![limit] })
}

/// The user's own signals, each under a name of its own.
fn customs(words: &[Word<CustomWords>], judge: &mut Judge<'_>) -> Judged<Vec<Signal>> {
    let mut seen: Vec<(&str, &Range<usize>)> = Vec::new();
    let mut judged = Vec::new();
    for word in words {
        judged.push(word.get().and_then(|words| custom(words, &mut seen, judge)));
    }
    judged.into_iter().collect()
}

fn custom<'w>(
    words: &'w CustomWords,
    seen: &mut Vec<(&'w str, &'w Range<usize>)>,
    judge: &mut Judge<'_>,
) -> Judged<Signal> {
    let name = words.name.as_ref().ok_or(Reported).and_then(|word| {
        let name = custom_name(word, judge)?;
        if let Some((_, first)) = seen.iter().find(|(known, _)| *known == name) {
            return Err(judge.report(twice(name, &word.span, first)));
        }
        seen.push((name, &word.span));
        Ok(name)
    });
    let sql = words.sql.as_ref().ok_or(Reported).and_then(|word| judge.query(word));
    let max = words.max.as_ref().ok_or(Reported).and_then(|word| number(word, judge));
    let hold = hold("pace.signal", &words.hold, judge);
    Ok(Signal { source: Source::Custom { sql: sql? }, limits: vec![hold?.limit(name?, max?)] })
}

fn custom_name<'w>(word: &'w Word<String>, judge: &mut Judge<'_>) -> Judged<&'w str> {
    let name = word.get()?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let (why, help) = if !(1..=limit::MAX_SIGNAL_NAME).contains(&name.len()) || !name.chars().all(plain) {
        let help = format!("write 1 to {} of the characters a-z, 0-9 and `-`", limit::MAX_SIGNAL_NAME);
        ("it is used in metrics and reasons", help)
    } else if signal_name::ALL.contains(&name.as_str()) || OTHER_NAMES.contains(&name.as_str()) {
        ("tidegate calls something of its own so", format!("choose another, such as `my-{name}`"))
    } else {
        return Ok(name);
    };
    let message = format!("{} cannot name a signal: {why}", quoted(name));
    Err(judge.report(Problem::new(Code::SignalName, word.span.clone(), message).help(help)))
}

fn twice(name: &str, place: &Range<usize>, first: &Range<usize>) -> Problem {
    Problem::new(Code::SignalNameTwice, place.clone(), format!("two signals are called {}", quoted(name)))
        .label("the second one")
        .also(first.clone(), "the first one")
        .help("give one of them another name, so that a reason tells which it is")
}

fn latency(name: &str, word: &Word<String>, judge: &mut Judge<'_>) -> Judged<Quantity> {
    judge.duration(name, word, &limit::LATENCY).map(|max| Quantity::seconds(max.as_secs_f64()))
}

fn age(name: &str, word: &Word<String>, judge: &mut Judge<'_>) -> Judged<Quantity> {
    judge.duration(name, word, &limit::TRANSACTION_AGE).map(|max| Quantity::seconds(max.as_secs_f64()))
}

fn size(name: &str, word: &Word<String>, judge: &mut Judge<'_>) -> Judged<Quantity> {
    judge.size(name, word).map(|bytes| Quantity::bytes(bytes as f64))
}

fn rate(name: &str, word: &Word<String>, judge: &mut Judge<'_>) -> Judged<Quantity> {
    judge.size(name, word).map(|bytes| Quantity::bytes_per_second(bytes as f64))
}

fn count(name: &str, word: &Word<i64>, judge: &mut Judge<'_>) -> Judged<Quantity> {
    let count = word.value?;
    if count >= 1 {
        return Ok(Quantity::number(count as f64));
    }
    let message = format!("`{name}` cannot be {count}: the run would never go on");
    let problem = Problem::new(Code::LimitOutOfRange, word.span.clone(), message);
    Err(judge.report(problem.help("write at least 1")))
}

fn number(word: &Word<f64>, judge: &mut Judge<'_>) -> Judged<Quantity> {
    let max = word.value?;
    if max.is_finite() && max >= 0.0 {
        return Ok(Quantity::number(max));
    }
    let why = if max < 0.0 { "the run would never go on" } else { "it limits nothing" };
    let message = format!("`pace.signal.max` cannot be {max}: {why}");
    let problem = Problem::new(Code::LimitOutOfRange, word.span.clone(), message);
    Err(judge.report(problem.help("write a number of zero or more; the run is held while the query returns more")))
}

/// The path of a signal's section, which is called like the signal.
fn section(name: &str) -> String {
    format!("pace.{}", name.replace('-', "_"))
}
