//! `audit`: recompiles single units under strace and compares what was read with the recorded dependencies.

mod candidates;
mod excuse;
mod known;
mod run;
mod tree;

pub use run::{Watched, require_strace, run, watch};
