//! `compare`: builds a workload with several caches side by side and measures the time of each phase.

mod disk;
mod entrant;
mod phase;
mod print;
mod record;
mod run;
mod sample;
mod summary;
mod validity;

pub use phase::Phase;
pub use print::{markdown, text};
pub use record::{Race, VERSION};
pub use run::{Plan, run};
pub use summary::median;
