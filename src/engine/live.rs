//! What did operators set, and how does it come into force while the run goes on? The job file with what is set over it
//! becomes sizes, workers, rate, duty, limits and vacuums, without a restart of anything. Knows neither who asked nor whether the
//! values are right: that was judged when they were set.

use super::board::Board;
use super::crew::Crew;
use crate::db::{Beat, Happening, Override};
use crate::event::Event;
use crate::job::{Ignored, Job, Knob, Overridden, Pace, Vacuum, overridden_where_possible};
use crate::moment::moment;
use crate::pace::{Limit, Sizes, Sizing};
use crate::plan::{Facts, Plan};
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::time::Instant;
use tokio::sync::watch;

/// What the workers, the gate and the law are told.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Dials {
    pub(super) workers: u32,
    pub(super) sizes: Sizes,
    pub(super) duty: f64,
    pub(super) rate: Option<NonZeroU32>,
    pub(super) limits: Vec<Limit>,
    /// Whether the table is vacuumed beside the batches.
    pub(super) vacuum: bool,
}

/// What of the table and its server the dials depend on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Bytes of a row on disk.
    pub(super) row_bytes: u64,
    /// SQLite has one writer.
    pub(super) most_workers: Option<u32>,
}

/// What was set over a job, as this runner knows it.
#[derive(Debug)]
pub(super) struct Live {
    /// The job file, as this runner has it.
    text: String,
    bounds: Bounds,
    knobs: Vec<Knob>,
    /// By knob: the values in force, and who set them.
    set: BTreeMap<String, Override>,
    /// What was told already of values that do not fit.
    ignored: Vec<Ignored>,
    /// The run's version and how many overrides were in force, when they were read.
    seen: Option<(i64, i64)>,
}

/// What another reading of the overrides changes.
pub(super) struct Heard {
    pub(super) job: Job,
    pub(super) events: Vec<Event>,
}

impl Bounds {
    /// As the catalog tells.
    pub(super) fn of(facts: &Facts) -> Self {
        let row_bytes = facts.table.as_ref().map_or(1, |table| table.row_bytes);
        Self { row_bytes, most_workers: facts.max_workers }
    }

    /// As the catalog told when the run was planned.
    pub(super) fn of_plan(plan: &Plan) -> Self {
        Self { row_bytes: plan.table.row_bytes, most_workers: plan.max_workers }
    }
}

impl Dials {
    /// What a job asks for on its table.
    pub(super) fn of(job: &Job, bounds: Bounds) -> Self {
        Self {
            workers: job.batch.workers.min(bounds.most_workers.unwrap_or(u32::MAX)),
            sizes: job.batch.sizes(bounds.row_bytes),
            duty: job.pace.duty.unwrap_or(1.0),
            rate: job.pace.max_rows_per_second,
            limits: limits(&job.pace),
            vacuum: job.batch.vacuum == Vacuum::Auto,
        }
    }
}

/// Every limit of a job.
fn limits(pace: &Pace) -> Vec<Limit> {
    pace.signals.iter().flat_map(|signal| signal.limits.clone()).collect()
}

impl Live {
    /// Nothing is set over this job yet.
    pub(super) fn new(job: &Job, bounds: Bounds) -> Self {
        let knobs = overridden_where_possible(&job.text, &[]).map(|(job, _)| job.knobs).unwrap_or_default();
        let text = job.text.clone();
        Self { text, bounds, knobs, set: BTreeMap::new(), ignored: Vec::new(), seen: None }
    }

    /// Whether something was done to the run since the overrides were read, or one of them has expired.
    pub(super) fn is_behind(&self, beat: &Beat) -> bool {
        self.seen != Some((beat.version, beat.overrides))
    }

    /// Hears what is set by now. `None`: nothing else than before.
    pub(super) fn hear(&mut self, overrides: Vec<Override>) -> Option<Heard> {
        let values: Vec<_> = overrides.iter().map(|set| (set.knob.clone(), set.value.clone())).collect();
        // The text was a job when the run began, so it is one now.
        let (Overridden { job, knobs }, ignored) = overridden_where_possible(&self.text, &values).ok()?;
        let set: BTreeMap<_, _> = overrides.into_iter().map(|set| (set.knob.clone(), set)).collect();
        if self.set == set {
            return None;
        }
        let mut events = self.turned(&knobs, &set);
        let news = ignored.iter().filter(|ignored| !self.ignored.contains(ignored));
        events.extend(news.map(|Ignored { knob, why }| Event::KnobIgnored { knob: knob.clone(), why: why.clone() }));
        (self.knobs, self.set, self.ignored) = (knobs, set, ignored);
        Some(Heard { job, events })
    }

    /// Brings into force what is set by now, as it was read when the run was at this version.
    pub(super) fn apply(&mut self, overrides: Vec<Override>, beat: &Beat, crew: &Crew, board: &Board) {
        self.seen = Some((beat.version, beat.overrides));
        let Some(Heard { job, events }) = self.hear(overrides) else { return };
        crew.turn(Dials::of(&job, self.bounds));
        tell(events, crew, board);
    }

