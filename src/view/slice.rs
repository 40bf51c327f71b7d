//! How far is each part of the key space? Without its keys.

use super::VERSION;
use crate::db::{RunRecord, SliceRecord};
use crate::engine::Tally;
use serde::Serialize;
use utoipa::ToSchema;

/// The parts of a run, by pass and place.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SlicesView {
    /// Of the document.
    pub version: u32,
    /// Pass 0 is the walk, later passes are sweeps.
    pub slices: Vec<SliceView>,
}

/// A part of the key space.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct SliceView {
    /// 0 for the walk, 1 and on for sweeps.
    pub pass: i64,
    /// Its place in the pass.
    pub slice: i64,
    /// How it is.
    pub state: SliceState,
    /// Rows changed in it.
    pub rows_changed: i64,
    /// Share of it that is walked, 0 to 1; a guess by the rows it was expected to have, until it is done.
    pub progress: f64,
}

/// How a slice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SliceState {
    /// Nothing of it is done.
    Waiting,
    /// Begun and not at its end.
    InHand,
    /// Walked to its end.
    Done,
    /// Carved out because somebody kept a lock on its rows; walked last.
    SetAside,
}

impl SlicesView {
    /// The slices of a run.
    pub fn of(run: &RunRecord, slices: &[SliceRecord]) -> Self {
        let tally = Tally::new(slices, run.estimated_rows);
        let view = |slice: &SliceRecord| SliceView {
            pass: slice.pass,
            slice: slice.number,
            state: state(slice),
            rows_changed: slice.rows_changed,
            progress: tally.share_of(slice.pass, slice.number),
        };
        Self { version: VERSION, slices: slices.iter().map(view).collect() }
    }
}

fn state(slice: &SliceRecord) -> SliceState {
    match slice {
        SliceRecord { done: true, .. } => SliceState::Done,
        SliceRecord { set_aside: true, .. } => SliceState::SetAside,
        SliceRecord { seq: 0, .. } => SliceState::Waiting,
        SliceRecord { .. } => SliceState::InHand,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Key, KeyRange};

    #[test]
    fn a_slice_waits_is_in_hand_is_done_or_set_aside() {
        let new = SliceRecord {
            route: crate::plan::Route::default(),
            pass: 0,
            number: 0,
            range: KeyRange { after: None, through: Key::new(vec!["9".into()]) },
            cursor: None,
            circuit: crate::db::SliceCircuit::default(),
            seq: 0,
            rows_changed: 0,
            rows_scanned: 0,
            rows_still_in_scope: 0,
            done: false,
            token: 1,
            set_aside: false,
            split_from: None,
        };
        assert_eq!(state(&new), SliceState::Waiting);
        assert_eq!(state(&SliceRecord { seq: 3, ..new.clone() }), SliceState::InHand);
        assert_eq!(state(&SliceRecord { set_aside: true, ..new.clone() }), SliceState::SetAside);
        assert_eq!(state(&SliceRecord { set_aside: true, done: true, ..new }), SliceState::Done);
    }
}
