//! How far may replicas be behind, and which are looked at? Judges `[pace.replication_lag]`.

use super::super::code::Code;
use super::super::judge::Judge;
use super::super::limit;
use super::super::problem::{Judged, Problem, Reported, quoted};
use super::super::section::Word;
use super::hold::{Hold, hold};
use super::words::ReplicationWords;
use super::{Signal, Source};
use crate::pace::{Limit, signal_name};
use crate::quantity::Quantity;
use std::ops::Range;

const SECTION: &str = "pace.replication_lag";

/// The signal, with a limit of seconds, of bytes, or of both.
pub(super) fn replication(words: &ReplicationWords, judge: &mut Judge<'_>) -> Judged<Signal> {
    let max = words.max.as_ref().map(|word| judge.duration(&format!("{SECTION}.max"), word, &limit::LATENCY));
    let max_bytes = words.max_bytes.as_ref().map(|word| judge.size(&format!("{SECTION}.max_bytes"), word));
    let url_env = words.url_env.as_ref().map_or(Ok(Vec::new()), |word| variables(word, judge));
    let replicas = replicas(words, url_env.as_ref().ok(), judge);
    let hold = hold(SECTION, &words.hold, judge)?;
    let limits = limits(max.transpose()?.map(|max| max.as_secs_f64()), max_bytes.transpose()?, hold);
    Ok(Signal { source: Source::ReplicationLag { replicas: replicas?, url_env: url_env? }, limits })
}

fn limits(seconds: Option<f64>, bytes: Option<u64>, hold: Hold) -> Vec<Limit> {
    let seconds = seconds.map(|max| hold.limit(signal_name::REPLICATION_LAG, Quantity::seconds(max)));
    let bytes = bytes.map(|max| hold.limit(signal_name::REPLICATION_BYTES, Quantity::bytes(max as f64)));
    seconds.into_iter().chain(bytes).collect()
}

/// How many replicas must be seen: at least those that are named.
fn replicas(words: &ReplicationWords, url_env: Option<&Vec<String>>, judge: &mut Judge<'_>) -> Judged<u32> {
    let named = url_env.map_or(0, |names| i64::try_from(names.len()).unwrap_or(i64::MAX));
    let named_at = words.url_env.as_ref().map(|word| word.span.clone()).unwrap_or_default();
    let Some(word) = &words.replicas else {
        return in_range("url_env", named.max(1), named_at, judge);
    };
    let replicas = in_range("replicas", word.value?, word.span.clone(), judge)?;
    if i64::from(replicas) >= named {
        return Ok(replicas);
    }
    let message = format!("`{SECTION}.replicas` cannot be {replicas} when `url_env` names {named}");
    let problem = Problem::new(Code::ReplicasOutOfRange, word.span.clone(), message)
        .label("fewer than are named")
        .also(named_at, "named here");
    Err(judge.report(problem.help(format!("write at least {named}, or remove it: every replica that is named counts"))))
}

fn in_range(key: &str, count: i64, place: Range<usize>, judge: &mut Judge<'_>) -> Judged<u32> {
    let most = limit::MAX_REPLICAS;
    let message = match count {
        count if count < 1 => format!("`{SECTION}.{key}` cannot be {count}: a lag that nobody has is no limit"),
        count if count > most => format!("`{SECTION}.{key}` cannot ask for {count} replicas"),
        count => return u32::try_from(count).map_err(|_| Reported),
    };
    let problem = Problem::new(Code::ReplicasOutOfRange, place, message);
    Err(judge.report(problem.help(format!("write how many replicas must be seen, from 1 to {most}"))))
}

/// Names of environment variables, each once: a replica that is looked at twice is still one.
fn variables(word: &Word<Vec<Word<String>>>, judge: &mut Judge<'_>) -> Judged<Vec<String>> {
    let mut seen: Vec<(&String, &Range<usize>)> = Vec::new();
    let mut judged = Ok(());
    for word in word.get()? {
        let name = variable(word, judge).and_then(|name| match seen.iter().find(|(known, _)| *known == name) {
            Some((_, first)) => Err(judge.report(twice(name, &word.span, first))),
            None => Ok(name),
        });
        match name {
            Ok(name) => seen.push((name, &word.span)),
            Err(reported) => judged = Err(reported),
        }
    }
    judged.map(|()| seen.into_iter().map(|(name, _)| name.clone()).collect())
}

fn variable<'w>(word: &'w Word<String>, judge: &mut Judge<'_>) -> Judged<&'w String> {
    let name = word.get()?;
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if starts && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Ok(name);
    }
    // Whatever connects to a database has one of these, and may have a password beside it.
    if name.contains(['/', '@', ':', '=']) {
        let message = format!("`{SECTION}.url_env` takes names of environment variables, and this may be an address");
        let problem = Problem::new(Code::AddressInJob, word.span.clone(), message)
            .label("not shown here: it may hold a password");
        let help =
            "put the address into an environment variable, and write the variable's name, such as \"REPLICA_A_URL\"";
        return Err(judge.report(problem.help(help)));
    }
    let problem = Problem::new(
        Code::VariableName,
        word.span.clone(),
        format!("{} cannot name an environment variable", quoted(name)),
    );
    Err(judge.report(problem.help("write letters, digits and `_`, without a `$`, such as \"REPLICA_A_URL\"")))
}

fn twice(name: &str, place: &Range<usize>, first: &Range<usize>) -> Problem {
    let message = format!("{} is named twice, and a replica that is looked at twice is still one", quoted(name));
    Problem::new(Code::VariableTwice, place.clone(), message)
        .also(first.clone(), "named here before")
        .help("remove one of the two")
}