    /// Which knobs have another value than before, of those that somebody set or had set.
    fn turned(&self, knobs: &[Knob], set: &BTreeMap<String, Override>) -> Vec<Event> {
        let names: BTreeSet<&String> = self.set.keys().chain(set.keys()).collect();
        let value = |knobs: &[Knob], name: &str| knobs.iter().find(|knob| knob.name == name)?.value.clone();
        let event = |name: &String| {
            let (from, to) = (value(&self.knobs, name), value(knobs, name));
            let why = set.get(name).map_or("what was set has ended".to_owned(), why);
            (from != to).then(|| Event::KnobSet { knob: name.clone(), from, to, why })
        };
        names.into_iter().filter_map(event).collect()
    }
}

/// Tells what came into force, and puts on record what could not.
pub(super) fn tell(events: Vec<Event>, crew: &Crew, board: &Board) {
    for event in events {
        if let Event::KnobIgnored { knob, why } = &event {
            let detail = format!("{knob}: {why}");
            board.tell_of(Happening { kind: "set-ignored", actor: crew.actor.clone(), detail });
        }
        crew.send(event);
    }
}

/// Who set it, until when and why.
fn why(set: &Override) -> String {
    let until = set.expires_at.map(|at| format!(" until {}", moment(at)));
    let reason = set.reason.as_ref().map(|reason| format!(": {reason}"));
    format!("by {}{}{}", set.actor, until.unwrap_or_default(), reason.unwrap_or_default())
}

impl Crew {
    /// Another pace from now on, in force with the next batch of each worker.
    fn turn(&self, dials: Dials) {
        for sizing in &self.sizing {
            let resize = |sizing: &mut Sizing| sizing.resize(dials.sizes);
            resize(&mut sizing.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        }
        if self.gate.workers() != dials.workers {
            // Before the gate, so that whoever comes by it finds a stopwatch.
            self.time.set_workers(dials.workers, Instant::now());
            self.gate.set_workers(dials.workers);
        }
        self.gate.set_duty(dials.duty);
        self.gate.set_rate(dials.rate);
        self.dials.send_replace(dials);
    }

    /// Hears of every change of the dials from now on.
    pub(super) fn watch_dials(&self) -> watch::Receiver<Dials> {
        self.dials.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: &str = "version = 1\nname = \"a\"\n[table]\nname = \"t\"\n[change.delete]\n[batch]\nworkers = 2\n";

    fn set(knob: &str, value: &str) -> Override {
        let (knob, value) = (knob.to_owned(), value.to_owned());
        Override { knob, value, was: None, actor: "anna@db1".into(), reason: None, set_at: 0.0, expires_at: None }
    }

    fn live() -> Live {
        let (job, _) = crate::job::parse(JOB).unwrap();
        Live::new(&job, Bounds { row_bytes: 100, most_workers: None })
    }

    fn words(heard: &Heard) -> Vec<String> {
        let words = |event: &Event| match event {
            Event::KnobSet { knob, from, to, why } => {
                let [from, to] = [from, to].map(|value| value.clone().unwrap_or("none".into()));
                format!("{knob} {from} → {to} {why}")
            }
            Event::KnobIgnored { knob, .. } => format!("{knob} ignored"),
            other => panic!("{other:?}"),
        };
        heard.events.iter().map(words).collect()
    }

    #[test]
    fn what_is_set_comes_into_force_and_ends() {
        let mut live = live();
        let heard = live.hear(vec![set("batch.workers", "4"), set("pace.duty", "0.5")]).unwrap();
        assert_eq!(Dials::of(&heard.job, live.bounds).workers, 4);
        assert_eq!(words(&heard), ["batch.workers 2 → 4 by anna@db1", "pace.duty none → 0.5 by anna@db1"]);
        assert!(live.hear(vec![set("batch.workers", "4"), set("pace.duty", "0.5")]).is_none(), "nothing new");
        let heard = live.hear(vec![set("pace.duty", "0.5")]).unwrap();
        assert_eq!(words(&heard), ["batch.workers 4 → 2 what was set has ended"]);
        assert_eq!(Dials::of(&heard.job, live.bounds).duty, 0.5);
    }

    #[test]
    fn vacuums_are_turned_on_and_off() {
        let mut live = live();
        let heard = live.hear(vec![set("batch.vacuum", "auto")]).unwrap();
        assert!(Dials::of(&heard.job, live.bounds).vacuum);
        assert_eq!(words(&heard), ["batch.vacuum off → auto by anna@db1"]);
        let heard = live.hear(Vec::new()).unwrap();
        assert!(!Dials::of(&heard.job, live.bounds).vacuum);
    }

    #[test]
    fn what_does_not_fit_the_file_is_left_out_and_told_once() {
        let mut live = live();
        let heard = live.hear(vec![set("pace.probe.max", "1s"), set("batch.workers", "3")]).unwrap();
        assert_eq!(words(&heard), ["batch.workers 2 → 3 by anna@db1", "pace.probe.max ignored"]);
        let heard = live.hear(vec![set("pace.probe.max", "1s")]).unwrap();
        assert_eq!(words(&heard), ["batch.workers 3 → 2 what was set has ended"]);
    }

    #[test]
    fn there_are_no_more_workers_than_the_database_has_writers() {
        let mut live = live();
        let heard = live.hear(vec![set("batch.workers", "4")]).unwrap();
        assert_eq!(Dials::of(&heard.job, Bounds { row_bytes: 1, most_workers: Some(1) }).workers, 1);
    }
}
