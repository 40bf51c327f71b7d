//! Who of this process writes to a file next, and when is it left free for others? Knows neither SQL nor what is written.
//!
//! SQLite keeps no queue of writers: one who waits looks again now and then, and batch after batch would leave it next to no
//! moment to find the file free. So batches of this process stand in a line, the next one lets those of its state changes
//! go first that wait, and rests for the company that the file may have.

use super::company::Company;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, OwnedMutexGuard, watch};
use tokio::time::{sleep, timeout};

/// Writing after which the file is left free for a moment: long enough for whoever looks often, as all waits of ours do
/// and all others do at first. It costs a tenth of the time.
const BETWEEN_SHORT_RESTS: Duration = Duration::from_millis(50);
const SHORT_REST: Duration = Duration::from_millis(5);

/// Writing after which nobody who waits may be left out. SQLite's own wait looks every 100 ms at the longest, so it finds
/// the file free well within the five seconds that most programs give it. It costs another tenth.
const BETWEEN_LONG_RESTS: Duration = Duration::from_secs(1);
const LONG_REST: Duration = Duration::from_millis(105);

/// How long a batch lets state changes go first. Those of ours look every 2 ms: when they are not done by then, another
/// process has the file.
const LONGEST_COURTESY: Duration = LONG_REST;

/// The lines of this process, by the file's own path.
static LINES: std::sync::Mutex<BTreeMap<PathBuf, Weak<Line>>> = std::sync::Mutex::new(BTreeMap::new());

/// All of this process that write to one file.
#[derive(Default)]
pub(super) struct Line {
    batches: Arc<Mutex<Manners>>,
    state_changes: watch::Sender<StateChanges>,
}

/// How many were ever begun or waited for, and how many of these are over.
#[derive(Default)]
struct StateChanges {
    wanted: u64,
    over: u64,
}

impl Line {
    /// The one line of this process before that file.
    pub(super) fn before(path: &Path) -> Arc<Self> {
        let place = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let mut lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
        lines.retain(|_, line| line.strong_count() > 0);
        if let Some(line) = lines.get(&place).and_then(Weak::upgrade) {
            return line;
        }
        let line = Arc::default();
        lines.insert(place, Arc::downgrade(&line));
        line
    }

    /// Waits until the next batch of this process is the caller's. That has no limit of its own: each batch before has one, for
    /// the application's lock as for its statements.
    pub(super) async fn batch(&self, company: Company) -> Turn {
        let mut manners = Arc::clone(&self.batches).lock_owned().await;
        if let Some(rest) = manners.rest_due(|| company.may_be_there()) {
            sleep(rest).await;
        }
        let mut state_changes = self.state_changes.subscribe();
        let wanted = state_changes.borrow().wanted;
        let _too_long = timeout(LONGEST_COURTESY, state_changes.wait_for(|these| these.over >= wanted)).await;
        Turn::Batch(manners, None)
    }

    /// Lets no further batch of this process begin before the caller has written, or almost none.
    pub(super) fn state_change(self: &Arc<Self>) -> Turn {
        self.state_changes.send_modify(|these| these.wanted += 1);
        Turn::StateChange(Arc::clone(self))
    }
}

/// The right to write, until it is dropped.
pub(super) enum Turn {
    /// Begun then, once it is.
    Batch(OwnedMutexGuard<Manners>, Option<Instant>),
    /// Waited for, or under way.
    StateChange(Arc<Line>),
}

impl Turn {
    /// It writes from now on. Who only waits for the file keeps nobody from it.
    pub(super) fn writes(&mut self) {
        if let Self::Batch(_, begun) = self {
            *begun = Some(Instant::now());
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        match self {
            Self::Batch(manners, begun) => manners.has_written(begun.map(|begun| begun.elapsed()).unwrap_or_default()),
            Self::StateChange(line) => line.state_changes.send_modify(|these| these.over += 1),
        }
    }
}

/// How long others have not had a chance to write.
#[derive(Default)]
pub(super) struct Manners {
    since_short_rest: Duration,
    since_long_rest: Duration,
}

impl Manners {
    /// How long the file is to be left free before the next batch. Whether anybody may want it is asked only when a rest is
    /// due. Nobody is put off for longer by coming after a look: the next one is as near as ever, and the first rest after a
    /// second alone is a long one.
    fn rest_due(&mut self, has_company: impl FnOnce() -> bool) -> Option<Duration> {
        if self.since_short_rest < BETWEEN_SHORT_RESTS {
            return None;
        }
        self.since_short_rest = Duration::ZERO;
        if !has_company() {
            return None;
        }
        if self.since_long_rest < BETWEEN_LONG_RESTS {
            return Some(SHORT_REST);
        }
        self.since_long_rest = Duration::ZERO;
        Some(LONG_REST)
    }

