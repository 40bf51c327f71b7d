//! How is a run's table vacuumed beside its batches? Waits until enough rows are dead, looks whether anybody is in the way and
//! tells what came of it. When it is time, [`VacuumTiming`] decides. Nothing that happens here is the end of a run.

use super::board::Board;
use super::crew::Crew;
use crate::db::{DeadRows, Failure, GiveUp, Happening, VacuumEnd, VacuumOrder};
use crate::event::Event;
use crate::job::{Pace, TableName};
use crate::pace::{Beside, VacuumTiming, VacuumWorth};
use crate::plan::Action;
use std::time::{Duration, Instant};

/// PostgreSQL 14 writes its statistics down no more often than this; later ones tell at once.
const STATISTICS_LAG: Duration = Duration::from_millis(600);

/// Vacuums the table of a run.
pub(super) struct Vacuuming<'a> {
    crew: &'a Crew,
    board: &'a Board,
    gently: bool,
    /// Of the table at the start, from statistics.
    rows: u64,
    timing: VacuumTiming,
    /// How often anybody had vacuumed the table, when it was last looked at.
    vacuums: Option<u64>,
    /// Why it was put off, as it was told last.
    put_off: Option<String>,
    /// It was told that dead rows cannot be removed.
    held_back: bool,
}

/// Whether the table will be vacuumed again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Again,
    Never,
}

impl<'a> Vacuuming<'a> {
    /// Of a table that had about so many rows at the start. Where the job limits its pace, a vacuum is no faster than the
    /// server's autovacuum: what may not be done by batches is not done by a vacuum instead.
    pub(super) fn new(crew: &'a Crew, board: &'a Board, pace: &Pace, rows: u64) -> Self {
        let gently = !pace.signals.is_empty() || pace.max_rows_per_second.is_some() || pace.duty.is_some();
        let timing = VacuumTiming::new(rows);
        Self { crew, board, gently, rows, timing, vacuums: None, put_off: None, held_back: false }
    }

    /// Vacuums for as long as the run lasts, whenever it is time and nobody has turned it off. Ends where there will never be
    /// anything to vacuum.
    pub(super) async fn run(mut self) {
        // A copy leaves the walked table as it is.
        if matches!(self.crew.work.action, Action::Copy { .. }) {
            return;
        }
        let (mut dials, mut dead) = (self.crew.watch_dials(), self.crew.dead.subscribe());
        loop {
            // The crew has the senders, so waiting for a change cannot fail.
            drop(dials.wait_for(|dials| dials.vacuum).await);
            if self.vacuums.is_none() && self.look().await.is_ok_and(|look| look.is_none()) {
                return;
            }
            let is_due = |dead: &u64| self.timing.is_due(*dead, self.rows_to_come());
            tokio::select! {
                _ = dead.wait_for(is_due) => {}
                _ = dials.wait_for(|dials| !dials.vacuum) => continue,
            }
            if self.turn().await == Next::Never {
                return;
            }
        }
    }

    /// Vacuums, if a look at the table does not say otherwise.
    async fn turn(&mut self) -> Next {
        let look = match self.look().await {
            Ok(Some(look)) => look,
            Ok(None) => return Next::Never,
            Err(failure) => return self.put_off(failure.to_string()),
        };
        if !self.timing.is_due(self.dead(), self.rows_to_come()) {
            return Next::Again;
        }
        if let Some(grant) = &look.missing_right {
            self.put_off(format!("this role may not; `{grant}` lets it"));
            return Next::Never;
        }
        match free_parts(&look) {
            Ok(tables) => self.vacuum(tables, look.vacuums()).await,
            Err(why) => self.put_off(why),
        }
    }

    async fn vacuum(&mut self, tables: Vec<TableName>, vacuums: u64) -> Next {
        let Some(beside) = self.crew.gate.pass_beside().await else { return Next::Never };
        super::kill_point("vacuum-begun");
        let order = VacuumOrder { tables, gently: self.gently, holder: self.crew.holder.clone() };
        let (begun, dead) = (Instant::now(), self.dead());
        self.crew.time.vacuum_begins(begun);
        self.tell("vacuum-begun", format!("{} rows are dead", self.timing.dead(dead)));
        self.crew.send(Event::VacuumBegun);
        let end = self.crew.database.vacuum(&order, self.until_it_must_end(&beside)).await;
        self.crew.time.vacuum_ends(Instant::now());
        drop(beside);
        match end {
            Ok(VacuumEnd::Done) => self.done(dead, vacuums, begun.elapsed()).await,
            // It is as due as it was.
            Ok(VacuumEnd::GivenUp) => Next::Again,
            Ok(VacuumEnd::MadeWay) => self.put_off("somebody else waited for the table".to_owned()),
            Err(failure) => self.put_off(failure.to_string()),
        }
    }

