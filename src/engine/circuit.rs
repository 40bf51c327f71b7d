//! When is a circuit of laps long enough? Pure: counts the batches of its first lap.

use crate::db::{Lap, OpenBatch};
use crate::pace::Stretch;

/// Batches of a first lap. What a lap left behind makes room only once every transaction has ended that was open then: with as
/// many batches between two visits of a block, those of the other workers have, and most of the application's. And what so many
/// batches went over is in the server's cache still.
const BATCHES: u32 = 4;

/// The circuit in hand, as far as its worker knows. One that another worker began is longer than it had to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Circuit {
    /// Batches of its first lap that are durable.
    batches: u32,
}

impl Circuit {
    /// The same, and this batch is durable too.
    pub(super) fn after(self, batch: &OpenBatch) -> Self {
        match batch.lap {
            Some(Lap { number: 0, closes: false, .. }) => Self { batches: self.batches + 1 },
            _ => Self::default(),
        }
    }

    /// How far the next batch goes, which knows whether it ends the first lap.
    pub(super) fn next(self, stretch: Stretch) -> Stretch {
        Stretch { closes_circuit: self.batches + 1 >= BATCHES, ..stretch }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Key, KeyRange};

    fn batch(lap: Option<Lap>) -> OpenBatch {
        let range = KeyRange { after: None, through: Key::new(vec!["9".into()]) };
        OpenBatch { seq: 0, range, rows: None, in_scope: None, span: None, lap, gone: false, wal_position: None }
    }

    #[test]
    fn the_fourth_batch_of_a_first_lap_closes_the_circuit() {
        let mut circuit = Circuit::default();
        let mut closes = Vec::new();
        for number in [0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 3, 0, 0] {
            let stretch = circuit.next(Stretch::of_rows(100));
            closes.push(stretch.closes_circuit);
            circuit = circuit.after(&batch(Some(Lap { number, of: 4, closes: number == 0 && stretch.closes_circuit })));
        }
        let ended: Vec<_> = closes.iter().enumerate().filter(|(_, closes)| **closes).map(|(place, _)| place).collect();
        assert_eq!(ended, [3], "later laps end where the first did");
        let alone = Lap { number: 0, of: 1, closes: true };
        assert_eq!(Circuit { batches: 2 }.after(&batch(Some(alone))), Circuit::default());
        assert_eq!(Circuit { batches: 2 }.after(&batch(None)), Circuit::default(), "a walk without laps has none");
    }
}