    fn has_written(&mut self, time: Duration) {
        self.since_short_rest += time;
        self.since_long_rest += time;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    const BATCH: Duration = Duration::from_millis(60);

    /// What comes after each of so many batches.
    fn rests(batches: u32, has_company: impl Fn(u32) -> bool) -> Vec<Option<Duration>> {
        let mut manners = Manners::default();
        let rest_after = |batch| {
            manners.has_written(BATCH);
            manners.rest_due(|| has_company(batch))
        };
        (1..=batches).map(rest_after).collect()
    }

    #[test]
    fn batches_that_are_alone_with_their_file_never_rest() {
        assert!(rests(1000, |_| false).iter().all(Option::is_none));
    }

    #[test]
    fn with_company_each_50_ms_of_writing_are_followed_by_a_short_rest_and_each_second_by_a_long_one() {
        let rests = rests(34, |_| true);
        let long: Vec<_> = (1..).zip(&rests).filter(|(_, rest)| **rest == Some(LONG_REST)).map(|(n, _)| n).collect();
        assert_eq!(long, [17, 34], "1.02 s of writing each");
        assert_eq!(rests.iter().filter(|rest| **rest == Some(SHORT_REST)).count(), 32);
    }

    #[test]
    fn whoever_comes_after_a_second_alone_has_a_long_rest_at_once() {
        let rests = rests(42, |batch| batch > 40);
        assert_eq!(rests[39..], [None, Some(LONG_REST), Some(SHORT_REST)]);
    }

    #[test]
    fn nobody_is_looked_for_before_a_rest_is_due() {
        let mut manners = Manners::default();
        manners.has_written(BETWEEN_SHORT_RESTS / 2);
        assert_eq!(manners.rest_due(|| panic!("looked for")), None);
    }

    /// The clock stands still, and goes on by itself while everybody waits for it.
    #[tokio::test(start_paused = true)]
    async fn a_rest_is_made_before_the_next_batch() {
        let line = Line::default();
        line.batches.lock().await.has_written(BETWEEN_LONG_RESTS);
        let begun = tokio::time::Instant::now();
        drop(line.batch(Company::Assumed).await);
        assert_eq!(begun.elapsed(), LONG_REST);
    }

    #[tokio::test]
    async fn batches_of_one_process_take_turns_and_its_state_changes_go_before_the_next() {
        let line = Arc::new(Line::default());
        let first = line.batch(Company::Assumed).await;
        let mut second = Box::pin(line.batch(Company::Assumed));
        assert!(second.as_mut().now_or_never().is_none(), "the first is under way");
        let state_changes = [line.state_change(), line.state_change()];
        drop(first);
        assert!(second.as_mut().now_or_never().is_none(), "state changes wait");
        let later = line.state_change();
        drop(state_changes);
        let second = second.await;
        let mut third = Box::pin(line.batch(Company::Assumed));
        drop(second);
        assert!(third.as_mut().now_or_never().is_none(), "what came later goes before the third");
        drop(later);
        drop(third.await);
    }

    /// As when another process keeps the file from everybody.
    #[tokio::test(start_paused = true)]
    async fn a_state_change_that_cannot_be_made_does_not_stop_batches() {
        let line = Arc::new(Line::default());
        let _waits = line.state_change();
        let begun = tokio::time::Instant::now();
        drop(line.batch(Company::Assumed).await);
        assert_eq!(begun.elapsed(), LONGEST_COURTESY);
    }

    #[test]
    fn a_file_has_one_line_whatever_it_is_called() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db");
        let link = folder.path().join("link");
        std::fs::File::create(&path).unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let line = Line::before(&path);
        assert!(Arc::ptr_eq(&line, &Line::before(&link)));
        assert!(!Arc::ptr_eq(&line, &Line::before(&folder.path().join("other.db"))));
    }
}
