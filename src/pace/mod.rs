//! How fast may a run go, and whether at all? Knows no tables and no SQL.

mod gate;
mod sizing;

pub use gate::{Flow, Gate, InHand};
pub use sizing::Sizing;
