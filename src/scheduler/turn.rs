//! What becomes of one run that was claimed? The engine runs it as it is recorded; a run that cannot be begun is failed
//! with the reason, so that nobody tries it for ever. Knows no other run.

use super::claim::Place;
use crate::db::{Class, Database, Failure};
use crate::engine::{self, Options, Outcome};
use crate::event::Event;
use crate::job::{self, Job};
use crate::plan::Refusal;
use crate::runner::Runner;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc::UnboundedSender, watch};

/// One run, about to begin.
pub(super) struct Turn {
    pub(super) database: Arc<dyn Database>,
    pub(super) place: Place,
    pub(super) job: String,
    pub(super) text: String,
    pub(super) lease: Duration,
    pub(super) stop: watch::Receiver<bool>,
    pub(super) events: UnboundedSender<Event>,
}

/// What became of a run.
#[derive(Debug)]
pub enum Ending {
    /// The engine ran it, or says why it did not.
    Of(Box<Outcome>),
    /// It may not run, and is failed now, for this reason.
    GivenUp(String),
    /// The database did not let it begin or go on; it is tried again.
    Lost(Failure),
}

impl Ending {
    /// Whether the next try at once would be in vain as well.
    pub(super) fn was_in_vain(&self) -> bool {
        match self {
            Self::GivenUp(_) => false,
            Self::Lost(_) => true,
            Self::Of(outcome) => match **outcome {
                // The next look shows it in a state, or with a runner, that keeps it from being claimed again.
                Outcome::Succeeded(..)
                | Outcome::AlreadySucceeded(_)
                | Outcome::Stopped(..)
                | Outcome::Paused(_)
                | Outcome::Cancelled(_)
                | Outcome::Failed(..)
                | Outcome::LeaseLost(_)
                | Outcome::HeldBy { .. } => false,
                Outcome::TableBusy(_) | Outcome::NotOver(_) | Outcome::JobChanged { .. } | Outcome::Refused(_) => true,
            },
        }
    }
}

impl Turn {
    /// Runs it.
    pub(super) async fn take(self) -> Ending {
        match self.job() {
            Ok(job) => self.run(&job).await,
            Err(why) => self.give_up(why).await,
        }
    }

    /// The job as it is recorded; what is wrong with the text, where it is none.
    fn job(&self) -> Result<Job, String> {
        match job::parse(&self.text) {
            Ok((job, _)) if job.name == self.job => Ok(job),
            Ok((job, _)) => Err(format!("the recorded text is that of another job, {}", job.name)),
            Err(problems) => {
                let first = problems.first().map(|problem| format!(": {}", problem.message)).unwrap_or_default();
                Err(format!("the recorded job text is no valid job for this tidegate{first}"))
            }
        }
    }

    async fn run(&self, job: &Job) -> Ending {
        let Self { database, lease, stop, events, .. } = self;
        let options = Options { lease: *lease, restart: false, until_window_closes: true, leave_when_paused: true };
        match engine::run(Arc::clone(database), job, &options, stop.clone(), events.clone()).await {
            Ok(Outcome::Refused(refusals)) => self.give_up(in_words(&refusals)).await,
            Ok(Outcome::JobChanged { .. }) => {
                self.give_up("the recorded job text does something else than its digest says".to_owned()).await
            }
            Ok(outcome) => Ending::Of(Box::new(outcome)),
            Err(failure) if matches!(failure.class, Class::Fatal | Class::Row) => {
                self.give_up(failure.to_string()).await
            }
            Err(failure) => Ending::Lost(failure),
        }
    }

    /// Fails the run. Where somebody else has it or it has moved, that is for the next look to see.
    async fn give_up(&self, why: String) -> Ending {
        let actor = Runner::this_process().actor;
        let given_up = async {
            let mut ledger = self.database.ledger().await?;
            ledger.give_up(self.place.run, &actor, &why).await
        };
        match given_up.await {
            Ok(true) => Ending::GivenUp(why),
            Ok(false) => Ending::Lost(Failure::fatal(why)),
            Err(failure) => Ending::Lost(failure),
        }
    }
}

fn in_words(refusals: &[Refusal]) -> String {
    let each: Vec<_> = refusals.iter().map(|refusal| format!("{}: {}", refusal.code, refusal.message)).collect();
    format!("the job may not run on its table: {}", each.join("; "))
}
