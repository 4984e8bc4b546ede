//! `compare`: builds a workload with several caches side by side and measures the time of each phase.

mod disk;
mod participant;
mod phase;
mod print;
mod record;
mod run;
mod sample;
mod summary;
mod validity;

pub use participant::{Offered, Participant};
pub use phase::ComparePhase;
pub use print::{markdown, text};
pub use record::Comparison;
pub use run::{ComparePlan, run};
pub use summary::{PhaseSummary, median};
