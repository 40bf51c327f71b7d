//! What is shown of a run? One set of shapes for the command line's JSON and for HTTP, made from what the ledger holds.
//! Pure: asks no database, prints nothing, and knows neither argv nor sockets.
//!
//! Reading order: [`RunView`] (how far it is), [`WhyView`] (what holds or slows it), [`EventView`], [`SliceView`],
//! [`QuarantineView`]; `moment` writes times, `cover` hides keys from whoever may not see them.

mod cover;
mod event;
mod moment;
mod quarantine;
mod run;
mod slice;
mod why;

pub use event::{EventView, HistoryView};
pub use moment::moment;
pub use quarantine::{QuarantineView, QuarantinedRowView};
pub use run::{OverrideView, RunView, RunnerView, RunsView, SpeedView};
pub use slice::{SliceState, SliceView, SlicesView};
pub use why::{BucketView, ChangeView, TimeView, WhyView};

/// Of every document: fields may be added within a version, none is renamed or removed.
pub const VERSION: u32 = 1;