    fn until_it_must_end<'f>(&self, beside: &'f Beside<'_>) -> GiveUp<'f> {
        let mut dials = self.crew.watch_dials();
        Box::pin(async move {
            tokio::select! {
                () = beside.must_end() => {}
                _ = dials.wait_for(|dials| !dials.vacuum) => {}
            }
        })
    }

    /// Tells what came of a vacuum, when so many rows had died here and the table had been vacuumed so often.
    async fn done(&mut self, dead: u64, vacuums: u64, took: Duration) -> Next {
        let left = match self.left(vacuums).await {
            Ok(Some(left)) => left,
            Ok(None) => return self.put_off("somebody took a lock on the table first".to_owned()),
            Err(failure) => return self.put_off(failure.to_string()),
        };
        // Those that died meanwhile are for the next one.
        let worth = self.timing.vacuumed(dead, left.saturating_sub(self.dead() - dead));
        let (VacuumWorth::Freed { removed } | VacuumWorth::HeldBack { removed }) = worth;
        self.put_off = None;
        let lasted = humantime::format_duration(Duration::from_millis(took.as_millis() as u64));
        self.tell("vacuumed", format!("{removed} dead rows removed, {left} left, in {lasted}"));
        self.crew.send(Event::Vacuumed { took, removed, left });
        if worth == (VacuumWorth::HeldBack { removed }) {
            self.tell_who_holds_back().await;
        } else {
            self.held_back = false;
        }
        Next::Again
    }

    /// Dead rows that a vacuum left. `None`: there was none, the table was passed over.
    async fn left(&mut self, vacuums: u64) -> Result<Option<u64>, Failure> {
        for wait in [Duration::ZERO, STATISTICS_LAG] {
            tokio::time::sleep(wait).await;
            let look = self.crew.database.dead_rows(&self.crew.work.table).await?.unwrap_or_default();
            self.vacuums = Some(look.vacuums());
            if look.vacuums() > vacuums {
                return Ok(Some(look.rows()));
            }
        }
        Ok(None)
    }

    /// Once, until a vacuum makes room again.
    async fn tell_who_holds_back(&mut self) {
        if std::mem::replace(&mut self.held_back, true) {
            return;
        }
        let by = self.crew.database.oldest_view().await.ok().flatten();
        let by = by.unwrap_or_else(|| "somebody whom this role may not see has an old view of the table".to_owned());
        self.tell("vacuum-held-back", by.clone());
        self.crew.send(Event::VacuumHeldBack { by });
    }

    /// What the statistics say, heard. `None`: this database leaves no dead rows behind.
    async fn look(&mut self) -> Result<Option<DeadRows>, Failure> {
        let look = self.crew.database.dead_rows(&self.crew.work.table).await?;
        if let Some(look) = &look {
            let before = self.vacuums.replace(look.vacuums());
            let by_others = before.is_some_and(|before| before < look.vacuums());
            self.timing.saw(self.dead(), look.rows(), by_others);
        }
        Ok(look)
    }

    fn put_off(&mut self, why: String) -> Next {
        self.timing.put_off(self.dead());
        if self.put_off.as_ref() != Some(&why) {
            self.tell("vacuum-put-off", why.clone());
            self.crew.send(Event::VacuumPutOff { why: why.clone() });
            self.put_off = Some(why);
        }
        Next::Again
    }

    fn tell(&self, kind: &'static str, detail: String) {
        self.board.tell_of(Happening { kind, actor: self.crew.actor.clone(), detail });
    }

    /// Rows that batches of this process left dead.
    fn dead(&self) -> u64 {
        *self.crew.dead.borrow()
    }

    fn rows_to_come(&self) -> u64 {
        ((1.0 - self.crew.tally.progress().share) * self.rows as f64) as u64
    }
}

/// The parts to vacuum that nobody has a lock on, or why there are none.
fn free_parts(look: &DeadRows) -> Result<Vec<TableName>, String> {
    let worth = look.worth_a_vacuum();
    let free: Vec<_> = worth.iter().filter(|part| part.in_use_by.is_none()).map(|part| part.table.clone()).collect();
    match worth.first() {
        _ if !free.is_empty() => Ok(free),
        Some(part) => Err(format!("{} has a lock on the table", part.in_use_by.as_deref().unwrap_or("somebody"))),
        None => Err("the statistics do not say yet where the dead rows are".to_owned()),
    }
}
