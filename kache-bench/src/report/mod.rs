//! `report`: one page of all recorded runs.

mod html;
mod key_mismatches;
mod markdown;
mod page;
mod plot;
mod times;
mod traps;
mod verdicts;

pub use html::html;
pub use markdown::markdown;
pub use page::Page;
