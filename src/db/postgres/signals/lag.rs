//! What follows from where each replica is? The worst one counts, and one that cannot be seen may be the worst. Pure:
//! knows no connection and no clock.

use crate::pace::{Behind, LagHistory, Limit, OnUnknown, Seen, signal_name};
use std::time::Instant;

/// A replica that was asked for, or seen.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Replica {
    pub(super) name: String,
    /// How far it has replayed the primary's log, or why that is not known.
    pub(super) replayed: Result<u64, String>,
}

/// What is seen of one limit. `missing`: why not all replicas are seen that there should be.
pub(super) fn seen(
    limit: &Limit,
    replicas: &[Replica],
    missing: Option<&str>,
    history: &LagHistory,
    now: Instant,
) -> Seen {
    let mut unknown: Vec<String> = missing.map(str::to_owned).into_iter().collect();
    let mut worst: Option<(f64, &str)> = None;
    for replica in replicas {
        match value(limit, replica, history, now) {
            Ok(value) if worst.is_none_or(|(most, _)| value > most) => worst = Some((value, &replica.name)),
            Ok(_) => {}
            Err(why) => unknown.push(why),
        }
    }
    let is_ignored = limit.on_unknown == OnUnknown::Ignore && worst.is_some();
    if !unknown.is_empty() && !is_ignored {
        return Seen::Unknown(unknown.join("; "));
    }
    // Nobody is asked for, and nobody is there.
    let (value, of) = worst.map_or((0.0, None), |(value, name)| (value, Some(name.to_owned())));
    Seen::Value { value, of }
}

fn value(limit: &Limit, replica: &Replica, history: &LagHistory, now: Instant) -> Result<f64, String> {
    let replayed = *replica.replayed.as_ref().map_err(|why| format!("replica {}: {why}", replica.name))?;
    if &*limit.signal == signal_name::REPLICATION_BYTES {
        return Ok(history.newest().unwrap_or_default().saturating_sub(replayed) as f64);
    }
    match history.behind(now, replayed) {
        Behind::By(lag) => Ok(lag.as_secs_f64()),
        // It may be behind by more, and this is too much already.
        Behind::AtLeast(lag) if lag.as_secs_f64() > limit.max.value => Ok(lag.as_secs_f64()),
        Behind::AtLeast(_) => {
            Err(format!("replica {} has not yet replayed what was written when the watch began", replica.name))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pace::Statistic;
    use crate::quantity::Quantity;
    use std::time::Duration;

    fn limit(signal: &str, on_unknown: OnUnknown) -> Limit {
        let (max, max_hold) = (Quantity::seconds(2.0), Duration::from_secs(1800));
        Limit { signal: signal.into(), max, on_unknown, max_hold, statistic: Statistic::Latest }
    }

    fn at(name: &str, position: u64) -> Replica {
        Replica { name: name.into(), replayed: Ok(position) }
    }

    fn lost(name: &str) -> Replica {
        Replica { name: name.into(), replayed: Err("no answer for 2s".into()) }
    }

    fn is(value: f64, of: &str) -> Seen {
        Seen::Value { value, of: Some(of.into()) }
    }

    fn unknown(why: &str) -> Seen {
        Seen::Unknown(why.into())
    }

    #[test]
    fn the_worst_replica_counts_and_one_that_is_not_seen_may_be_it() {
        let start = Instant::now();
        let mut history = LagHistory::default();
        for second in 0..=10 {
            history.note(start + Duration::from_secs(second), 100 + second * 10);
        }
        let now = start + Duration::from_secs(10);
        let hold = limit(signal_name::REPLICATION_LAG, OnUnknown::Hold);
        let ignore = limit(signal_name::REPLICATION_LAG, OnUnknown::Ignore);
        let bytes = limit(signal_name::REPLICATION_BYTES, OnUnknown::Hold);
        let of_two = Some("1 of 2 replicas are seen");
        let table = [
            (&hold, vec![at("a", 200), at("b", 150)], None, is(5.0, "b")),
            (&bytes, vec![at("a", 200), at("b", 150)], None, is(50.0, "b")),
            (&hold, vec![at("a", 200)], None, is(0.0, "a")),
            (&hold, vec![at("a", 900)], None, is(0.0, "a")),
            (&bytes, vec![at("a", 900)], None, is(0.0, "a")),
            (&hold, vec![at("a", 200)], of_two, unknown("1 of 2 replicas are seen")),
            (&bytes, vec![at("a", 200)], of_two, unknown("1 of 2 replicas are seen")),
            (&hold, vec![at("a", 150), lost("b")], None, unknown("replica b: no answer for 2s")),
            (&hold, vec![lost("b")], of_two, unknown("1 of 2 replicas are seen; replica b: no answer for 2s")),
            // The run goes on as if it were not there; the other one still is.
            (&ignore, vec![at("a", 150), lost("b")], of_two, is(5.0, "a")),
            (&ignore, vec![lost("b")], None, unknown("replica b: no answer for 2s")),
            (&hold, vec![], None, Seen::Value { value: 0.0, of: None }),
        ];
        for (limit, replicas, missing, expected) in table {
            assert_eq!(seen(limit, &replicas, missing, &history, now), expected, "{replicas:?} {missing:?}");
        }
    }

    #[test]
    fn a_lag_older_than_the_watch_is_unknown_until_the_watch_alone_is_too_long() {
        let start = Instant::now();
        let mut history = LagHistory::default();
        history.note(start, 100);
        let limit = limit(signal_name::REPLICATION_LAG, OnUnknown::Hold);
        let after = |seconds| seen(&limit, &[at("a", 50)], None, &history, start + Duration::from_secs(seconds));
        assert_eq!(after(1), unknown("replica a has not yet replayed what was written when the watch began"));
        assert_eq!(after(3), is(3.0, "a"));
    }
}
