//! Which of the runs that wait begins now, and what becomes of it? Takes submitted runs of one or several databases and
//! lets the engine run them, a few at once. Prints nothing: it tells [`Notice`]s. Knows no batch.
//!
//! Reading order: `lookout` (what waits in a database, over and over) → `claim` (which of it begins now; pure) →
//! [`Scheduler`] (the loop, which only routes) → `turn` (one run from its record to what came of it), with `patience`
//! (what was tried in vain is not tried at once) and [`systemd`] (how the service manager is told) beside them.
//!
//! Schedulers do not know each other. Two that see the same run both begin it, the lease lets one through, and the index
//! on tables keeps two runs off one table; so any number of them may work on one database, and one that dies leaves its
//! runs to the others.

mod claim;
mod lookout;
mod patience;
mod systemd;
mod turn;

use crate::db::{Failure, Named};
use crate::event::Event;
use claim::{Candidate, Here, claims};
use lookout::{Look, Lookout};
use patience::Patience;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::task::{Id, JoinSet};
use tokio::time::{MissedTickBehavior, interval, timeout};
use turn::Turn;

pub use turn::Ending;

/// Runs end within ten seconds of a stop; with what comes before and after, the whole is over in 25.
const DRAIN: Duration = Duration::from_secs(20);

/// Something that happened in the scheduler, for whoever shows it.
pub enum Notice {
    /// A run was begun or goes on here; its events follow until it ends.
    Begun {
        /// The database's name.
        database: String,
        /// The job's name.
        job: String,
        /// What happens in it.
        events: UnboundedReceiver<Event>,
    },
    /// It is not here any more.
    Ended {
        /// The database's name.
        database: String,
        /// The job's name.
        job: String,
        /// What became of it.
        ending: Ending,
    },
    /// A database does not answer; it is waited for, and the others go on.
    DatabaseLost {
        /// Its name.
        database: String,
        /// What the last try met; never a password.
        failure: String,
    },
    /// It answers again.
    DatabaseRestored {
        /// Its name.
        database: String,
    },
}

/// How a scheduler works.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many runs at once.
    pub max_runs: usize,
    /// How long a run's lease lasts when this process is not heard of.
    pub lease: Duration,
}

/// Takes runs of these databases.
pub struct Scheduler {
    databases: Vec<Named>,
    settings: Settings,
    stop: watch::Receiver<bool>,
    notices: UnboundedSender<Notice>,
    lookouts: Vec<Lookout>,
    /// What each database showed last; `None` while it has not been looked at, or does not answer.
    seen: Vec<Option<Look>>,
    /// Databases that have not been looked at for the first time.
    unseen: usize,
    lost: Vec<bool>,
    /// When a run of this database ended last: what was seen before shows it as it was.
    changed: Vec<Instant>,
    turns: JoinSet<Ending>,
    here: HashMap<Id, Here>,
    patience: Patience,
}

impl Scheduler {
    /// A scheduler that takes nothing yet. It stops when `stop` turns true.
    pub fn new(
        databases: Vec<Named>,
        settings: Settings,
        stop: watch::Receiver<bool>,
        notices: UnboundedSender<Notice>,
    ) -> Self {
        let count = databases.len();
        Self {
            databases,
            settings,
            stop,
            notices,
            lookouts: Vec::new(),
            seen: (0..count).map(|_| None).collect(),
            unseen: count,
            lost: vec![false; count],
            changed: vec![Instant::now(); count],
            turns: JoinSet::new(),
            here: HashMap::new(),
            patience: Patience::default(),
        }
    }

