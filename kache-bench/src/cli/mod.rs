//! The command line: one file for each command, `args.rs` for the dispatch, `options.rs` for what they share.

mod args;
mod backends;
mod check;
mod compare;
mod completions;
mod gate;
mod latency;
mod list;
mod load;
mod options;
mod pull;
mod remote_check;
mod report;
mod single_units;

pub use args::{Cli, run};
pub use completions::PROGRAM;
