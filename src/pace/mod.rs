//! How fast may a run go, and whether at all? Knows no tables, no SQL and no job file.
//!
//! Reading order: [`signal`] (what is measured, and by whom) → [`law`] (what follows from it) → [`gate`] (where workers
//! wait), with [`window`], [`rate`], [`sizing`], [`scan`] and [`lag_history`] beside them; [`time_ledger`] tells where the
//! time went, [`vacuum_timing`] when the table wants a vacuum.

mod gate;
mod hold_file;
mod lag_history;
mod law;
mod rate;
mod report;
mod sampler;
mod scan;
mod signal;
mod sizing;
mod speed_log;
mod time_ledger;
mod vacuum_timing;
mod window;

pub mod signal_name;

pub use gate::{Beside, Gate, InHand, Passed};
pub use hold_file::HoldFile;
pub use lag_history::{Behind, LagHistory};
pub use law::{HeldTooLong, Law, SignalView, Speed, Trend, Verdict};
pub use rate::Rate;
pub use report::{PaceReport, SpeedChange};
pub use sampler::sample;
pub use scan::{Found, Look, Scan, Stretch, is_dense};
pub use signal::{Limit, OnUnknown, Reading, STALE_AFTER, Seen, Sensor, Statistic};
pub use sizing::{Cost, Sizes, Sizing};
pub use speed_log::{SpeedLog, words as speed_words};
pub use time_ledger::{Stopwatch, TimeLedger};
pub use vacuum_timing::{VacuumTiming, VacuumWorth};
pub use window::{Opening, Window, WindowError, opening};
