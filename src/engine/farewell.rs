//! Who is told that the run is held no more? Whoever listens, however that came: at its end, by a failure, or because
//! nobody waits for it any more. Knows no state but the one it was given.

use super::crew::Crew;
use crate::event::Event;
use crate::run::RunState;
use std::sync::Arc;
use std::time::Instant;

/// Tells it when it is dropped.
pub(super) struct Farewell {
    crew: Arc<Crew>,
    /// The state in which the run is left, once that is known.
    pub(super) left: Option<RunState>,
}

impl Farewell {
    /// For the run of this crew.
    pub(super) fn of(crew: &Arc<Crew>) -> Self {
        Self { crew: Arc::clone(crew), left: None }
    }
}

impl Drop for Farewell {
    fn drop(&mut self) {
        let time = self.crew.time.settled(Instant::now());
        self.crew.send(Event::LetGo { state: self.left, time });
    }
}