    /// Takes runs until it is stopped, then lets all of them go. `ready` turns true once every database was looked at,
    /// and false as soon as no run is taken any more.
    pub async fn run(mut self, ready: watch::Sender<bool>) {
        let (tell, mut looks) = unbounded_channel();
        self.lookouts = (0..).zip(&self.databases).map(|(place, named)| Lookout::begin(place, named, &tell)).collect();
        let mut stop = self.stop.clone();
        let mut alive = interval(systemd::watchdog().unwrap_or(Duration::from_secs(60)));
        alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                // `tell` lives as long as this loop, so somebody can always be heard.
                Some(look) = looks.recv() => self.hear(look, &ready),
                Some(ended) = self.turns.join_next_with_id(), if !self.turns.is_empty() => self.end(ended),
                _ = alive.tick() => systemd::alive(),
                _ = stop.wait_for(|stop| *stop) => break,
            }
        }
        ready.send_replace(false);
        systemd::stopping();
        self.drain().await;
    }

    /// A look at one of the databases.
    fn hear(&mut self, look: Look, ready: &watch::Sender<bool>) {
        let place = look.place;
        if look.first {
            self.unseen -= 1;
        }
        self.tell_of_database(&look);
        if look.begun >= self.changed[place] || look.runs.is_err() {
            self.seen[place] = Some(look).filter(|look| look.runs.is_ok());
            self.begin_what_is_due();
        }
        if self.unseen == 0 && !*ready.borrow() {
            ready.send_replace(true);
            systemd::ready();
        }
        self.tell_status();
    }

    fn tell_of_database(&mut self, look: &Look) {
        let database = self.databases[look.place].name.clone();
        let lost = look.runs.is_err();
        match (&look.runs, std::mem::replace(&mut self.lost[look.place], lost)) {
            (Err(failure), false) => self.tell(Notice::DatabaseLost { database, failure: failure.to_string() }),
            (Ok(_), true) => self.tell(Notice::DatabaseRestored { database }),
            _ => {}
        }
    }

    fn begin_what_is_due(&mut self) {
        let now = Instant::now();
        let runs = self.seen.iter().flatten().flat_map(|look| look.runs.iter().flatten().map(|run| (look.place, run)));
        let wall = std::time::SystemTime::now();
        let (mut candidates, mut in_use) = (Vec::new(), Vec::new());
        for (place, run) in runs {
            in_use.extend(Here::with_table(place, run));
            candidates.extend(Candidate::of(place, run, wall).filter(|due| self.patience.allows(&due.place, now)));
        }
        let here: Vec<_> = self.here.values().cloned().collect();
        for candidate in claims(candidates, &here, &in_use, self.settings.max_runs) {
            self.begin(candidate);
        }
    }

    fn begin(&mut self, candidate: Candidate) {
        let Named { name, database } = self.databases[candidate.place.database].clone();
        let (events, heard) = unbounded_channel();
        self.tell(Notice::Begun { database: name, job: candidate.job.clone(), events: heard });
        let here = candidate.here();
        let turn = Turn {
            database,
            place: candidate.place,
            text: candidate.text,
            job: candidate.job,
            lease: self.settings.lease,
            stop: self.stop.clone(),
            events,
        };
        // A thread of its own: what the engine awaits is not made to move between threads. Its workers are.
        let runtime = Handle::current();
        let task = self.turns.spawn_blocking(move || runtime.block_on(turn.take()));
        self.here.insert(task.id(), here);
    }

    /// A run that was here has ended, in whichever way.
    fn end(&mut self, ended: Result<(Id, Ending), tokio::task::JoinError>) {
        let (id, ending) = match ended {
            Ok(ended) => ended,
            Err(error) => (error.id(), Ending::Lost(Failure::fatal(format!("the run's task died: {error}")))),
        };
        let Some(Here { place, job, .. }) = self.here.remove(&id) else { return };
        match ending.was_in_vain() {
            true => self.patience.lose(&place, Instant::now()),
            false => self.patience.regain(&place),
        }
        self.changed[place.database] = Instant::now();
        self.seen[place.database] = None;
        self.lookouts[place.database].look_now();
        let database = self.databases[place.database].name.clone();
        self.tell(Notice::Ended { database, job, ending });
        self.tell_status();
    }

    /// Every run was stopped with the scheduler: waits until they have let go, but not for ever.
    async fn drain(&mut self) {
        let all = async {
            while let Some(ended) = self.turns.join_next_with_id().await {
                self.end(ended);
            }
        };
        if timeout(DRAIN, all).await.is_err() {
            // They end with the process: the servers roll back, and their leases end by themselves.
            self.turns.detach_all();
        }
    }

    fn tell_status(&self) {
        let lost = self.lost.iter().filter(|lost| **lost).count();
        let away = if lost > 0 { format!(", {lost} databases away") } else { String::new() };
        systemd::status(&format!("{} of at most {} runs here{away}", self.here.len(), self.settings.max_runs));
    }

    /// Tells what happened. That nobody listens is no reason to stop.
    fn tell(&self, notice: Notice) {
        let _ = self.notices.send(notice);
    }
}
