//! `audit`: recompiles single units under strace and compares what was read with the recorded dependencies.

mod candidates;
mod excuse;
mod lists;
mod recorded_paths;
mod run;
mod tree;

pub use excuse::is_own;
pub use run::{ProcessAccesses, run, watch};
pub use tree::{Access, AccessKind};
