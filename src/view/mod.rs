//! What is shown of a run? One set of shapes for the command line's JSON and for HTTP, made from what the ledger holds.
//! Pure: asks no database, prints nothing, and knows neither argv nor sockets.
//!
//! Reading order: [`RunView`] (how far it is), [`WhyView`] (what holds or slows it), [`EventView`], [`SliceView`],
//! [`QuarantineView`]; `cover` hides keys from whoever may not see them.

mod cover;
mod event;
mod quarantine;
mod run;
mod slice;
mod why;

pub use crate::moment::moment;
pub use event::{EventView, HistoryView};
pub use quarantine::{QuarantineView, QuarantinedRowView};
pub use run::{OverrideView, RunView, RunnerView, RunsView, SpeedView};
pub use slice::{SliceState, SliceView, SlicesView};
pub use why::{BucketView, ChangeView, TimeView, WhyView};

/// Of every document: fields may be added within a version, none is renamed or removed.
pub const VERSION: u32 = 1;
