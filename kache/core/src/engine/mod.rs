//! One command, from the top:
//!
//! ```text
//! plan → action key → a set of recorded dependencies that all hold? ── yes → restore → replay → exit
//!                        │ no (local, then remote)
//!                        └→ lock → look up again → run under the observer → collect → refine → finalize
//!                           → store (all or nothing) → exit with the status of the command
//! ```
//!
//! A command that made use of paths as its arguments map them takes the same way once more, planned with paths as they are.
//! A mark under its first key then leads there directly.
//!
//! Before the command runs, any error falls back to running it uncached. Afterwards, any error only prevents storing the
//! result. The caller makes the event, once, from what [`Engine::execute`] returns.

mod check;
mod embedded_paths;
mod ended;
mod execute;
mod hit;
mod job;
mod lookup;
mod mapped_paths;
mod nested;
mod places;
mod remote;
mod run;
mod seed;
mod state;
mod store;
mod tree;

pub use ended::{Ended, Ending, Judged, RanCommand, Restored};
pub use job::Engine;
pub use lookup::Seed;
pub use seed::Seeded;
